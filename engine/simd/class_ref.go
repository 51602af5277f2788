package simd

// classRef looks every byte up. It is written to be read: all other kernels
// have to report what it reports.
type classRef struct{ *classPlan }

func newClassRef(p *classPlan) Kernel { return classRef{p} }

func (classRef) Level() Level { return Reference }

func (k classRef) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, 1)
	for s := from; s < end; s++ {
		if n == len(dst) {
			return n, s
		}
		if k.in[b[s]] != 0 {
			dst[n] = uint32(s)
			n++
		}
	}
	return n, to
}
