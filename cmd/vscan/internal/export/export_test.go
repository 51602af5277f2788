package export

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/sweep/lines"
	"vscan/engine/sweep/lines/linestest"
	"vscan/engine/sweep/state"
	"vscan/internal/testenv"
)

const ruleLine = `{"type":"rule","image":"b","rule":"r","tags":["t"],"meta":{"k":"v"},"namespace":"default","file":"f.yar"}`

// sample returns a sweep with images in several states.
func sample() *linestest.Sweep {
	s := linestest.New("p", "q", "never")
	s.Asked.Options = []state.Option{{Name: "align", Value: "8"}}
	s.Add("a", linestest.Hit("a", 0x1000, "p", "x"), linestest.Hit("a", 0x1000, "q", "xy"), linestest.Hit("a", 0xffff888000000000, "p", "x"))
	s.AddState("bad\xff", state.Failed, "no such file")
	b := s.Add("b", ruleLine, linestest.Hit("b", 0x2000, "p", ""), `{"type":"hits_left_out","image":"b","pattern":"p","namespace":"","file":"","reason":"x"}`)
	b.State, b.Reason, b.AtLeast = state.Partial, "bytes could not be read", true
	b.Patterns = []state.PatternHits{{Pattern: 0, Name: "p", Hits: 1, AtLeast: true}}
	s.AddState("notes.txt", state.Skipped, "no image")
	return s
}

