package engine

import (
	"cmp"
	"context"
	"slices"
	"unsafe"

	"vscan/engine/addr"
	"vscan/engine/shard"
	"vscan/engine/simd"
)

// A worker claims shards and searches them, block by block. A block is a
// window of some 256 KiB and the overlap, in which bytes lie side by
// side in this program's memory:
//
//	pieces   |----- a large piece -----|s|s|s|---- a large piece ----|
//	blocks   [direct ][direct ][direct-][ together   ][direct ][…
//	                                   ^ the overlap's last starts go along
//
// A direct block is a view of its source, with nothing copied where the source
// is mapped. Where a match could run from one piece into the next, and where
// pieces are small, the block is searched in one of two ways. Either the bytes of
// all its pieces are copied together into the worker's buffer; so a match may
// span any number of pieces, and tiny pieces do not cost a kernel call each. Or,
// where the pieces are not that small and follow one another in memory, each is
// searched where it lies, and only the bytes around their borders are copied.
// When a byte of a block cannot be read,
// the block is taken once more, page by page, and what is readable is searched
// as fragments.
type worker struct {
	*scan
	lane    *shard.Lane[*batch]
	out     *batch
	offsets []uint32
	pending []found // hits of a block, of several needles
	buf     []byte
	spans   []shard.Span

	blockSize uint64   // of a block's core
	parts     [][]byte // of the block in hand
	seams     seams
	touched   byte // keeps the compiler from dropping reads that fetch ahead

	// Of the shard in hand:
	unreadable []addr.Range
	pos        addr.Addr // hits of all starts below it are out
	seen       map[int32]uint64
	lost       bool // a source has shrunk, and its bytes past the end are not to be trusted
	scanned    uint64
	gone       []addr.Range // of all shards so far
}

const (
	// minBlock is what is searched between two looks at the context, read at
	// once from a file that is not mapped, and a fit for the level-2 cache.
	// Overlaps that are long beside it make larger blocks.
	minBlock = 256 << 10
	// directMin is the least rest of a piece that is worth a block of its own.
	directMin = 32 << 10
	// inPlaceMin is the least part of a block that is worth a kernel call of its
	// own; smaller ones are copied.
	inPlaceMin = 1 << 10
	// nearBytes is how far ahead in memory the next part may lie to count as
	// following.
	nearBytes = 64 << 10
	// While a part is copied, the first prefetchBytes of the part that comes
	// prefetchParts later are touched.
	prefetchParts, prefetchBytes = 3, 512
)

func newWorker(s *scan) *worker {
	return &worker{
		scan:      s,
		offsets:   make([]uint32, max(batchHits, simd.MinDst)),
		blockSize: uint64(max(minBlock, 4*s.overlap)),
		seen:      map[int32]uint64{},
	}
}

// work searches shards until there are no more or ctx ends.
func (w *worker) work(ctx context.Context) error {
	defer w.account()
	for {
		w.spans = w.spans[:0]
		w.lane = w.stitcher.Claim(func() bool {
			w.spans = w.cutter.Next(w.spans)
			return len(w.spans) > 0
		})
		if w.lane == nil {
			return nil
		}
		for _, span := range w.spans {
			if !w.span(ctx, span) {
				return nil
			}
		}
		if !w.flush() {
			return nil
		}
		w.endShard()
		w.lane.Close()
	}
}

// account adds what the worker saw to that of the scan.
func (w *worker) account() {
	w.endShard()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.scan.scanned += w.scanned
	w.scan.unreadable = append(w.scan.unreadable, w.gone...)
}

