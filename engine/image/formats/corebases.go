package formats

import (
	"vscan/engine/addr"
)

// setBases finds the load bases of the files of a core.
func (n *namer) setBases() {
	pieces := make([]filePiece, len(n.files))
	for i, f := range n.files {
		pieces[i] = filePiece{Range: f.Range, offset: f.offset, name: f.name}
	}
	known := map[addr.Addr]*CoreModule{}
	for i := range n.core.Modules {
		known[n.core.Modules[i].Base] = &n.core.Modules[i]
	}
	asked := 0
	bases := loadBases(pieces, func(i int) (uint64, bool) {
		if m := known[pieces[i].First]; m != nil && m.Known {
			return m.span, false
		}
		if asked++; asked > maxIdentified {
			return 0, false
		}
		var magic [4]byte
		got := n.read(magic[:], pieces[i].First)
		return 0, got == len(magic) && !isELFMagic(magic[:])
	})
	for i := range n.files {
		n.files[i].base = bases[i]
	}
	n.core.bases = map[addr.Addr]addr.Addr{}
	for _, f := range n.files {
		n.core.bases[f.First] = f.base
	}
}

// LoadBase is where offsets in the module count from that has a piece at an
// address; other is the answer where there is none.
func (c *CoreFile) LoadBase(a, other addr.Addr) addr.Addr {
	if base, ok := c.bases[a]; ok {
		return base
	}
	return other
}
