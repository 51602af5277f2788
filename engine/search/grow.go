package search

import (
	"context"
	"slices"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image/layered"
)

// A raw file that is appended to while it is searched is searched to its new end. A match
// near the former end may run on into what was appended, or be a longer one now; and hits
// come in order. So those that begin near the end are held back until it is known whether
// the file has grown. If it has, they are dropped, and another scan finds all that begin
// from there on:
//
//	file     |---------------------------|- appended -|
//	scan 1   delivered        |- held ---|
//	scan 2                    |- held --------|
//	                          ^ the longest match less one byte before the end
//
// A pattern that drops matches which overlap an earlier one does so across the two: the
// second scan keeps all, and an OverlapFilter, which has seen the last hits of the first, drops.

const (
	// maxRounds is how often what was appended is searched: whoever writes faster than
	// is searched would have it go on for ever.
	maxRounds = 2

	// maxHeld is the most hits that are held back. Where there are more, none are, and
	// matches that run across the former end are not looked for.
	maxHeld = 1 << 16

	// around is how many bytes behind a match decide whether it is one, at most: those of a
	// character, where words or runs end.
	around = 4
)

// tail is the end of an image that may grow while it is searched.
type tail struct {
	*running
	img  *layered.Image        // what is searched by now
	take func(engine.Hit) bool // takes hits in their order

	end     addr.Addr // the last address of what may grow
	from    addr.Addr // hits from here on are held back
	watched addr.Addr // hits from here on may reach from, and are not handed on at once
	handing bool      // whether one is handed on now
	overlap uint64    // the longest match less one byte, and what is around it
	held    []engine.Hit
	filter  *engine.OverlapFilter // nil: all matches stay
	stopped bool                  // whether take wants no more
	grown   []*Search             // of what was appended
}

// newTail returns the tail of the image, or nil where nothing that is appended to its file
// would be searched.
func (r *running) newTail() *tail {
	_, grower := r.to.sink.(Grower)
	// With a limit the scan has to stop at the last hit, and so none can be held back.
	if !r.img.CanGrow() || r.rules != nil || r.q.MaxBytes > 0 || r.q.MaxHits > 0 || r.q.Want == WantHits && !grower {
		return nil
	}
	t := &tail{running: r, img: r.img, overlap: uint64(max(r.set.MaxLen()-1, 0)) + around}
	if !r.q.Overlapping {
		t.filter = engine.NewOverlapFilter(r.set.Patterns())
	}
	t.setEnd()
	return t
}

// setEnd sets what is near the end of the image.
func (t *tail) setEnd() {
	all := t.img.Image.Mappings
	t.end = all[len(all)-1].Last
	t.from = back(t.end, t.overlap-1)
	t.watched = back(t.from, t.overlap)
}

// back returns the address n bytes below a, or 0.
func back(a addr.Addr, n uint64) addr.Addr { return a - addr.Addr(min(n, uint64(a))) }

// hit takes a hit from watched on, in order.
func (t *tail) hit(h engine.Hit) bool {
	if h.Addr < t.from || t.q.Want == WantAny {
		return t.deliver(h)
	}
	if len(t.held) == maxHeld {
		t.from = addr.Max
		return t.release() && t.deliver(h)
	}
	h.Bytes = slices.Clone(h.Bytes)
	t.held = append(t.held, h)
	return true
}

// deliver hands on a hit that stays.
func (t *tail) deliver(h engine.Hit) bool {
	if t.filter != nil {
		match := addr.Range{First: h.Addr, Last: h.Addr + addr.Addr(max(h.Len, 1)-1)}
		if !t.filter.Keep(h.Pattern, match, false) {
			return true
		}
	}
	t.handing = true
	t.stopped = t.stopped || !t.take(h)
	t.handing = false
	return !t.stopped
}

// release delivers the hits that were held back.
func (t *tail) release() bool {
	for _, h := range t.held {
		if !t.deliver(h) {
			break
		}
	}
	t.held = nil
	return !t.stopped
}

