package report

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"vscan/cmd/vscan/internal/console"
	"vscan/engine/addr"
	"vscan/internal/wording"
)

// A Table writes rows of one kind in text, jsonl or csv. The columns of a kind and
// their order never change.
type Table struct {
	out     *console.Output
	format  string
	kind    string   // the type of lines of jsonl
	columns []string // the names of the columns
	widths  []int    // of the columns at a terminal; a negative one aligns to the right
	json    *JSONLReporter
	text    *textReporter
	csv     *csv.Writer
	header  bool // whether the header of csv has been written
}

// NewTable returns a table that writes to out. The widths are those of the first
// columns at a terminal, and a negative width aligns to the right.
func NewTable(out *console.Output, format, kind string, columns []string, widths ...int) *Table {
	return &Table{
		out: out, format: format, kind: kind, columns: columns, widths: widths,
		json: NewJSONLReporter(out, Style{}), text: newTextReporter(out, Style{Aligned: out.ToTerminal}), csv: csv.NewWriter(out),
	}
}

// Row writes a row. It has a value for each column: an addr.Addr, uint64, Digits,
// int64, bool, string or []string, or nil where there is no value, which jsonl leaves
// out. In text the last columns may be missing.
func (r *Table) Row(values ...any) error {
	switch r.format {
	case "jsonl":
		r.json.StartLine(r.kind)
		for i, v := range values {
			r.jsonValue(r.columns[i], v)
		}
		return r.json.FinishLine()
	case "csv":
		return r.record(values)
	}
	r.text.line = r.text.line[:0]
	for i, v := range values {
		s := textValue(v, wording.Escape)
		if i == len(values)-1 {
			r.text.line = append(r.text.line, s...)
			break
		}
		width := 0
		if i < len(r.widths) {
			width = r.widths[i]
		}
		r.text.field("", s, width)
	}
	r.text.line = append(r.text.line, '\n')
	return r.text.write(r.text.line)
}

// End writes what an output without rows has: the header of csv.
func (r *Table) End() error {
	if r.format == "csv" && !r.header {
		return r.record(nil)
	}
	return nil
}

// record writes a row of csv, and the header in front of the first. Where values is nil
// it writes the header alone.
func (r *Table) record(values []any) error {
	if !r.header {
		r.header = true
		r.csv.Write(r.columns)
	}
	if values != nil {
		fields := make([]string, len(values))
		for i, v := range values {
			fields[i] = csvCell(v)
		}
		r.csv.Write(fields)
	}
	r.csv.Flush()
	return r.csv.Error()
}

// csvCell returns a value as a cell of csv.
func csvCell(v any) string {
	if isNumber(v) {
		return CSVValue(textValue(v, wording.Escape))
	}
	return textValue(v, CSVText)
}

// Digits is a number in decimal that may not fit in 64 bits.
type Digits string

// isNumber reports whether a value is a number, or the offsets of a chain.
func isNumber(v any) bool {
	switch v.(type) {
	case uint64, int64, Digits, []string:
		return true
	}
	return false
}

// textValue returns a value as text. Strings go through clean.
func textValue(v any, clean func(string) string) string {
	switch v := v.(type) {
	case nil:
		return ""
	case addr.Addr:
		return v.String()
	case uint64:
		return strconv.FormatUint(v, 10)
	case int64:
		return wording.Offset(v)
	case bool:
		return strconv.FormatBool(v)
	case []string:
		return clean(strings.Join(v, " "))
	case Digits:
		return string(v)
	case string:
		return clean(v)
	}
	panic(fmt.Sprintf("table: a value of type %T", v))
}

// jsonValue adds a value to the line of jsonl.
func (r *Table) jsonValue(key string, v any) {
	switch v := v.(type) {
	case nil:
	case addr.Addr:
		r.json.addAddr(key, v)
	case uint64:
		r.json.AddUint(key, v)
	case int64:
		r.json.Add(key, `"`+wording.Offset(v)+`"`)
	case bool:
		r.json.Add(key, strconv.FormatBool(v))
	case Digits:
		r.json.AddName(key, string(v))
	case string:
		r.json.AddName(key, v)
	case []string:
		r.json.AddNames(key, v)
	default:
		panic(fmt.Sprintf("table: a value of type %T", v))
	}
}
