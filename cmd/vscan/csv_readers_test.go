package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// hostile has names that readers of csv could take for something else.
var hostile = []string{
	`=HYPERLINK("http://x","y")`, "@SUM(1)", "-1+2", "+1", "a,b", `say "hi"`, "two\nlines", "two\r\nlines", "cr\rcr", "\tTAB", "'quoted", "''",
	"\x1b[31mred", "right\u202eleft", "bad\xff\xfe", "68756e74657232", "1e400", "007", "true", "2024-01-02", "10:30", "NaN", "NULL", "semi;colon", "größe 世界 😀", " blank ",
}

// csvFile is a table of csv: the text that vscan has written, and its rows as
// encoding/csv reads them, the header included.
type csvFile struct {
	name, path string
	rows       [][]string
}

// hostileFiles returns the csv of a search, a map and a graph whose patterns and
// mappings have hostile names.
func hostileFiles(t *testing.T) []csvFile {
	t.Helper()
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var spec strings.Builder
	args := []string{"find", "-o", "csv", "-C", "4", "-e", "hex:68756e74657232", "-e", "i32le:-1", "-e", "u64le:0xfffffffffffffff0..", "-e", "text/x:=cmd"}
	words := ""
	for i, name := range hostile {
		q := strings.ReplaceAll(fmt.Sprintf("%q", name), " ", `\x20`)
		fmt.Fprintf(&spec, "%#x %s %s 0010000000000000 68756e74657232 ffffffffffffffff =12e5 3d636d64\n", 0x1000*(i+1), []string{"rw-", "-w-", "---"}[i%3], q)
		args = append(args, "-e", name)
		words += name + ","
	}
	core, err := makeCore(spec.String())
	if err != nil {
		t.Fatal(err)
	}
	image, raw, graph := file("core", core), file("raw", []byte(words)), filepath.Join(dir, "graph")
	vscan(t, []int{0}, "graph", "build", image, "-o", graph)
	var all []csvFile
	for name, args := range map[string][]string{
		"hits": append(args, image, raw+"@0x1000"), "map": {"map", "-o", "csv", image}, "counts": append(args[:len(args):len(args)], "-c", image),
		"export": {"graph", "export", graph, "--to", "csv"}, "from": {"graph", "from", graph, "0x1000..", "-o", "csv"},
	} {
		out := vscan(t, []int{0}, args...)
		rows, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
		if err != nil || len(rows) < len(hostile) {
			t.Fatalf("%s: %d rows, %v", name, len(rows), err)
		}
		all = append(all, csvFile{name, file(name+".csv", out), rows})
	}
	return all
}

// No cell begins with a character that makes a spreadsheet run it.
func TestCSVRunsNothing(t *testing.T) {
	for _, f := range hostileFiles(t) {
		for _, row := range f.rows {
			for i, cell := range row {
				if strings.IndexAny(cell, "=+-@\t\r\n") == 0 {
					t.Errorf("%s, column %s: %q", f.name, f.rows[0][i], cell)
				}
			}
		}
	}
}

// readers are programs that read the csv at a path, and write its rows as an array of
// arrays of strings, or of objects. They guess types as they do by default.
var readers = []struct {
	name, needs string
	command     []string
}{
	{"python", "python3", []string{"python3", "-c", `import csv, json, sys; print(json.dumps(list(csv.reader(open(sys.argv[1], newline="", encoding="utf-8")))))`}},
	{"sqlite", "sqlite3", []string{"sh", "-c", `sqlite3 :memory: '.mode csv' ".import '$0' t" '.mode json' 'select * from t'`}},
	{"duckdb", "node", []string{"node", "testdata/csv/duckdb.mjs"}},
}

// Programs that read csv and guess the types of cells get what was written, cell by cell. Where
// VSCAN_TEST_CSV is set, as in CI, all of these programs have to be there.
func TestCSVReaders(t *testing.T) {
	files := hostileFiles(t)
	for _, r := range readers {
		t.Run(r.name, func(t *testing.T) {
			missing := t.Skipf
			if os.Getenv(csvVar) != "" {
				missing = t.Fatalf
			}
			if _, err := exec.LookPath(r.needs); err != nil {
				missing("no %s here", r.needs)
			}
			if _, err := os.Stat("testdata/csv/node_modules"); err != nil && r.name == "duckdb" {
				missing("no DuckDB here (npm ci --prefix cmd/vscan/testdata/csv): %v", err)
			}
			for _, f := range files {
				cmd := exec.Command(r.command[0], append(r.command[1:len(r.command):len(r.command)], f.path)...)
				cmd.Stderr = os.Stderr
				out, err := cmd.Output()
				if err != nil {
					t.Fatalf("%s: %v", f.name, err)
				}
				compareRows(t, f.name, out, f.rows)
			}
		})
	}
}

// compareRows compares rows as a program has read them: arrays, the header included, or
// objects.
func compareRows(t *testing.T, name string, out []byte, want [][]string) {
	t.Helper()
	var got [][]string
	var objects []map[string]any
	if err := json.Unmarshal(out, &got); err != nil {
		got = [][]string{want[0]}
		if err := json.Unmarshal(out, &objects); err != nil {
			t.Fatalf("%s: %v: %.200s", name, err, out)
		}
		for _, o := range objects {
			var row []string
			for _, column := range want[0] {
				if o[column] == nil { // some programs take an empty cell for no value
					o[column] = ""
				}
				row = append(row, fmt.Sprint(o[column]))
			}
			got = append(got, row)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d rows, want %d", name, len(got), len(want))
	}
	for i := range want {
		for j := range got[i] {
			got[i][j] = strings.ReplaceAll(got[i][j], "\r\n", "\n") // as encoding/csv reads them
		}
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("%s, row %d: %q, want %q", name, i, got[i], want[i])
		}
	}
}
