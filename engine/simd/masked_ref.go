package simd

// maskedRef compares the literal with memory at every position in turn. It is
// written to be read: all other kernels have to report what it reports.
type maskedRef struct{ *maskedPlan }

func newMaskedRef(p *maskedPlan) Kernel { return maskedRef{p} }

func (maskedRef) Level() Level { return Reference }

func (k maskedRef) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, len(k.lit))
	for s := from; s < end; s++ {
		if n == len(dst) {
			return n, s
		}
		if k.at(b[s:]) {
			dst[n] = uint32(s)
			n++
		}
	}
	return n, to
}

// at reports whether the literal stands at the beginning of b, which must be
// as long.
func (k maskedRef) at(b []byte) bool {
	for i, m := range k.mask {
		if b[i]&m != k.lit[i] {
			return false
		}
	}
	return true
}
