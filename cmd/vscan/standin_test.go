package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"vscan/cmd/internal/rowstream"
	"vscan/internal/testenv"
)

// csvVar is the variable of the environment which says, as in CI, that all programs of others have to be
// there that read csv and the results of sweeps.
const csvVar = "VSCAN_TEST_CSV"

// realParquet reports whether parquet is written by vscan-parquet: at full length, and where
// programs of others have to read it. That program is a module of its own, whose libraries take longer to
// compile than all else, so that by default testdata/vscan-parquet stands in for it. What the tests
// of that module run is always vscan-parquet.
func realParquet() bool { return testenv.Long() || os.Getenv(csvVar) != "" }

// standIn is the folder that has the program which stands in for vscan-parquet.
var standIn string

// keepTables has the commands that the test runs in its own process write tables instead of parquet
// from now on, for tableRows to read.
func keepTables(t *testing.T) {
	t.Helper()
	t.Setenv("PATH", standIn+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// tableRows returns the rows of a table that would be parquet, by the names of the columns. Numbers are uint64,
// texts are strings, and bytes are []byte.
func tableRows(t *testing.T, b []byte) (rows []map[string]any) {
	t.Helper()
	const magic = "PAR1"
	text, begun := strings.CutPrefix(string(b), magic)
	text, ended := strings.CutSuffix(text, magic)
	if !begun || !ended {
		t.Fatalf("%d bytes that are no table, or not all of one", len(b))
	}
	table, err := rowstream.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for {
		batch, err := table.Next()
		if err == io.EOF {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range batch.Rows {
			row := map[string]any{}
			for j, c := range table.Columns() {
				switch v := &batch.Values[j]; c.Kind {
				case rowstream.Uint:
					row[c.Name] = v.Uints[i]
				case rowstream.Text:
					row[c.Name] = string(v.Texts[v.Text[i]])
				case rowstream.Plain:
					row[c.Name] = string(v.Bytes[i])
				default:
					row[c.Name] = bytes.Clone(v.Bytes[i])
				}
			}
			rows = append(rows, row)
		}
	}
}
