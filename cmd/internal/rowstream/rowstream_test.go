package rowstream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func testColumns() []Column {
	return []Column{{Name: "at", Kind: Uint, Ascending: true}, {Name: "name_2", Kind: Text}, {Name: "n", Kind: Uint}, {Name: "text", Kind: Plain}, {Name: "bytes", Kind: Bytes}}
}

// testRow is a row of the table of these tests.
type testRow struct {
	at   uint64
	name string
	n    uint64
	more string // in two columns; in that of text as hexadecimal digits
}

func write(t testing.TB, rows []testRow) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, testColumns())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		w.Text(1, r.name)
		w.Uint(0, r.at)
		w.Uint(2, r.n)
		w.Bytes(3, fmt.Appendf(nil, "%x", r.more))
		w.Bytes(4, []byte(r.more))
		if err := w.EndRow(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// read returns the rows of a stream, and what kept it from reading all of them.
func read(b []byte) ([]testRow, error) {
	r, err := NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(r.Columns(), testColumns()) {
		return nil, errors.New("other columns")
	}
	var rows []testRow
	for {
		b, err := r.Next()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		for i := range b.Rows {
			row := testRow{b.Values[0].Uints[i], string(b.Values[1].Texts[b.Values[1].Text[i]]), b.Values[2].Uints[i], string(b.Values[4].Bytes[i])}
			if fmt.Sprintf("%x", row.more) != string(b.Values[3].Bytes[i]) {
				return nil, errors.New("the text differs from the bytes")
			}
			rows = append(rows, row)
		}
	}
}

// What was written is read again, whatever the number of rows and the length of texts.
func TestRoundTrip(t *testing.T) {
	long := strings.Repeat("ä", 1<<20)
	for _, n := range []int{0, 1, 2, MaxRows - 1, MaxRows, MaxRows + 1, 3*MaxRows + 7} {
		var rows []testRow
		for i := range n {
			name := []string{"", "[heap]", "[heap]", "libc.so.6"}[i*i%4]
			if i%3000 == 2 {
				name = long[i&^1:] // which ends the batch
			}
			rows = append(rows, testRow{uint64(i), name, ^uint64(i), "\xff\x00\n"[i%4:]})
		}
		got, err := read(write(t, rows))
		if err != nil || len(got) != n {
			t.Fatalf("%d rows: %d, %v", n, len(got), err)
		}
		for i := range rows {
			if got[i] != rows[i] {
				t.Fatalf("row %d of %d differs", i, n)
			}
		}
	}
}

// A stream that is cut off anywhere is an error, and so is one that goes on behind its end.
func TestCutOff(t *testing.T) {
	b := write(t, []testRow{{1, "a", 2, ""}, {3, "b", 4, "\xfe"}})
	for n := range b {
		if _, err := read(b[:n]); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d of %d bytes: %v", n, len(b), err)
		}
	}
	if _, err := read(append(b, 0)); err == nil {
		t.Error("bytes behind the end are no error")
	}
}

// head returns the beginning of a stream, with columns that are given as the header has them.
func head(columns ...string) string {
	return magic + string(binary.AppendUvarint(nil, uint64(len(columns)))) + strings.Join(columns, "")
}