// span searches the core of one span. It is false where ctx ended.
func (w *worker) span(ctx context.Context, s shard.Span) bool {
	i := w.plan.pieceAt(s.Core.First)
	for first := s.Core.First; ; {
		core := addr.Range{First: first, Last: s.Core.Last}
		if uint64(core.Last-first) >= w.blockSize {
			core.Last = first + addr.Addr(w.blockSize-1)
		}
		for w.plan.pieces[i].Last < first {
			i++
		}
		direct := w.shape(i, &core, s.Last)
		window := addr.Range{First: first, Last: s.Last}
		if uint64(s.Last-core.Last) > uint64(w.overlap) {
			window.Last = core.Last + addr.Addr(w.overlap)
		}
		if !w.block(ctx, i, direct, core, window) {
			return false
		}
		if core.Last == s.Core.Last {
			return true
		}
		first = core.Last + 1
	}
}

// shape decides how the block that begins in piece i is taken, and shortens its
// core so that it can be. It says whether the block is direct.
func (w *worker) shape(i int, core *addr.Range, last addr.Addr) bool {
	p := &w.plan.pieces[i]
	if last <= p.Last {
		return true // the piece has all that the span wants
	}
	rest := uint64(p.Last - core.First) // and one more byte
	if rest >= directMin && rest >= 2*uint64(w.overlap) {
		core.Last = min(core.Last, p.Last-addr.Addr(w.overlap))
		return true
	}
	for j := i + 1; j < len(w.plan.pieces) && w.plan.pieces[j].First <= core.Last; j++ {
		q := &w.plan.pieces[j]
		if size := uint64(q.Last - q.First); size >= directMin && size >= 2*uint64(w.overlap) {
			core.Last = q.First - 1
		}
	}
	return false
}

// block searches one block, which begins in piece i. It is false where ctx
// ended.
func (w *worker) block(ctx context.Context, i int, direct bool, core, window addr.Range) bool {
	ok, whole := true, false
	w.pos = core.First
	w.grow(int(window.Last-window.First) + 1)
	fault := Guard(func() {
		if whole = w.views(i, window); !whole {
			return
		}
		switch {
		case direct:
			ok = w.fragment(ctx, w.parts[0], core, window, w.plan.pieces[i].source == zeros)
		case w.worthInPlace():
			ok = w.inPlace(ctx, core, window)
		default:
			ok = w.fragment(ctx, w.together(), core, window, false)
		}
	})
	if fault != nil || !whole {
		ok = w.fragments(ctx, i, core, window)
	}
	if p := w.opt.Progress; p != nil {
		p.Bytes.Add(core.Size())
	}
	w.scanned += core.Size() // less what turns out to be unreadable
	return ok
}

func (w *worker) grow(n int) {
	if cap(w.buf) < n {
		w.buf = make([]byte, max(n, minBlock+w.overlap))
	}
	w.buf = w.buf[:cap(w.buf)]
}

// views puts the bytes of a window into parts, one for each of its pieces, the
// first of which is i: views of mapped memory, or filled into the worker's
// buffer at their place in the window. It is false where a byte is missing.
func (w *worker) views(i int, window addr.Range) bool {
	w.parts = w.parts[:0]
	for first, at := window.First, 0; ; i++ {
		p := &w.plan.pieces[i]
		last := min(p.Last, window.Last)
		n := int(last-first) + 1
		b, err := w.plan.sources[p.source].View(w.buf[at:at+n], p.off+uint64(first-p.First), n)
		if err != nil || len(b) != n {
			return false
		}
		w.parts = append(w.parts, b)
		w.saw(i, addr.Range{First: first, Last: last})
		if last == window.Last {
			return true
		}
		first, at = last+1, at+n
	}
}

// together copies the parts into the worker's buffer, where they are not there
// already.
func (w *worker) together() []byte {
	at := 0
	for k, b := range w.parts {
		if &b[0] != &w.buf[at] {
			w.fetchAhead(k)
			copy(w.buf[at:], b)
		}
		at += len(b)
	}
	return w.buf[:at]
}

