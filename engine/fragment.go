package engine

import (
	"context"
	"sort"

	"vscan/engine/addr"
	"vscan/engine/simd/sets"
)

// The search of bytes that lie side by side.

// stream is what one unit finds in the bytes in hand, as far as it has got.
type stream struct {
	unit
	found []sets.Match // all that lie below next
	lens  []uint32     // of them, where they differ; else empty
	taken int          // how many of them are out
	next  int          // where to go on
	to    int          // the end of the starts to look at
}

// fragment searches b, the bytes of window, for matches that start in core.
// Each unit finds some of its matches at a time; those that lie below what all
// units have seen are sent in order:
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

// firstStart is the first start in core as an offset into window, for a unit
// that steps by stride. It is false where there is none.
func firstStart(stride int, core, window addr.Range) (from int, ok bool) {
	first := core.First
	if stride > 1 {
		if first, ok = first.AlignUp(uint64(stride)); !ok || first > core.Last {
			return 0, false
		}
	}
	return int(first - window.First), true
}

// merge sends the matches of all streams that lie below limit, in order. b is
// the bytes at base.
func (w *worker) merge(limit uint32, b []byte, base addr.Addr) bool {
	for {
		// The stream that is first, and up to where it stays so.
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

// before says whether a comes before b.
func before(a, b sets.Match) bool {
	return uint64(a.Off)<<32|uint64(a.Lit) < uint64(b.Off)<<32|uint64(b.Lit)
}

// alone is fragment where there is one needle, of which whatever the kernel
// finds is a hit. Dense hits spend their time here.
func (w *worker) alone(ctx context.Context, u *kernelUnit, b []byte, core, window addr.Range, allZero bool) bool {
	end := int(core.Last-window.First) + 1
	from, ok := firstStart(u.of.stride, core, window)
	if !ok || allZero && !u.of.inZeros {
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
