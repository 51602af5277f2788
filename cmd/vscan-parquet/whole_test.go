package main

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"vscan/cmd/internal/rowstream"
	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/graph/graphtest"
	"vscan/internal/testenv"
	"vscan/internal/wording"
)

// programs is the folder that has vscan and, beside it, this program.
var programs string

// TestMain builds the two as users do. What go test remembers of these tests it does not forget
// where vscan has changed: run them with -count=1.
func TestMain(m *testing.M) {
	os.Exit(withPrograms(m.Run))
}

// withPrograms runs the tests while the programs are there, and returns their exit code.
func withPrograms(run func() int) int {
	dir, err := os.MkdirTemp("", "vscan-programs-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := errors.Join(testenv.Build("../..", dir, "./cmd/vscan"), testenv.Build(".", dir, ".")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	programs = dir
	return run()
}

// vscan runs vscan, which starts this program, and returns what it writes to standard output.
func vscan(t *testing.T, args ...string) []byte {
	t.Helper()
	var out, said bytes.Buffer
	cmd := exec.Command(filepath.Join(programs, "vscan"), args...)
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("vscan %q: %v, %s", args, err, said.String())
	}
	return out.Bytes()
}

// edge is a row of an exported graph.
type edge struct {
	Src        uint64 `parquet:"src,snappy"`
	Dst        uint64 `parquet:"dst,delta,snappy"`
	SrcMapping string `parquet:"src_mapping,dict,snappy"`
	SrcOffset  uint64 `parquet:"src_offset,snappy"`
	DstMapping string `parquet:"dst_mapping,dict,snappy"`
	DstOffset  uint64 `parquet:"dst_offset,delta,snappy"`

	SrcModule       string `parquet:"src_module,dict,snappy"`
	SrcModuleOffset uint64 `parquet:"src_module_offset,snappy"`
	DstModule       string `parquet:"dst_module,dict,snappy"`
	DstModuleOffset uint64 `parquet:"dst_module_offset,delta,snappy"`
}

// hit is a row of an exported sweep.
type hit struct {
	Image        string `parquet:"image,dict,snappy"`
	Addr         uint64 `parquet:"addr,delta,snappy"`
	Pattern      string `parquet:"pattern,dict,snappy"`
	Len          uint64 `parquet:"len,snappy"`
	Mapping      string `parquet:"mapping,dict,snappy"`
	Offset       uint64 `parquet:"offset,delta,snappy"`
	Bytes        []byte `parquet:"bytes,snappy"`
	Value        string `parquet:"value,snappy"`
	Text         string `parquet:"text,snappy"`
	Key          string `parquet:"key,dict,snappy"`
	Before       []byte `parquet:"before,snappy"`
	After        []byte `parquet:"after,snappy"`
	Module       string `parquet:"module,dict,snappy"`
	ModuleOffset uint64 `parquet:"module_offset,snappy"`
	Namespace    string `parquet:"namespace,dict,snappy"`
	File         string `parquet:"file,dict,snappy"`
}

// What is read from a parquet file is what was written to it, also where there are more rows
// than a group has.
func TestParquet(t *testing.T) {
	t.Parallel()
	group := testenv.Rounds(0, 0, 1<<20) // the rows of a group, of which there are two at full length
	b := make([]byte, 8*(group+rowstream.MaxRows+5))
	for i := 0; i < len(b); i += 8 {
		addr.Little.PutUint(b[i:i+8], 0x10000+uint64(i*7%len(b)))
	}
	m, err := engine.BytesMapping("a\xff", 0x10000, b)
	if err != nil {
		t.Fatal(err)
	}
	path := graphtest.File(t, m)
	g := graphtest.Open(t, path)
	out := filepath.Join(t.TempDir(), "out")
	vscan(t, "graph", "export", path, "--to", "parquet", "-o", out)
	rows, err := parquet.ReadFile[edge](out)
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for e, err := range g.To(addr.All) {
		if err != nil {
			t.Fatal(err)
		}
		want := edge{
			Src: uint64(e.Source), Dst: uint64(e.Target), SrcMapping: `a\xff`, SrcOffset: uint64(e.Source) - 0x10000,
			DstMapping: `a\xff`, DstOffset: uint64(e.Target) - 0x10000,
		}
		if i >= len(rows) || rows[i] != want {
			t.Fatalf("row %d of %d: want %+v", i, len(rows), want)
		}
		i++
	}
	if i != len(rows) || i != len(b)/8 {
		t.Errorf("%d rows, want %d", len(rows), len(b)/8)
	}
}

// names are names of mappings that do something to whoever looks at them, or that readers of csv
// take for something else.
var names = []string{
	"[heap]", "/x/\x1b]0;title\a", "/x/\u202egpj.exe", "/x/two\nlines", "/x/tab\ttab", "/x/a\xff", `/x/a\xff`, `/x/a\\xff`, "=cmd|'/C calc'!A0", "+1+1", "-1", "@SUM(1)",
	"\uff1dcmd", "'quoted", "''", "a,b", `say "hi"`, "007", "1e400", "NULL", "semi;colon", "größe 世界 😀", " blank ", "/x/\xed\xa0\x80\xc0\x80", "/x/" + strings.Repeat("long\x1b", 800),
}

