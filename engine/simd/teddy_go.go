package simd

// teddyGo is the portable filter, without branches.
type teddyGo struct{ *Teddy }

func newTeddyGo(t *Teddy) Kernel { return teddyGo{t} }

func (teddyGo) Level() Level { return Generic }

func (k teddyGo) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, TeddyExcerpt)
	s := from
	for ; s+8 <= end; s += 8 {
		if len(dst)-n < 8 {
			return n, s
		}
		at, out := (*[8 + TeddyExcerpt - 1]byte)(b[s:]), (*[8]uint32)(dst[n:])
		m := 0
		for i := range 8 {
			out[m&7] = uint32(s + i)
			if k.bytes[0][at[i]]&k.bytes[1][at[i+1]]&k.bytes[2][at[i+2]] != 0 {
				m++
			}
		}
		n += m
	}
	if n, s = k.each(dst, n, b, s, end); s < end {
		return n, s
	}
	return n, to
}
