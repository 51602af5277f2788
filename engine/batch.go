package engine

import (
	"iter"
	"math"
	"slices"

	"vscan/engine/addr"
	"vscan/engine/simd"
)

// A Batch is some hits that follow one another in the order of [Scanner.Scan]. It
// is valid until the function that was given it returns, and must not be changed.
//
// Most batches are lists of offsets. Where hits are as dense as can be, a batch is
// a series instead: hits a step apart, for which nothing else is stored. Hits yields
// them, whichever it is.
type Batch struct {
	// Base is the address that Offsets count from; of a series, the address of its
	// first hit.
	Base addr.Addr
	// Offsets are the addresses of the hits less Base, in bytes, ascending.
	// Where there are several hits at an address, it is there as many times.
	// They are empty in a series.
	Offsets []uint32
	// Series is the hits at Base, Base + Series.Step and so on, Series.Count of them. It
	// is the zero Series where the batch is a list.
	Series Series

	sc      *Scanner
	needles []uint32 // by hit; empty where the scanner has only one
	raw     []byte   // the bytes of the hits whose needles have a raw, one hit after another
	lens    []uint32 // by hit, its length in bytes; empty where no needle's hits differ in length

	excepted []exceptedHit // the matches that dropExcepted has taken out
}

// A Series is Count hits that are all alike, Step bytes apart.
type Series struct{ Count, Step uint64 }

// Len returns how many hits the batch has.
func (b *Batch) Len() uint64 {
	if b.Series.Count > 0 {
		return b.Series.Count
	}
	return uint64(len(b.Offsets))
}

// Last returns the address of the last hit. The batch must have one.
func (b *Batch) Last() addr.Addr { return b.at(b.Len() - 1) }

// at returns the address of hit i, counted from 0.
func (b *Batch) at(i uint64) addr.Addr {
	if b.Series.Count > 0 {
		return b.Base + addr.Addr(i*b.Series.Step)
	}
	return b.Base + addr.Addr(b.Offsets[i])
}

// Pattern returns the pattern of hit i, counted from 0, as an index into the set's
// Patterns.
func (b *Batch) Pattern(i int) int { return b.sc.needles[b.needle(i)].hit.Pattern }

// Excepted reports whether hit i, counted from 0, is none because an exception of its
// pattern drops it. Only with Options.KeepExcepted there are such.
func (b *Batch) Excepted(i int) bool { return b.sc.needles[b.needle(i)].excepted }

// Uniform returns the pattern of all hits, where the scanner has only one needle.
// Else it returns false: the hits may still be of one pattern.
func (b *Batch) Uniform() (pattern int, ok bool) {
	return b.sc.needles[0].hit.Pattern, len(b.sc.needles) == 1
}

// Bytes returns the first bytes of the hits, one hit after another, without those
// of needles whose hits are all alike, and of expressions with Options.WithoutBytes. With a scanner for one pattern of words,
// they are the words.
func (b *Batch) Bytes() []byte { return b.raw }

func (b *Batch) needle(i int) uint32 {
	if len(b.needles) == 0 {
		return 0
	}
	return b.needles[i]
}

// Hits yields the hits in order. The bytes of a hit are valid as long as the batch.
func (b *Batch) Hits() iter.Seq[Hit] {
	return func(yield func(Hit) bool) { b.each(yield) }
}

// each calls yield with the hits in order, until it returns false. It returns how
// many hits yield was given, and whether it returned true for all.
func (b *Batch) each(yield func(Hit) bool) (taken uint64, all bool) {
	if b.Series.Count > 0 {
		h := b.sc.needles[0].hit
		h.Addr = b.Base
		for i := range b.Series.Count {
			if !yield(h) {
				return i + 1, false
			}
			h.Addr += addr.Addr(b.Series.Step)
		}
		return b.Series.Count, true
	}
	if n := &b.sc.needles[0]; len(b.sc.needles) == 1 && len(b.lens) == 0 && n.raw == 0 {
		h := n.hit // all are alike but for their address
		for i, off := range b.Offsets {
			h.Addr = b.Base + addr.Addr(off)
			if !yield(h) {
				return uint64(i) + 1, false
			}
		}
		return uint64(len(b.Offsets)), true
	}
	at := 0 // index into raw
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

// size returns the length in bytes of hit i, which is of needle n.
func (b *Batch) size(i int, n *needle) int {
	if len(b.lens) == 0 {
		return n.hit.Len
	}
	return n.size(b.lens[i])
}

// filter drops the hits of a list for which keep returns false. It does nothing to
// a series.
func (b *Batch) filter(keep func(n *needle, a addr.Addr, size int) bool) {
	kept, from, to := 0, 0, 0 // the hits that are kept; in raw, what has been looked at and what was kept
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

// dropOverlaps drops the hits of a list that do not stay.
func (b *Batch) dropOverlaps(f *OverlapFilter) {
	if b.sc.plain && len(b.lens) == len(b.Offsets) && f.keepAll(b) {
		return
	}
	b.filter(func(n *needle, a addr.Addr, size int) bool {
		return f.Keep(n.hit.Pattern, addr.Range{First: a, Last: a + addr.Addr(size-1)}, n.excepted)
	})
}

// takes reports whether a batch has room for another hit, in the block at base, and
// whether its offset fits in 32 bits.
func (b *Batch) takes(base addr.Addr) bool {
	return b.Series.Count == 0 && len(b.Offsets) < batchHits && len(b.raw) < batchRaw &&
		uint64(base-b.Base) <= math.MaxUint32-simd.MaxBlock
}

// addRaw appends to raw the first bytes, raw of each, of what stands at offsets in
// block. It can fault, and then leaves the batch as it was.
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
	b.Offsets, b.Series, b.needles, b.raw, b.lens = b.Offsets[:0], Series{}, b.needles[:0], b.raw[:0], b.lens[:0]
	b.excepted = b.excepted[:0]
}
