// Command vscan-parquet writes parquet for vscan, which starts it and so need not link
// a library for it. It reads a table from standard input, in the form of
// vscan/cmd/internal/rowstream, and writes parquet to standard output. Its exit code is 0,
// or 1 with one line on standard error; what it has written is no parquet file then.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"vscan/cmd/internal/parquetfile"
	"vscan/cmd/internal/rowstream"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

const usage = "vscan-parquet is started by vscan: it reads a table of vscan's from standard input and writes parquet to standard output"

// run is the whole program. It returns the exit code.
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

// advised returns an error with what helps.
func advised(err error) error {
	if errors.Is(err, rowstream.ErrVersion) {
		return fmt.Errorf("%w; if vscan has started this, the two are of different versions: go install ./cmd/... installs both", err)
	}
	return err
}
