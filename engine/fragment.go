package engine

import (
	"context"
	"sort"

	"vscan/engine/addr"
	"vscan/engine/simd/sets"
)

// This file searches bytes that lie side by side.

// A stream is what one unit has found in the bytes in hand so far.
type stream struct {
	unit
	found []sets.Match // the matches last found: all below next that were not found before
	lens  []uint32     // their lengths in bytes, where these differ within a needle; else empty
	taken int          // how many of found have been sent
	next  int          // the start at which find has to go on
	to    int          // the end of the starts to look at, exclusive
}

// fragment searches b, the bytes of window, for matches that start in core. It
// returns false where the scan has ended. Each unit finds some of its matches
// at a time; those below the lowest next of all units are sent in order:
//
//	unit 0   m---m--m-----------next
//	unit 1   ---m--------next
//	sent     m--mm--m----|
//
// Most blocks have few matches, and each unit sees all of it at once, while it
// is in the cache.
func (w *worker) fragment(ctx context.Context, b []byte, core, window addr.Range, allZero bool) bool {
	if ctx.Err() != nil {
		return false
	}
	end := int(core.Last-window.First) + 1
	if w.only != nil {
		return w.alone(ctx, w.only, b, core, window, allZero)
	}
	w.begin()
	w.tools.base = window.First
	w.tools.round++
	w.tools.ended = func() bool { return ctx.Err() != nil }
	for i, u := range w.units {
		s := &w.streams[i]
		s.found, s.taken, s.to = s.found[:0], 0, end
		s.next = end
		if from, ok := firstStart(u.traits().stride, core, window); ok && !(allZero && !u.traits().inZeros) {
			s.next = from
		}
	}
	for limit := 0; limit < end; {
		limit = end
		for i := range w.streams {
			s := &w.streams[i]
			if s.taken == len(s.found) && s.next < end {
				w.tools.lens = w.tools.lens[:0]
				s.found, s.next = s.find(&w.tools, s.found[:0], b, s.next, end)
				s.lens = append(s.lens[:0], w.tools.lens...)
				s.taken = 0
			}
			limit = min(limit, s.next)
		}
		if !w.merge(uint32(limit), b, window.First) {
			return false
		}
		w.passed(window.First, limit)
		if ctx.Err() != nil {
			return false
		}
	}
	return true
}

// firstStart returns the first start in core whose address is a multiple of
// stride, as an offset into window. It returns false where there is none.
func firstStart(stride int, core, window addr.Range) (from int, ok bool) {
	first := core.First
	if stride > 1 {
		if first, ok = first.AlignUp(uint64(stride)); !ok || first > core.Last {
			return 0, false
		}
	}
	return int(first - window.First), true
}

// merge sends the matches of all streams below offset limit, in order. b is
// the bytes at base. It returns false where the scan has ended.
func (w *worker) merge(limit uint32, b []byte, base addr.Addr) bool {
	for {
		// first is the stream whose next match comes first, and stop
		// the match of another stream up to which it stays so.
		var first *stream
		stop := sets.Match{Off: limit}
		for i := range w.streams {
			s := &w.streams[i]
			if s.taken == len(s.found) {
				continue
			}
			switch head := s.found[s.taken]; {
			case first == nil && before(head, stop):
				first = s
			case first != nil && before(head, first.found[first.taken]):
				first, stop = s, first.found[first.taken]
			case before(head, stop):
				stop = head
			}
		}
		if first == nil {
			return true
		}
		rest := first.found[first.taken:]
		n := len(rest)
		if !before(rest[n-1], stop) {
			n = sort.Search(n, func(i int) bool { return !before(rest[i], stop) })
		}
		var lens []uint32
		if len(first.lens) > 0 {
			lens = first.lens[first.taken:][:n]
		}
		if !w.addAll(base, rest[:n], lens, b) {
			return false
		}
		first.taken += n
	}
}

// before reports whether a comes before b.
func before(a, b sets.Match) bool {
	return uint64(a.Off)<<32|uint64(a.Lit) < uint64(b.Off)<<32|uint64(b.Lit)
}

// alone does what fragment does where there is only one needle, and everything
// that its kernel finds is a hit. With dense hits, most of the time is spent
// here.
func (w *worker) alone(ctx context.Context, u *kernelUnit, b []byte, core, window addr.Range, allZero bool) bool {
	end := int(core.Last-window.First) + 1
	from, ok := firstStart(u.stride, core, window)
	if !ok || allZero && !u.inZeros {
		from = end
	}
	for from < end {
		n, next := u.kernel.Scan(w.tools.offsets, b, from, end)
		if w.tools.offsets, ok = w.addOffsets(window.First, w.tools.offsets[:n], b); !ok {
			return false
		}
		from = next
		w.passed(window.First, min(next, end))
		if ctx.Err() != nil {
			return false
		}
	}
	w.passed(window.First, end)
	return true
}
