package core

import (
	"maps"
	"math"
	"slices"
	"sort"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image/elf"
	"vscan/engine/image/input"
)

// Where the program is in a process core, and its heap.
//
// No note tells where the heap is, the memory that brk(2) gives. Linux begins it
// behind the program's .bss, or, unless told otherwise, up to 1 GiB (32-bit: 32
// MiB) further on: fs/binfmt_elf.c, load_elf_binary; arch_randomize_brk. Of a
// position-independent program without an interpreter (a static one, or ld.so
// run by hand) it is moved away from the program, to an address below all of
// mmap's. A place there, mappings side by side that have no file and may be
// written, is the heap if
//
//   - glibc's first chunks stand at its start: malloc/malloc.c, sysmalloc; or
//   - some module's data hold the address behind its end, as the C libraries do
//     of what brk gave them (glibc: __curbrk; musl: ctx.brk). That may be up to a
//     page lower, but of a heap that was moved away. 32-bit Go puts its heap in
//     the same place, at a multiple of 4 MiB, and keeps its end as well
//     (runtime/malloc.go, mallocinit), so there it does not count; or
//   - none of its bytes are saved that could tell, there is no other place, and
//     Linux puts nothing else there.
//
// So a program that asks the kernel itself for its heap, or a heap whose start is
// not saved and has a rival, keeps the number of its segment. A name that is
// wrong is worse than none. Where .bss and the heap are one segment, as qemu-user
// writes them, the name begins where the heap does.

// mainProgram is what a core tells of the program that ran.
type mainProgram struct {
	end    addr.Addr // the page behind its last, .bss included where that is told; 0: nothing is known
	bss    bool      // whether end has .bss in front of it
	moving bool      // whether Linux would move the heap away from it
}

// findMain finds the program by its headers, to which AT_PHDR points, or else
// by its file. If no file is told to be mapped there, the headers tell which
// addresses have it, and AT_EXECFN its path.
func (n *namer) findMain() (mainProgram, error) {
	headers := addr.Addr(n.auxv[atPhdr])
	if headers == 0 {
		return mainProgram{}, nil
	}
	parts, p := n.readProgram(headers)
	known := fileAt(n.files, headers)
	if known < len(n.files) && n.files[known].Contains(headers) {
		if p.end == 0 {
			p = n.programOfFile(known)
		}
		return p, nil
	}
	if name := n.programPath(); name != "" {
		for _, r := range parts {
			n.files = append(n.files, fileSpan{Range: r, name: name})
		}
		var err error
		if n.files, err = disjoint(n.ctx, n.files); err != nil {
			return p, err
		}
	}
	return p, nil
}

// programOfFile returns the program, whose file the core tells and whose headers it
// does not hold: from one of its mappings up to the next file.
func (n *namer) programOfFile(i int) mainProgram {
	last := n.files[i]
	for _, f := range n.files[i+1:] {
		if f.name != last.name || f.First-last.Last > 64<<20 {
			break
		}
		last = f
	}
	return mainProgram{end: last.Last + 1, moving: n.auxv[atBase] == 0}
}

// programPath returns what was executed, as AT_EXECFN has it: a path as it was given.
// It is "" where that is a script, whose path follows its interpreter's among the
// arguments, for then the program is the interpreter.
func (n *namer) programPath() string {
	name := n.textAt(n.auxv[atExecFn])
	for i := range len(n.args) {
		if rest := n.args[i+1:]; n.args[i] == ' ' && rest != "" && (strings.HasPrefix(rest, name) || strings.HasPrefix(name, rest)) {
			return ""
		}
	}
	return name
}

// loadHeader is a program header in memory.
type loadHeader struct{ typ, off, vaddr, filesz, memsz uint64 }

func (n *namer) loadHeader(b []byte) loadHeader {
	f := input.NewFields(b, n.Order)
	if n.Wide {
		return loadHeader{f.U32(0), f.U64(8), f.U64(16), f.U64(32), f.U64(40)}
	}
	return loadHeader{f.U32(0), f.U32(4), f.U32(8), f.U32(16), f.U32(20)}
}

