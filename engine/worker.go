package engine

import (
	"context"
	"sort"
	"sync"
	"time"
	"unsafe"

	"vscan/engine/addr"
	"vscan/engine/shard"
	"vscan/engine/simd/sets"
)

// A worker claims shards and searches them, block by block. A block has a core of
// some 256 KiB to 1 MiB, and a window that goes on past it by the overlap. Its bytes
// lie side by side in this program's memory:
//
//	pieces   |----- a large piece -----|s|s|s|---- a large piece ----|
//	blocks   [direct ][direct ][direct-][ together   ][direct ][…
//	                                   ^ core of "together": it begins with the last
//	                                     starts of the piece, as many as the overlap
//
// A direct block is a view of its source, with nothing copied where the source is mapped.
// Where a match could run from one piece into the next, and where pieces are small, the
// block is searched in one of two ways. Either the bytes of all its pieces are copied
// together into the worker's buffer, so that a match may span any number of pieces, and tiny
// pieces do not cost a kernel call each. Or, where the pieces are not that small and follow
// one another in memory, each is searched where it lies, and only the bytes around their
// borders are copied. Where a byte of a block cannot be read, the block is read once more,
// page by page, and what is readable is searched as fragments.
type worker struct {
	emitter
	claims func(claim func() bool) lane // claims the next shard and returns its lane; nil where there is none
	turn   func() (over func())         // waits for the worker's turn, as Options.Turn does; nil: it need not wait
	*desk
	buf   []byte
	spans []shard.Span

	blockSize uint64    // the size of a block's core, in bytes
	passSize  uint64    // the same where memory is mapped
	mapped    bool      // the last block was direct and a view of mapped memory
	way       Way       // the way that was chosen for the block in hand; nil where there is no choice
	began     time.Time // when it was chosen
	views     [][]byte  // the bytes of the block in hand, piece by piece; see viewPieces
	seams     seams
	touched   byte // keeps the compiler from dropping reads that fetch ahead

	scanned uint64     // the bytes of all shards so far, unreadable ones included
	ways    []WayStats // how large blocks were viewed
}

const (
	// minBlock is the size of a block's core in bytes: so much is searched between two
	// checks of the context, is read at a time from a file that is not mapped, and fits
	// in the level-2 cache. With long overlaps, blocks are larger.
	minBlock = 256 << 10
	// passBlock is the size where memory is mapped and there is only one unit, which
	// reads memory once, or sees to caches itself. With smaller blocks, what is done
	// between two of them, when nothing is read, took a twentieth of the time.
	passBlock = 1 << 20
	// directMin is the fewest bytes left of a piece, less one, that are worth a block of
	// their own.
	directMin = 32 << 10
	// chooseMin is the fewest bytes left of a piece that are worth asking a Chooser for.
	chooseMin = 64 << 10
	// inPlaceMin is the size of the smallest view of a block that is worth a kernel call
	// of its own; smaller ones are copied.
	inPlaceMin = 1 << 10
	// The next view counts as following in memory where it begins less than nearBytes
	// behind the beginning of the one before.
	nearBytes = 64 << 10
	// While a view is copied, the first prefetchBytes of the part that comes
	// prefetchViews later are touched.
	prefetchViews, prefetchBytes = 3, 512
)

// A desk is what a worker works with that the next worker for the same set can use again, in
// whatever space.
type desk struct {
	tools   tools
	streams []stream      // by unit
	found   []sets.Match  // the matches of one unit in one view
	pending []windowMatch // the matches of all units in all views
}

// desk returns one that nobody works at.
func (c *compiledSet) desk() *desk {
	if d, ok := c.desks.Get().(*desk); ok {
		return d
	}
	d := &desk{tools: tools{offsets: make([]uint32, batchHits)}, streams: make([]stream, len(c.units))}
	for i, u := range c.units {
		d.streams[i].unit = u
	}
	return d
}

