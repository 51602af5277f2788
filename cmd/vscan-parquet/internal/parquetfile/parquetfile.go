// Package parquetfile writes tables as parquet.
package parquetfile

import (
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/parquet-go/parquet-go"

	"vscan/cmd/internal/rowstream"
)

// groupSize tells when a group of rows, which is held in memory until it is written, is full:
// it has rows rows at most, and ends with the batch by which its texts have text bytes.
type groupSize struct {
	rows int
	text int // bytes
}

// fullGroup is the size of the groups that Write writes.
var fullGroup = groupSize{rows: 1 << 20, text: 64 << 20}

// Write reads a table from r, in the form of package rowstream, and writes it to w as
// parquet. The columns are required ones, in the order of the table. Columns of numbers
// are UINT_64, ascending ones in deltas; columns of texts are STRING, those of kind Text with
// a dictionary; columns of bytes are BYTE_ARRAY; all are compressed with snappy. Where Write returns an error, what it has written is
// no table.
func Write(w io.Writer, r io.Reader) error {
	return write(w, r, fullGroup)
}

// write is Write with groups of a size.
func write(w io.Writer, r io.Reader, group groupSize) error {
	t, err := rowstream.NewReader(r)
	if err != nil {
		return err
	}
	f := &file{group: group, w: parquet.NewGenericWriter[any](w, schema(t.Columns()))}
	for _, c := range t.Columns() {
		f.kinds = append(f.kinds, c.Kind)
	}
	for {
		b, err := t.Next()
		if errors.Is(err, io.EOF) {
			return f.w.Close()
		}
		if err != nil {
			return err
		}
		if err := f.batch(b); err != nil {
			return err
		}
	}
}

// schema returns the schema of columns. It is made from a struct, since that keeps
// their order.
func schema(columns []rowstream.Column) *parquet.Schema {
	var fields []reflect.StructField
	for i, c := range columns {
		f := reflect.StructField{Name: fmt.Sprintf("C%d", i)}
		switch {
		case c.Kind == rowstream.Text:
			f.Type, f.Tag = reflect.TypeFor[string](), tag(c.Name, ",dict,snappy")
		case c.Kind == rowstream.Plain:
			f.Type, f.Tag = reflect.TypeFor[string](), tag(c.Name, ",snappy")
		case c.Kind == rowstream.Bytes:
			f.Type, f.Tag = reflect.TypeFor[[]byte](), tag(c.Name, ",snappy")
		case c.Ascending:
			f.Type, f.Tag = reflect.TypeFor[uint64](), tag(c.Name, ",delta,snappy")
		default:
			f.Type, f.Tag = reflect.TypeFor[uint64](), tag(c.Name, ",snappy")
		}
		fields = append(fields, f)
	}
	return parquet.SchemaOf(reflect.New(reflect.StructOf(fields)).Interface())
}

// tag returns the tag of a struct's field, which names a column and its options.
func tag(name, options string) reflect.StructTag {
	return reflect.StructTag(fmt.Sprintf("parquet:%q", name+options))
}

// file is the parquet file that is written.
type file struct {
	group  groupSize
	kinds  []rowstream.Kind // of the columns
	w      *parquet.GenericWriter[any]
	rows   int             // how many rows the group has so far
	text   int             // bytes of the texts of the group's batches so far; those of kind Text count once a batch
	values []parquet.Value // of a column of a batch; kept for the next one
	texts  []parquet.Value // the different texts of such a column; kept likewise
}

// batch writes the rows of a batch, and ends the group where it is full.
func (f *file) batch(b *rowstream.Batch) error {
	for i, c := range f.w.ColumnWriters() {
		if _, err := c.WriteRowValues(f.column(f.kinds[i], &b.Values[i])); err != nil {
			return err
		}
	}
	f.rows += b.Rows
	if f.rows+rowstream.MaxRows <= f.group.rows && f.text < f.group.text {
		return nil
	}
	f.rows, f.text = 0, 0
	return f.w.Flush()
}

// column returns the values of a column of a batch. They are valid until the next call.
func (f *file) column(kind rowstream.Kind, v *rowstream.Values) []parquet.Value {
	f.values = f.values[:0]
	switch kind {
	case rowstream.Plain, rowstream.Bytes:
		for _, b := range v.Bytes {
			f.values = append(f.values, parquet.ByteArrayValue(b))
			f.text += len(b)
		}
		return f.values
	case rowstream.Uint:
		for _, n := range v.Uints {
			f.values = append(f.values, parquet.Int64Value(int64(n)))
		}
		return f.values
	}
	f.texts = f.texts[:0]
	for _, s := range v.Texts {
		f.texts = append(f.texts, parquet.ByteArrayValue(s))
		f.text += len(s)
	}
	for _, number := range v.Text {
		f.values = append(f.values, f.texts[number])
	}
	return f.values
}