// readProgram reads the program headers in memory at an address. It returns the
// pages that show the program's file; p.end is 0 where the headers are not saved
// or make no sense.
func (n *namer) readProgram(at addr.Addr) (parts []addr.Range, p mainProgram) {
	size := uint64(n.Pick(32, 56))
	table := make([]byte, min(input.MulSat(n.auxv[atPhnum], size), 1<<16)) // Linux loads no more
	if n.auxv[atPhent] != size || n.read(table, at) < len(table) {
		return nil, p
	}
	var loads []loadHeader
	bias, ok := uint64(0), false
	for ; uint64(len(table)) >= size; table = table[size:] {
		switch h := n.loadHeader(table); {
		case h.typ == 6: // PT_PHDR: where the table is
			bias, ok = uint64(at)-h.vaddr, true
		case h.typ == elf.SegmentLoad && h.memsz > 0:
			loads = append(loads, h)
		}
	}
	if !ok {
		bias, ok = n.biasByHeader(uint64(at), loads)
	}
	if !ok {
		return nil, p
	}
	return n.placeProgram(loads, bias)
}

// biasByHeader is how far the program lies from where it was linked to, told by
// the ELF header in front of its program headers at an address.
func (n *namer) biasByHeader(at uint64, loads []loadHeader) (bias uint64, ok bool) {
	b := make([]byte, n.Pick(52, 64))
	header := at - uint64(len(b))
	h, err := elf.ParseHeader(b[:n.read(b, addr.Addr(header))])
	if err != nil || string(b[:4]) != "\x7fELF" || h.Phoff != uint64(len(b)) {
		return 0, false
	}
	for _, l := range loads {
		if l.off == 0 {
			return header - l.vaddr, true
		}
	}
	return 0, false
}

// placeProgram returns the pages that load headers show the program's file in, and
// the end of all.
func (n *namer) placeProgram(loads []loadHeader, bias uint64) (parts []addr.Range, p mainProgram) {
	page := n.page()
	for _, h := range loads {
		first := addr.Addr(h.vaddr+bias) & n.MaxAddr()
		end, ok := addr.Addr(input.AddSat(uint64(first), h.memsz)).AlignUp(page)
		if !ok || end > n.MaxAddr() || h.filesz > h.memsz {
			return nil, mainProgram{}
		}
		p.end = max(p.end, end)
		if shown, _ := (first + addr.Addr(h.filesz)).AlignUp(page); h.filesz > 0 {
			parts = append(parts, addr.Range{First: first.AlignDown(page), Last: shown - 1})
		}
	}
	p.bss, p.moving = true, n.auxv[atBase] == 0 && bias != 0
	return parts, p
}

// page returns the size of a page in bytes, as the auxiliary vector tells.
func (c *reader) page() uint64 {
	page := c.auxv[atPagesz]
	if page&(page-1) != 0 || page < 1<<12 || page > 1<<20 {
		return 1 << 12
	}
	return page
}

// heapPlace is where the heap may be: mappings side by side without name and file.
type heapPlace struct {
	addr.Range
	lasts   []addr.Addr // of its mappings, ascending
	written bool        // one of them may be written
	saved   bool        // bytes of them are saved
}

// findHeap finds the heap, as the head of this file says.
func (n *namer) findHeap(p mainProgram) (addr.Range, bool) {
	if p.end == 0 {
		return addr.Range{}, false
	}
	places := n.places(p)
	for _, x := range places {
		if last, ok := n.chunksIn(x); ok {
			return addr.Range{First: x.First, Last: n.further(x, last)}, true
		}
	}
	told := n.toldEnds(places)
	for _, x := range places {
		if last, ok := n.toldIn(p, x, told); ok {
			return addr.Range{First: x.First, Last: last}, true
		}
	}
	return n.onlyPlace(p, places)
}

