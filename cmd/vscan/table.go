package main

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"vscan/engine/addr"
)

// table writes rows of one kind, in text, jsonl or csv. The columns of a kind
// and their order never change.
type table struct {
	out     *output
	format  string
	kind    string // the type that jsonl lines have
	columns []string
	widths  []int // at a terminal; negative aligns to the right
	json    *jsonlReporter
	text    *textReporter
	csv     *csv.Writer
	header  bool // of csv has been written
}

// newTable returns a table that is written to out.
func newTable(out *output, format, kind string, columns []string, widths ...int) *table {
	b := base{out: out}
	return &table{
		out: out, format: format, kind: kind, columns: columns, widths: widths,
		json: newJSONLReporter(b, style{}), text: newTextReporter(b, style{aligned: out.terminal}), csv: csv.NewWriter(out),
	}
}

// row writes a row: for each column an addr.Addr, uint64, digits, int64, bool, string or
// []string, or nil where there is no value, which jsonl leaves out.
func (r *table) row(values ...any) error {
	switch r.format {
	case "jsonl":
		r.json.start(r.kind)
		for i, v := range values {
			r.jsonValue(r.columns[i], v)
		}
		return r.json.finish()
	case "csv":
		return r.record(values)
	}
	r.text.line = r.text.line[:0]
	for i, v := range values {
		s := textValue(v, printable)
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

// end writes what belongs to output without rows: the header of csv.
func (r *table) end() error {
	if r.format == "csv" && !r.header {
		return r.record(nil)
	}
	return nil
}

func (r *table) record(values []any) error {
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

// csvCell is a value as a cell of csv.
func csvCell(v any) string {
	if isNumber(v) {
		return csvValue(textValue(v, validUTF8))
	}
	return textValue(v, csvText)
}

// digits is a number that does not fit in 64 bits, in decimal.
type digits string

// isNumber reports whether a value is a number, or offsets.
func isNumber(v any) bool {
	switch v.(type) {
	case uint64, int64, digits, []string:
		return true
	}
	return false
}

func textValue(v any, clean func(string) string) string {
	switch v := v.(type) {
	case nil:
		return ""
	case addr.Addr:
		return v.String()
	case uint64:
		return strconv.FormatUint(v, 10)
	case int64:
		return signedHex(v)
	case bool:
		return strconv.FormatBool(v)
	case []string:
		return clean(strings.Join(v, " "))
	case digits:
		return string(v)
	case string:
		return clean(v)
	}
	panic(fmt.Sprintf("table: a value of type %T", v))
}

func (r *table) jsonValue(key string, v any) {
	switch v := v.(type) {
	case nil:
	case addr.Addr:
		r.json.addAddr(key, v)
	case uint64:
		r.json.addUint(key, v)
	case int64:
		r.json.add(key, `"`+signedHex(v)+`"`)
	case bool:
		r.json.add(key, strconv.FormatBool(v))
	case digits:
		r.json.add(key, r.json.quote(string(v)))
	case string:
		r.json.add(key, r.json.quote(v))
	case []string:
		quoted := make([]string, len(v))
		for i, s := range v {
			quoted[i] = r.json.quote(s)
		}
		r.json.add(key, "["+strings.Join(quoted, ",")+"]")
	default:
		panic(fmt.Sprintf("table: a value of type %T", v))
	}
}
