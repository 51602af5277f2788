package simd

import "bytes"

// literalRef compares the literal with memory at every position in turn. It is
// written to be read: all other kernels have to report what it reports.
type literalRef struct{ *literalPlan }

func newLiteralRef(p *literalPlan) Kernel { return literalRef{p} }

func (literalRef) Level() Level { return Reference }

func (k literalRef) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, len(k.lit))
	for s := from; s < end; s++ {
		if n == len(dst) {
			return n, s
		}
		if bytes.Equal(b[s:s+len(k.lit)], k.lit) {
			dst[n] = uint32(s)
			n++
		}
	}
	return n, to
}
