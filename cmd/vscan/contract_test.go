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
	if n := len(jsonKeys()); n != 30 {
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

// runFor runs the command, which has to end with this exit code, and returns what it wrote to
// standard output and standard error.
func runFor(t *testing.T, want int, args ...string) (out, said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(args, strings.NewReader(""), &stdout, &stderr); code != want {
		t.Fatalf("%q: exit code %d, want %d: %s", args, code, want, stderr.String())
	}
	return stdout.String(), stderr.String()
}

// All lines of jsonl that sweeps write have the keys that docs/output.md has, and each type of
// lines that it has of sweeps is written.
func TestSweepLines(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		if err := os.WriteFile(in(name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("rules.yar", `rule r { strings: $a = "needle" condition: $a } rule left { condition: pe.is_pe }`)
	write("image", "needle, and another needle")
	write("gz", "\x1f\x8b\x08\x00"+strings.Repeat("\x00", 100))
	_, progress := runFor(t, cli.ExitIncomplete, "sweep", "--progress", "json", "--results", in("a"), "-f", in("rules.yar"), in("image"), in("gz"))
	write("image", "needle, and elsewhere, a needle")
	runFor(t, cli.ExitIncomplete, "sweep", "--results", in("b"), "-f", in("rules.yar"), in("image"))
	lines := ""
	for line := range strings.Lines(progress) {
		if strings.HasPrefix(line, "{") {
			lines += line
		}
	}
	exported, _ := runFor(t, cli.ExitFound, "sweep", "export", "--to", "jsonl", in("a"))
	differs, _ := runFor(t, cli.ExitIncomplete, "sweep", "diff", "--list", "-o", "jsonl", in("a"), in("b"))
	status, _ := runFor(t, cli.ExitFound, "sweep", "status", "-o", "jsonl", in("a"))
	lines += exported + differs + status
	written := map[string]bool{}
	for line := range strings.Lines(lines) {
		line = strings.TrimRight(line, " \n")
		if strings.HasPrefix(line, `{"type":"summary",`) { // which a sweep keeps without these
			line = strings.TrimSuffix(line, "}") + `,"kernel":"","workers":0,"seconds":0}`
		}
		if err := checkJSON(line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		written[regexp.MustCompile(`^\{"type":"([a-z_]+)"`).FindStringSubmatch(line)[1]] = true
	}
	for _, row := range outputTables() {
		name, of, _ := strings.Cut(row[0], " (")
		if keyCell.MatchString(row[1]) && strings.Contains(of, "`sweep ") && !written[strings.Trim(name, "`")] {
			t.Errorf("no line of type %s was written", name)
		}
	}
	for _, name := range []string{"hit", "rule", "rule_left_out", "summary"} {
		if !written[name] {
			t.Errorf("no line of type %s was written", name)
		}
	}
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
