package engine

import (
	"slices"

	"vscan/engine/addr"
	"vscan/engine/simd/sets"
)

// An emitter is the way of hits out of a worker: it collects them in batches, which
// it sends to the lane of the shard in hand. Matches come in order and are checked
// on the way:
//
//	matches   ─add, addAll, addOffsets, addRun→ batch ─flush→ lane
//
// Before a batch is sent, the sources that the shard has looked at are asked whether
// they still have all that was seen; hits in bytes that are gone are left out.
type emitter struct {
	*scan
	lane   lane
	out    *Batch    // in hand; nil where there is none
	pos    addr.Addr // hits of all starts below it are out; a fault does not repeat them
	losses losses

	some bool // whether a hit of the block in hand is out; the last one is
	last struct {
		a      addr.Addr
		needle uint32
		size   int
	}
}

// begin begins a block, whose hits are not compared with those of another.
func (e *emitter) begin() { e.some = false }

// passed notes that all starts below offset limit from base have been searched.
func (e *emitter) passed(base addr.Addr, limit int) {
	if a, ok := base.Add(uint64(limit)); ok {
		e.pos = a
	}
}

// addAll sends matches in the block at base, whose bytes are b, as far as they
// are hits. lens is their lengths, empty where those are the needles'.
func (e *emitter) addAll(base addr.Addr, found []sets.Match, lens []uint32, b []byte) bool {
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

// add sends a match at base + off, whose bytes b begins with, if it is a hit:
// aligned, and not of the same pattern and length as the one before. length is
// its own, 0 where it is the needle's.
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
	out.raw = append(out.raw, b[:min(n.raw, size)]...) // this can fault, and leaves all as it is
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

// room is the batch in hand, with room for a hit in the block at base. It is
// false where the run has ended.
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
	// minRun is the least number of hits that are made a run.
	minRun = 256
	// minWhole is the least number of offsets that become a batch as they are.
	minWhole = batchHits / 4
)

// addOffsets adds hits at offsets in the block at base, whose bytes are b. It may
// keep offsets, and returns what to use in their place the next time. It is false
// where the run has ended.
func (e *emitter) addOffsets(base addr.Addr, offsets []uint32, b []byte) (free []uint32, ok bool) {
	free = offsets[:cap(offsets)]
	n := len(offsets)
	raw := e.needles[0].raw
	switch {
	case n == 0:
		return free, true
	case raw == 0 && n >= minRun && offsets[n-1]-offsets[0] == uint32(n-1):
		return free, e.addRun(base+addr.Addr(offsets[0]), uint64(n))
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

// addRun adds n hits from first on, one a byte.
func (e *emitter) addRun(first addr.Addr, n uint64) bool {
	if e.out != nil && e.out.Run.Count > 0 && e.out.Base+addr.Addr(e.out.Run.Count) == first {
		e.out.Run.Count += n
		return true
	}
	if !e.flush() {
		return false
	}
	e.out = e.batch()
	e.out.Base, e.out.Run = first, Run{Count: n, Step: 1}
	return true
}

// flush sends the batch in hand, less what lies past the present end of its
// source.
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

// sendKept sends the hits of b that do not lie past the present end of their
// source, as lists.
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
