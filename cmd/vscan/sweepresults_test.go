package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/console"
	"vscan/engine/sweep/lines/linestest"
	"vscan/engine/sweep/state"
)

// openedSweep is a sweep whose results are in memory.
type openedSweep struct{ *linestest.Sweep }

func (openedSweep) Close() error { return nil }

func (openedSweep) Activity(context.Context) (state.Activity, error) { return state.Activity{}, nil }

// openSweepsBy has sweeps opened by a function until the test has ended.
func openSweepsBy(t *testing.T, open func(dir string) (sweepResults, error)) {
	before := openSweep
	t.Cleanup(func() { openSweep = before })
	openSweep = func(_ context.Context, dir string) (sweepResults, error) { return open(dir) }
}

// sweepRun runs a command below vscan sweep. The sweeps are opened by their names.
func sweepRun(t *testing.T, sweeps map[string]*linestest.Sweep, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	openSweepsBy(t, func(dir string) (sweepResults, error) {
		if s := sweeps[dir]; s != nil {
			return openedSweep{s}, nil
		}
		return nil, fmt.Errorf("%s: no sweep here", dir)
	})
	var out, said bytes.Buffer
	a := &commands{&cli.App{Out: console.NewOutput(&out, &said), Err: &said}}
	root := &cobra.Command{Use: "sweep", SilenceUsage: true, SilenceErrors: true}
	root.SetFlagErrorFunc(cli.FlagError)
	root.AddCommand(a.sweepExportCommand(), a.sweepDiffCommand())
	root.SetArgs(args)
	code = a.Exit(root.ExecuteContext(t.Context()))
	return code, out.String(), said.String()
}

// exportedSweep exports a sweep to a file, or to standard output where out is "".
func exportedSweep(t *testing.T, s *linestest.Sweep, format, out string) string {
	t.Helper()
	args := []string{"export", "--to", format, "monday"}
	if out != "" {
		args = append(args, out)
	}
	code, stdout, said := sweepRun(t, map[string]*linestest.Sweep{"monday": s}, args...)
	if code != 0 || said != "" {
		t.Fatalf("--to %s: exit code %d, %s", format, code, said)
	}
	return stdout
}

// found makes a sweep of what vscan find writes of images, and returns it with that.
func found(t *testing.T, args []string, images ...string) (s *linestest.Sweep, jsonl, csv []byte) {
	t.Helper()
	args = append([]string{"find"}, args...)
	csv = vscan(t, []int{0, 3}, append(append(args, "-o", "csv"), images...)...)
	jsonl = vscan(t, []int{0, 3}, append(append(args, "-o", "jsonl"), images...)...)
	s = linestest.New()
	var all []string
	for line := range strings.Lines(string(jsonl)) {
		line = strings.TrimRight(line, " \n")
		if !strings.HasPrefix(line, `{"type":"summary"`) {
			all = append(all, line)
			continue
		}
		img := s.Add(images[len(s.All)], all...)
		img.Summary = []byte(withoutRun.ReplaceAllString(line, ""))
		all = nil
	}
	return s, jsonl, csv
}

// withoutRun matches what of a summary differs from run to run.
var withoutRun = regexp.MustCompile(`,"kernel":"[^"]*","workers":\d+,"seconds":[\d.]+`)

