package simd

// teddyRef is the filter, written to be read.
type teddyRef struct{ *Teddy }

func newTeddyRef(t *Teddy) Kernel { return teddyRef{t} }

func (teddyRef) Level() Level { return Reference }

func (k teddyRef) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, TeddyExcerpt)
	for s := from; s < end; s++ {
		if n == len(dst) {
			return n, s
		}
		buckets := ^byte(0)
		for i, c := range b[s : s+TeddyExcerpt] {
			buckets &= k.bytes[i][c]
		}
		if buckets != 0 {
			dst[n] = uint32(s)
			n++
		}
	}
	return n, to
}
