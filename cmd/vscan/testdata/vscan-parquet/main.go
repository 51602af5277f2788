// Command vscan-parquet stands in, in tests of vscan, for the program of that name, whose module
// is another one: it checks the table that vscan writes, and writes it as it is, between the
// letters with which parquet begins and ends. Like that program it writes the last of them only
// where the table is whole; otherwise it ends with 1 and one line on standard error.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"vscan/cmd/internal/rowstream"
)

const magic = "PAR1"

func main() {
	if err := write(os.Stdout, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(w io.Writer, r io.Reader) error {
	if _, err := io.WriteString(w, magic); err != nil {
		return err
	}
	table, err := rowstream.NewReader(io.TeeReader(r, w))
	for err == nil {
		_, err = table.Next()
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	_, err = io.WriteString(w, magic)
	return err
}
