package main

import (
	"io"

	"github.com/parquet-go/parquet-go"

	"vscan/engine/graph"
)

// parquetEdge is a row of an exported graph.
type parquetEdge struct {
	Src        uint64 `parquet:"src,snappy"`
	Dst        uint64 `parquet:"dst,delta,snappy"`
	SrcMapping string `parquet:"src_mapping,dict,snappy"`
	SrcOffset  uint64 `parquet:"src_offset,snappy"`
	DstMapping string `parquet:"dst_mapping,dict,snappy"`
	DstOffset  uint64 `parquet:"dst_offset,delta,snappy"`
}

// parquetEdges writes parquet, in groups of rows that do not grow with the
// graph.
type parquetEdges struct {
	w    *parquet.GenericWriter[parquetEdge]
	rows []parquetEdge
}

const (
	parquetBatch    = 1 << 12
	parquetGroupMax = 1 << 20 // rows of a group
)

func newParquetEdges(w io.Writer) *parquetEdges {
	return &parquetEdges{w: parquet.NewGenericWriter[parquetEdge](w, parquet.MaxRowsPerRowGroup(parquetGroupMax))}
}

func (p *parquetEdges) edge(e graph.Edge, src, dst *graph.Region) error {
	p.rows = append(p.rows, parquetEdge{
		uint64(e.Source), uint64(e.Target), validUTF8(src.Name), uint64(e.Source - src.First), validUTF8(dst.Name), uint64(e.Target - dst.First),
	})
	if len(p.rows) < parquetBatch {
		return nil
	}
	return p.write()
}

func (p *parquetEdges) write() error {
	_, err := p.w.Write(p.rows)
	p.rows = p.rows[:0]
	return err
}

func (p *parquetEdges) end() error {
	if err := p.write(); err != nil {
		return err
	}
	return p.w.Close()
}