// fetchAhead touches the part that comes prefetchParts after part k. The
// processor by itself fetches ahead only what goes on where it reads.
func (w *worker) fetchAhead(k int) {
	if k+prefetchParts >= len(w.parts) {
		return
	}
	next := w.parts[k+prefetchParts]
	touched := byte(0)
	for o := 0; o < min(len(next), prefetchBytes); o += 64 {
		touched += next[o]
	}
	w.touched = touched
}

// saw notes how far into a source the shard has looked.
func (w *worker) saw(i int, part addr.Range) {
	p := &w.plan.pieces[i]
	if end := p.off + uint64(part.Last-p.First) + 1; end > w.seen[p.source] {
		w.seen[p.source] = end
	}
}

// worthInPlace says whether to search the parts where they lie: they are large
// enough for a kernel call each, and mostly follow one another in memory.
// Parts that lie anywhere are better copied, since copying can fetch ahead.
func (w *worker) worthInPlace() bool {
	far := 0
	for k, b := range w.parts {
		if k == 0 {
			continue
		}
		if k < len(w.parts)-1 && (len(b) < inPlaceMin || len(b) < 4*w.overlap) {
			return false
		}
		here, there := unsafe.SliceData(w.parts[k-1]), unsafe.SliceData(b)
		if uintptr(unsafe.Pointer(there))-uintptr(unsafe.Pointer(here)) >= nearBytes {
			far++
		}
	}
	// In the worker's buffer they are side by side already.
	return far <= len(w.parts)/4 && unsafe.SliceData(w.parts[0]) != unsafe.SliceData(w.buf)
}

// inPlace searches each part where it lies, and then the seams: for each border
// between two parts, the last bytes of the one and the first of the next, as
// many on either side as a match across the border can have. They are copied
// side by side, so that one kernel call does for all of them:
//
//	parts  …------tail|head------…------tail|head------…
//	seams              tail|head|tail|head
//	                      mmm  mmm mm       only the first crosses a border between parts
func (w *worker) inPlace(ctx context.Context, core, window addr.Range) bool {
	w.pending = w.pending[:0]
	for i := range w.needles {
		first := window.First
		w.seams.reset(w.needles[i].kernel.Len() - 1)
		for k, b := range w.parts {
			part := addr.Range{First: first, Last: first + addr.Addr(len(b)-1)}
			if c, ok := part.Intersect(core); ok {
				if !w.collect(ctx, i, b, c, part) {
					return w.crowded(ctx, core, window)
				}
				if k+1 < len(w.parts) {
					w.seams.add(b, w.parts[k+1], part.Last)
				}
			}
			first = part.Last + 1
		}
		if !w.searchSeams(i, core) {
			return w.crowded(ctx, core, window)
		}
	}
	return w.emitPending(core)
}

// crowded goes on where inPlace gave up: because ctx ended, or for too many hits.
func (w *worker) crowded(ctx context.Context, core, window addr.Range) bool {
	return ctx.Err() == nil && w.fragment(ctx, w.together(), core, window, false)
}

// searchSeams collects the hits of needle i that cross a border. It is false
// where there are too many hits.
func (w *worker) searchSeams(i int, core addr.Range) bool {
	n, s := &w.needles[i], &w.seams
	add := func(off int) {
		b := &s.borders[off/(2*s.over)]
		at := off % (2 * s.over) // of the match in its seam
		if at < s.over-b.tail || at >= s.over || at+n.kernel.Len() > s.over+b.head {
			return
		}
		a := b.last - addr.Addr(s.over-1-at)
		if core.Contains(a) && a.IsAligned(uint64(n.align)) {
			w.pending = append(w.pending, n.found(i, a, s.bytes[off:]))
		}
	}
	if n.stride == 1 {
		for from := 0; from < len(s.bytes); {
			count, next := n.kernel.Scan(w.offsets, s.bytes, from, len(s.bytes))
			for _, off := range w.offsets[:count] {
				add(int(off))
			}
			from = next
		}
		return len(w.pending) <= maxPending
	}
	for k, b := range s.borders {
		first := b.last - addr.Addr(b.tail-1)
		if a, ok := first.AlignUp(uint64(n.stride)); ok && a <= b.last {
			to := k*2*s.over + s.over
			count, _ := n.kernel.Scan(w.offsets, s.bytes, to-1-int(b.last-a), to) // fewer than eight
			for _, off := range w.offsets[:count] {
				add(int(off))
			}
		}
	}
	return len(w.pending) <= maxPending
}

