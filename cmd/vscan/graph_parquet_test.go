package main

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"

	"vscan/cmd/internal/rowstream"
	"vscan/cmd/vscan/internal/graphcmd"
	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/graph"
	"vscan/internal/testenv"
)

// parquetEdge is a row of an exported graph, as the file has it.
type parquetEdge struct {
	Src        uint64 `parquet:"src,snappy"`
	Dst        uint64 `parquet:"dst,delta,snappy"`
	SrcMapping string `parquet:"src_mapping,dict,snappy"`
	SrcOffset  uint64 `parquet:"src_offset,snappy"`
	DstMapping string `parquet:"dst_mapping,dict,snappy"`
	DstOffset  uint64 `parquet:"dst_offset,delta,snappy"`

	SrcModule       string `parquet:"src_module,dict,snappy"`
	SrcModuleOffset uint64 `parquet:"src_module_offset,snappy"`
	DstModule       string `parquet:"dst_module,dict,snappy"`
	DstModuleOffset uint64 `parquet:"dst_module_offset,delta,snappy"`
}

// What is read from a parquet file is what was written to it, also where there are more rows
// than a group has.
func TestParquet(t *testing.T) {
	t.Parallel()
	group := testenv.Rounds(0, 0, 1<<20) // the rows of a group, of which there are two at full length
	b := make([]byte, 8*(group+rowstream.MaxRows+5))
	for i := 0; i < len(b); i += 8 {
		addr.Little.PutUint(b[i:i+8], 0x10000+uint64(i*7%len(b)))
	}
	m, err := engine.BytesMapping("a\xff", 0x10000, b)
	if err != nil {
		t.Fatal(err)
	}
	space, err := engine.NewSpace(m)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "g")
	if _, err := graph.BuildFile(t.Context(), space, addr.LE64, graph.Options{}, path); err != nil {
		t.Fatal(err)
	}
	g, err := graph.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	var out bytes.Buffer
	if err := graphcmd.WriteEdges(t.Context(), &out, g, []addr.Range{addr.All}, "parquet"); err != nil {
		t.Fatal(err)
	}
	rows, err := parquet.Read[parquetEdge](bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for e, err := range g.To(addr.All) {
		if err != nil {
			t.Fatal(err)
		}
		want := parquetEdge{
			Src: uint64(e.Source), Dst: uint64(e.Target), SrcMapping: `a\xff`, SrcOffset: uint64(e.Source) - 0x10000,
			DstMapping: `a\xff`, DstOffset: uint64(e.Target) - 0x10000,
		}
		if i >= len(rows) || rows[i] != want {
			t.Fatalf("row %d of %d: want %+v", i, len(rows), want)
		}
		i++
	}
	if i != len(rows) || i != len(b)/8 {
		t.Errorf("%d rows, want %d", len(rows), len(b)/8)
	}
}
