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

func TestCSVText(t *testing.T) {
	for in, want := range map[string]string{
		"":                "",
		"hunter2":         "hunter2",
		"[heap]":          "[heap]",
		"/usr/lib/a,b.so": "/usr/lib/a,b.so",
		"2.core":          "2.core",
		"u32:1..5":        "u32:1..5",
		"november":        "november",
		"a=b":             "a=b",

		"=1+1": "'=1+1", "+1": "'+1", "-w-": "'-w-", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\rx": "'\rx", "\nx": "'\nx",
		"'x": "''x", "'": "''", " =1": "' =1", "\u202e=1": "'\u202e=1", "\ufeff@x": "'\ufeff@x", "\uff1d1": "'\uff1d1", "\u22121": "'\u22121",
		"007": "'007", "1e400": "'1e400", "68756e74657232": "'68756e74657232", "0x10": "'0x10", "1_000": "'1_000", ".5": "'.5", " 5": "' 5",
		"(5)": "'(5)", "$5": "'$5", "5%": "'5%", "2024-01-02": "'2024-01-02", "2024-01-02T10:00:00Z": "'2024-01-02T10:00:00Z", "1/2": "'1/2",
		"10:30 pm": "'10:30 pm", "1-Mar": "'1-Mar", "5 May 2024": "'5 May 2024", "May 5": "'May 5", "1.2.3": "'1.2.3",
		"true": "'true", "F": "'F", "NaN": "'NaN", "-inf": "'-inf", "Infinity": "'Infinity", "NULL": "'NULL", "None": "'None", "N/A": "'N/A",
		"a\xff": `a\xff`, "a\x00b": `a\x00b`,
	} {
		if got := csvText(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestCSVValue(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "0": "0", "255": "255", "999999999999999": "999999999999999", "18446744073709551615": "'18446744073709551615",
		"-1": "'-1", "0.1": "0.1", "-2.5": "'-2.5", "1e+30": "1e+30", "1.5e-07": "1.5e-07", "NaN": "'NaN", "+Inf": "'+Inf",
		"0x7fff00001000": "0x7fff00001000", "0x10 -0x8": "0x10 -0x8", "-0x8": "'-0x8", "00112233445566778899aabbccddeeff": "'00112233445566778899aabbccddeeff",
	} {
		if got := csvValue(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzCSVText(f *testing.F) {
	for _, s := range []string{"", "=1", "'x", "\x00=", "\xff", "1e5", "May 1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		cell := csvText(s)
		if got := strings.TrimPrefix(cell, "'"); strings.HasPrefix(s, "'") && got != validUTF8(strings.ReplaceAll(s, "\x00", `\x00`)) {
			t.Fatalf("%q: %q", s, cell)
		}
		if strings.IndexAny(cell, "=+-@\t\r\n") == 0 {
			t.Fatalf("%q: %q", s, cell)
		}
	})
}

// hostile are names that readers of csv could take for something else.
var hostile = []string{
	`=HYPERLINK("http://x","y")`, "@SUM(1)", "-1+2", "+1", "a,b", `say "hi"`, "two\nlines", "two\r\nlines", "cr\rcr", "\tTAB", "'quoted", "''",
	"\x1b[31mred", "right\u202eleft", "bad\xff\xfe", "68756e74657232", "1e400", "007", "true", "2024-01-02", "10:30", "NaN", "NULL", "semi;colon", "größe 世界 😀", " blank ",
}

// csvFile is a table of csv, as vscan writes it and as encoding/csv reads it, the header among
// its rows.
type csvFile struct {
	name, path string
	rows       [][]string
}

// hostileFiles is the csv of a search, a map and a graph whose patterns and
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

// No cell begins with what a spreadsheet runs.
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

// readers are programs that read the csv at a path and write its rows as an
// array of arrays of strings. They guess types as they do by default.
var readers = []struct {
	name, needs string
	command     []string
}{
	{"python", "python3", []string{"python3", "-c", `import csv, json, sys; print(json.dumps(list(csv.reader(open(sys.argv[1], newline="", encoding="utf-8")))))`}},
	{"sqlite", "sqlite3", []string{"sh", "-c", `sqlite3 :memory: '.mode csv' ".import '$0' t" '.mode json' 'select * from t'`}},
	{"duckdb", "node", []string{"node", "testdata/csv/duckdb.mjs"}},
}

// Who reads csv and guesses gets what was written, cell by cell. Where
// VSCAN_TEST_CSV is set, as in CI, all of them have to be there.
func TestCSVReaders(t *testing.T) {
	files := hostileFiles(t)
	for _, r := range readers {
		t.Run(r.name, func(t *testing.T) {
			missing := t.Skipf
			if os.Getenv("VSCAN_TEST_CSV") != "" {
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

// compareRows compares rows as a program has read them: arrays, the header
// among them, or objects.
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
				if o[column] == nil { // no text, to some
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
			got[i][j] = strings.ReplaceAll(got[i][j], "\r\n", "\n") // as encoding/csv has them
		}
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("%s, row %d: %q, want %q", name, i, got[i], want[i])
		}
	}
}
