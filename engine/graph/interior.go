package graph

import (
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
)

// interiorRules tells pointers to the middle of an object that compilers and
// libraries make of one to its first byte. They are those of valgrind's
// --leak-check-heuristics (memcheck/mc_leakcheck.c, heuristic_reachedness):
//
//	newarray    count │ element …          to the first element of a C++ array whose elements have destructors
//	length64    bytes that follow │ …      to what follows
//	stdstring   length capacity references │ characters …   of libstdc++ before C++11
//	multiple inheritance   table … │ table …                to the second base of an object
//
// valgrind knows how many bytes an object was asked for; here it is known up to
// less than two words, in which blocks are rounded up.
type interiorRules struct {
	g      *Graph
	space  *engine.Space      // nil: nothing is told
	pages  [2]pageCache       // of objects, which come by address, and of tables
	tables map[addr.Addr]bool // addresses that have been looked at: whether they are of virtual functions
}

func (g *Graph) newInteriorRules(o *ObjectOptions) *interiorRules {
	return &interiorRules{g: g, space: o.Space, tables: map[addr.Addr]bool{}}
}

// pageCache is the bytes of a page that can be read; none before the first.
type pageCache struct {
	at    addr.Addr
	bytes []byte
	read  bool
}

const (
	ofObjects = iota
	ofTables
)

// word reads an aligned word; false where it cannot be read.
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
	if at+w > len(c.bytes) { // also where something in front of it cannot be read
		v, err := b.space.For(b.g.arch).Word(a)
		return v, err == nil
	}
	return b.g.arch.Order().Uint(c.bytes[at : at+w]), true
}

// countsAsFirst reports whether a pointer into an object, not to its first byte, counts as
// one to that.
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
	spare := 2*w - 1 // bytes that may not have been asked for
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

// isVirtualTable reports whether an address is that of a isVirtualTable of virtual functions: in a
// file's memory, and the words there that are not 0 lead to code, the first two at
// least.
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

func (b *interiorRules) leadsToCode(a, w addr.Addr) bool {
	const longest, least = 20, 2 // words, and functions
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

// ofFile reports whether an address is in the memory of a file that has a
// permission, or whose permissions are not told.
func (b *interiorRules) ofFile(a addr.Addr, perm engine.Perm) bool {
	k := b.g.RegionAt(a)
	if k < 0 {
		return false
	}
	r := &b.g.regions[k]
	return (r.File || strings.HasPrefix(r.Name, "/")) && (r.Perm == 0 || r.Perm&perm != 0)
}
