package main

import (
	"bytes"
	"strings"
	"testing"

	"vscan/cmd/internal/rowstream"
)

// A table becomes parquet; anything else is one line and exit code 1.
func TestRun(t *testing.T) {
	var in bytes.Buffer
	w, err := rowstream.NewWriter(&in, []rowstream.Column{{Name: "n", Kind: rowstream.Uint}})
	if err != nil {
		t.Fatal(err)
	}
	w.Uint(0, 7)
	if err := w.EndRow(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		in   string
		code int
	}{
		"a table":       {nil, in.String(), 0},
		"cut off":       {nil, in.String()[:in.Len()-1], 1},
		"no table":      {nil, "{}\n", 1},
		"with argument": {[]string{"--help"}, in.String(), 1},
	} {
		var out, said bytes.Buffer
		code := run(c.args, strings.NewReader(c.in), &out, &said)
		if whole := strings.HasPrefix(out.String(), "PAR1") && strings.HasSuffix(out.String(), "PAR1"); code != c.code || whole != (code == 0) {
			t.Errorf("%s: exit code %d, %d bytes", name, code, out.Len())
		}
		if strings.Count(said.String(), "\n") != c.code {
			t.Errorf("%s: says %q", name, &said)
		}
	}
}
