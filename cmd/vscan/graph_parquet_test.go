package main

import (
	"bytes"
	"maps"
	"testing"

	"vscan/cmd/internal/rowstream"
	"vscan/cmd/vscan/internal/graphcmd"
	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/graph/graphtest"
)

// The table of which parquet is made has every edge, in order, also where there are more than
// a batch has.
func TestTableOfEdges(t *testing.T) {
	keepTables(t)
	b := make([]byte, 8*(rowstream.MaxRows+5))
	for i := 0; i < len(b); i += 8 {
		addr.Little.PutUint(b[i:i+8], 0x10000+uint64(i*7%len(b)))
	}
	m, err := engine.BytesMapping("a\xff", 0x10000, b)
	if err != nil {
		t.Fatal(err)
	}
	g := graphtest.Open(t, graphtest.File(t, m))
	var out bytes.Buffer
	if err := graphcmd.WriteEdges(t.Context(), &out, g, []addr.Range{addr.All}, "parquet"); err != nil {
		t.Fatal(err)
	}
	rows := tableRows(t, out.Bytes())
	i := 0
	for e, err := range g.To(addr.All) {
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{
			"src": uint64(e.Source), "dst": uint64(e.Target), "src_mapping": `a\xff`, "src_offset": uint64(e.Source) - 0x10000,
			"dst_mapping": `a\xff`, "dst_offset": uint64(e.Target) - 0x10000,
			"src_module": "", "src_module_offset": uint64(0), "dst_module": "", "dst_module_offset": uint64(0),
		}
		if i >= len(rows) || !maps.Equal(rows[i], want) {
			t.Fatalf("row %d of %d: want %+v", i, len(rows), want)
		}
		i++
	}
	if i != len(rows) || i != len(b)/8 {
		t.Errorf("%d rows, want %d", len(rows), len(b)/8)
	}
}
