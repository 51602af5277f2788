package sets

import "vscan/engine/simd"

// nearOff returns the offset, from the beginning of a gram, of byte i of the
// six near it: −3 to −1 are those before it, then come the three behind it.
func (p *gramPart) nearOff(i int) int {
	if i < 3 {
		return i - 3
	}
	return p.Size + i - 3
}

// noteZeros notes in Zeros and near which grams of the excerpt at offset begin
// of a literal may be zeros.
func (p *gramPart) noteZeros(lit simd.Lit, begin int) {
	width := p.stride + p.Size - 1
	if lit.Mask == nil && zerosIn(lit.Bytes[begin:begin+width], p.Size) == simd.ZerosNever {
		return
	}
	excerpt := make([]simd.ByteSet, width)
	zeros := make([]byte, len(excerpt)) // 0 where the byte may be zero
	for i := range excerpt {
		excerpt[i] = lit.BytesAt(begin + i)
		if !excerpt[i].Has(0) {
			zeros[i] = 1
		}
	}
	p.Zeros = max(p.Zeros, zerosIn(zeros, p.Size))
	for j := range p.stride {
		if zerosIn(zeros[j:j+p.Size], p.Size) == simd.ZerosAll {
			p.addZeros(excerpt, j)
		}
	}
}

// addZeros notes in near that gram j of an excerpt may be zeros.
func (p *gramPart) addZeros(excerpt []simd.ByteSet, j int) {
	for i := range p.near {
		at := j + p.nearOff(i)
		for c := range p.near[i] {
			if at < 0 || at >= len(excerpt) || excerpt[at].Has(byte(c)) {
				p.near[i][byte(c)|byte(p.Fold)] |= 1 << j
			}
		}
	}
}

// mayBeZeros reports whether the gram of zeros at s may be one of an excerpt, by
// the bytes near it.
func (p *gramPart) mayBeZeros(b []byte, s int) bool {
	if s < 3 || s+p.Size+3 > len(b) {
		return true
	}
	fold := byte(p.Fold)
	before, behind := (*[3]byte)(b[s-3:]), (*[3]byte)(b[s+p.Size:])
	return p.near[0][before[0]|fold]&p.near[1][before[1]|fold]&p.near[2][before[2]|fold]&
		p.near[3][behind[0]|fold]&p.near[4][behind[1]|fold]&p.near[5][behind[2]|fold] != 0
}

// zerosIn returns at which grams of zeros, of size bytes, the excerpt may be.
func zerosIn(excerpt []byte, size int) simd.Zeros {
	mode, zeros := simd.ZerosNever, 0
	for _, c := range excerpt {
		if zeros++; c != 0 {
			zeros = 0
		}
		if zeros >= size {
			mode = simd.ZerosEdge
		}
	}
	if zeros == len(excerpt) {
		mode = simd.ZerosAll
	}
	return mode
}
