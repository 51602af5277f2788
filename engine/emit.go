package engine

import (
	"slices"

	"vscan/engine/addr"
	"vscan/engine/simd/sets"
)

// An emitter takes hits out of a worker: it collects them in batches, which it sends
// to the lane of the shard in hand. Matches come in order and are checked on the
// way:
//
//	matches   ─add, addAll, addOffsets, addSeries→ batch ─flush→ lane
//
// Before it sends a batch, it asks the sources that the shard has looked at whether
// they still hold all that was seen, and leaves out hits in bytes that are gone.
type emitter struct {
	*scan
	lane   lane
	out    *Batch    // the batch in hand; nil where there is none
	pos    addr.Addr // all hits below it have been added; a block that faults is searched from here on
	losses losses

	some bool // whether a hit of the block in hand has been added; if so, last is the last one
	last struct {
		a      addr.Addr
		needle uint32
		size   int
	}
}

// begin begins a block. Its first hit is not compared with the last one of another
// block.
func (e *emitter) begin() { e.some = false }

// passed notes that all starts below base + limit have been searched.
func (e *emitter) passed(base addr.Addr, limit int) {
	if a, ok := base.Add(uint64(limit)); ok {
		e.pos = a
	}
}

// addAll adds those of the matches in the block at base, whose bytes are b, that are
// hits. lens has their lengths in bytes; it is empty where those are the needles'.
// It returns false where the scan has ended.
func (e *emitter) addAll(base addr.Addr, found []sets.Match, lens []uint32, b []byte) bool {
	if e.copied {
		return e.addCopied(base, found, b)
	}
	if e.plain && len(lens) > 0 {
		return e.addSized(base, found, lens, b)
	}
	if !e.bare {
		for i, m := range found {
			length := uint32(0)
			if len(lens) > 0 {
				length = lens[i]
			}
			if !e.add(base, m, length, b[m.Off:]) {
				return false
			}
		}
		return true
	}
	for len(found) > 0 {
		out, ok := e.room(base)
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
		if len(e.needles) > 1 {
			out.needles = slices.Grow(out.needles, batchHits-n)[:n+len(some)]
			needles := out.needles[n:]
			for i, m := range some {
				needles[i] = m.Lit
			}
		}
	}
	return true
}

// addCopied does what addAll does where all matches are hits, and some have bytes of their own.
func (e *emitter) addCopied(base addr.Addr, found []sets.Match, b []byte) bool {
	for len(found) > 0 {
		out, ok := e.room(base)
		if !ok {
			return false
		}
		n := len(out.Offsets)
		some := found[:min(len(found), batchHits-n, max(1, (batchRaw-len(out.raw))/HitBytes))]
		found = found[len(some):]
		raw := out.raw
		for _, m := range some {
			raw = append(raw, b[m.Off:][:e.needles[m.Lit].raw]...) // this can fault, and then leaves all as it was
		}
		out.raw = raw
		shift := uint32(base - out.Base)
		for _, m := range some {
			out.Offsets = append(out.Offsets, m.Off+shift)
		}
		if len(e.needles) > 1 {
			for _, m := range some {
				out.needles = append(out.needles, m.Lit)
			}
		}
		e.passed(base, int(some[len(some)-1].Off)+1)
	}
	return true
}

// addSized does what addAll does where there is one needle, whose matches are all hits and have lengths of
// their own.
func (e *emitter) addSized(base addr.Addr, found []sets.Match, lens []uint32, b []byte) bool {
	most := e.needles[0].raw
	for len(found) > 0 {
		out, ok := e.room(base)
		if !ok {
			return false
		}
		n := min(len(found), batchHits-len(out.Offsets))
		if most > 0 {
			n = min(n, max(1, (batchRaw-len(out.raw))/most))
		}
		raw := out.raw
		if most > 0 {
			for i, m := range found[:n] {
				raw = append(raw, b[m.Off:][:min(most, int(lens[i]))]...) // this can fault, and then leaves all as it was
			}
		}
		out.raw = raw
		shift := uint32(base - out.Base)
		for _, m := range found[:n] {
			out.Offsets = append(out.Offsets, m.Off+shift)
		}
		out.lens = append(out.lens, lens[:n]...)
		e.passed(base, int(found[n-1].Off)+1)
		found, lens = found[n:], lens[n:]
	}
	return true
}

