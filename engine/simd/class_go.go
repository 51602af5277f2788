package simd

// classGo is the portable kernel for classes. It stores every offset, and then
// counts it or does not, without a branch that could be mispredicted: the cost
// is the same however many hits there are.
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
		i := uint(0)     // at most 7 where it indexes; the &7 tells the compiler
		p := uint32(pos) // unrolled by hand: a loop takes up to twice as long
		out[0] = p
		i += uint(k.in[in[0]])
		out[i&7] = p + 1
		i += uint(k.in[in[1]])
		out[i&7] = p + 2
		i += uint(k.in[in[2]])
		out[i&7] = p + 3
		i += uint(k.in[in[3]])
		out[i&7] = p + 4
		i += uint(k.in[in[4]])
		out[i&7] = p + 5
		i += uint(k.in[in[5]])
		out[i&7] = p + 6
		i += uint(k.in[in[6]])
		out[i&7] = p + 7
		i += uint(k.in[in[7]])
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
