package simd

// teddyGo is the portable filter: a table of 256 entries for each byte of the
// window, and no branches.
type teddyGo struct {
	*teddyPlan
	bytes [teddyWindow][256]byte
}

func newTeddyGo(p *teddyPlan) Kernel {
	k := &teddyGo{teddyPlan: p}
	for i := range k.bytes {
		for c := range k.bytes[i] {
			k.bytes[i][c] = p.tables[2*i][c&15] & p.tables[2*i+1][c>>4]
		}
	}
	return k
}

func (*teddyGo) Level() Level { return Generic }

func (k *teddyGo) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, teddyWindow)
	s := from
	for ; s+8 <= end; s += 8 {
		if len(dst)-n < 8 {
			return n, s
		}
		at, out := (*[8 + teddyWindow - 1]byte)(b[s:]), (*[8]uint32)(dst[n:])
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