// exported returns what an export writes.
func exported(t *testing.T, s state.Source, format string) string {
	t.Helper()
	var out bytes.Buffer
	if err := Write(t.Context(), s, format, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Lines are as they were, and each image ends with its summary, or what became of it.
func TestJSONL(t *testing.T) {
	s := sample()
	want := s.Text[0] + string(s.All[0].Summary) + "\n" +
		`{"type":"image","image":"bad\\xff","state":"failed","reason":"no such file","escaped":["image"]}` + "\n" +
		s.Text[2] + string(s.All[2].Summary) + "\n" + `{"type":"image","image":"b","state":"partial","reason":"bytes could not be read"}` + "\n" +
		`{"type":"image","image":"notes.txt","state":"skipped","reason":"no image"}` + "\n"
	if got := exported(t, s, "jsonl"); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// No line crosses a multiple of 1 MiB, short or long, and blanks are all that is added.
func TestJSONLBlocks(t *testing.T) {
	rng := testenv.Rand(t)
	var all []string
	for n := 0; n < 6<<20; {
		text := strings.Repeat("x", rng.IntN(1<<rng.IntN(16)))
		all = append(all, linestest.Hit("a", addr.Addr(n), "p", text))
		n += len(all[len(all)-1])
	}
	s := linestest.New("p")
	s.Add("a", all...)
	at, got := 0, exported(t, s, "jsonl")
	for i, line := range strings.SplitAfter(got, "\n") {
		if line == "" {
			break
		}
		if end := at + len(line) - 1; at>>20 != end>>20 {
			t.Fatalf("line %d, %#x to %#x, crosses a block", i, at, end)
		}
		at += len(line)
		if i < len(all) && strings.TrimRight(line, " \n") != all[i] {
			t.Fatalf("line %d differs", i)
		}
	}
	if strings.Count(got, "\n") != len(all)+1 {
		t.Errorf("%d lines of %d", strings.Count(got, "\n"), len(all)+1)
	}
}

func TestCSV(t *testing.T) {
	want := `image,addr,pattern,len,mapping,offset,bytes,value,text,key,before,after,module,module_offset
a,0x1000,p,1,[heap],4096,hex:78,,,,,,,
a,0x1000,q,2,[heap],4096,hex:7879,,,,,,,
a,0xffff888000000000,p,1,[heap],4096,hex:78,,,,,,,
b,0x2000,p,0,[heap],4096,,,,,,,,
`
	if got := exported(t, sample(), "csv"); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got := exported(t, linestest.New(), "csv"); got != want[:strings.Index(want, "\n")+1] {
		t.Errorf("of no image: %s", got)
	}
	rules := linestest.New()
	rules.Add("a").Summary = []byte(`{"type":"summary","rules":0}`)
	if got := exported(t, rules, "csv"); !strings.HasSuffix(got, ",namespace,file\n") {
		t.Errorf("with rules: %s", got)
	}
}

// A line that is damaged is an error that names the image and the line.
func TestDamagedLine(t *testing.T) {
	s := linestest.New("p")
	s.Add("core.1", linestest.Hit("core.1", 0x1000, "p", "x"), `{"type":"hit","image":"core.1","addr":"0x`)
	for name, write := range map[string]func() error{
		"jsonl":  func() error { return Write(t.Context(), s, "jsonl", &bytes.Buffer{}) },
		"csv":    func() error { return Write(t.Context(), s, "csv", &bytes.Buffer{}) },
		"sqlite": func() error { return WriteSQLite(t.Context(), s, filepath.Join(t.TempDir(), "x")) },
	} {
		var wrong *lines.Error
		if err := write(); !errors.As(err, &wrong) || wrong.Image != "core.1" || wrong.Line != 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A context that ends, ends every export.
func TestEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range []error{
		Write(ctx, sample(), "jsonl", &bytes.Buffer{}), Write(ctx, sample(), "csv", &bytes.Buffer{}), WriteSQLite(ctx, sample(), filepath.Join(t.TempDir(), "x")),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// written returns the path of a database of a sweep.
func written(t *testing.T, s state.Source) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "it's a 100%? #1.db")
	if err := WriteSQLite(t.Context(), s, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// rows returns what a question to a database gives: cells with a | between them, rows with a ;.
func rows(t *testing.T, path, question string) string {
	t.Helper()
	db, err := openSQLite(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("ATTACH ? AS x", path); err != nil {
		t.Fatal(err)
	}
	r, err := db.Query(question)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	columns, err := r.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for r.Next() {
		cells := make([]sql.NullString, len(columns))
		to := make([]any, len(columns))
		for i := range cells {
			to[i] = &cells[i]
		}
		if err := r.Scan(to...); err != nil {
			t.Fatal(err)
		}
		var row []string
		for _, c := range cells {
			row = append(row, c.String)
		}
		all = append(all, strings.Join(row, "|"))
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, ";")
}

func TestSQLite(t *testing.T) {
	path := written(t, sample())
	for question, want := range map[string]string{
		"SELECT name, value FROM x.about":                                                                      "version|1.0;digest|d1;align|8",
		"SELECT image, state, reason, patterns, hits, at_least FROM x.by_image":                                `a|done||2|3|0;bad\xff|failed|no such file|0|0|0;b|partial|bytes could not be read|1|1|1;notes.txt|skipped|no image|0|0|0`,
		"SELECT pattern, images, hits, at_least FROM x.by_pattern":                                             "p|2|3|1;q|1|1|0;never|0|0|0",
		"SELECT image, addr, pattern, len, mapping, offset, hex(bytes), value FROM x.found ORDER BY id":        "a|0x0000000000001000|p|1|[heap]|4096|78|;a|0x0000000000001000|q|2|[heap]|4096|7879|;a|0xffff888000000000|p|1|[heap]|4096|78|;b|0x0000000000002000|p|0|[heap]|4096||",
		"SELECT id FROM x.hits WHERE addr BETWEEN 0xffff888000000000 AND 0xffff88ffffffffff":                   "3",
		"SELECT image_id, outcome, rule, tags, json_extract(meta, '$.k'), first_hex FROM x.rules":              "3|matches|r|[\"t\"]|v|",
		"SELECT image_id, json_extract(line, '$.reason') FROM x.notes":                                         "3|x",
		"SELECT count(*) FROM x.hits h LEFT JOIN x.counts c USING (image_id, pattern_id) WHERE c.hits IS NULL": "0",
		"PRAGMA x.integrity_check": "ok",
	} {
		if got := rows(t, path, question); got != want {
			t.Errorf("%s: %s, want %s", question, got, want)
		}
	}
}

// Rules that were left out are among what was asked.
func TestSQLiteLeftOut(t *testing.T) {
	s := linestest.New("p")
	s.Asked.LeftOut = []state.LeftOut{{Text: []byte("rule r is left out\x1b"), Line: []byte(`{"type":"rule_left_out"}`)}}
	if got, want := rows(t, written(t, s), "SELECT value FROM x.about WHERE name = 'rule_left_out'"), `rule r is left out\x1b`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// There is an index for each of the usual questions.
func TestSQLiteIndexes(t *testing.T) {
	path := written(t, sample())
	for question, want := range map[string]string{
		"SELECT * FROM x.hits WHERE pattern_id = 1":                 "hits_by_pattern",
		"SELECT * FROM x.hits WHERE image_id = 1 AND addr > 0x1000": "hits_by_image",
		"SELECT * FROM x.found WHERE pattern = 'p'":                 "hits_by_pattern",
		"SELECT * FROM x.found WHERE image = 'a'":                   "hits_by_image",
		"SELECT * FROM x.rules WHERE rule = 'r'":                    "rules_by_name",
	} {
		if got := rows(t, path, "EXPLAIN QUERY PLAN "+question); !strings.Contains(got, want) {
			t.Errorf("%s: %s", question, got)
		}
	}
}

// Rows are there that come together with others and those that are left, in every transaction;
// twice the same results are the same bytes.
func TestSQLiteAllRows(t *testing.T) {
	s := linestest.New("p")
	const hits, images = 3*rowsAtOnce + 5, 40
	for i := range images {
		var all []string
		for j := range hits {
			all = append(all, linestest.Hit("i", addr.Addr(j), fmt.Sprint("p", j%3), "x"))
		}
		s.Add(fmt.Sprint("i", i), all...)
	}
	a := written(t, s)
	if got, want := rows(t, a, "SELECT count(*), count(DISTINCT image_id), sum(addr) FROM x.hits"), fmt.Sprintf("%d|%d|%d", hits*images, images, images*hits*(hits-1)/2); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := rows(t, a, "SELECT sum(hits) FROM x.by_pattern"), fmt.Sprint(hits*images); got != want {
		t.Errorf("%s by pattern, want %s", got, want)
	}
	x, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := os.ReadFile(written(t, s))
	if err != nil || !bytes.Equal(x, y) {
		t.Errorf("two databases of one sweep differ: %v", err)
	}
}

func BenchmarkSQLite(b *testing.B) {
	s := linestest.New("p")
	var all []string
	for j := range 100000 {
		all = append(all, linestest.Hit("i", addr.Addr(j*16), fmt.Sprint("p", j%100), "password="))
	}
	s.Add("i", all...)
	b.SetBytes(int64(len(s.Text[0])))
	for b.Loop() {
		if err := WriteSQLite(b.Context(), s, filepath.Join(b.TempDir(), "x")); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(all)*b.N)/b.Elapsed().Seconds(), "hits/s")
}

func BenchmarkCSV(b *testing.B) {
	s := linestest.New("p")
	var all []string
	for j := range 100000 {
		all = append(all, linestest.Hit("i", addr.Addr(j*16), fmt.Sprint("p", j%100), "password="))
	}
	s.Add("i", all...)
	for _, format := range []string{"csv", "jsonl"} {
		b.Run(format, func(b *testing.B) {
			for b.Loop() {
				if err := Write(b.Context(), s, format, &bytes.Buffer{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(all)*b.N)/b.Elapsed().Seconds(), "hits/s")
		})
	}
}