// places returns those where the heap may be, a bounded number of them. On PowerPC64
// Linux may also begin it at 1 TiB: arch_randomize_brk.
func (n *namer) places(p mainProgram) []heapPlace {
	reach := uint64(n.Pick(32<<20, 1<<30))
	out := n.placesFrom(p, p.end, reach, nil)
	if tera := addr.Addr(1 << 40); n.Machine == 21 && n.Wide && p.end < tera {
		out = n.placesFrom(p, tera, reach, out)
	}
	if p.moving {
		for _, x := range n.placesFrom(p, 0, math.MaxUint64, nil) {
			if x.First > 0 && n.anonymous(addr.Range{First: x.First - 1, Last: x.First - 1}) { // else a module's .bss
				out = append(out, x)
			}
		}
	}
	return slices.DeleteFunc(out, func(x heapPlace) bool { return !x.written })
}

// placesFrom appends the places that begin in the reach bytes from an address on,
// until there are 32. What begins where the program's file ends stands alone
// where the headers do not tell that .bss ends there: it may be .bss.
func (n *namer) placesFrom(p mainProgram, first addr.Addr, reach uint64, out []heapPlace) []heapPlace {
	i := n.at(first)
	if i < 0 {
		i = sort.Search(len(n.sorted), func(i int) bool { return n.sorted[i].Vaddr >= uint64(first) })
	}
	for ; i < len(n.sorted) && len(out) < 32 && n.watch.Step(1) == nil; i++ {
		s := n.sorted[i]
		r := n.rangeOf(s)
		r.First = max(r.First, first)
		if _, named := n.segments[s.Index]; named || !r.Valid() || r.Last == addr.Max || !n.anonymous(r) {
			continue
		}
		k := len(out) - 1
		if joins := k >= 0 && out[k].Last+1 == r.First && len(out[k].lasts) < 64 && (p.bss || out[k].First != p.end); !joins {
			if uint64(r.First-first) > reach {
				break
			}
			out, k = append(out, heapPlace{Range: r}), k+1
		}
		out[k].take(n, s, r)
	}
	return out
}

// take makes part r of a segment the last of a place.
func (x *heapPlace) take(n *namer, s *elf.Segment, r addr.Range) {
	const rw = engine.PermRead | engine.PermWrite
	held, _ := s.Stored(s.Memsz, n.Size)
	x.Last, x.lasts = r.Last, append(x.lasts, r.Last)
	x.written = x.written || s.Perm()&rw == rw
	x.saved = x.saved || held > uint64(r.First)-s.Vaddr
}

// chunksIn returns how far the heap goes at least of which glibc's first chunks
// stand at the start of a place. With 4-byte words the first one may be 8 bytes
// further on, so that what it holds is aligned to 16.
func (n *namer) chunksIn(x heapPlace) (last addr.Addr, ok bool) {
	if last, ok = n.chunksAt(x.First, x.lasts); !ok && !n.Wide {
		return n.chunksAt(x.First+8, x.lasts)
	}
	return last, ok
}

// further returns the end of the heap at the start of a place that goes as far as last
// at least: where a mapping ends and that is told.
func (n *namer) further(x heapPlace, last addr.Addr) addr.Addr {
	if last == x.Last {
		return last
	}
	told := n.toldEnds([]heapPlace{x})
	for _, l := range x.lasts {
		if l > last && told[l+1] == exactly {
			last = l
		}
	}
	return last
}

// toldIn returns the end of the heap that a place is because its end is told.
func (n *namer) toldIn(p mainProgram, x heapPlace, told map[addr.Addr]telling) (last addr.Addr, ok bool) {
	if ofGo := !n.Wide && x.First.IsAligned(4<<20); ofGo {
		return 0, false
	}
	for _, l := range x.lasts {
		if t := told[l+1]; t == exactly || t == byPage && !p.moving {
			last, ok = l, true
		}
	}
	return last, ok
}

