package image

import (
	"bytes"
	"sort"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
)

// Where the program is in a process core, and its heap.
//
// No note tells where the heap is, the memory that brk(2) gives. Linux begins it
// behind the program's .bss, or, unless told otherwise, up to 1 GiB (32-bit: 32
// MiB) further on: fs/binfmt_elf.c, load_elf_binary; arch_randomize_brk. Of a
// position-independent program without an interpreter (a static one, or ld.so
// run by hand) it is moved away from the program, to an address below all of
// mmap's. A mapping of that place that no file is in and that may be written is
// a candidate, and is the heap if
//
//   - glibc's first chunks stand at its start: malloc/malloc.c, sysmalloc; or
//   - some module's data hold the address behind its end, as the C libraries do
//     of what brk gave them (glibc: __curbrk; musl: ctx.brk). That may be up to a
//     page lower, but of a heap that was moved away. 32-bit Go puts its heap in
//     the same place, at a multiple of 4 MiB, and keeps its end as well
//     (runtime/malloc.go, mallocinit), so there it does not count; or
//   - none of its bytes are saved that could tell, no other mapping is a
//     candidate, and the place is one where Linux puts nothing else.
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
func (n *namer) findMain() mainProgram {
	headers := addr.Addr(n.auxv[atPhdr])
	if headers == 0 {
		return mainProgram{}
	}
	parts, p := n.readProgram(headers)
	known := fileAt(n.files, headers)
	if known < len(n.files) && n.files[known].Contains(headers) {
		if p.end == 0 {
			p = n.programOfFile(known)
		}
		return p
	}
	if name := n.programPath(); name != "" {
		for _, r := range parts {
			n.files = append(n.files, fileSpan{r, name})
		}
		n.files = disjoint(n.files)
	}
	return p
}

// programOfFile is the program, whose file the core tells and whose headers it
// does not hold: from one of its mappings up to the next file.
func (n *namer) programOfFile(i int) mainProgram {
	last := n.files[i]
	for _, f := range n.files[i:] {
		if f.name != last.name || f.First-last.Last > 64<<20 {
			break
		}
		last = f
	}
	return mainProgram{end: last.Last + 1, moving: n.auxv[atBase] == 0}
}

// programPath is what was executed, as AT_EXECFN has it: a path as it was given.
// It is "" where that is a script, whose path follows its interpreter's among the
// arguments, for then the program is the interpreter.
func (n *namer) programPath() string {
	b := make([]byte, 4096)
	name, _, ended := bytes.Cut(b[:n.read(b, addr.Addr(n.auxv[atExecFn]))], []byte{0})
	if !ended || len(name) == 0 {
		return ""
	}
	for i, c := range n.args {
		if rest := n.args[i+len(string(c)):]; c == ' ' && rest != "" && (strings.HasPrefix(rest, string(name)) || strings.HasPrefix(string(name), rest)) {
			return ""
		}
	}
	return string(name)
}

// loadHeader is a program header in memory.
type loadHeader struct{ typ, off, vaddr, filesz, memsz uint64 }

func (n *namer) loadHeader(b []byte) loadHeader {
	f := fields{b, n.order}
	if n.wide {
		return loadHeader{f.u32(0), f.u64(8), f.u64(16), f.u64(32), f.u64(40)}
	}
	return loadHeader{f.u32(0), f.u32(4), f.u32(8), f.u32(16), f.u32(20)}
}

