package simd

import "encoding/binary"

// pairRef is the filter, to be read.
type pairRef struct{ *pairPlan }

func newPairRef(p *pairPlan) Kernel { return pairRef{p} }

func (pairRef) Level() Level { return Reference }

func (k pairRef) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, k.Len())
	for s := from; s < end; s++ {
		if n == len(dst) {
			return n, s
		}
		if k.standsAt(b[s:]) {
			dst[n] = uint32(s)
			n++
		}
	}
	return n, to
}

// standsAt says whether the window of a literal stands at the beginning of b, as
// far as that goes.
func (k pairRef) standsAt(b []byte) bool {
	pair := binary.LittleEndian.Uint16(b)
	if !k.pairs.has(uint32(pair)) {
		return false
	}
next:
	for _, e := range k.entriesOf(pair) {
		lit := k.set.lit(e.lit)
		for i, c := range b[:min(len(b), pairWindow)] {
			at := int(e.off) + i
			if at < len(lit.Bytes) && (lit.Mask == nil && c != lit.Bytes[at] || lit.Mask != nil && (c^lit.Bytes[at])&lit.Mask[at] != 0) {
				continue next
			}
		}
		return true
	}
	return false
}
