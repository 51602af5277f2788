package simd

import "encoding/binary"

// pairRef is the filter, written to be read.
type pairRef struct{ *Pairs }

func newPairRef(p *Pairs) Kernel { return pairRef{p} }

func (pairRef) Level() Level { return Reference }

func (k pairRef) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, k.Len())
	for s := from; s < end; s++ {
		if n == len(dst) {
			return n, s
		}
		if k.Bits.Has(uint32(binary.LittleEndian.Uint16(b[s:]))) && k.excerptAt(b, s) {
			dst[n] = uint32(s)
			n++
		}
	}
	return n, to
}
