// Package rowstream carries a table from one program to another as a stream of bytes:
// the names and types of its columns, and then its rows. Programs that write formats
// whose libraries vscan does not link, such as vscan-parquet, read it from standard
// input.
//
// The stream:
//
//	stream  "vscan table 2\n", header, batch ..., end
//	header  uvarint number of columns; for each: kind, 1 byte; hints, 1 byte; its
//	        name as a text of lower-case letters, digits and _
//	batch   'B'; uvarint number of rows; for each column its values in these rows
//	end     'E'; uvarint number of rows of all batches
//
//	values of kind Uint   8 bytes a row, little-endian
//	values of kind Text   uvarint number of different texts, these texts, and for
//	                      each row the number of its text, 4 bytes, little-endian
//	values of kind Plain  for each row a text
//	values of kind Bytes  for each row a text that need not be UTF-8
//	text                  uvarint number of bytes, the bytes, valid UTF-8
//
// A uvarint is as in encoding/binary. A stream without its end was cut off, and its
// rows are not the whole table. The limits of a stream, which are constants of this
// package, keep what a reader allocates small, whatever the stream says.
package rowstream

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// magic is the beginning of a stream.
const magic = "vscan table 2\n"

// The limits of a stream.
const (
	MaxColumns   = 256
	MaxName      = 64       // bytes of a column's name
	MaxRows      = 4096     // rows of a batch
	MaxText      = 16 << 20 // bytes of a text
	MaxBatchText = 32 << 20 // bytes of the texts of a batch, of all columns together; those of kind Text count once
)

// batchText is the number of bytes of different texts from which on a writer ends a batch.
const batchText = 1 << 20

// The bytes that begin a batch and the end of the table.
const (
	batchMark = 'B'
	endMark   = 'E'
)

// Kind is the type of the values of a column.
type Kind byte

// The kinds of columns.
const (
	Uint  Kind = 'u' // whole numbers from 0 to 2^64 − 1
	Text  Kind = 't' // UTF-8; for columns that have the same texts again and again
	Plain Kind = 'p' // UTF-8; for columns whose texts mostly differ
	Bytes Kind = 'b' // any bytes; for columns whose values mostly differ
)

// Column is a column of a table.
type Column struct {
	Name      string
	Kind      Kind
	Ascending bool // a hint: each number is mostly a little above the one before
}

// ascendingHint is the bit of Column.Ascending in the header.
const ascendingHint = 1

// check returns an error for a column that no stream can have.
func (c Column) check() error {
	switch {
	case !isName(c.Name):
		return fmt.Errorf("a column's name is %.64q: want 1 to %d lower-case letters, digits and _", c.Name, MaxName)
	case strings.IndexByte("utpb", byte(c.Kind)) < 0:
		return fmt.Errorf("column %q is of kind %q, which is unknown", c.Name, byte(c.Kind))
	case c.Ascending && c.Kind != Uint:
		return fmt.Errorf("column %q has a hint for numbers, and is of kind %q", c.Name, byte(c.Kind))
	}
	return nil
}

// isName reports whether a column can have this name. What else databases and formats
// allow in names differs between them, so a stream allows no more.
func isName(s string) bool {
	other := func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_') }
	return s != "" && len(s) <= MaxName && !strings.ContainsFunc(s, other)
}