// leave hands a desk on, with nothing on it that belongs to the space.
func (c *compiledSet) leave(d *desk) {
	t := &d.tools
	t.byteAt, t.inScope, t.runAt, t.ended = nil, nil, nil, nil
	t.expr.leave()
	d.pending = d.pending[:0]
	c.desks.Put(d)
}

func newWorker(s *scan) *worker {
	w := &worker{
		emitter:   emitter{scan: s, losses: losses{plan: &s.plan, seen: map[int32]uint64{}}},
		desk:      s.desk(),
		blockSize: uint64(max(minBlock, 4*s.overlap)),
	}
	w.passSize = w.blockSize
	if len(s.units) == 1 && !s.sized {
		w.passSize = max(w.blockSize, passBlock)
	}
	w.tools.byteAt, w.tools.inScope, w.tools.runAt = w.byteAt, w.inScope, w.runAt
	return w
}

// work searches shards until there are no more or the scan ends.
func (w *worker) work(ctx context.Context) error {
	defer func() {
		w.account()
		w.release()
		w.leave(w.desk)
		w.desk = nil
	}()
	for w.shard(ctx) {
	}
	return nil
}

// shard searches the next shard. It returns false where there is none, or the scan has ended.
func (w *worker) shard(ctx context.Context) bool {
	w.spans = w.spans[:0]
	if w.turn != nil {
		over := w.turn()
		if over == nil {
			return false
		}
		defer over()
	}
	w.lane = w.claims(func() bool {
		w.spans = w.next(w.spans)
		return len(w.spans) > 0
	})
	if w.lane == nil {
		return false
	}
	for k := range w.spans {
		if !w.span(ctx, &w.spans[k]) {
			w.spans = w.spans[:k+1] // the others have not been searched
			return false
		}
	}
	if !w.flush() {
		return false
	}
	w.losses.endShard(w.spans)
	w.lane.Close()
	return true
}

// account adds what the worker has searched and lost to the account of the scan.
func (w *worker) account() {
	w.losses.endShard(w.spans)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.scan.scanned += w.scanned
	w.scan.unreadable = append(w.scan.unreadable, w.losses.gone...)
	for _, way := range w.ways {
		w.scan.ways = addWay(w.scan.ways, way)
	}
}

// span searches the core of one span. It returns false where the scan has ended; s is then
// cut to what has been searched.
func (w *worker) span(ctx context.Context, s *shard.Span) bool {
	i := w.plan.pieceAt(s.Core.First)
	for first := s.Core.First; ; {
		for w.plan.pieces[i].Last < first {
			i++
		}
		core := addr.Range{First: first, Last: s.Core.Last}
		if size := w.choose(i, first); uint64(core.Last-first) >= size {
			core.Last = first + addr.Addr(size-1)
		}
		direct := w.fitBlock(i, &core, s.Last)
		window := addr.Range{First: first, Last: s.Last}
		if uint64(s.Last-core.Last) > uint64(w.overlap) {
			window.Last = core.Last + addr.Addr(w.overlap)
		}
		// The lane hears of the end of ctx from another goroutine, which may be late.
		if !w.block(ctx, i, direct, core, window) || core.Last != s.Core.Last && ctx.Err() != nil {
			s.Core.Last, s.Last = core.Last, window.Last
			return false
		}
		if core.Last == s.Core.Last {
			return true
		}
		first = core.Last + 1
	}
}

// choose chooses the way to view the block that begins at first, in piece i, where there is a
// choice. It returns the most bytes that the core of the block is to have.
func (w *worker) choose(i int, first addr.Addr) uint64 {
	w.way = nil
	p := &w.plan.pieces[i]
	if c := w.plan.choices[p.source]; c != nil && uint64(p.Last-first) >= chooseMin {
		w.began = time.Now()
		var n int
		w.way, n = c.Choose(p.off+uint64(first-p.First), int(w.passSize))
		return max(uint64(n), uint64(4*w.overlap))
	}
	if w.mapped {
		return w.passSize
	}
	return w.blockSize
}

