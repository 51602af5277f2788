package main

import (
	"io"

	"github.com/parquet-go/parquet-go"

	"vscan/cmd/vscan/internal/wording"
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

	SrcModule       string `parquet:"src_module,dict,snappy"` // "" where there is none, and offset 0
	SrcModuleOffset uint64 `parquet:"src_module_offset,snappy"`
	DstModule       string `parquet:"dst_module,dict,snappy"`
	DstModuleOffset uint64 `parquet:"dst_module_offset,delta,snappy"`
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

func (p *parquetEdges) edge(e graph.Edge, src, dst *located) error {
	row := parquetEdge{
		Src: uint64(e.Source), Dst: uint64(e.Target),
		SrcMapping: wording.ValidUTF8(src.mapping()), SrcOffset: uint64(src.offset(e.Source)),
		DstMapping: wording.ValidUTF8(dst.mapping()), DstOffset: uint64(dst.offset(e.Target)),
	}
	if src.place.Module {
		row.SrcModule, row.SrcModuleOffset = wording.ValidUTF8(src.place.Name), uint64(src.distance(e.Source))
	}
	if dst.place.Module {
		row.DstModule, row.DstModuleOffset = wording.ValidUTF8(dst.place.Name), uint64(dst.distance(e.Target))
	}
	p.rows = append(p.rows, row)
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

func (p *parquetEdges) End() error {
	if err := p.write(); err != nil {
		return err
	}
	return p.w.Close()
}
