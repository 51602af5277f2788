// Command vscan-parquet writes parquet for vscan, which starts it and so need not link
// a library for that. It reads a table from standard input, in the form that the
// package vscan/cmd/internal/rowstream describes, and writes parquet to standard
// output. The exit code is 0, or 1 with one line on standard error; in that case what
// it has written is no parquet file.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"vscan/cmd/internal/rowstream"
	"vscan/cmd/vscan-parquet/internal/parquetfile"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

const usage = "vscan-parquet is started by vscan: it reads a table of vscan's from standard input and writes parquet to standard output"

// run runs the program and returns the exit code of the process.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		fmt.Fprintln(stderr, usage)
		return 1
	}
	if err := parquetfile.Write(stdout, stdin); err != nil {
		fmt.Fprintln(stderr, advised(err))
		return 1
	}
	return 0
}

// advised returns an error with advice behind it, where there is any.
func advised(err error) error {
	if errors.Is(err, rowstream.ErrVersion) {
		return fmt.Errorf("%w; if vscan has started this, the two are of different versions: install both from one source", err)
	}
	return err
}