func TestDamaged(t *testing.T) {
	one := head("t\x00\x01a")
	for name, c := range map[string]struct{ stream, want string }{
		"another version":     {"vscan table 1\n", "no table of this version"},
		"nothing":             {"", "no table of this version"},
		"no columns":          {magic + "\x00", "0 columns"},
		"too many columns":    {magic + "\x81\x02", "257 columns"},
		"a large number":      {magic + strings.Repeat("\xff", 10), "larger than 2^64"},
		"two of a name":       {head("t\x00\x01a", "u\x00\x01a"), `the name "a"`},
		"a name of none":      {head("t\x00\x00"), "a column's name"},
		"another name":        {head("t\x00\x03a,b"), "a column's name"},
		"a long name":         {head("t\x00\x41"), "a text of 65 bytes"},
		"another kind":        {head("x\x00\x01a"), "which is unknown"},
		"other hints":         {head("u\x02\x01a"), "hints 0x2"},
		"a hint for texts":    {head("t\x01\x01a"), "a hint for numbers"},
		"neither batch":       {one + "X", "neither a batch"},
		"no rows":             {one + "B\x00", "0 rows"},
		"too many rows":       {one + "B\x81\x20", "4097 rows"},
		"more texts":          {one + "B\x01\x02", "2 different texts"},
		"a long text":         {one + "B\x01\x01\xff\xff\xff\xff\x0f", "where 16777216 is the most"},
		"not UTF-8":           {one + "B\x01\x01\x01\xff", "not UTF-8"},
		"plain, not UTF-8":    {head("p\x00\x01a") + "B\x01\x01\xff", "not UTF-8"},
		"long bytes":          {head("b\x00\x01a") + "B\x01\xff\xff\xff\xff\x0f", "where 16777216 is the most"},
		"a text that is none": {one + "B\x01\x01\x01a\x01\x00\x00\x00", "text 1 of 1"},
		"other rows":          {one + "B\x01\x01\x01a\x00\x00\x00\x00E\x02", "has 1 rows"},
	} {
		r, err := NewReader(strings.NewReader(c.stream))
		for err == nil {
			_, err = r.Next()
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// No memory is allocated for what a stream only claims to hold.
func TestAllocatesWhatHasCome(t *testing.T) {
	stream := head("t\x00\x01a") + "B\x80\x20\x80\x20" + "\x80\x80\x80\x08"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := NewReader(strings.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes were allocated", n)
	}
}

// A writer refuses what a reader would.
func TestWriterRefuses(t *testing.T) {
	if _, err := NewWriter(io.Discard, []Column{{Name: "A", Kind: Uint}}); err == nil {
		t.Error("a column with the name A")
	}
	for name, set := range map[string]func(w *Writer){
		"no value": func(w *Writer) { w.Uint(0, 1); w.Text(1, ""); w.Bytes(3, nil); w.Bytes(4, nil) },
		"no bytes": func(w *Writer) { w.Uint(0, 1); w.Uint(2, 1); w.Text(1, ""); w.Bytes(3, nil) },
		"two values": func(w *Writer) {
			w.Uint(0, 1)
			w.Uint(2, 1)
			w.Text(1, "")
			w.Text(1, "")
			w.Bytes(3, nil)
			w.Bytes(4, nil)
		},
		"not UTF-8": func(w *Writer) { w.Uint(0, 1); w.Uint(2, 1); w.Text(1, "\xff"); w.Bytes(3, nil); w.Bytes(4, nil) },
		"plain, not UTF-8": func(w *Writer) {
			w.Uint(0, 1)
			w.Uint(2, 1)
			w.Text(1, "")
			w.Bytes(3, []byte("\xff"))
			w.Bytes(4, nil)
		},
		"a long text": func(w *Writer) {
			w.Uint(0, 1)
			w.Uint(2, 1)
			w.Text(1, strings.Repeat("x", MaxText+1))
			w.Bytes(3, nil)
			w.Bytes(4, nil)
		},
	} {
		w, err := NewWriter(io.Discard, testColumns())
		if err != nil {
			t.Fatal(err)
		}
		set(w)
		if w.EndRow() == nil || w.Close() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Whatever the stream is, a reader returns rows whose columns are of one length, or an error
// that stays the same.
func FuzzReader(f *testing.F) {
	f.Add(write(f, nil))
	f.Add(write(f, []testRow{{1, "a", 2, "x"}, {3, "a", 4, ""}, {5, "b", 6, "\xff"}}))
	f.Add([]byte(head("t\x00\x01a") + "B\x01\x01\x01a\x00\x00\x00\x00E\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewReader(bytes.NewReader(b))
		if err != nil {
			return
		}
		for {
			batch, err := r.Next()
			if err != nil {
				if _, again := r.Next(); again != err {
					t.Fatalf("%v, and then %v", err, again)
				}
				return
			}
			for i, c := range r.Columns() {
				v := batch.Values[i]
				if c.Kind == Uint && len(v.Uints) != batch.Rows || c.Kind == Text && len(v.Text) != batch.Rows || batch.Rows > MaxRows {
					t.Fatalf("column %d: %d numbers, %d texts in %d rows", i, len(v.Uints), len(v.Text), batch.Rows)
				}
				for _, k := range v.Text {
					_ = v.Texts[k]
				}
			}
		}
	})
}
