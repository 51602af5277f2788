package simd

// classGo is the portable kernel for classes. It stores every offset and then
// moves on by one or by none, so there is no branch to be guessed: the cost is
// the same however many hits there are.
type classGo struct{ *classPlan }

func newClassGo(p *classPlan) Kernel { return &classGo{p} }

func (*classGo) Level() Level { return Generic }

func (k *classGo) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, 1)
	pos := from
	for ; pos+8 <= end; pos += 8 {
		if n+8 > len(dst) {
			return n, pos
		}
		in, out := (*[8]byte)(b[pos:]), (*[8]uint32)(dst[n:])
		i := uint8(0) // at most 7 where it is used; the compiler is told so
		for j, c := range in {
			out[i&7] = uint32(pos + j)
			i += k.in[c]
		}
		n += int(i)
	}
	for ; pos < end; pos++ {
		if n == len(dst) {
			return n, pos
		}
		dst[n] = uint32(pos)
		n += int(k.in[b[pos]])
	}
	return n, to
}
