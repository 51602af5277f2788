package simd

// wordsRef reads each word and compares it with each range in turn. It is
// written to be read: all other kernels have to report what it reports.
type wordsRef struct{ *wordsPlan }

func newWordsRef(p *wordsPlan) Kernel { return wordsRef{p} }

func (wordsRef) Level() Level { return Reference }

func (k wordsRef) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, k.spec.Size)
	for s := from; s < end; s += k.spec.Stride {
		if n == len(dst) {
			return n, s
		}
		v := k.spec.Order.Uint(b[s : s+k.spec.Size])
		for _, r := range k.spec.Ranges {
			if r.Lo <= v && v <= r.Hi {
				dst[n] = uint32(s)
				n++
			}
		}
	}
	return n, to
}
