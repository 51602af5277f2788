package export

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"

	"vscan/cmd/vscan/internal/report"
	"vscan/engine/sweep/lines"
	"vscan/engine/sweep/state"
)

// names keeps what the names of lines are converted to. They come with every line, and are few.
type names struct{ plain, escaped report.Cache }

// newNames returns names that are converted by a function from the text that was written.
func newNames(convert func(string) string) names {
	of := func(escaped bool) report.Cache {
		return report.Cache{Convert: func(json string) string { return convert(lines.String{JSON: []byte(json), Escaped: escaped}.Text()) }}
	}
	return names{of(false), of(true)}
}

// get returns what a name is converted to.
func (n *names) get(s lines.String) string {
	if s.Escaped {
		return n.escaped.GetBytes(s.JSON)
	}
	return n.plain.GetBytes(s.JSON)
}

// csvWriter writes hits as rows of csv, as find does.
type csvWriter struct {
	w      *csv.Writer
	rules  bool // rows have the namespace and the file of a rule
	header bool // whether the header has been written
	names  names
	fields []string // of a row; its memory is used again
}

// writeCSV writes a row for each hit.
func writeCSV(ctx context.Context, src state.Source, w io.Writer) error {
	c := &csvWriter{w: csv.NewWriter(w), names: newNames(report.CSVText)}
	err := eachImage(ctx, src, func(img *state.Image) error {
		if img.Summary == nil {
			return nil
		}
		if err := c.begin(img.Summary); err != nil {
			return err
		}
		return eachDecoded(ctx, src, img, c.row)
	})
	if err == nil {
		err = c.begin(nil)
	}
	c.w.Flush() // what was found before an error is out, as always
	if err == nil {
		err = c.w.Error()
	}
	return err
}

// begin writes the header, unless it has been written. Whether rules are asked is told by the
// summary of any image.
func (c *csvWriter) begin(summary []byte) error {
	if c.header {
		return nil
	}
	c.rules, c.header = asksRules(summary), true
	return c.w.Write(report.HitHeader(c.rules))
}

// asksRules reports whether an image with this summary was asked for YARA rules.
func asksRules(summary []byte) bool {
	var s struct{ Rules *uint64 }
	return json.Unmarshal(summary, &s) == nil && s.Rules != nil
}

// row writes a hit. Other lines are no rows.
func (c *csvWriter) row(h *lines.Hit) error {
	if !h.IsHit() {
		return nil
	}
	module, offset := "", ""
	if h.Module.JSON != nil {
		module, offset = c.names.get(h.Module), h.ModuleOffset.String()
	}
	c.fields = append(c.fields[:0], c.names.get(h.Image), h.Addr.String(), c.names.get(h.Pattern), strconv.FormatUint(h.Len, 10), c.names.get(h.Mapping),
		report.CSVCount(h.Offset), report.CSVHex(string(h.Bytes)), report.CSVValue(h.Value.Text()), report.CSVText(h.Text.Text()), string(h.Key),
		report.CSVHex(string(h.Before)), report.CSVHex(string(h.After)), module, offset)
	if c.rules {
		c.fields = append(c.fields, c.names.get(h.Namespace), c.names.get(h.File))
	}
	return c.w.Write(c.fields)
}
