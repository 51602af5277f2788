package parquetfile

import (
	"bytes"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"vscan/cmd/internal/rowstream"
)

// testRow is a row of the table of these tests.
type testRow struct {
	At   uint64 `parquet:"at,delta,snappy"`
	Name string `parquet:"name,dict,snappy"`
	N    uint64 `parquet:"n,snappy"`

	Text  string `parquet:"text,snappy"`
	Bytes []byte `parquet:"bytes,snappy"`
}

// rowOf returns a row whose further columns are made of more.
func rowOf(at uint64, name string, n uint64, more string) testRow {
	return testRow{at, name, n, hex.EncodeToString([]byte(more)), []byte(more)}
}

func (r testRow) equals(other testRow) bool {
	return r.At == other.At && r.Name == other.Name && r.N == other.N && r.Text == other.Text && bytes.Equal(r.Bytes, other.Bytes)
}

// stream returns rows as a stream.
func stream(t testing.TB, rows []testRow) []byte {
	t.Helper()
	var out bytes.Buffer
	size := 0
	for _, r := range rows {
		size += len(r.Name) + len(r.Text) + len(r.Bytes)
	}
	out.Grow(size) // so that it need not move
	w, err := rowstream.NewWriter(&out, []rowstream.Column{
		{Name: "at", Kind: rowstream.Uint, Ascending: true}, {Name: "name", Kind: rowstream.Text}, {Name: "n", Kind: rowstream.Uint},
		{Name: "text", Kind: rowstream.Plain}, {Name: "bytes", Kind: rowstream.Bytes},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		w.Uint(0, r.At)
		w.Text(1, r.Name)
		w.Uint(2, r.N)
		w.Bytes(3, []byte(r.Text))
		w.Bytes(4, r.Bytes)
		if err := w.EndRow(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// What is read from a parquet file is what was written to it, with the same schema, also where
// there are more rows, or more text, than a group has.
func TestWrite(t *testing.T) {
	group := groupSize{rows: 2 * rowstream.MaxRows, text: 1 << 20}
	long := strings.Repeat("long ", 1<<12)
	tables := map[string]func(i int) (row testRow, more bool){
		"none": func(i int) (testRow, bool) { return testRow{}, false },
		"rows": func(i int) (testRow, bool) {
			return rowOf(uint64(i)+1<<63, "name"[i%4:], ^uint64(i), "\xff\x00"[i%3:]), i < group.rows+rowstream.MaxRows
		},
		"text":  func(i int) (testRow, bool) { return rowOf(uint64(i), long[i:], 1, ""), i < 60 },
		"plain": func(i int) (testRow, bool) { return rowOf(uint64(i), "", 1, long[:1<<12]), i < 100 },
	}
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		var rows []testRow
		for {
			row, more := tables[name](len(rows))
			if !more {
				break
			}
			rows = append(rows, row)
		}
		in := stream(t, rows)
		var out bytes.Buffer
		out.Grow(len(in))
		if err := write(&out, bytes.NewReader(in), group); err != nil {
			t.Fatal(err)
		}
		file, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := file.Schema().Fields(), parquet.SchemaOf(testRow{}).Fields(); len(got) != len(want) {
			t.Errorf("%d columns", len(got))
		} else {
			for i := range got {
				if got[i].Name() != want[i].Name() || got[i].Type().String() != want[i].Type().String() {
					t.Errorf("column %d is %v, want %v", i, got[i], want[i])
				}
			}
		}
		if groups := len(file.RowGroups()); name != "none" && groups != 2 {
			t.Errorf("%s: %d groups, want 2", name, groups)
		}
		got, err := parquet.Read[testRow](bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil || len(got) != len(rows) {
			t.Fatalf("%s: %d rows of %d, %v", name, len(got), len(rows), err)
		}
		for i := range rows {
			if !got[i].equals(rows[i]) {
				t.Fatalf("%s: row %d of %d differs", name, i, len(rows))
			}
		}
	}
}

// A stream that is cut off makes no parquet file: the footer is missing.
func TestCutOff(t *testing.T) {
	b := stream(t, []testRow{rowOf(1, "a", 2, "x")})
	for n := range b {
		var out bytes.Buffer
		if err := Write(&out, bytes.NewReader(b[:n])); err == nil || bytes.HasSuffix(out.Bytes(), []byte("PAR1")) && out.Len() > 4 {
			t.Errorf("%d of %d bytes: %v, %q", n, len(b), err, out.Bytes())
		}
	}
}

// Whatever the stream is, the result is a parquet file or an error.
func FuzzWrite(f *testing.F) {
	f.Add(stream(f, nil))
	f.Add(stream(f, []testRow{rowOf(1, "a", 2, "x"), rowOf(3, "a", 4, ""), rowOf(5, "b", 6, "\xff")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var out bytes.Buffer
		if Write(&out, bytes.NewReader(b)) != nil {
			return
		}
		if _, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len())); err != nil {
			t.Fatal(err)
		}
	})
}