// checkColumns returns an error for columns that no table can have.
func checkColumns(columns []Column) error {
	if len(columns) == 0 || len(columns) > MaxColumns {
		return fmt.Errorf("%d columns: want 1 to %d", len(columns), MaxColumns)
	}
	seen := map[string]bool{}
	for _, c := range columns {
		if err := c.check(); err != nil {
			return err
		}
		if seen[c.Name] {
			return fmt.Errorf("two columns have the name %q", c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}

// A Writer writes a table. A row is written by one call of Uint, Text or Bytes for each
// column, in any order, and then one of EndRow. An error of writing is kept, and
// returned by EndRow and Close.
type Writer struct {
	w       io.Writer
	columns []writtenColumn
	rows    int    // complete rows of the batch
	text    int    // bytes of the batch's texts, of all columns; those of kind Text count once
	total   uint64 // rows of all batches that were written
	out     []byte // what is to be written next; its memory is used again
	err     error  // the first error
}

// writtenColumn is a column and its values in the batch.
type writtenColumn struct {
	Column
	uints  []uint64          // of each row, in a column of kind Uint
	texts  []string          // the different texts, in a column of kind Text
	number map[string]uint32 // by text: its index in texts
	rows   []uint32          // of each row: the index of its text in texts
	last   string            // the text of the row before
	plain  []byte            // the texts of all rows, as the stream has them, in a column of kind Plain or Bytes
	n      int               // how many these are
}

// values returns how many values the column has in the batch.
func (c *writtenColumn) values() int {
	switch c.Kind {
	case Uint:
		return len(c.uints)
	case Text:
		return len(c.rows)
	}
	return c.n
}

// NewWriter returns a Writer of a table with these columns, after it has written the
// header.
func NewWriter(w io.Writer, columns []Column) (*Writer, error) {
	if err := checkColumns(columns); err != nil {
		return nil, err
	}
	t := &Writer{w: w, out: binary.AppendUvarint([]byte(magic), uint64(len(columns)))}
	for _, c := range columns {
		hints := byte(0)
		if c.Ascending {
			hints = ascendingHint
		}
		t.out = appendText(append(t.out, byte(c.Kind), hints), c.Name)
		t.columns = append(t.columns, writtenColumn{Column: c, number: map[string]uint32{}})
	}
	return t, t.write()
}

// appendText appends a text in the form of the stream.
func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// write writes out, and empties it.
func (t *Writer) write() error {
	if t.err == nil {
		_, t.err = t.w.Write(t.out)
	}
	t.out = t.out[:0]
	return t.err
}

// Uint sets the value of a column in the current row. The column, counted from 0, is of
// kind Uint.
func (t *Writer) Uint(column int, v uint64) {
	c := &t.columns[column]
	c.uints = append(c.uints, v)
}

// Text sets the value of a column in the current row; s is valid UTF-8. The column,
// counted from 0, is of kind Text.
func (t *Writer) Text(column int, s string) {
	c := &t.columns[column]
	if n := len(c.rows); n > 0 && s == c.last {
		c.rows = append(c.rows, c.rows[n-1])
		return
	}
	number, known := c.number[s]
	if !known {
		number = uint32(len(c.texts))
		c.number[s] = number
		c.texts = append(c.texts, s)
		t.text += len(s)
		if t.err == nil && (len(s) > MaxText || !utf8.ValidString(s)) {
			t.err = fmt.Errorf("column %q: a text of %d bytes: want %d at most, of UTF-8", c.Name, len(s), MaxText)
		}
	}
	c.rows, c.last = append(c.rows, number), s
}

// Bytes sets the value of a column in the current row; b is valid UTF-8 where the column is of
// kind Plain. The column, counted from 0, is of kind Plain or Bytes.
func (t *Writer) Bytes(column int, b []byte) {
	c := &t.columns[column]
	c.plain = append(binary.AppendUvarint(c.plain, uint64(len(b))), b...)
	c.n++
	t.text += len(b)
	if t.err == nil && (len(b) > MaxText || c.Kind == Plain && !utf8.Valid(b)) {
		t.err = fmt.Errorf("column %q: a value of %d bytes: want %d at most, of UTF-8 where it is text", c.Name, len(b), MaxText)
	}
}

// EndRow ends the current row. Every column has to have a value in it.
func (t *Writer) EndRow() error {
	t.rows++
	for i := range t.columns {
		c := &t.columns[i]
		have := c.values()
		if have != t.rows && t.err == nil {
			t.err = fmt.Errorf("column %q has %d values in %d rows", c.Name, have, t.rows)
		}
	}
	if t.text > MaxBatchText && t.err == nil {
		t.err = fmt.Errorf("a row has more than %d bytes of text", MaxBatchText-batchText)
	}
	if t.err != nil {
		return t.err
	}
	if t.rows < MaxRows && t.text < batchText {
		return nil
	}
	return t.flush()
}

// flush writes the batch, if it has rows.
func (t *Writer) flush() error {
	if t.rows == 0 {
		return t.err
	}
	t.out = binary.AppendUvarint(append(t.out, batchMark), uint64(t.rows))
	for i := range t.columns {
		t.out = t.columns[i].take(t.out)
	}
	t.total += uint64(t.rows)
	t.rows, t.text = 0, 0
	return t.write()
}

// take appends the values of the batch to b, and empties the column.
func (c *writtenColumn) take(b []byte) []byte {
	switch c.Kind {
	case Uint:
		for _, v := range c.uints {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		c.uints = c.uints[:0]
		return b
	case Plain, Bytes:
		b = append(b, c.plain...)
		c.plain, c.n = c.plain[:0], 0
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(c.texts)))
	for _, s := range c.texts {
		b = appendText(b, s)
	}
	for _, number := range c.rows {
		b = binary.LittleEndian.AppendUint32(b, number)
	}
	clear(c.texts)
	clear(c.number)
	c.texts, c.rows = c.texts[:0], c.rows[:0]
	return b
}

// Close writes what is left and the end of the table. It does not close the underlying
// writer.
func (t *Writer) Close() error {
	if err := t.flush(); err != nil {
		return err
	}
	t.out = binary.AppendUvarint(append(t.out, endMark), t.total)
	return t.write()
}

// A Batch is some rows of a table, column by column.
type Batch struct {
	Rows   int
	Values []Values // of each column
}

// Values are the values of a column in a batch.
type Values struct {
	Uints []uint64 // of each row, in a column of kind Uint
	Texts [][]byte // the different texts, in a column of kind Text
	Text  []uint32 // of each row: the index of its text in Texts
	Bytes [][]byte // of each row, in a column of kind Plain or Bytes
}

// A Reader reads a table.
type Reader struct {
	r       *bufio.Reader
	at      uint64 // the offset in the stream of what r reads next
	columns []Column
	batch   Batch  // what Next returns
	chunk   []byte // values as they stand in the stream; its memory is used again
	text    []byte // the texts of the batch, of all columns
	total   uint64 // rows of all batches so far
	err     error  // what Next has returned once, and returns from then on
}

// ErrVersion says that a stream does not begin as a table of this version does.
var ErrVersion = errors.New("no table of this version")

// NewReader returns a Reader of a table, after it has read the columns. The error wraps
// ErrVersion where the stream does not begin as a table of this version does.
func NewReader(r io.Reader) (*Reader, error) {
	t := &Reader{r: bufio.NewReaderSize(r, 1<<18)}
	begin := make([]byte, len(magic))
	if err := t.full(begin); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrVersion, err)
	}
	if string(begin) != magic {
		return nil, fmt.Errorf("%w: it begins with %q", ErrVersion, begin)
	}
	return t, t.header()
}

// header reads the columns.
func (t *Reader) header() error {
	n, err := t.number(MaxColumns, "columns")
	if err != nil {
		return err
	}
	for range n {
		var c Column
		var typ [2]byte
		if err := t.full(typ[:]); err != nil {
			return err
		}
		if typ[1]&^ascendingHint != 0 {
			return t.fail("a column has hints %#x, which are unknown", typ[1])
		}
		c.Kind, c.Ascending = Kind(typ[0]), typ[1]&ascendingHint != 0
		name, err := t.bytes(MaxName)
		if err != nil {
			return err
		}
		c.Name = string(name)
		t.columns = append(t.columns, c)
	}
	if err := checkColumns(t.columns); err != nil {
		return t.fail("%w", err)
	}
	t.batch.Values = make([]Values, n)
	return nil
}

// Columns returns the columns of the table.
func (t *Reader) Columns() []Column { return t.columns }

// Next returns the next rows, at most MaxRows, in the order in which they were written.
// They are valid until the next call. At the end of the table the error is io.EOF.
// Every other error has the offset in the stream, is returned again by all further
// calls, and means that the table is damaged or cut off.
func (t *Reader) Next() (*Batch, error) {
	if t.err != nil {
		return nil, t.err
	}
	t.err = t.next()
	if t.err != nil {
		return nil, t.err
	}
	return &t.batch, nil
}

// next reads the next batch, or the end of the table, for which it returns io.EOF.
func (t *Reader) next() error {
	mark, err := t.byte()
	if err != nil {
		return err
	}
	switch mark {
	case endMark:
		return t.end()
	case batchMark:
		return t.rows()
	}
	return t.fail("%q is neither a batch nor the end of the table", mark)
}

// end reads the end of the table. Nothing may follow it.
func (t *Reader) end() error {
	n, err := t.uvarint()
	if err != nil {
		return err
	}
	if n != t.total {
		return t.fail("the table has %d rows, and its end says %d", t.total, n)
	}
	if _, err := t.r.ReadByte(); err == nil {
		return t.fail("more follows behind the end of the table")
	} else if err != io.EOF {
		return err
	}
	return io.EOF
}

// rows reads a batch.
func (t *Reader) rows() error {
	n, err := t.number(MaxRows, "rows in a batch")
	if err != nil {
		return err
	}
	t.text = t.text[:0]
	for i, c := range t.columns {
		v := &t.batch.Values[i]
		switch c.Kind {
		case Uint:
			err = t.uints(v, n)
		case Text:
			err = t.texts(v, n)
		default:
			err = t.plain(v, n, c.Kind == Plain)
		}
		if err != nil {
			return err
		}
	}
	t.batch.Rows = n
	t.total += uint64(n)
	return nil
}

// values returns the next n × size bytes. They are valid until the next call.
func (t *Reader) values(n, size int) ([]byte, error) {
	if t.chunk == nil {
		t.chunk = make([]byte, 8*MaxRows)
	}
	b := t.chunk[:n*size]
	return b, t.full(b)
}

// uints reads the n values of a column of kind Uint.
func (t *Reader) uints(v *Values, n int) error {
	b, err := t.values(n, 8)
	if err != nil {
		return err
	}
	v.Uints = v.Uints[:0]
	for ; len(b) > 0; b = b[8:] {
		v.Uints = append(v.Uints, binary.LittleEndian.Uint64(b))
	}
	return nil
}

// texts reads the n values of a column of kind Text.
func (t *Reader) texts(v *Values, n int) error {
	different, err := t.number(n, "different texts in a batch")
	if err != nil {
		return err
	}
	if v.Texts, err = t.each(v.Texts[:0], different, true); err != nil {
		return err
	}
	b, err := t.values(n, 4)
	if err != nil {
		return err
	}
	v.Text = v.Text[:0]
	for ; len(b) > 0; b = b[4:] {
		number := binary.LittleEndian.Uint32(b)
		if uint64(number) >= uint64(different) {
			return t.fail("a row before this has text %d of %d", number, different)
		}
		v.Text = append(v.Text, number)
	}
	return nil
}

// plain reads the n values of a column of kind Plain, which are text, or Bytes.
func (t *Reader) plain(v *Values, n int, text bool) (err error) {
	v.Bytes, err = t.each(v.Bytes[:0], n, text)
	return err
}

// each appends the next n texts to to; where text is set, they have to be UTF-8.
func (t *Reader) each(to [][]byte, n int, text bool) ([][]byte, error) {
	for range n {
		b, err := t.bytes(min(MaxText, MaxBatchText-len(t.text)))
		if err != nil {
			return to, err
		}
		if text && !utf8.Valid(b) {
			return to, t.fail("the text before this is not UTF-8")
		}
		to = append(to, b)
	}
	return to, nil
}

// bytes reads a text of at most limit bytes. It is valid until the next batch. Memory
// is allocated for bytes that have come, and not for those that the text is said to
// have.
func (t *Reader) bytes(limit int) ([]byte, error) {
	n, err := t.uvarint()
	if err != nil {
		return nil, err
	}
	if n > uint64(limit) {
		return nil, t.fail("a text of %d bytes, where %d is the most", n, limit)
	}
	start, end := len(t.text), len(t.text)+int(n)
	for len(t.text) < end {
		have := len(t.text)
		t.text = slices.Grow(t.text, min(end-have, 1<<16))[:have+min(end-have, 1<<16)]
		if err := t.full(t.text[have:]); err != nil {
			return nil, err
		}
	}
	return t.text[start:end:end], nil
}

// number reads a number from 1 to limit; what is what it counts, for errors.
func (t *Reader) number(limit int, what string) (int, error) {
	n, err := t.uvarint()
	if err == nil && (n == 0 || n > uint64(limit)) {
		err = t.fail("%d %s: want 1 to %d", n, what, limit)
	}
	return int(n), err
}

// uvarint reads a uvarint.
func (t *Reader) uvarint() (uint64, error) {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b, err := t.byte()
		if err != nil {
			return 0, err
		}
		if shift == 63 && b > 1 {
			break
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, t.fail("a number is larger than 2^64")
}

// byte reads a byte.
func (t *Reader) byte() (byte, error) {
	b, err := t.r.ReadByte()
	if err != nil {
		return 0, t.cutOff(err)
	}
	t.at++
	return b, nil
}

// full reads as many bytes as b has.
func (t *Reader) full(b []byte) error {
	n, err := io.ReadFull(t.r, b)
	t.at += uint64(n)
	return t.cutOff(err)
}

// cutOff returns an error that says where the table ends too early, if err says that it
// does. Other errors it returns as they are.
func (t *Reader) cutOff(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return t.fail("the table is cut off here: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// fail returns an error with the offset in the stream.
func (t *Reader) fail(format string, args ...any) error {
	return fmt.Errorf("table: at offset %#x: %w", t.at, fmt.Errorf(format, args...))
}