// hostileSweep returns a sweep whose patterns and mappings have hostile names, and what vscan find writes
// of the same images.
func hostileSweep(t *testing.T) (s *linestest.Sweep, jsonl, csv []byte) {
	t.Helper()
	dir := t.TempDir()
	var spec strings.Builder
	args := []string{"-C", "4", "-e", "hex:68756e74657232", "-e", "i32le:-1", "-e", "u64le:0xfffffffffffffff0..", "-e", "text/x:=cmd"}
	for i, name := range hostile {
		q := strings.ReplaceAll(fmt.Sprintf("%q", name), " ", `\x20`)
		fmt.Fprintf(&spec, "%#x rw- %s 0010000000000000 68756e74657232 ffffffffffffffff =12e5 3d636d64\n", 0xffff800000000000+0x1000*uint64(i+1), q)
		args = append(args, "-e", name)
	}
	core, err := makeCore(spec.String())
	if err != nil {
		t.Fatal(err)
	}
	var images []string
	for _, f := range []struct {
		name string
		data []byte
	}{{"=core", core}, {"\xffraw", []byte(strings.Join(hostile, ","))}} {
		images = append(images, filepath.Join(dir, f.name))
		if err := os.WriteFile(images[len(images)-1], f.data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return found(t, args, images...)
}

// What is exported as csv and jsonl is what vscan find writes, but for what differs from run to
// run.
func TestSweepExportIsFind(t *testing.T) {
	s, jsonl, csv := hostileSweep(t)
	if got := exportedSweep(t, s, "csv", ""); got != string(csv) {
		t.Errorf("csv: got\n%s\nwant\n%s", got, csv)
	}
	if got, want := exportedSweep(t, s, "jsonl", ""), withoutRun.ReplaceAllString(string(jsonl), ""); got != want {
		t.Errorf("jsonl: got\n%s\nwant\n%s", got, want)
	}
}

// The table of which parquet is made has a row for each hit.
func TestSweepExportTable(t *testing.T) {
	keepTables(t)
	s := linestest.New("p")
	s.Add("a", linestest.Hit("a", 0xffff800000000000, "p", "\xff\x00"), strings.Replace(linestest.Hit("a", 0xffff800000000001, "q", "x"), `"bytes"`, `"value":"7","module":"m","module_offset":"0x10","bytes"`, 1))
	out := filepath.Join(t.TempDir(), "out.parquet")
	exportedSweep(t, s, "parquet", out)
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	row := func(a uint64, pattern string, data []byte, value, module string, offset uint64) map[string]any {
		return map[string]any{
			"image": "a", "addr": a, "pattern": pattern, "len": uint64(len(data)), "mapping": "[heap]", "offset": uint64(4096),
			"bytes": data, "value": value, "text": "", "key": "", "before": []byte{}, "after": []byte{},
			"module": module, "module_offset": offset, "namespace": "", "file": "",
		}
	}
	got := tableRows(t, b)
	want := []map[string]any{
		row(0xffff800000000000, "p", []byte("\xff\x00"), "", "", 0),
		row(0xffff800000000001, "q", []byte("x"), "7", "m", 16),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// A foreign reader counts the hits in a file by pattern: lines of a pattern, a tab and the number.
type foreign struct {
	name, format, needs string
	command             []string
}

var foreigners = []foreign{
	{"sqlite3", "sqlite", "sqlite3", []string{"sqlite3", "-separator", "\t", "-readonly", "{}", "SELECT pattern, hits FROM by_pattern WHERE hits > 0"}},
	{"sqlite3 rows", "sqlite", "sqlite3", []string{"sqlite3", "-separator", "\t", "-readonly", "{}", "SELECT pattern, count(*) FROM found GROUP BY pattern"}},
	{"sqlite3 images", "sqlite", "sqlite3", []string{"sqlite3", "-separator", "\t", "-readonly", "{}", "SELECT pattern, sum(c.hits) FROM by_image i JOIN counts c ON c.image_id = i.id JOIN patterns p ON p.id = c.pattern_id GROUP BY pattern"}},
	{"jq", "jsonl", "jq", []string{"jq", "-r", "-n", `[inputs | select(.type == "hit").pattern] | group_by(.)[] | "\(.[0])\t\(length)"`, "{}"}},
	{"python", "csv", "python3", []string{"python3", "-c", `import csv, sys, collections
for k, n in collections.Counter(r["pattern"] for r in csv.DictReader(open(sys.argv[1], newline=""))).items(): print(k, n, sep="\t")`, "{}"}},
	{"duckdb", "parquet", "node", []string{"node", "testdata/csv/parquet.mjs", "{}"}},
}

// Programs of others count the hits of a sweep as vscan does. Where VSCAN_TEST_CSV is set, as in CI, all of
// these programs have to be there.
func TestSweepExportReaders(t *testing.T) {
	s := linestest.New("one", "two", "none")
	want := map[string]int{}
	for i := range 7 {
		arg, all := fmt.Sprint("image", i), []string(nil)
		for j := range 40 * i {
			pattern := []string{"one", "two", "three"}[j*i%3]
			all = append(all, linestest.Hit(arg, 0xffff800000000000, pattern, "bytes"))
			want[pattern]++
		}
		s.Add(arg, all...)
	}
	s.AddState("broken", state.Failed, "no image")
	for _, f := range foreigners {
		t.Run(f.name, func(t *testing.T) {
			missing := t.Skipf
			if os.Getenv(csvVar) != "" {
				missing = t.Fatalf
			}
			if f.format == "parquet" && !realParquet() {
				t.Skipf("no vscan-parquet here: set %s=1", csvVar)
			}
			if _, err := exec.LookPath(f.needs); err != nil {
				missing("no %s here", f.needs)
			}
			if _, err := os.Stat("testdata/csv/node_modules"); err != nil && f.needs == "node" {
				missing("no DuckDB here (npm ci --prefix cmd/vscan/testdata/csv): %v", err)
			}
			out := filepath.Join(t.TempDir(), "out")
			exportedSweep(t, s, f.format, out)
			var command []string
			for _, word := range f.command {
				command = append(command, strings.ReplaceAll(word, "{}", out))
			}
			cmd := exec.Command(command[0], command[1:]...)
			cmd.Stderr = os.Stderr
			said, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]int{}
			for line := range strings.Lines(string(said)) {
				var pattern string
				var n int
				if _, err := fmt.Sscanf(line, "%s\t%d", &pattern, &n); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				got[pattern] += n
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

// A file appears whole or not at all, and nothing else is left.
func TestSweepExportFile(t *testing.T) {
	good, bad := linestest.New("p"), linestest.New("p")
	good.Add("a", linestest.Hit("a", 1, "p", "x"))
	bad.Add("a", "{")
	for _, format := range []string{"jsonl", "csv", "parquet", "sqlite"} {
		dir := t.TempDir()
		out := filepath.Join(dir, "out")
		if err := os.WriteFile(out, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		code, _, said := sweepRun(t, map[string]*linestest.Sweep{"d": bad}, "export", "d", "--to", format, out)
		if code != cli.ExitError || !strings.Contains(said, "a: line 1 of its results") {
			t.Errorf("%s: %d, %s", format, code, said)
		}
		if b, err := os.ReadFile(out); err != nil || string(b) != "old" {
			t.Errorf("%s: %q, %v", format, b, err)
		}
		exportedSweep(t, good, format, out)
		if b, err := os.ReadFile(out); err != nil || string(b) == "old" {
			t.Errorf("%s: %q, %v", format, b, err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("%s: %v, %v", format, entries, err)
		}
	}
}

func TestSweepExportUsage(t *testing.T) {
	s := map[string]*linestest.Sweep{"d": linestest.New()}
	for _, args := range [][]string{{}, {"d"}, {"d", "--to", "xml"}, {"d", "--to", "sqlite"}, {"d", "--to", "parquet"}, {"d", "--to", "sqlite", "-"}, {"d", "--to", "csv", "-"}, {"d", "--to", "csv", ""}, {"a", "b", "c", "--to", "csv"}, {"nowhere", "--to", "csv"}} {
		if code, out, said := sweepRun(t, s, append([]string{"export"}, args...)...); code != cli.ExitError || out != "" || said == "" {
			t.Errorf("%q: exit code %d, %s%s", args, code, out, said)
		}
	}
	s["d"].Asked.Ended = s["d"].Asked.Began
	s["d"].AddState("a", state.Waiting, "")
	if code, _, said := sweepRun(t, s, "export", "d", "--to", "csv"); code != 0 || !strings.Contains(said, "d: not complete: the sweep has not ended, 1 image left") {
		t.Errorf("of a sweep that has not ended: %d, %s", code, said)
	}
}

// diffs are two sweeps that differ in each way.
func diffs() map[string]*linestest.Sweep {
	a, b := linestest.New("p", "q"), linestest.New("p", "q")
	a.Add("i", linestest.Hit("i", 1, "p", "x"), linestest.Hit("i", 2, "p", "y\n"), linestest.Hit("i", 3, "q", "z"))
	b.Add("i", linestest.Hit("i", 1, "p", "x"), linestest.Hit("i", 3, "q", "w"), linestest.Hit("i", 4, "p", "y\n"))
	a.Add("same", linestest.Hit("same", 1, "p", "x"))
	b.Add("same", linestest.Hit("same", 1, "p", "x"))
	a.Add("old")
	b.Add("new")
	return map[string]*linestest.Sweep{"a": a, "b": b}
}

func TestSweepDiff(t *testing.T) {
	code, out, said := sweepRun(t, diffs(), "diff", "--list", "a", "b")
	want := "moved\ti\t0x2 -> 0x4\tp\ty.\ngone\ti\t0x3\tq\tz\nnew\ti\t0x3\tq\tw\n" +
		"i\tp\t1 same\t0 new\t0 gone\t1 moved\ni\tq\t0 same\t1 new\t1 gone\t0 moved\nold\tonly in A\nnew\tonly in B\n"
	if code != 1 || out != want || said != "vscan: 2 images compared, 1 only in A, 1 only in B, 0 not searched by both: 2 hits the same, 1 new, 1 gone, 1 moved\n" {
		t.Errorf("exit code %d, %s\ngot\n%s\nwant\n%s", code, said, out, want)
	}
	code, out, _ = sweepRun(t, diffs(), "diff", "a", "a")
	if code != 0 || out != "" {
		t.Errorf("of one sweep: %d, %s", code, out)
	}
	s := diffs()
	s["b"].All[0].State = state.Partial
	if code, _, _ = sweepRun(t, s, "diff", "a", "b"); code != cli.ExitIncomplete {
		t.Errorf("of a sweep that is not whole: %d", code)
	}
	for _, args := range [][]string{{}, {"a"}, {"a", "nowhere"}, {"a", "b", "--by", "size"}, {"a", "b", "c"}} {
		if code, _, said := sweepRun(t, diffs(), append([]string{"diff"}, args...)...); code != cli.ExitError || said == "" {
			t.Errorf("%q: exit code %d, %s", args, code, said)
		}
	}
}