// seams is the surroundings of borders between parts, over bytes on either
// side, one after another.
type seams struct {
	over    int
	bytes   []byte
	borders []border
}

// border is where one part ends and the next begins.
type border struct {
	last       addr.Addr // of the first part
	tail, head int       // how many bytes there are on either side; at most over
}

func (s *seams) reset(over int) {
	s.over, s.bytes, s.borders = over, s.bytes[:0], s.borders[:0]
}

// add adds the border between parts a and b; a ends at address last.
func (s *seams) add(a, b []byte, last addr.Addr) {
	if s.over == 0 {
		return
	}
	tail, head := min(s.over, len(a)), min(s.over, len(b))
	s.borders = append(s.borders, border{last, tail, head})
	n := len(s.bytes)
	s.bytes = slices.Grow(s.bytes, 2*s.over)[:n+2*s.over]
	copy(s.bytes[n+s.over-tail:], a[len(a)-tail:])
	copy(s.bytes[n+s.over:], b[:head])
}

// fragments searches what can be read of a window, and notes what cannot.
func (w *worker) fragments(ctx context.Context, i int, core, window addr.Range) bool {
	n := 0                // bytes of the fragment in hand, the first ones of w.buf
	begin := window.First // their first address
	search := func(last addr.Addr) bool {
		part := addr.Range{First: begin, Last: last}
		starts, ok := part.Intersect(addr.Range{First: max(core.First, w.pos), Last: core.Last})
		return !ok || w.fragment(ctx, w.buf[:n], starts, part, false)
	}
	for first := window.First; ; {
		for w.plan.pieces[i].Last < first {
			i++
		}
		good, last := w.page(i, w.buf[n:], addr.Range{First: first, Last: window.Last})
		n += good
		if lost := first + addr.Addr(good); good <= int(last-first) {
			if n > 0 && !search(lost-1) {
				return false
			}
			if r, ok := (addr.Range{First: lost, Last: last}).Intersect(core); ok {
				w.unreadable = append(w.unreadable, r)
			}
			begin, n = last+1, 0
		}
		if last == window.Last {
			return n == 0 || search(last)
		}
		first = last + 1
	}
}

// page copies to buf the bytes of piece i from r.First to the end of the page,
// the piece or r, whichever comes first, and returns how many of them could be
// read and the last address that it speaks of. Past the end of a source that
// is as far as the piece or r goes.
func (w *worker) page(i int, buf []byte, r addr.Range) (good int, last addr.Addr) {
	p := &w.plan.pieces[i]
	src, off := w.plan.sources[p.source], p.off+uint64(r.First-p.First)
	last = min(p.Last, r.Last)
	if off >= src.Size() {
		return 0, last
	}
	if toEnd := PageSize - off%PageSize; uint64(last-r.First) >= toEnd {
		last = r.First + addr.Addr(toEnd-1)
	}
	want := int(last-r.First) + 1
	fault := Guard(func() {
		b, _ := src.View(buf, off, want)
		good = copy(buf[:want], b)
	})
	if fault != nil {
		good = 0
	}
	// Mapped memory past the end of its file reads as zeros up to the page's end.
	if size := src.Size(); off+uint64(good) > size {
		good = int(max(size, off) - off)
	}
	if good > 0 {
		w.saw(i, addr.Range{First: r.First, Last: r.First + addr.Addr(good-1)})
	}
	return good, last
}