// chunksAt returns the last address of the mapping that the last of the chunks
// lies in which follow one another from an address on, if they do so for sixteen
// or end with a mapping. A chunk is a word that is 0 where the chunk before is in
// use, and there is none before the first; then its size, whose lowest bits say
// that the one before is in use (1), that mmap gave it (2) and that it is of
// another arena (4); then at least two words.
func (n *namer) chunksAt(at addr.Addr, lasts []addr.Addr) (last addr.Addr, ok bool) {
	w := n.WordSize()
	b := make([]byte, 2*w)
	for i := range 16 {
		if n.read(b, at) < len(b) {
			return 0, false
		}
		before, size := n.Order.Uint(b[:w]), n.Order.Uint(b[w:])
		if i == 0 && (before != 0 || size&1 == 0) || size&6 != 0 {
			return 0, false
		}
		size &^= 7
		if size < uint64(4*w) || size%uint64(2*w) != 0 || size-1 > uint64(lasts[len(lasts)-1]-at) {
			return 0, false
		}
		at += addr.Addr(size)
		for _, last = range lasts {
			if last >= at-1 {
				break
			}
		}
		if last == at-1 {
			return last, true // behind the top
		}
	}
	return last, true
}

// telling is how an address behind a candidate is told.
type telling uint8

const (
	not     telling = iota
	byPage          // an address in the last page is held
	exactly         // it is held itself
)

// toldEnds returns how the modules' data tell the addresses behind the mappings of the
// places: what of a file may be written, and .bss. No more than 16 MiB are read.
func (n *namer) toldEnds(places []heapPlace) map[addr.Addr]telling {
	told := make(map[addr.Addr]telling)
	for _, x := range places {
		for _, last := range x.lasts {
			told[last+1] = not
		}
	}
	b := make([]byte, 1<<16)
	budget := 16 << 20
	data := false // the segment before is a file's and may be written
	for i, s := range n.sorted {
		if n.watch.Step(1) != nil {
			break
		}
		r := n.rangeOf(s)
		bss := data && n.rangeOf(n.sorted[i-1]).Last+1 == r.First
		data = !n.anonymous(r)
		if len(told) > 0 && budget > 0 && s.Perm()&engine.PermWrite != 0 && (data || bss) {
			budget -= n.lookUp(s, b, budget, told)
		}
		data = data && s.Perm()&engine.PermWrite != 0
	}
	return told
}

// lookUp sets in told what words of a segment tell, and returns how many bytes it
// has read into b, piece by piece, at most about budget.
func (n *namer) lookUp(s *elf.Segment, b []byte, budget int, told map[addr.Addr]telling) (read int) {
	w, page := n.WordSize(), n.page()
	ends := slices.Sorted(maps.Keys(told))
	lo, hi := ends[0]-addr.Addr(page), ends[len(ends)-1]
	for read < budget {
		got := n.read(b, addr.Addr(s.Vaddr+uint64(read)))
		for words := b[:got]; len(words) >= w; words = words[w:] {
			word := addr.Addr(n.Order.Uint(words[:w]))
			if word <= lo || word > hi {
				continue
			}
			end, _ := word.AlignUp(page)
			if was, ok := told[end]; ok && end == word {
				told[end] = exactly
			} else if ok && was == not {
				told[end] = byPage
			}
		}
		read += got
		if got < len(b) {
			break
		}
	}
	return read
}

// onlyPlace is the one place where Linux puts nothing else, if none of its bytes
// are saved that could tell.
func (n *namer) onlyPlace(p mainProgram, places []heapPlace) (only addr.Range, ok bool) {
	if p.moving || !n.Wide {
		return only, false
	}
	for _, x := range places {
		if !p.bss && x.First == p.end {
			continue
		}
		if ok || x.saved || x.First == p.end && n.at(p.end-1) == n.at(p.end) {
			return addr.Range{}, false
		}
		only, ok = x.Range, true
	}
	return only, ok
}
