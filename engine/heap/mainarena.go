package heap

import (
	"context"
	"fmt"
	"sort"

	"vscan/engine"
	"vscan/engine/addr"
)

// The main arena (malloc/malloc.c, sysmalloc). Its state lies in the data of libc, or of a
// static program. Its memory is what brk gave, and it is contiguous unless others called brk
// as well. Where brk failed, it goes on in pieces that were mapped for it, each of 1 MiB at
// least, and then it is not contiguous:
//
//	contiguous      mp_.sbrk_base| chunk | chunk | … | top |
//	                             |------ system_mem -------|
//
//	not contiguous  mp_.sbrk_base| chunk | … | fenceposts |
//	                               a page| chunk | … | fenceposts |
//	                                             a page| chunk | … | top |
//
// In pseudo-code:
//
//	find the states of main arenas by their bins; for each of them
//	    find mp_, and the end of the top; if that is damaged, take sbrk_base + system_mem
//	    for each address where the first chunk may be: the likeliest first (first.go)
//	        if the chunk there leads on: follow it to the top, past damage
//	    if it is not contiguous: look for pieces at all pages until system_mem is reached
//	where no state was found: take a mapping for the heap if chunks lead from its start exactly to its end

// mainStates finds the states of main arenas. There are several where a program has several
// copies of libc. Where no memory of a file has one, other memory that is no larger than a
// library's data is searched, since some cores do not say what was mapped.
func (f *finder) mainStates() error {
	const large = 16 << 20
	if err := f.statesIn(f.files, false); err != nil || len(f.states) > 0 {
		return err
	}
	var in []addr.Range
	for i := range f.spans {
		s := &f.spans[i]
		for j, b := range s.borders {
			end := s.Last
			if j+1 < len(s.borders) {
				end = s.borders[j+1] - 1
			}
			if r := (addr.Range{First: b, Last: end}); r.Size() <= large {
				in = append(in, r)
			}
		}
	}
	return f.statesIn(in, true)
}

// statesIn finds the states of main arenas in ranges. With threads, states of threads' arenas
// may lie there as well: they lie behind the head of a heap, and are passed over.
func (f *finder) statesIn(in []addr.Range, threads bool) error {
	const most = 64
	for _, r := range in {
		if err := context.Cause(f.ctx); err != nil {
			return err
		}
		for _, s := range f.read.states(f.ctx, r, most) {
			if heap := s.bins &^ (1<<20 - 1); threads && f.read.pointer(heap)-heap < 16*f.word {
				continue
			}
			f.read.startByNext(f.ctx, &s)
			f.states = append(f.states, s)
		}
		if len(f.states) >= most {
			break
		}
	}
	return context.Cause(f.ctx)
}

// mainArena follows the chunks of the main arena that has a state.
func (f *finder) mainArena(s *state) error {
	a := Arena{Kind: ArenaMain, At: s.start}
	if a.At == 0 {
		a.At = s.bins - 12*f.word
	}
	p := f.parametersOf(s)
	f.params = append(f.params, p)
	f.internal = append(f.internal, addr.Range{First: a.At, Last: s.end - 1})
	if p.at != 0 {
		f.internal = append(f.internal, addr.Range{First: p.at, Last: p.end - 1})
	}
	if s.initial(f.word) {
		f.arenas = append(f.arenas, a)
		return nil
	}
	g, in := f.mainExtent(s, &p)
	switch {
	case s.notContiguous:
		if err := f.mainPieces(&a, s, &p, g); err != nil {
			return err
		}
	case in == nil:
		a.Refused = fmt.Sprintf("its top, %v, is no chunk of the image", s.top)
	default:
		ok, err := f.mainChunks(&a, s, &p, in, g)
		if err != nil {
			return err
		}
		if !ok {
			a.Refused = fmt.Sprintf("no chunks lead to its top, %v", s.top)
			break
		}
		if err := f.restOfMain(&a, s, &p, g); err != nil {
			return err
		}
	}
	f.fastbins(s)
	f.arenas = append(f.arenas, a)
	return nil
}

// mainExtent returns the range of chunks that ends with the main arena's top, and the span
// that it is in. Where the top, or the state that tells it, is damaged, the range ends where the
// arena's size says. The span is nil where nothing tells.
func (f *finder) mainExtent(s *state, p *parameters) (chunkRange, *span) {
	g := chunkRange{top: s.top, binned: f.binned(s)}
	size, ok := f.walker.look.wordAt(s.top + f.word)
	length := addr.Addr(size &^ chunkFlags)
	in := f.spanOf(s.top)
	if ok && in != nil && length >= 4*f.word && length-1 <= in.Last-s.top && s.top%(2*f.word) == 0 {
		g.end = s.top + length
		return g, in
	}
	g.top = 0
	if base := f.spanOf(p.base); base != nil && !s.notContiguous {
		in = base
	}
	if in == nil {
		return g, nil
	}
	g.end = in.Last + 1
	if in.Contains(p.base) && s.memory-1 < uint64(in.Last-p.base) {
		g.end = p.base + addr.Addr(s.memory)
	}
	return g, in
}