// mapping is a mapping whose words lead to addresses.
func mapping(t *testing.T, name string, first addr.Addr, offset uint64, words ...uint64) engine.Mapping {
	t.Helper()
	b := make([]byte, 0x1000)
	for i, v := range words {
		addr.Little.PutUint(b[8*i:8*i+8], v)
	}
	m, err := engine.BytesMapping(name, first, b)
	if err != nil {
		t.Fatal(err)
	}
	m.Perm, m.NameOffset, m.File = engine.PermKnown|engine.PermRead|engine.PermWrite, offset, strings.HasPrefix(name, "/")
	return m
}

// A graph as parquet has what it has as csv: names that are escaped, places in modules, and none.
func TestEdgesAreThoseOfCSV(t *testing.T) {
	t.Parallel()
	all := []engine.Mapping{mapping(t, "/opt/game", 0x400000, 0), mapping(t, "/opt/game", 0x405000, 0x5000, 0x10000), mapping(t, "late", 0x20038, 0, 0x405000)}
	for i, name := range names {
		all = append(all, mapping(t, name, addr.Addr(0x1000000+0x1000*i), 0, 0x20040, 0x405008))
	}
	all = append(all, mapping(t, "", 0x10000, 0, 0x1000008))
	path := graphtest.File(t, all...)
	out := filepath.Join(t.TempDir(), "out")
	vscan(t, "graph", "export", path, "--to", "parquet", "-o", out)
	compareCSV(t, out, vscan(t, "graph", "export", path, "--to", "csv"))
	rows, err := parquet.ReadFile[edge](out)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, r := range rows {
		if r.Src >= 0x1000000 && r.Dst == 0x405008 {
			said = append(said, r.SrcMapping)
			if r.DstMapping != "/opt/game" || r.DstModule != "/opt/game" || r.DstModuleOffset != 0x5008 {
				t.Errorf("%+v", r)
			}
		}
	}
	var want []string
	for _, name := range names {
		want = append(want, wording.Escape(name))
	}
	if slices.Sort(said); !slices.Equal(said, slices.Sorted(slices.Values(want))) {
		t.Errorf("names %q, want %q", said, want)
	}
}

// The hits of a sweep as parquet are those of its csv: with values, texts, keys and rules.
func TestHitsAreThoseOfCSV(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one := file("=one", "..needle\xff\x00..\x78\x56\x34\x12..xey-needle")
	two := file("two", "a\x00needle")
	rules := file("r.yar", `rule r { strings: $a = "xey" condition: $a }`)
	results, again := filepath.Join(dir, "results"), filepath.Join(dir, "again")
	vscan(t, "sweep", "--results", results, "--raw", "-o", "parquet", "-e", "text:needle", "-e", "n=u32le:0x12345678", "-e", "bad=hex:ff00", "-e", "k=text/x:abcdef", "-f", rules, one, two)
	out := filepath.Join(results, "hits.parquet")
	compareCSV(t, out, vscan(t, "sweep", "export", results, "--to", "csv"))
	vscan(t, "sweep", "export", results, "--to", "parquet", again)
	b, err := os.ReadFile(out)
	if c, errAgain := os.ReadFile(again); err != nil || errAgain != nil || !bytes.Equal(b, c) {
		t.Errorf("what is exported once more differs, %v, %v", err, errAgain)
	}
	rows, err := parquet.ReadFile[hit](out)
	if err != nil {
		t.Fatal(err)
	}
	var got []hit
	for _, r := range rows {
		if r.Image == two {
			got = append(got, r)
		}
	}
	if want := []hit{{Image: two, Addr: 2, Pattern: "text:needle", Len: 6, Mapping: "two", Offset: 2, Bytes: []byte("needle"), Text: "needle", Before: []byte{}, After: []byte{}}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// compareCSV compares a parquet file with csv of the same rows, column by column. Nothing is in
// the columns that the file has beside those of csv.
func compareCSV(t *testing.T, path string, text []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	want, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil || len(want) < 2 {
		t.Fatalf("%d rows of csv, %v", len(want), err)
	}
	var columns []string
	for _, f := range file.Schema().Fields() {
		columns = append(columns, f.Name())
	}
	if len(columns) < len(want[0]) || !slices.Equal(columns[:len(want[0])], want[0]) {
		t.Fatalf("columns %q, want %q", columns, want[0])
	}
	rows := make([]parquet.Row, len(want))
	n, _ := parquet.NewReader(file).ReadRows(rows)
	if n != len(want)-1 {
		t.Fatalf("%d rows, want %d", n, len(want)-1)
	}
	for i, row := range rows[:n] {
		for _, v := range row {
			cell := ""
			if v.Column() < len(want[0]) {
				cell = want[i+1][v.Column()]
			}
			var same bool
			switch {
			case v.Kind() == parquet.Int64:
				same = v.Uint64() == number(t, cell)
			case file.Schema().Fields()[v.Column()].Type().LogicalType() == nil: // bytes
				same = hex.EncodeToString(v.ByteArray()) == strings.TrimPrefix(cell, "hex:")
			default:
				same = wording.Unescape(v.String()) == wording.Unescape(strings.TrimPrefix(cell, "'"))
			}
			if !same {
				t.Errorf("row %d, %s: %.100q, want %.100q", i, columns[v.Column()], v, cell)
			}
		}
	}
}

// number returns the number in a cell: 0 where there is none, and below 2^64 what is negative.
func number(t *testing.T, cell string) uint64 {
	t.Helper()
	if cell == "" {
		return 0
	}
	digits, negative := strings.CutPrefix(strings.TrimPrefix(cell, "'"), "-")
	n, err := strconv.ParseUint(digits, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	if negative {
		return -n
	}
	return n
}
