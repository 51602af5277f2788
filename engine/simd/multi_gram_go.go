package simd

import "encoding/binary"

// gramGo is the portable filter: 64 bytes of zeros at a time, else a gram at a
// time and without branches.
type gramGo struct{ *gramPlan }

func newGramGo(p *gramPlan) Kernel { return &gramGo{p} }

func (*gramGo) Level() Level { return Generic }

func (k *gramGo) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, 4)
	words, shift := k.words, k.shift&31
	s := from
	for ; s+64 <= end; s += 64 {
		at := (*[64]byte)(b[s:])
		if k.zeros != zeroAll && allZero(at) && (k.zeros == zeroNever || amongZeros(b, s) && amongZeros(b, s+60)) {
			continue
		}
		if len(dst)-n < 16 {
			return n, s
		}
		out := (*[16]uint32)(dst[n:])
		m := 0
		for i := 0; i < 64; i += 8 {
			x := binary.LittleEndian.Uint64(at[i:])
			g := uint32(x)
			h := g * gramMul2
			w := words[g*gramMul>>shift]
			out[m&15] = uint32(s + i)
			m += int(w >> (h >> 27) & (w >> (h >> 22 & 31)) & 1)
			g = uint32(x >> 32)
			h = g * gramMul2
			w = words[g*gramMul>>shift]
			out[m&15] = uint32(s + i + 4)
			m += int(w >> (h >> 27) & (w >> (h >> 22 & 31)) & 1)
		}
		n += k.dropZeros(b, out[:m])
	}
	for ; s < end; s += 4 {
		if n == len(dst) {
			return n, s
		}
		g := binary.LittleEndian.Uint32(b[s:])
		if k.words[g*gramMul>>shift]&gramBits(g) == gramBits(g) {
			dst[n] = uint32(s)
			n += k.dropZeros(b, dst[n:n+1])
		}
	}
	return n, to
}

// dropZeros keeps the candidates that are not zeros which need not be looked at.
func (k *gramGo) dropZeros(b []byte, cand []uint32) int {
	if k.zeros == zeroAll || k.words[0]&1 == 0 {
		return len(cand)
	}
	n := 0
	for _, t := range cand {
		if binary.LittleEndian.Uint32(b[t:]) != 0 || k.zeros == zeroEdge && !amongZeros(b, int(t)) {
			cand[n] = t
			n++
		}
	}
	return n
}

func allZero(b *[64]byte) bool {
	x := binary.LittleEndian.Uint64(b[0:]) | binary.LittleEndian.Uint64(b[8:]) |
		binary.LittleEndian.Uint64(b[16:]) | binary.LittleEndian.Uint64(b[24:])
	x |= binary.LittleEndian.Uint64(b[32:]) | binary.LittleEndian.Uint64(b[40:]) |
		binary.LittleEndian.Uint64(b[48:]) | binary.LittleEndian.Uint64(b[56:])
	return x == 0
}