// mainPieces follows the chunks of a main arena whose memory is not contiguous: what brk gave,
// and the pieces that were mapped, each from the start of a page up to fenceposts or the top.
func (f *finder) mainPieces(a *Arena, s *state, p *parameters, top chunkRange) error {
	had := sizeOf(a.Heaps)
	if base := f.spanOf(p.base); base != nil && !overlaps(addr.Merge(f.taken), addr.Range{First: p.base, Last: p.base}) {
		if _, err := f.mainChunks(a, s, p, base, f.pieceIn(base.Range, top)); err != nil {
			return err
		}
		had = sizeOf(a.Heaps)
	}
	taken := addr.Merge(f.taken)
	for i := range f.spans {
		var err error
		f.spans[i].Without(taken, func(r addr.Range) {
			if err == nil && (s.memory == 0 || had < s.memory || r.Contains(s.top)) {
				err = f.piecesIn(r, a, top, &had)
			}
		})
		if err != nil {
			return err
		}
	}
	a.refuseShort(s)
	return nil
}

// restOfMain looks for the rest of a main arena that has more memory than lies side by side,
// where it is not known whether it is contiguous.
func (f *finder) restOfMain(a *Arena, s *state, p *parameters, g chunkRange) error {
	if s.start != 0 || !a.short(s) {
		return nil
	}
	return f.mainPieces(a, s, p, g)
}

// short reports whether less memory was found of an arena than it has. Each part may have a
// few bytes less.
func (a *Arena) short(s *state) bool {
	return sizeOf(a.Heaps)+uint64(len(a.Heaps))*engine.PageSize < s.memory
}

// refuseShort says so in Refused where memory is missing.
func (a *Arena) refuseShort(s *state) {
	if a.short(s) {
		a.Refused = fmt.Sprintf("it has %d bytes from the system, and %d were found", s.memory, sizeOf(a.Heaps))
	}
}

// pieceIn returns the range of chunks that a piece which begins in r may have.
func (f *finder) pieceIn(r addr.Range, top chunkRange) chunkRange {
	g := chunkRange{end: r.Last + 1, piece: true, binned: top.binned}
	if r.Contains(top.top) {
		g.top = top.top
	}
	return g
}

// piecesIn follows the chunks of the pieces in memory that belongs to no heap. had is how many
// bytes of the arena were found, and is increased.
func (f *finder) piecesIn(r addr.Range, a *Arena, top chunkRange, had *uint64) error {
	g := f.pieceIn(r, top)
	from := r.First // behind the piece that was found last
	for at, ok := r.First.AlignUp(engine.PageSize); ok && at < r.Last; {
		if err := context.Cause(f.ctx); err != nil {
			return err
		}
		next := at + engine.PageSize
		if v := f.space.At(at); v.State() != engine.Present {
			next, ok = v.Last.Add(1)
		} else if g.first = at; f.beginsPiece(&g) {
			n := len(a.Heaps)
			if first := f.walker.earliest(from, g.first, &g); first < g.first {
				f.walker.gapBefore(max(from, f.spanOf(first).borderBefore(first)), first)
				g.first = first
			}
			if _, err := f.finishMain(a, g); err != nil {
				return err
			}
			if len(a.Heaps) > n {
				last := a.Heaps[n].Last
				*had += uint64(last-min(at, g.first)) + 1
				next, _ = last.AlignUp(engine.PageSize)
			}
			from = max(next, at+engine.PageSize)
		}
		at = max(next, at+engine.PageSize)
		if g.top != 0 && at > g.top {
			g.top = 0
		}
	}
	return nil
}

// beginsPiece reports whether a piece begins at g.first, and moves that to the first chunk:
// no chunk is before it, and it leads on.
func (f *finder) beginsPiece(g *chunkRange) bool {
	for _, at := range f.firsts(g.first) {
		before, ok := f.read.wordAt(at)
		c, bad := f.walker.look.head(at, g)
		if ok && before == 0 && bad == fine && c.prevUsed && f.walker.leads(c, g, chunksToCheck) {
			g.first = at
			return true
		}
	}
	return false
}

