package engine

import (
	"context"
	"math"
	"slices"
	"sort"

	"vscan/engine/addr"
	"vscan/engine/simd"
	"vscan/engine/simd/sets"
)

// The search of bytes that lie side by side, and the way of hits out of a worker.

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
	w.any = false
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

// passed notes that all starts below offset limit from base have been searched.
func (w *worker) passed(base addr.Addr, limit int) {
	if a, ok := base.Add(uint64(limit)); ok {
		w.pos = a
	}
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

// addAll sends matches in the block at base, whose bytes are b, as far as they
// are hits. lens is their lengths, empty where those are the needles'.
func (w *worker) addAll(base addr.Addr, found []sets.Match, lens []uint32, b []byte) bool {
	if !w.bare {
		for i, m := range found {
			length := uint32(0)
			if len(lens) > 0 {
				length = lens[i]
			}
			if !w.add(base, m, length, b[m.Off:]) {
				return false
			}
		}
		return true
	}
	for len(found) > 0 {
		out, ok := w.room(base)
		if !ok {
			return false
		}
		n := len(out.Offsets)
		some := found[:min(len(found), batchHits-n)]
		found = found[len(some):]
		shift := uint32(base - out.Base)
		out.Offsets = out.Offsets[:n+len(some)]
		offsets := out.Offsets[n:]
		for i, m := range some {
			offsets[i] = m.Off + shift
		}
		if len(w.needles) > 1 {
			out.needles = slices.Grow(out.needles, batchHits-n)[:n+len(some)]
			needles := out.needles[n:]
			for i, m := range some {
				needles[i] = m.Lit
			}
		}
	}
	return true
}

// add sends a match at base + off, whose bytes b begins with, if it is a hit:
// aligned, and not of the same pattern and length as the one before. length is
// its own, 0 where it is the needle's.
func (w *worker) add(base addr.Addr, m sets.Match, length uint32, b []byte) bool {
	a, n := base+addr.Addr(m.Off), &w.needles[m.Lit]
	size := n.size(length)
	if n.align > 1 && !a.IsAligned(uint64(n.align)) {
		return true
	}
	if w.any && w.last.a == a {
		if w.needles[w.last.needle].hit.Pattern == n.hit.Pattern && w.last.size == size {
			return true
		}
	}
	out, ok := w.room(base)
	if !ok {
		return false
	}
	out.raw = append(out.raw, b[:min(n.raw, size)]...) // this can fault, and leaves all as it is
	out.Offsets = append(out.Offsets, uint32(a-out.Base))
	if len(w.needles) > 1 {
		out.needles = append(out.needles, m.Lit)
	}
	if w.sized {
		out.lens = append(out.lens, uint32(size))
	}
	w.any, w.last.a, w.last.needle, w.last.size = true, a, m.Lit, size
	if a < addr.Max {
		w.pos = a + 1
	}
	return true
}

// room is the batch in hand, with room for a hit in the block at base. It is
// false where the run has ended.
func (w *worker) room(base addr.Addr) (*Batch, bool) {
	if w.out != nil && !w.out.takes(base) && !w.flush() {
		return nil, false
	}
	if w.out == nil {
		w.out = w.batch()
		w.out.Base = base
	}
	return w.out, true
}

// takes says whether a batch takes another hit, in the block at base.
func (b *Batch) takes(base addr.Addr) bool {
	return b.Run.Count == 0 && len(b.Offsets) < batchHits && len(b.raw) < batchRaw &&
		uint64(base-b.Base) <= math.MaxUint32-simd.MaxBlock
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
		if !w.addOffsets(window.First, w.tools.offsets[:n], b) {
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

const (
	// minRun is the least number of hits that are made a run.
	minRun = 256
	// minWhole is the least number of offsets that become a batch as they are.
	minWhole = batchHits / 4
)

// addOffsets adds hits at offsets, those that w.tools has, in the block at
// base, whose bytes are b.
func (w *worker) addOffsets(base addr.Addr, offsets []uint32, b []byte) bool {
	n := len(offsets)
	raw := w.needles[0].raw
	switch {
	case n == 0:
		return true
	case raw == 0 && n >= minRun && offsets[n-1]-offsets[0] == uint32(n-1):
		return w.addRun(base+addr.Addr(offsets[0]), uint64(n))
	case n >= minWhole && n*raw <= batchRaw:
		if !w.flush() {
			return false
		}
		w.out = w.batch()
		w.out.Base = base
		w.out.addRaw(b, offsets, raw)
		w.out.Offsets, w.tools.offsets = offsets, w.out.Offsets[:cap(w.out.Offsets)]
		if raw > 0 {
			w.passed(base, int(offsets[n-1])+1)
		}
		return true
	}
	for len(offsets) > 0 {
		out, ok := w.room(base)
		if !ok {
			return false
		}
		have := len(out.Offsets)
		some := offsets[:min(len(offsets), batchHits-have)]
		offsets = offsets[len(some):]
		out.addRaw(b, some, raw)
		shift := uint32(base - out.Base)
		out.Offsets = out.Offsets[:have+len(some)]
		to := out.Offsets[have:]
		for i, off := range some {
			to[i] = off + shift
		}
		if raw > 0 {
			w.passed(base, int(some[len(some)-1])+1)
		}
	}
	return true
}

// addRaw adds the first bytes, so many each, of what stands at offsets in b. It
// can fault, and then leaves all as it is.
func (b *Batch) addRaw(block []byte, offsets []uint32, raw int) {
	if raw == 0 {
		return
	}
	have, size := len(b.raw), len(offsets)*raw
	b.raw = slices.Grow(b.raw, size)
	to := b.raw[have:][:size]
	if raw == 8 {
		for i, off := range offsets {
			*(*[8]byte)(to[8*i:]) = *(*[8]byte)(block[off:])
		}
	} else {
		for i, off := range offsets {
			copy(to[i*raw:][:raw], block[off:])
		}
	}
	b.raw = b.raw[:have+size]
}

// addRun adds n hits from first on, one a byte.
func (w *worker) addRun(first addr.Addr, n uint64) bool {
	if w.out != nil && w.out.Run.Count > 0 && w.out.Base+addr.Addr(w.out.Run.Count) == first {
		w.out.Run.Count += n
		return true
	}
	if !w.flush() {
		return false
	}
	w.out = w.batch()
	w.out.Base, w.out.Run = first, Run{Count: n, Step: 1}
	return true
}

// flush sends the batch in hand, less what lies past the present end of its
// source.
func (w *worker) flush() bool {
	w.recheck()
	if w.out == nil {
		return true
	}
	b := w.out
	w.out = nil
	if w.lost {
		return w.sendKept(b)
	}
	return w.send(b)
}

func (w *worker) send(b *Batch) bool {
	if b.Len() == 0 {
		w.free(b)
		return true
	}
	return w.lane.Send(b)
}

// sendKept sends the hits of b that do not lie past the present end of their
// source, as lists.
func (w *worker) sendKept(b *Batch) bool {
	kept := w.batch()
	kept.Base = b.Base
	i := 0
	for h := range b.Hits() {
		needle := b.needle(min(i, len(b.Offsets)-1))
		i++
		if w.past(addr.Range{First: h.Addr, Last: h.Addr + addr.Addr(h.Len-1)}, w.lose) {
			continue
		}
		if !kept.takes(h.Addr) {
			if !w.send(kept) {
				return false
			}
			kept = w.batch()
			kept.Base = h.Addr
		}
		kept.Offsets = append(kept.Offsets, uint32(h.Addr-kept.Base))
		if len(w.needles) > 1 {
			kept.needles = append(kept.needles, needle)
		}
		if w.sized {
			kept.lens = append(kept.lens, uint32(h.Len))
		}
		if w.needles[needle].raw > 0 {
			kept.raw = append(kept.raw, h.Bytes...)
		}
	}
	w.free(b)
	return w.send(kept)
}