// scan scans the image, and what is appended to it meanwhile. take takes hits in order.
func (t *tail) scan(ctx context.Context, take func(engine.Hit) bool) (engine.Stats, error) {
	t.take = take
	defer func() {
		for _, s := range t.grown {
			s.Close()
		}
	}()
	stats, err := t.first(ctx)
	for round := 0; err == nil && !stats.Stopped && !stats.Cancelled && round < maxRounds; round++ {
		more, ok, bad := t.round(ctx)
		if !ok {
			err, stats.Cancelled = bad, bad != nil && ctx.Err() != nil
			break
		}
		stats, err = joined(stats, more), bad
	}
	if !t.stopped && !stats.Stopped && !t.release() {
		stats.Stopped = true
	}
	return stats, err
}

// first scans the image as it was opened.
func (t *tail) first(ctx context.Context) (engine.Stats, error) {
	if !t.countsAll() {
		return t.scanner.Scan(ctx, t.take)
	}
	return t.scanner.ScanBatches(ctx, func(b *engine.Batch) bool {
		if b.Last() < t.watched {
			t.sum.add(b)
			return true
		}
		for h := range b.Hits() {
			if !t.take(h) {
				return false
			}
		}
		return true
	})
}

// round scans what was appended since the last scan. ok is false where there was nothing
// to scan, or err why it could not be begun.
func (t *tail) round(ctx context.Context) (stats engine.Stats, ok bool, err error) {
	img, ok, err := t.img.Grown()
	if !ok {
		return stats, false, err
	}
	from := min(t.from, t.end+1)
	starting := func(at addr.Addr) func(*engine.Options) {
		return func(o *engine.Options) {
			o.Starts = []addr.Range{{First: at, Last: addr.Max}}
			o.Overlapping = true // the filter drops
		}
	}
	again := func(at addr.Addr) (*Search, error) {
		s, err := t.q.prepare(ctx, &Search{q: t.q, img: img, budget: t.budget.Share(), cache: t.cache}, starting(at))
		if err == nil {
			t.grown = append(t.grown, s)
		}
		return s, err
	}
	s, err := again(t.end + 1)
	if err != nil || s.Bytes() == 0 {
		return stats, false, err
	}
	appended, zero := s.Bytes(), s.scanner.Zero()
	if from <= t.end {
		if s, err = again(from); err != nil {
			return stats, false, err
		}
	}
	twice := s.Bytes() - appended // were searched before
	t.img, t.held = img, nil
	t.setEnd()
	t.watched = 0 // the filter drops what this scan does not
	t.view = s.viewer(ctx)
	if g, ok := t.to.sink.(Grower); ok {
		if t.to.err = g.Grown(s); t.to.err != nil {
			t.stopped = true
			return engine.Stats{Stopped: true}, true, nil
		}
	}
	stats, err = s.scanner.Scan(ctx, t.take)
	stats.Scanned -= min(stats.Scanned, twice)
	stats.Zero = min(stats.Zero, zero, stats.Scanned)
	t.sum.Appended += appended
	return stats, true, err
}

// joined returns the account of two scans, the second of which went on where the first
// ended.
func joined(a, b engine.Stats) engine.Stats {
	b.Scanned += a.Scanned
	b.Zero += a.Zero
	b.Elapsed += a.Elapsed
	b.Absent, b.Excluded, b.Missing, b.Workers = a.Absent, a.Excluded, a.Missing, a.Workers
	b.Ways = engine.SumWays(a.Ways, b.Ways)
	if a.Kernels != nil {
		b.Kernels = a.Kernels
	}
	b.Unreadable = addr.Merge(slices.Concat(a.Unreadable, b.Unreadable))
	b.Cut, b.Excepted = sums(a.Cut, b.Cut), sums(a.Excepted, b.Excepted)
	return b
}

// sums returns the sums of two lists, either of which may be nil.
func sums(a, b []uint64) []uint64 {
	if a == nil || b == nil {
		return append(a, b...)
	}
	out := slices.Clone(a)
	for i := range out {
		out[i] += b[i]
	}
	return out
}
