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

// A group of rows is held in memory until it is written. It has so many rows, and
// fewer where their texts have so many bytes.
const (
	groupRows = 1 << 20
	groupText = 64 << 20
)

// Write reads a table, of the form of package rowstream, and writes it as parquet. Its
// columns are required ones, in the order of the table: UINT_64, ascending ones in
// deltas, and STRING with a dictionary; all are compressed with snappy. What has been
// written is not to be used if there is an error.
func Write(w io.Writer, r io.Reader) error {
	t, err := rowstream.NewReader(r)
	if err != nil {
		return err
	}
	f := &file{w: parquet.NewGenericWriter[any](w, schema(t.Columns()))}
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

// schema returns the schema of columns. That of a struct keeps their order.
func schema(columns []rowstream.Column) *parquet.Schema {
	var fields []reflect.StructField
	for i, c := range columns {
		f := reflect.StructField{Name: fmt.Sprintf("C%d", i)}
		switch {
		case c.Kind == rowstream.Text:
			f.Type, f.Tag = reflect.TypeFor[string](), tag(c.Name, ",dict,snappy")
		case c.Ascending:
			f.Type, f.Tag = reflect.TypeFor[uint64](), tag(c.Name, ",delta,snappy")
		default:
			f.Type, f.Tag = reflect.TypeFor[uint64](), tag(c.Name, ",snappy")
		}
		fields = append(fields, f)
	}
	return parquet.SchemaOf(reflect.New(reflect.StructOf(fields)).Interface())
}

func tag(name, options string) reflect.StructTag {
	return reflect.StructTag(fmt.Sprintf("parquet:%q", name+options))
}

// file is the parquet file.
type file struct {
	w      *parquet.GenericWriter[any]
	rows   int // of the group
	text   int // bytes of the different texts of the group's batches
	values []parquet.Value
	texts  []parquet.Value
}

// batch writes the rows of a batch, and the group where it is full.
func (f *file) batch(b *rowstream.Batch) error {
	for i, c := range f.w.ColumnWriters() {
		if _, err := c.WriteRowValues(f.column(&b.Values[i])); err != nil {
			return err
		}
	}
	f.rows += b.Rows
	if f.rows+rowstream.MaxRows <= groupRows && f.text < groupText {
		return nil
	}
	f.rows, f.text = 0, 0
	return f.w.Flush()
}

// column returns the values of a column, good until the next call.
func (f *file) column(v *rowstream.Values) []parquet.Value {
	f.values = f.values[:0]
	if v.Texts == nil {
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