// took tells the way that was chosen for a block what it took, and keeps account of it.
func (w *worker) took() {
	if w.way == nil {
		return
	}
	took, n := time.Since(w.began), len(w.views[0])
	w.way.Took(n, took)
	w.ways = addWay(w.ways, WayStats{w.way.Name(), uint64(n), took})
}

// fitBlock decides how the block that begins in piece i is searched, and shortens its core to
// suit; last is the end of the span's window. It reports whether the block is direct.
func (w *worker) fitBlock(i int, core *addr.Range, last addr.Addr) bool {
	p := &w.plan.pieces[i]
	if last <= p.Last {
		return true // the piece has all of the window
	}
	rest := uint64(p.Last - core.First) // the bytes left, less one
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

// block searches one block, which begins in piece i. It returns false where the scan has
// ended.
func (w *worker) block(ctx context.Context, i int, direct bool, core, window addr.Range) bool {
	ok, whole := true, false
	w.pos, w.mapped = core.First, false
	if w.opt.Pace != nil {
		w.opt.Pace(ctx, core.Size())
		w.began = time.Now() // the wait is no cost of the way that was chosen
	}
	if !direct {
		w.way = nil
	}
	w.grow(int(window.Last-window.First) + 1)
	fault := Guard(func() {
		if whole = w.viewPieces(i, window); !whole {
			return
		}
		switch {
		case direct:
			w.mapped = unsafe.SliceData(w.views[0]) != unsafe.SliceData(w.buf)
			ok = w.fragment(ctx, w.views[0], core, window, w.amongZeros(&w.plan.pieces[i], core))
		// Matches of any length may go on where a view ends, so views are copied
		// together for them.
		case !w.sized && w.worthInPlace():
			ok = w.inPlace(ctx, core, window)
		default:
			ok = w.fragment(ctx, w.together(), core, window, false)
		}
	})
	if fault != nil || !whole {
		ok = w.fragments(ctx, i, core, window)
	} else if ok {
		w.took()
	}
	looked := core.Size()
	if !ok {
		looked = uint64(w.pos - core.First)
	}
	if p := w.opt.Progress; p != nil {
		p.Bytes.Add(looked)
	}
	w.scanned += looked
	return ok
}

// byteAt returns the byte i bytes from w.tools.base, which may lie before or behind the
// bytes in hand, whether or not it is searched. It returns false where it cannot be read,
// and with PerMapping, where it lies outside the run.
func (w *worker) byteAt(i int) (byte, bool) {
	a, ok := w.tools.base.Add(uint64(i))
	if i < 0 {
		a, ok = w.tools.base.Sub(uint64(-i))
	}
	if !ok || w.opt.PerMapping && !w.runAt(w.tools.base).Contains(a) {
		return 0, false
	}
	b, err := w.space.Byte(a)
	return b, err == nil
}

// runAt returns the run that holds a, or the next one above; a range that is not valid where
// there is neither.
func (w *worker) runAt(a addr.Addr) addr.Range {
	runs := w.plan.runs
	k := sort.Search(len(runs), func(k int) bool { return runs[k].Last >= a })
	if k == len(runs) {
		return addr.Range{First: addr.Max}
	}
	return runs[k]
}

// inScope does what byteAt does, and returns false for bytes that are not searched.
func (w *worker) inScope(i int) (byte, bool) {
	a := w.tools.base + addr.Addr(i) // where it wraps round, byteAt returns false
	if !w.runAt(a).Contains(a) {
		return 0, false
	}
	return w.byteAt(i)
}

func (w *worker) grow(n int) {
	if len(w.buf) >= n {
		return
	}
	w.release()
	if b, ok := buffers.Get().(*[]byte); ok && len(*b) >= n {
		w.buf = *b
	} else {
		w.buf = make([]byte, max(n, minBlock+w.overlap))
	}
}

// release gives the worker's buffer back, to workers of later scans.
func (w *worker) release() {
	if b := w.buf; b != nil {
		buffers.Put(&b)
		w.buf = nil
	}
}

// buffers has the buffers of workers that are done.
var buffers sync.Pool
