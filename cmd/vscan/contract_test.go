package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"vscan/cmd/vscan/internal/cli"
)

// docs/output.md lays down what the command writes. The tests compare what is written with
// the tables of that page.

// outputTables returns the rows of the tables of docs/output.md: the first cell of
// each, and the second.
var outputTables = sync.OnceValue(func() (rows [][2]string) {
	text, err := os.ReadFile("../../docs/output.md")
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(strings.TrimSpace(line), " | "); len(cells) == 2 && strings.HasPrefix(line, "| ") {
			rows = append(rows, [2]string{strings.TrimPrefix(cells[0], "| "), strings.TrimSuffix(cells[1], " |")})
		}
	}
	return rows
})

// jsonKey is a key of a line of jsonl.
type jsonKey struct {
	name     string
	optional bool // it stands in brackets: a line may lack it
}

// keyCell matches a cell that has keys. The columns of csv are in one pair of marks.
var keyCell = regexp.MustCompile("^`[a-z_]+`, ")

// quotedWord matches a key, or a column, in the tables of docs/output.md.
var quotedWord = regexp.MustCompile("`([a-z_]+)`")

// jsonKeys returns, by the type of a line, the keys that stand behind "type".
var jsonKeys = sync.OnceValue(func() map[string][]jsonKey {
	types := map[string][]jsonKey{}
	for _, row := range outputTables() {
		if !keyCell.MatchString(row[1]) {
			continue // the row is of another table
		}
		names, _, _ := strings.Cut(row[0], " (")
		for _, name := range quotedWord.FindAllStringSubmatch(names, -1) {
			types[name[1]] = readKeys(row[1])
		}
	}
	return types
})

// readKeys reads the keys of a row, which are written so: `a`, [`b`, `c`: when they are
// there], `d` (what it is).
func readKeys(cell string) (keys []jsonKey) {
	for cell != "" {
		part, rest, optional := cell, "", false
		if i := strings.IndexByte(cell, '['); i == 0 {
			part, rest, _ = strings.Cut(cell[1:], "]")
			part, _, _ = strings.Cut(part, ":")
			optional = true
		} else if i > 0 {
			part, rest = cell[:i], cell[i:]
		}
		for _, name := range quotedWord.FindAllStringSubmatch(part, -1) {
			keys = append(keys, jsonKey{name[1], optional})
		}
		cell = strings.TrimLeft(rest, ", ")
	}
	return keys
}

func TestReadKeys(t *testing.T) {
	got := readKeys("`a`, [`b`, `c`: with `-x`], `d` (array), [`e`]")
	want := []jsonKey{{"a", false}, {"b", true}, {"c", true}, {"d", false}, {"e", true}}
	if len(got) != len(want) {
		t.Fatal(got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Error(got)
		}
	}
	if n := len(jsonKeys()); n != 29 {
		t.Errorf("docs/output.md has %d types of lines", n)
	}
}

// csvColumns returns the header that docs/output.md gives for a table.
func csvColumns(t *testing.T, of string) string {
	t.Helper()
	for _, row := range outputTables() {
		if row[0] == of && strings.HasPrefix(row[1], "`") {
			header, _, _ := strings.Cut(row[1][1:], "`")
			return header
		}
	}
	t.Fatalf("docs/output.md has no columns of %s", of)
	return ""
}

// The columns of csv are those that docs/output.md has.
func TestCSVColumns(t *testing.T) {
	core, err := makeCore(`
0x1000 r-x /usr/bin/prog =hello 000000 1820000000000000
0x2000 rw- [heap] 1820000000000000 0020000000000000 16*00
0x7ffd1000 rw- [stack] 0020000000000000
`)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	image, built := filepath.Join(dir, "core"), filepath.Join(dir, "core.graph")
	if err := os.WriteFile(image, core, 0o666); err != nil {
		t.Fatal(err)
	}
	header := func(args ...string) string {
		var out, complaints bytes.Buffer
		if code := run(args, strings.NewReader(""), &out, &complaints); code > cli.ExitNothing {
			t.Fatalf("%q: exit code %d: %s", args, code, complaints.String())
		}
		first, _, _ := strings.Cut(out.String(), "\n")
		return first
	}
	header("graph", "build", image, "-o", built)
	for _, c := range []struct {
		of   string
		args []string
	}{
		{"hits", []string{"find", "hello", image}},
		{"`-c`", []string{"find", "-c", "hello", image}},
		{"`map`", []string{"map", image}},
		{"`graph to`, `from`, `export`", []string{"graph", "to", built, "0x2000"}},
		{"`graph to`, `from`, `export`", []string{"graph", "from", built, "[heap]"}},
		{"`graph chains`", []string{"graph", "chains", built, "0x2000"}},
		{"`graph chains -c`", []string{"graph", "chains", "-c", built, "0x2000"}},
		{"`graph top`", []string{"graph", "top", built}},
		{"`graph reach`", []string{"graph", "reach", built}},
		{"`graph reach`", []string{"graph", "reach", "--show", "unreferenced", built}},
		{"`graph reach --show components`", []string{"graph", "reach", "--show", "components", built}},
		{"`graph info`", []string{"graph", "info", built}},
		{"`graph objects`", []string{"graph", "objects", built, image}},
		{"`graph objects --show heads`", []string{"graph", "objects", "--show", "heads", built, image}},
		{"`graph objects --summary`", []string{"graph", "objects", "--summary", built, image}},
	} {
		if got, want := header(append(c.args, "-o", "csv")...), csvColumns(t, c.of); got != want {
			t.Errorf("%q writes\n%s\nand docs/output.md has\n%s", c.args, got, want)
		}
	}
	if got, want := header("graph", "export", built, "--to", "csv"), csvColumns(t, "`graph to`, `from`, `export`"); got != want {
		t.Errorf("graph export writes\n%s\nand docs/output.md has\n%s", got, want)
	}
}
