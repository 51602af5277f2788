package export

import (
	"context"
	"encoding/hex"
	"io"

	"vscan/cmd/internal/rowstream"
	"vscan/cmd/vscan/internal/companion"
	"vscan/engine/sweep/lines"
	"vscan/engine/sweep/state"
	"vscan/internal/wording"
)

// The indices of the columns of parquet: those of csv, in their order.
const (
	colImage = iota
	colAddr
	colPattern
	colLen
	colMapping
	colOffset
	colBytes
	colValue
	colText
	colKey
	colBefore
	colAfter
	colModule // "" where there is no module; the offset is 0 then
	colModuleOffset
	colNamespace
	colFile
)

// hitColumns returns the columns of parquet.
func hitColumns() []rowstream.Column {
	return []rowstream.Column{
		colImage:        {Name: "image", Kind: rowstream.Text},
		colAddr:         {Name: "addr", Kind: rowstream.Uint, Ascending: true},
		colPattern:      {Name: "pattern", Kind: rowstream.Text},
		colLen:          {Name: "len", Kind: rowstream.Uint},
		colMapping:      {Name: "mapping", Kind: rowstream.Text},
		colOffset:       {Name: "offset", Kind: rowstream.Uint, Ascending: true},
		colBytes:        {Name: "bytes", Kind: rowstream.Bytes},
		colValue:        {Name: "value", Kind: rowstream.Plain},
		colText:         {Name: "text", Kind: rowstream.Plain},
		colKey:          {Name: "key", Kind: rowstream.Text},
		colBefore:       {Name: "before", Kind: rowstream.Bytes},
		colAfter:        {Name: "after", Kind: rowstream.Bytes},
		colModule:       {Name: "module", Kind: rowstream.Text},
		colModuleOffset: {Name: "module_offset", Kind: rowstream.Uint},
		colNamespace:    {Name: "namespace", Kind: rowstream.Text},
		colFile:         {Name: "file", Kind: rowstream.Text},
	}
}

// tableWriter writes hits as the rows of a table.
type tableWriter struct {
	w     *rowstream.Writer
	names names
	bytes []byte // of a cell; its memory is used again
}

// writeParquet writes a row for each hit, by way of the companion.
func writeParquet(ctx context.Context, src state.Source, out io.Writer) error {
	return companion.WriteParquet(ctx, out, hitColumns(), func(w *rowstream.Writer) error {
		t := &tableWriter{w: w, names: newNames(wording.Escape)}
		return eachImage(ctx, src, func(img *state.Image) error { return eachDecoded(ctx, src, img, t.row) })
	})
}

// row writes a hit. Other lines are no rows.
func (t *tableWriter) row(h *lines.Hit) error {
	if !h.IsHit() {
		return nil
	}
	t.w.Text(colImage, t.names.get(h.Image))
	t.w.Uint(colAddr, uint64(h.Addr))
	t.w.Text(colPattern, t.names.get(h.Pattern))
	t.w.Uint(colLen, h.Len)
	t.w.Text(colMapping, t.names.get(h.Mapping))
	t.w.Uint(colOffset, h.Offset)
	t.hex(colBytes, h.Bytes)
	t.text(colValue, h.Value)
	t.text(colText, h.Text)
	t.w.Text(colKey, string(h.Key))
	t.hex(colBefore, h.Before)
	t.hex(colAfter, h.After)
	t.w.Text(colModule, t.names.get(h.Module))
	t.w.Uint(colModuleOffset, uint64(h.ModuleOffset))
	t.w.Text(colNamespace, t.names.get(h.Namespace))
	t.w.Text(colFile, t.names.get(h.File))
	return t.w.EndRow()
}

// hex writes bytes that are given as digits.
func (t *tableWriter) hex(column int, digits []byte) {
	t.bytes, _ = hex.AppendDecode(t.bytes[:0], digits) // Decode has checked them
	t.w.Bytes(column, t.bytes)
}

// text writes a text of which each hit has another one.
func (t *tableWriter) text(column int, s lines.String) {
	t.bytes = append(t.bytes[:0], wording.Escape(s.Text())...)
	t.w.Bytes(column, t.bytes)
}
