package core

import (
	"vscan/engine/addr"
	"vscan/engine/image/elf"
)

// setBases finds the load bases of the files of a core. The error is that of n.ctx.
func (n *namer) setBases() error {
	pieces := make([]elf.Piece, len(n.files))
	for i, f := range n.files {
		pieces[i] = elf.Piece{Range: f.Range, Offset: f.offset, Name: f.name}
	}
	known := map[addr.Addr]*Module{}
	for i := range n.core.Modules {
		known[n.core.Modules[i].Base] = &n.core.Modules[i]
	}
	asked := 0
	bases, err := elf.LoadBases(n.ctx, pieces, func(i int) (uint64, bool) {
		if m := known[pieces[i].First]; m != nil && m.Known {
			return m.span, false
		}
		if asked++; asked > maxIdentified {
			return 0, false
		}
		var magic [4]byte
		got := n.read(magic[:], pieces[i].First)
		return 0, got == len(magic) && !elf.IsELF(magic[:])
	})
	if err != nil {
		return err
	}
	for i := range n.files {
		n.files[i].base = bases[i]
	}
	n.core.bases = map[addr.Addr]addr.Addr{}
	for _, f := range n.files {
		n.core.bases[f.First] = f.base
	}
	return nil
}

// LoadBase returns the address that offsets in a module count from, of the module
// that has a piece which begins at a. Where no piece begins there, it returns other.
func (c *Core) LoadBase(a, other addr.Addr) addr.Addr {
	if base, ok := c.bases[a]; ok {
		return base
	}
	return other
}