// readProgram reads the program headers in memory at an address. It returns the
// pages that show the program's file; p.end is 0 where the headers are not saved
// or make no sense.
func (n *namer) readProgram(at addr.Addr) (parts []addr.Range, p mainProgram) {
	size := uint64(n.pick(32, 56))
	table := make([]byte, min(mulSat(n.auxv[atPhnum], size), 1<<16)) // Linux loads no more
	if n.auxv[atPhent] != size || n.read(table, at) < len(table) {
		return nil, p
	}
	var loads []loadHeader
	bias, ok := uint64(0), false
	for ; uint64(len(table)) >= size; table = table[size:] {
		switch h := n.loadHeader(table); {
		case h.typ == 6: // PT_PHDR: where the table is
			bias, ok = uint64(at)-h.vaddr, true
		case h.typ == ptLoad && h.memsz > 0:
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
	b := make([]byte, n.pick(52, 64))
	header := at - uint64(len(b))
	h, err := parseELFHeader(b[:n.read(b, addr.Addr(header))])
	if err != nil || string(b[:4]) != "\x7fELF" || h.phoff != uint64(len(b)) {
		return 0, false
	}
	for _, l := range loads {
		if l.off == 0 {
			return header - l.vaddr, true
		}
	}
	return 0, false
}

// placeProgram is the pages that load headers show the program's file in, and
// the end of all.
func (n *namer) placeProgram(loads []loadHeader, bias uint64) (parts []addr.Range, p mainProgram) {
	page := n.page()
	for _, h := range loads {
		first := addr.Addr(h.vaddr+bias) & n.maxAddr()
		end, ok := addr.Addr(addSat(uint64(first), h.memsz)).AlignUp(page)
		if !ok || end > n.maxAddr() || h.filesz > h.memsz {
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

// page is the size of a page in bytes.
func (n *namer) page() uint64 {
	page := n.auxv[atPagesz]
	if page&(page-1) != 0 || page < 1<<12 || page > 1<<20 {
		return 1 << 12
	}
	return page
}

// candidate is where the heap may be: a segment, or its end.
type candidate struct {
	segment int // its index in sorted
	addr.Range
}

// findHeap finds the heap, as the head of this file says.
func (n *namer) findHeap(p mainProgram) (addr.Range, bool) {
	if p.end == 0 {
		return addr.Range{}, false
	}
	candidates := n.candidates(p)
	for _, c := range candidates {
		if n.hasChunks(c.Range) {
			return n.wholeHeap(p, c), true
		}
	}
	told := n.toldEnds(candidates)
	for _, c := range candidates {
		ofGo := !n.wide && c.First.IsAligned(4<<20)
		if end := told[c.Last+1]; !ofGo && (end == exactly || end == byPage && !p.moving) {
			return n.wholeHeap(p, c), true
		}
	}
	if c, ok := n.onlyPlace(p, candidates); ok {
		return n.wholeHeap(p, c), true
	}
	return addr.Range{}, false
}

// candidates are the places where the heap may be, a bounded number of them. On
// PowerPC64 Linux may also begin it at 1 TiB: arch_randomize_brk.
func (n *namer) candidates(p mainProgram) (out []candidate) {
	out = n.placesFrom(p.end, nil)
	if tera := addr.Addr(1 << 40); n.machine == 21 && n.wide && p.end < tera {
		out = n.placesFrom(tera, out)
	}
	if p.moving {
		out = append(out, n.lowest(8)...)
	}
	return out
}

// placesFrom appends the places that begin at an address or behind it, as far as
// Linux moves the heap.
func (n *namer) placesFrom(first addr.Addr, out []candidate) []candidate {
	reach := uint64(n.pick(32<<20, 1<<30))
	i := n.at(first)
	if i < 0 {
		i = sort.Search(len(n.sorted), func(i int) bool { return n.sorted[i].vaddr >= uint64(first) })
	}
	for ; i < len(n.sorted) && len(out) < 64; i++ {
		r := n.rangeOf(n.sorted[i])
		r.First = max(r.First, first)
		if uint64(r.First-first) > reach {
			break
		}
		if n.mayBeHeap(i, r) {
			out = append(out, candidate{i, r})
		}
	}
	return out
}

// lowest is the first count places that could be a heap and are no module's
// .bss.
func (n *namer) lowest(count int) (out []candidate) {
	for i, s := range n.sorted {
		r := n.rangeOf(s)
		if len(out) == count {
			break
		}
		if n.mayBeHeap(i, r) && (r.First == 0 || n.anonymous(addr.Range{First: r.First - 1, Last: r.Last})) {
			out = append(out, candidate{i, r})
		}
	}
	return out
}

// mayBeHeap reports whether part r of segment i has no name and no file, and may
// be written.
func (n *namer) mayBeHeap(i int, r addr.Range) bool {
	s := n.sorted[i]
	_, named := n.segments[s.index]
	const rw = engine.Read | engine.Write
	return !named && s.perm()&rw == rw && r.Valid() && r.Last != addr.Max && n.anonymous(r)
}

// hasChunks reports whether glibc's first chunks stand at the start of r. With
// 4-byte words the first one may be 8 bytes further on, so that what it holds is
// aligned to 16.
func (n *namer) hasChunks(r addr.Range) bool {
	return n.chunksAt(r.First, r.Last) || !n.wide && n.chunksAt(r.First+8, r.Last)
}

// chunksAt reports whether chunks follow one another from an address on, sixteen
// of them or up to the last address of the heap. A chunk is a word that is 0
// where the chunk before is in use, and there is none before the first; then its
// size, whose lowest bits say that the one before is in use (1), that mmap gave
// it (2) and that it is of another arena (4); then at least two words.
func (n *namer) chunksAt(at, last addr.Addr) bool {
	w := n.wordSize()
	b := make([]byte, 2*w)
	for i := range 16 {
		if n.read(b, at) < len(b) {
			return false
		}
		before, size := n.order.Uint(b[:w]), n.order.Uint(b[w:])
		if i == 0 && (before != 0 || size&1 == 0) || size&6 != 0 {
			return false
		}
		size &^= 7
		if size < uint64(4*w) || size%uint64(2*w) != 0 || size-1 > uint64(last-at) {
			return false
		}
		if size-1 == uint64(last-at) {
			return true // the top
		}
		at += addr.Addr(size)
	}
	return true
}

// telling is how an address behind a candidate is told.
type telling uint8

const (
	not     telling = iota
	byPage          // an address in the last page is held
	exactly         // it is held itself
)

// toldEnds is how the modules' data tell the addresses behind the candidates:
// what of a file may be written, and .bss. No more than 16 MiB are read.
func (n *namer) toldEnds(candidates []candidate) map[addr.Addr]telling {
	told := make(map[addr.Addr]telling)
	if len(candidates) == 0 {
		return told
	}
	for _, c := range candidates {
		told[c.Last+1] = not
	}
	budget := 16 << 20
	data := false // the segment before is a file's and may be written
	for i, s := range n.sorted {
		r := n.rangeOf(s)
		bss := data && n.rangeOf(n.sorted[i-1]).Last+1 == r.First
		data = !n.anonymous(r)
		if budget > 0 && s.perm()&engine.Write != 0 && (data || bss) {
			budget -= n.lookUp(s, budget, told)
		}
		data = data && s.perm()&engine.Write != 0
	}
	return told
}

// lookUp sets in told what words of a segment tell, and returns how many bytes it
// has read, at most about budget.
func (n *namer) lookUp(s *segment, budget int, told map[addr.Addr]telling) (read int) {
	w := n.wordSize()
	b := make([]byte, 1<<16)
	for read < budget {
		got := n.read(b, addr.Addr(s.vaddr+uint64(read)))
		for words := b[:got]; len(words) >= w; words = words[w:] {
			n.tell(addr.Addr(n.order.Uint(words[:w])), told)
		}
		read += got
		if got < len(b) {
			break
		}
	}
	return read
}

// tell sets in told what a word tells.
func (n *namer) tell(word addr.Addr, told map[addr.Addr]telling) {
	end, ok := word.AlignUp(n.page())
	if !ok || end == 0 {
		return
	}
	if was, ok := told[end]; ok && end == word {
		told[end] = exactly
	} else if ok && was == not {
		told[end] = byPage
	}
}

// onlyPlace is the one candidate of a place where Linux puts nothing else, if
// none of its bytes are saved. What begins where the program's file ends is .bss
// where the program's headers do not tell.
func (n *namer) onlyPlace(p mainProgram, candidates []candidate) (only candidate, ok bool) {
	if p.moving || !n.wide {
		return only, false
	}
	for _, c := range candidates {
		if !p.bss && c.First == p.end {
			continue
		}
		s := n.sorted[c.segment]
		if held, _ := s.stored(s.memsz, n.size); ok || held > 0 || uint64(c.First) != s.vaddr {
			return only, false
		}
		only, ok = c, true
	}
	return only, ok
}

// wholeHeap is the heap with what belongs to it: the page that musl makes
// unreadable at its start, and the mappings that it has been cut into, as by
// mlock, up to an end that is told.
func (n *namer) wholeHeap(p mainProgram, c candidate) addr.Range {
	heap := c.Range
	if i := c.segment - 1; i >= 0 {
		r := n.rangeOf(n.sorted[i])
		_, named := n.segments[n.sorted[i].index]
		guard := r.Last+1 == heap.First && n.sorted[i].perm()&engine.Write == 0 && !named && n.anonymous(r)
		if guard && (p.moving || r.First >= p.end) {
			heap.First = r.First
		}
	}
	var more []candidate
	end := heap.Last
	for i := c.segment + 1; i < len(n.sorted) && len(more) < 64; i++ {
		r := n.rangeOf(n.sorted[i])
		if _, named := n.segments[n.sorted[i].index]; named || r.First != end+1 || r.Last == addr.Max || !n.anonymous(r) {
			break
		}
		more, end = append(more, candidate{i, r}), r.Last
	}
	for end, told := range n.toldEnds(more) {
		if told == exactly {
			heap.Last = max(heap.Last, end-1)
		}
	}
	return heap
}
