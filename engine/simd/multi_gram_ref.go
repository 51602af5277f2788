package simd

import "encoding/binary"

// gramRef is the filter, to be read.
type gramRef struct{ *gramPlan }

func newGramRef(p *gramPlan) Kernel { return gramRef{p} }

func (gramRef) Level() Level { return Reference }

func (k gramRef) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, 4)
	for s := from; s < end; s += 4 {
		if n == len(dst) {
			return n, s
		}
		g := binary.LittleEndian.Uint32(b[s:])
		if g == 0 && (k.zeros == zeroNever || k.zeros == zeroEdge && amongZeros(b, s)) {
			continue
		}
		if k.words[g*gramMul>>k.shift]&gramBits(g) == gramBits(g) {
			dst[n] = uint32(s)
			n++
		}
	}
	return n, to
}