// finishMain follows the chunks of a range, and adds it to the arena where there are some.
func (f *finder) finishMain(a *Arena, g chunkRange) (bool, error) {
	n := len(f.walker.runs)
	ok, err := f.walker.followRange(g)
	if ok {
		runs := f.walker.runs[n:]
		r := addr.Range{First: runs[0].First, Last: runs[len(runs)-1].Last}
		a.Heaps = append(a.Heaps, r)
		f.taken = append(f.taken, r)
	}
	return ok, err
}

// heapsByForm takes memory for heaps of no known arena if chunks lead from the start of a
// mapping exactly to its end.
func (f *finder) heapsByForm() error {
	taken := addr.Merge(f.taken)
	for i := range f.spans {
		s := &f.spans[i]
		for _, r := range f.parts(s) {
			if err := context.Cause(f.ctx); err != nil {
				return err
			}
			if overlaps(taken, r) {
				continue
			}
			ok, err := f.heapByForm(r)
			if err != nil {
				return err
			}
			if ok {
				f.taken = append(f.taken, r)
				f.arenas = append(f.arenas, Arena{Kind: ArenaMain, Heaps: []addr.Range{r}})
			}
		}
		if !s.brk || len(f.states) > 0 || overlaps(addr.Merge(f.taken), s.Range) {
			continue
		}
		if err := f.damagedByForm(s); err != nil {
			return err
		}
	}
	return nil
}

// damagedByForm follows the chunks in what brk gave, where no state tells of them and they do
// not lead from one end to the other.
func (f *finder) damagedByForm(s *span) error {
	a := Arena{Kind: ArenaMain}
	r, err := f.damaged(chunkRange{first: s.First, end: s.Last + 1})
	if err != nil {
		return err
	}
	if r.Last > 0 {
		a.Heaps, f.taken = []addr.Range{r}, append(f.taken, r)
	} else {
		a.Refused = fmt.Sprintf("no chunks of glibc's malloc lead through what brk gave, %v", s.Range)
	}
	f.arenas = append(f.arenas, a)
	return nil
}

// damaged follows the chunks of a range, which may begin further on than its start. It returns
// where they lie, or the zero Range if less than half of the range makes sense: then it is no
// heap.
func (f *finder) damaged(g chunkRange) (r addr.Range, err error) {
	start := g.first
	gaps, runs := len(f.walker.gaps), len(f.walker.runs)
	first := f.walker.resume(start, &g)
	if first == 0 {
		return r, context.Cause(f.ctx)
	}
	if first > start {
		f.walker.gap(addr.Range{First: start, Last: first - 1}, beforeFirst, 0)
	}
	g.first = first
	ok, err := f.walker.followRange(g)
	if err != nil {
		return r, err
	}
	if ok {
		r = addr.Range{First: f.walker.runs[runs].First, Last: f.walker.runs[len(f.walker.runs)-1].Last}
	}
	if !ok || sizeOfGaps(f.walker.gaps[gaps:]) > uint64(g.end-start)/2 {
		if ok {
			f.walker.dropFrom(runs)
		}
		f.walker.gaps = f.walker.gaps[:gaps]
		return addr.Range{}, nil
	}
	return r, nil
}

// sizeOfGaps returns the sum of the sizes of gaps in bytes.
func sizeOfGaps(gaps []Gap) (sum uint64) {
	for _, g := range gaps {
		sum += g.Size()
	}
	return sum
}

// dropFrom drops the runs from an index on.
func (k *walker) dropFrom(run int) {
	k.chunks, k.runs = k.chunks[:k.runs[run].lo], k.runs[:run]
}

// heapByForm follows the chunks that lead from the start of a range to its end, and reports
// whether there are any.
func (f *finder) heapByForm(r addr.Range) (bool, error) {
	for _, at := range f.firsts(r.First) {
		g := chunkRange{first: at, end: r.Last + 1, exact: true}
		before, ok := f.read.wordAt(at)
		if c, bad := f.walker.head(at, &g); !ok || before != 0 || bad != fine || !c.prevUsed {
			continue
		}
		if ok, err := f.walker.followRange(g); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// firsts returns the addresses where the first chunk of memory that begins at an address may be:
// objects may have to be aligned to 16 where words have 4 bytes.
func (m *memory) firsts(a addr.Addr) []addr.Addr {
	if m.word == 4 {
		return []addr.Addr{a, a + 8}
	}
	return []addr.Addr{a}
}

// overlaps reports whether a range shares a byte with one of others, which are ascending and
// disjoint.
func overlaps(others []addr.Range, r addr.Range) bool {
	i := sort.Search(len(others), func(i int) bool { return others[i].Last >= r.First })
	return i < len(others) && others[i].First <= r.Last
}
