package engine

import (
	"iter"
	"math"
	"slices"

	"vscan/engine/addr"
	"vscan/engine/simd"
)

// Batch is some hits that follow one another in the order of [Scanner.Scan]. It
// holds until the function that was given it returns, and is not to be changed.
//
// Most batches are lists of offsets. Where hits are as dense as can be, a
// batch is a run instead: one hit after another, a step apart, with nothing
// stored for each. Hits has them all, however they are stored.
type Batch struct {
	// Base is what Offsets count from, in bytes; of a run, its first hit.
	Base addr.Addr
	// Offsets are the addresses of the hits less Base, ascending. Where several
	// patterns match at an address, it is there as many times. Empty in a run.
	Offsets []uint32
	// Run is the hits at Base, Base + Run.Step and so on, Run.Count of them.
	// The zero value where the batch is none.
	Run Run

	sc      *Scanner
	needles []uint32 // of each hit; empty where the scanner has but one
	raw     []byte   // the bytes of those hits that have any of their own, one after another
	lens    []uint32 // of each hit, in bytes; empty where no needle's hits differ in it

	excepted []exceptedHit // what dropExcepted took out
}

// Run is hits that are all alike, Step bytes apart.
type Run struct{ Count, Step uint64 }

// Len is how many hits the batch has.
func (b *Batch) Len() uint64 {
	if b.Run.Count > 0 {
		return b.Run.Count
	}
	return uint64(len(b.Offsets))
}

// Pattern is that of hit i, from 0; an index into the set's Patterns.
func (b *Batch) Pattern(i int) int { return b.sc.needles[b.needle(i)].hit.Pattern }

// Uniform is the pattern of all hits, where it is known without looking that
// they have the same.
func (b *Batch) Uniform() (pattern int, ok bool) {
	return b.sc.needles[0].hit.Pattern, len(b.sc.needles) == 1
}

// Bytes is the first bytes of those hits that are not all alike, one hit after
// another: of a scanner for one pattern of words, the words.
func (b *Batch) Bytes() []byte { return b.raw }

func (b *Batch) needle(i int) uint32 {
	if len(b.needles) == 0 {
		return 0
	}
	return b.needles[i]
}

// Hits yields the hits in order. The bytes of a hit hold as long as the batch.
func (b *Batch) Hits() iter.Seq[Hit] {
	return func(yield func(Hit) bool) { b.each(yield) }
}

// each yields the hits in order, until yield is false, and says how many it was
// given and whether it was true for all.
func (b *Batch) each(yield func(Hit) bool) (taken uint64, all bool) {
	if b.Run.Count > 0 {
		h := b.sc.needles[0].hit
		h.Addr = b.Base
		for i := range b.Run.Count {
			if !yield(h) {
				return i + 1, false
			}
			h.Addr += addr.Addr(b.Run.Step)
		}
		return b.Run.Count, true
	}
	at := 0 // in raw
	mayCut := b.sc.cutLens != nil
	for i, off := range b.Offsets {
		n := &b.sc.needles[b.needle(i)]
		h := n.hit
		h.Addr = b.Base + addr.Addr(off)
		h.Len = b.size(i, n)
		if mayCut {
			h.Cut = b.isCut(i)
		}
		if raw := min(n.raw, h.Len); raw > 0 {
			h.Bytes = b.raw[at : at+raw : at+raw]
			at += raw
		}
		if !yield(h) {
			return uint64(i) + 1, false
		}
	}
	return uint64(len(b.Offsets)), true
}

// size is the length of hit i, which is of needle n.
func (b *Batch) size(i int, n *needle) int {
	if len(b.lens) == 0 {
		return n.hit.Len
	}
	return n.size(b.lens[i])
}

// filter drops hits of a list, those of which keep is false.
func (b *Batch) filter(keep func(n *needle, a addr.Addr, size int) bool) {
	kept, from, to := 0, 0, 0 // hits; in raw, what has been looked at and what was kept
	for i, off := range b.Offsets {
		n := &b.sc.needles[b.needle(i)]
		size := b.size(i, n)
		raw := min(n.raw, size)
		if keep(n, b.Base+addr.Addr(off), size) {
			b.Offsets[kept] = off
			if len(b.needles) > 0 {
				b.needles[kept] = b.needles[i]
			}
			if len(b.lens) > 0 {
				b.lens[kept] = b.lens[i]
			}
			copy(b.raw[to:], b.raw[from:from+raw])
			to += raw
			kept++
		}
		from += raw
	}
	b.Offsets, b.raw = b.Offsets[:kept], b.raw[:to]
	b.needles, b.lens = b.needles[:min(kept, len(b.needles))], b.lens[:min(kept, len(b.lens))]
}

// takes says whether a batch takes another hit, in the block at base.
func (b *Batch) takes(base addr.Addr) bool {
	return b.Run.Count == 0 && len(b.Offsets) < batchHits && len(b.raw) < batchRaw &&
		uint64(base-b.Base) <= math.MaxUint32-simd.MaxBlock
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

// reset empties the batch.
func (b *Batch) reset() {
	b.Offsets, b.Run, b.needles, b.raw, b.lens = b.Offsets[:0], Run{}, b.needles[:0], b.raw[:0], b.lens[:0]
	b.excepted = b.excepted[:0]
}
