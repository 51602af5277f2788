package graphcmd

import (
	"context"
	"io"

	"vscan/cmd/internal/rowstream"
	"vscan/cmd/vscan/internal/companion"
	"vscan/engine/addr"
	"vscan/engine/graph"
	"vscan/internal/wording"
)

// The indices of the columns of an exported graph.
const (
	edgeSrc = iota
	edgeDst
	edgeSrcMapping
	edgeSrcOffset
	edgeDstMapping
	edgeDstOffset
	edgeSrcModule // "" where there is no module; the offset is 0 then
	edgeSrcModuleOffset
	edgeDstModule
	edgeDstModuleOffset
)

// edgeColumns returns the columns of an exported graph.
func edgeColumns() []rowstream.Column {
	return []rowstream.Column{
		edgeSrc:             {Name: "src", Kind: rowstream.Uint},
		edgeDst:             {Name: "dst", Kind: rowstream.Uint, Ascending: true},
		edgeSrcMapping:      {Name: "src_mapping", Kind: rowstream.Text},
		edgeSrcOffset:       {Name: "src_offset", Kind: rowstream.Uint},
		edgeDstMapping:      {Name: "dst_mapping", Kind: rowstream.Text},
		edgeDstOffset:       {Name: "dst_offset", Kind: rowstream.Uint, Ascending: true},
		edgeSrcModule:       {Name: "src_module", Kind: rowstream.Text},
		edgeSrcModuleOffset: {Name: "src_module_offset", Kind: rowstream.Uint},
		edgeDstModule:       {Name: "dst_module", Kind: rowstream.Text},
		edgeDstModuleOffset: {Name: "dst_module_offset", Kind: rowstream.Uint, Ascending: true},
	}
}

// tableEdges writes edges as the rows of a table.
type tableEdges struct{ w *rowstream.Writer }

// edge writes a row.
func (t *tableEdges) edge(e graph.Edge, src, dst *graph.Locator) error {
	t.w.Uint(edgeSrc, uint64(e.Source))
	t.w.Uint(edgeDst, uint64(e.Target))
	t.w.Text(edgeSrcMapping, wording.Escape(src.Mapping()))
	t.w.Uint(edgeSrcOffset, uint64(src.Offset(e.Source)))
	t.w.Text(edgeDstMapping, wording.Escape(dst.Mapping()))
	t.w.Uint(edgeDstOffset, uint64(dst.Offset(e.Target)))
	t.module(edgeSrcModule, src, e.Source)
	t.module(edgeDstModule, dst, e.Target)
	return t.w.EndRow()
}

// module writes the module that an end of an edge lies in, and in the next column the
// offset there.
func (t *tableEdges) module(column int, l *graph.Locator, a addr.Addr) {
	name, isModule := l.Name()
	if !isModule {
		t.w.Text(column, "")
		t.w.Uint(column+1, 0)
		return
	}
	t.w.Text(column, wording.Escape(name))
	t.w.Uint(column+1, uint64(l.Distance(a)))
}

// end writes nothing: who began the table ends it.
func (t *tableEdges) end() error { return nil }

// writeParquet writes the edges to ranges as parquet, by way of the companion.
func writeParquet(ctx context.Context, to io.Writer, g *graph.Graph, ranges []addr.Range) error {
	return companion.WriteParquet(ctx, to, edgeColumns(), func(w *rowstream.Writer) error {
		return eachEdge(ctx, g, ranges, &tableEdges{w})
	})
}
