package image

import (
	"strings"

	"vscan/engine/addr"
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

// filePiece is a range of addresses and what of a file is mapped there.
type filePiece struct {
	addr.Range
	offset uint64 // in the file, of the byte at Range.First
	name   string // of the file, or what else tells it from others
}

// loaded is a module while its pieces are gathered.
type loaded struct {
	base   addr.Addr
	offset uint64 // of the piece before
	span   uint64 // bytes from base on that a program asks for; 0 where that is not known
	data   bool   // known to be no program
}

// loadBases is the load base of the module that each piece belongs to. Pieces
// ascend. head tells of the piece at an index, which has file offset 0, what the
// program that begins there asks for, or that none does.
func loadBases(pieces []filePiece, head func(i int) (span uint64, data bool)) []addr.Addr {
	bases := make([]addr.Addr, len(pieces))
	latest := map[string]*loaded{}
	for i, p := range pieces {
		m := latest[p.name]
		if m == nil || m.beginsAgain(p) {
			m = &loaded{base: p.First}
			if p.offset == 0 {
				m.span, m.data = head(i)
			}
			latest[p.name] = m
		}
		m.offset = p.offset
		bases[i] = m.base
	}
	return bases
}

// beginsAgain reports whether a piece of the module's file is one of another
// module.
func (m *loaded) beginsAgain(p filePiece) bool {
	switch {
	case m.span > 0:
		return uint64(p.First-m.base) >= m.span
	case p.offset > 0:
		return false
	}
	return m.data || m.offset > 0
}

// spanFrom is how many bytes of memory a program asks for whose lowest page is at
// base, in whole pages; 0 where its file does not begin there.
func (p *program) spanFrom(base addr.Addr, page uint64) uint64 {
	if p.low.off >= page || p.room(base, page) != nil {
		return 0
	}
	return p.lastPage(page) - p.lowPage(page) + 1
}

// setBases finds the load bases of the files of a core.
func (n *namer) setBases() {
	pieces := make([]filePiece, len(n.files))
	for i, f := range n.files {
		pieces[i] = filePiece{f.Range, f.offset, f.name}
	}
	known := map[addr.Addr]*Module{}
	for i := range n.img.Modules {
		known[n.img.Modules[i].Base] = &n.img.Modules[i]
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
	if n.img.core == nil {
		return
	}
	n.img.core.bases = map[addr.Addr]addr.Addr{}
	for _, f := range n.files {
		n.img.core.bases[f.First] = f.base
	}
}

// loadBase is where offsets in the module count from that has a piece at an
// address; other is the answer where there is none.
func (c *coreFile) loadBase(a, other addr.Addr) addr.Addr {
	if base, ok := c.bases[a]; ok {
		return base
	}
	return other
}

// growsInParts reports whether areas of a name that lie side by side are one
// thing: the kernel calls all areas of the heap so, and of the stack.
func growsInParts(name string) bool {
	return name == "[heap]" || strings.HasPrefix(name, "[stack")
}