// fragment searches b, the bytes of window, for matches that start in core.
func (w *worker) fragment(ctx context.Context, b []byte, core, window addr.Range, allZero bool) bool {
	if ctx.Err() != nil {
		return false
	}
	if len(w.needles) == 1 {
		return w.single(ctx, b, core, window, allZero)
	}
	return w.several(ctx, b, core, window, allZero)
}

// starts is where in b needle n starts to look, and where it ends: the starts
// in core, as offsets into b. It is false where there are none.
func (n *needle) starts(core, window addr.Range) (from, to int, ok bool) {
	first := core.First
	if n.stride > 1 {
		if first, ok = first.AlignUp(uint64(n.stride)); !ok || first > core.Last {
			return 0, 0, false
		}
	}
	return int(first - window.First), int(core.Last-window.First) + 1, true
}

// single searches for the only needle and sends hits as they come.
func (w *worker) single(ctx context.Context, b []byte, core, window addr.Range, allZero bool) bool {
	n := &w.needles[0]
	from, to, ok := n.starts(core, window)
	if !ok || allZero && !n.inZeros {
		w.passed(core)
		return true
	}
	for from < to {
		count, next := n.kernel.Scan(w.offsets, b, from, to)
		if n.lit != nil && n.align == 1 {
			if !w.emitAll(window.First, w.offsets[:count]) {
				return false
			}
			count = 0
		}
		for _, off := range w.offsets[:count] {
			a := window.First + addr.Addr(off)
			if a.IsAligned(uint64(n.align)) && !w.emit(n.found(0, a, b[off:])) {
				return false
			}
		}
		from = next
		w.pos = window.First + addr.Addr(min(next, to)) // a fault later does not repeat these
		if ctx.Err() != nil {
			return false
		}
	}
	w.passed(core)
	return true
}

// passed notes that all starts in core have been searched.
func (w *worker) passed(core addr.Range) {
	if core.Last < addr.Max {
		w.pos = core.Last + 1
	}
}

// maxPending bounds the hits of several needles that are sorted at once.
const maxPending = 1 << 16

// several searches for each needle in turn and merges their hits. A block with
// more hits than maxPending is searched in halves.
func (w *worker) several(ctx context.Context, b []byte, core, window addr.Range, allZero bool) bool {
	w.pending = w.pending[:0]
	for i := range w.needles {
		if allZero && !w.needles[i].inZeros {
			continue
		}
		if !w.collect(ctx, i, b, core, window) {
			if ctx.Err() != nil {
				return false
			}
			half := core.First + (core.Last-core.First)/2
			low, high := addr.Range{First: core.First, Last: half}, addr.Range{First: half + 1, Last: core.Last}
			return w.several(ctx, b, low, window, allZero) && w.several(ctx, b, high, window, allZero)
		}
	}
	return w.emitPending(core)
}

// collect appends the hits of needle i in b, the bytes of window, that start in
// core. It is false where ctx ended, or where there are more than maxPending
// and core could be less.
func (w *worker) collect(ctx context.Context, i int, b []byte, core, window addr.Range) bool {
	n := &w.needles[i]
	from, to, ok := n.starts(core, window)
	for ok && from < to {
		count, next := n.kernel.Scan(w.offsets, b, from, to)
		for _, off := range w.offsets[:count] {
			a := window.First + addr.Addr(off)
			if n.align == 1 || a.IsAligned(uint64(n.align)) {
				w.pending = append(w.pending, n.found(i, a, b[off:]))
			}
		}
		from = next
		if ctx.Err() != nil || len(w.pending) > maxPending && core.First < core.Last {
			return false
		}
	}
	return true
}

// found is a hit at a, whose bytes b begins with.
func (n *needle) found(i int, a addr.Addr, b []byte) found {
	f := found{addr: a, needle: int32(i)}
	if n.lit == nil {
		copy(f.raw[:], b[:n.kernel.Len()])
	}
	return f
}

