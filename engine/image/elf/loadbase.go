package elf

import (
	"context"

	"vscan/engine/addr"
	"vscan/internal/interrupt"
)

// Where modules begin: the addresses that offsets in them count from.
//
// A file is mapped in several pieces, and its module begins with the lowest.
// Where its file offset 0 comes once more, it has been mapped a second time, and
// that is a module of its own. But a small program has its data in the page of
// its header, and maps that twice; so of a program whose headers can be read,
// whatever lies in the memory that they ask for belongs to it, and nothing else.
//
//	prog   |0x0000|0x0000|0x1000|            |0x0000|0x0000|0x1000|
//	       ^ base                            ^ base

// Piece is a range of addresses and what of a file is mapped there.
type Piece struct {
	addr.Range
	Offset uint64 // in the file, of the byte at Range.First
	Name   string // of the file, or what else tells it from others
}

// loaded is a module while its pieces are gathered.
type loaded struct {
	base   addr.Addr
	offset uint64 // of the piece before
	span   uint64 // bytes from base on that a program asks for; 0 where that is not known
	data   bool   // known to be no program
}

// LoadBases returns of each piece the load base of the module that it belongs to. Pieces
// have to ascend. head tells of the piece at an index, which has file offset 0, what the
// program that begins there asks for, or that none does. The error is that of ctx.
func LoadBases(ctx context.Context, pieces []Piece, head func(i int) (span uint64, data bool)) ([]addr.Addr, error) {
	watch := interrupt.New(ctx)
	bases := make([]addr.Addr, len(pieces))
	latest := map[string]*loaded{}
	for i, p := range pieces {
		if err := watch.Step(1); err != nil {
			return nil, err
		}
		m := latest[p.Name]
		if m == nil || m.beginsAgain(p) {
			m = &loaded{base: p.First}
			if p.Offset == 0 {
				m.span, m.data = head(i)
			}
			latest[p.Name] = m
		}
		m.offset = p.Offset
		bases[i] = m.base
	}
	return bases, nil
}

// beginsAgain reports whether a piece of the module's file is one of another
// module.
func (m *loaded) beginsAgain(p Piece) bool {
	switch {
	case m.span > 0:
		return uint64(p.First-m.base) >= m.span
	case p.Offset > 0:
		return false
	}
	return m.data || m.offset > 0
}
