package simd

// pairGo is the portable filter. It looks up the bitmap first.
type pairGo struct{ *Pairs }

func newPairGo(p *Pairs) Kernel { return pairGo{p} }

func (pairGo) Level() Level { return Generic }

func (k pairGo) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, k.Len())
	n, next = k.Bits.Candidates(dst, b, from, end)
	if next >= end {
		next = max(next, to)
	}
	return k.keepExcerpts(b, dst[:n]), next
}
