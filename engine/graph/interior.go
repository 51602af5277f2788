package graph

import (
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
)

// interiorRules finds out which pointers to the middle of an object count as
// pointers to its first byte, because compilers and libraries make them of one. The
// rules are those of valgrind's --leak-check-heuristics (memcheck/mc_leakcheck.c,
// heuristic_reachedness). In the drawings ▼
// is where such a pointer leads:
//
//	newarray               count  │▼element │ element …                      a C++ array whose elements have destructors
//	length64               length │▼as many bytes                            a block that begins with the length of the rest
//	stdstring              length │ capacity │ references │▼characters …     std::string before C++11
//	multiple inheritance   table, members … │▼table, members …               the second base of a C++ object
//
// valgrind knows how many bytes a program asked for. Here the size of an object is
// known up to less than two words, since blocks are rounded up.
type interiorRules struct {
	g      *Graph
	space  *engine.Space      // nil where no rule applies
	pages  [2]pageCache       // one for objects, which are asked for by ascending address, and one for tables
	tables map[addr.Addr]bool // for each address that was looked at: whether a table of virtual functions is there
}

// newInteriorRules returns the rules for the memory in o.Space. They are not safe for concurrent use.
func (g *Graph) newInteriorRules(o *ObjectOptions) *interiorRules {
	return &interiorRules{g: g, space: o.Space, tables: map[addr.Addr]bool{}}
}

// pageCache is the bytes of a page from its start up to the first that cannot be
// read.
type pageCache struct {
	at    addr.Addr
	bytes []byte
	read  bool
}

const (
	ofObjects = iota
	ofTables
)

// word returns the aligned word at a, and false where it cannot be read. of says
// which page is to be kept in memory: ofObjects or ofTables.
func (b *interiorRules) word(a addr.Addr, of int) (uint64, bool) {
	c := &b.pages[of]
	if page := a.AlignDown(pageSize); !c.read || c.at != page {
		if c.bytes == nil {
			c.bytes = make([]byte, pageSize)
		}
		n, _ := b.space.Read(c.bytes[:pageSize], page)
		c.at, c.bytes, c.read = page, c.bytes[:n], true
	}
	at, w := int(a-c.at), b.g.arch.WordSize()
	if at+w > len(c.bytes) { // something before it in the page cannot be read, or it cannot itself
		v, err := b.space.For(b.g.arch).Word(a)
		return v, err == nil
	}
	return b.g.arch.Order().Uint(c.bytes[at : at+w]), true
}

// countsAsFirst reports whether the pointer a, which leads into an object but not to
// its first byte, counts as a pointer to that one.
func (b *interiorRules) countsAsFirst(object addr.Range, a addr.Addr) bool {
	w := uint64(b.g.arch.WordSize())
	if b.space == nil || uint64(a)%w != 0 {
		return false
	}
	head, ok := b.word(object.First, ofObjects)
	if !ok || head == 0 {
		return false
	}
	size, at := object.Size(), uint64(a-object.First)
	spare := 2*w - 1 // bytes at the end that the program may not have asked for
	if size <= 3*w {
		spare = size
	}
	switch {
	case at == 8 && head <= size-8 && head+8+spare >= size:
		return true
	case at == w && head <= size-w && (size-w)/head*head+w+spare >= size:
		return true
	case at == 3*w:
		capacity, ok := b.word(object.First+addr.Addr(w), ofObjects)
		if ok && head <= capacity && capacity < size-3*w && capacity+3*w+1+spare >= size {
			return true
		}
	}
	if !b.isVirtualTable(addr.Addr(head)) {
		return false
	}
	inner, ok := b.word(a, ofObjects)
	return ok && b.isVirtualTable(addr.Addr(inner))
}

// isVirtualTable reports whether a table of virtual functions is at a: the address
// lies in the memory of a file, and the words there that are not 0 lead to code, the
// first two of them at least.
func (b *interiorRules) isVirtualTable(a addr.Addr) bool {
	w := addr.Addr(b.g.arch.WordSize())
	if a%w != 0 || !b.ofFile(a, engine.PermRead) {
		return false
	}
	is, known := b.tables[a]
	if !known {
		if len(b.tables) >= 1<<14 {
			clear(b.tables)
		}
		is = b.leadsToCode(a, w)
		b.tables[a] = is
	}
	return is
}

// leadsToCode reports whether the words from a on lead to code.
func (b *interiorRules) leadsToCode(a, w addr.Addr) bool {
	const longest, least = 20, 2 // the most words to look at, and the fewest functions
	functions := 0
	for range longest {
		v, ok := b.word(a, ofTables)
		if !ok || v != 0 && !b.ofFile(addr.Addr(v), engine.PermExecute) {
			return false
		}
		if v != 0 {
			functions++
		}
		if functions == least {
			return true
		}
		a += w
	}
	return false
}

// ofFile reports whether an address lies in the memory of a file that has a
// permission, or whose permissions the image does not tell.
func (b *interiorRules) ofFile(a addr.Addr, perm engine.Perm) bool {
	k := b.g.RegionAt(a)
	if k < 0 {
		return false
	}
	r := &b.g.regions[k]
	return (r.File || strings.HasPrefix(r.Name, "/")) && (r.Perm == 0 || r.Perm&perm != 0)
}