// emitPending sends the collected hits, in order, each once.
func (w *worker) emitPending(core addr.Range) bool {
	slices.SortFunc(w.pending, func(x, y found) int {
		nx, ny := &w.needles[x.needle], &w.needles[y.needle]
		return cmp.Or(cmp.Compare(x.addr, y.addr), cmp.Compare(nx.pattern, ny.pattern),
			cmp.Compare(nx.kernel.Len(), ny.kernel.Len()))
	})
	for i, f := range w.pending {
		if i > 0 && w.same(f, w.pending[i-1]) {
			continue
		}
		if !w.emit(f) {
			return false
		}
	}
	w.passed(core)
	return true
}

// same says whether two hits are one: of one pattern, by two of its needles.
func (w *worker) same(a, b found) bool {
	na, nb := &w.needles[a.needle], &w.needles[b.needle]
	return a.addr == b.addr && na.pattern == nb.pattern && na.kernel.Len() == nb.kernel.Len()
}

// emit adds a hit to the batch and sends that when it is full.
func (w *worker) emit(f found) bool {
	if w.out == nil {
		w.out = w.batch()
	}
	w.out.hits = append(w.out.hits, f)
	return len(w.out.hits) < batchHits || w.flush()
}

// emitAll is emit for all offsets from base, of the only needle, whose hits need
// nothing but an address. Dense hits spend their time here.
func (w *worker) emitAll(base addr.Addr, offsets []uint32) bool {
	for len(offsets) > 0 {
		if w.out == nil {
			w.out = w.batch()
		}
		n := len(w.out.hits)
		m := min(len(offsets), batchHits-n)
		hits := w.out.hits[n : n+m]
		for i, off := range offsets[:m] {
			hits[i] = found{addr: base + addr.Addr(off)}
		}
		w.out.hits, offsets = w.out.hits[:n+m], offsets[m:]
		if n+m == batchHits && !w.flush() {
			return false
		}
	}
	return true
}

// flush sends the batch, less what lies past the present end of its source.
func (w *worker) flush() bool {
	w.recheck()
	if w.out == nil {
		return true
	}
	b := w.out
	w.out = nil
	if w.lost {
		b.hits = slices.DeleteFunc(b.hits, func(f found) bool {
			last := f.addr + addr.Addr(w.needles[f.needle].kernel.Len()-1)
			return w.past(addr.Range{First: f.addr, Last: last}, func(addr.Range) {})
		})
	}
	if len(b.hits) == 0 {
		w.free(b)
		return true
	}
	return w.lane.Send(b)
}

// recheck asks the sources that the shard has looked at whether they still
// have all that was seen.
func (w *worker) recheck() {
	for number, end := range w.seen {
		if w.plan.sources[number].Size() < end {
			w.lost = true
		}
	}
}

// past calls f with each part of r that lies past the present end of its
// source, and says whether there was one.
func (w *worker) past(r addr.Range, f func(addr.Range)) bool {
	any := false
	for i := w.plan.pieceAt(r.First); i < len(w.plan.pieces); i++ {
		p := &w.plan.pieces[i]
		part, ok := p.Intersect(r)
		if !ok {
			break
		}
		size := w.plan.sources[p.source].Size()
		off := p.off + uint64(part.First-p.First)
		if off+uint64(part.Last-part.First) < size {
			continue
		}
		if off < size {
			part.First += addr.Addr(size - off)
		}
		any = true
		f(part)
	}
	return any
}

// endShard notes what of the shard was lost, and forgets the shard.
func (w *worker) endShard() {
	if w.lost {
		for _, s := range w.spans {
			w.past(s.Core, func(r addr.Range) { w.unreadable = append(w.unreadable, r) })
		}
	}
	for _, r := range addr.Merge(w.unreadable) {
		w.scanned -= min(w.scanned, r.Size())
		w.gone = append(w.gone, r)
	}
	w.unreadable, w.lost = w.unreadable[:0], false
	clear(w.seen)
}