// add adds the match m of the block at base, whose bytes b begins with, if it is a
// hit: aligned, and not of the same address, pattern and length as the one before.
// length is its own in bytes, 0 where it is the needle's. It returns false where the
// scan has ended.
func (e *emitter) add(base addr.Addr, m sets.Match, length uint32, b []byte) bool {
	a, n := base+addr.Addr(m.Off), &e.needles[m.Lit]
	size := n.size(length)
	if n.align > 1 && !a.IsAligned(uint64(n.align)) {
		return true
	}
	if e.some && e.last.a == a {
		if e.needles[e.last.needle].hit.Pattern == n.hit.Pattern && e.last.size == size {
			return true
		}
	}
	out, ok := e.room(base)
	if !ok {
		return false
	}
	out.raw = append(out.raw, b[:min(n.raw, size)]...) // this can fault, and then leaves all as it was
	out.Offsets = append(out.Offsets, uint32(a-out.Base))
	if len(e.needles) > 1 {
		out.needles = append(out.needles, m.Lit)
	}
	if e.sized {
		out.lens = append(out.lens, uint32(size))
	}
	e.some, e.last.a, e.last.needle, e.last.size = true, a, m.Lit, size
	if a < addr.Max {
		e.pos = a + 1
	}
	return true
}

// room returns the batch in hand, with room for a hit in the block at base. It
// returns false where the scan has ended.
func (e *emitter) room(base addr.Addr) (*Batch, bool) {
	if e.out != nil && !e.out.takes(base) && !e.flush() {
		return nil, false
	}
	if e.out == nil {
		e.out = e.batch()
		e.out.Base = base
	}
	return e.out, true
}

const (
	// minSeries is the fewest hits that become a series.
	minSeries = 256
	// minWhole is the fewest offsets that become a batch as they are, without
	// being copied.
	minWhole = batchHits / 4
)

// addOffsets adds hits of the only needle at offsets in the block at base, whose
// bytes are b. It may keep offsets, and returns what the caller has to use in their
// place the next time. It returns false where the scan has ended.
func (e *emitter) addOffsets(base addr.Addr, offsets []uint32, b []byte) (free []uint32, ok bool) {
	free = offsets[:cap(offsets)]
	n := len(offsets)
	raw := e.needles[0].raw
	switch {
	case n == 0:
		return free, true
	case raw == 0 && n >= minSeries && offsets[n-1]-offsets[0] == uint32(n-1):
		return free, e.addSeries(base+addr.Addr(offsets[0]), uint64(n))
	case n >= minWhole && n*raw <= batchRaw:
		if !e.flush() {
			return free, false
		}
		e.out = e.batch()
		e.out.Base = base
		e.out.addRaw(b, offsets, raw)
		e.out.Offsets, free = offsets, e.out.Offsets[:cap(e.out.Offsets)]
		if raw > 0 {
			e.passed(base, int(offsets[n-1])+1)
		}
		return free, true
	}
	for len(offsets) > 0 {
		out, ok := e.room(base)
		if !ok {
			return free, false
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
			e.passed(base, int(some[len(some)-1])+1)
		}
	}
	return free, true
}

// addSeries adds n hits from first on, one at every address. It returns false where the
// scan has ended.
func (e *emitter) addSeries(first addr.Addr, n uint64) bool {
	if e.out != nil && e.out.Series.Count > 0 && e.out.Base+addr.Addr(e.out.Series.Count) == first {
		e.out.Series.Count += n
		return true
	}
	if !e.flush() {
		return false
	}
	e.out = e.batch()
	e.out.Base, e.out.Series = first, Series{Count: n, Step: 1}
	return true
}

// flush sends the batch in hand, without hits that lie past the present end of their
// source. It returns false where the scan has ended.
func (e *emitter) flush() bool {
	e.losses.recheck()
	if e.out == nil {
		return true
	}
	b := e.out
	e.out = nil
	if e.losses.lost {
		return e.sendKept(b)
	}
	return e.send(b)
}

func (e *emitter) send(b *Batch) bool {
	if b.Len() == 0 {
		e.free(b)
		return true
	}
	return e.lane.Send(b)
}

// sendKept sends, as lists, the hits of b that do not lie past the present end of
// their source, and notes the others as lost. It returns false where the scan has
// ended.
func (e *emitter) sendKept(b *Batch) bool {
	kept := e.batch()
	kept.Base = b.Base
	i := 0
	for h := range b.Hits() {
		needle := b.needle(min(i, len(b.Offsets)-1))
		i++
		if e.losses.past(addr.Range{First: h.Addr, Last: h.Addr + addr.Addr(h.Len-1)}, e.losses.lose) {
			continue
		}
		if !kept.takes(h.Addr) {
			if !e.send(kept) {
				return false
			}
			kept = e.batch()
			kept.Base = h.Addr
		}
		kept.Offsets = append(kept.Offsets, uint32(h.Addr-kept.Base))
		if len(e.needles) > 1 {
			kept.needles = append(kept.needles, needle)
		}
		if e.sized {
			kept.lens = append(kept.lens, uint32(h.Len))
		}
		if e.needles[needle].raw > 0 {
			kept.raw = append(kept.raw, h.Bytes...)
		}
	}
	e.free(b)
	return e.send(kept)
}
