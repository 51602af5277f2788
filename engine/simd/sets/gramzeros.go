package sets

import "vscan/engine/simd"

// noteZeros notes in Zeros which grams of the excerpt at offset begin of a literal may be zeros.
func (p *gramPart) noteZeros(lit simd.Lit, begin int) {
	width := p.stride + p.Size - 1
	if lit.Mask == nil {
		p.Zeros = max(p.Zeros, zerosIn(lit.Bytes[begin:begin+width], p.Size))
		return
	}
	zeros := make([]byte, width) // 0 where the byte may be zero
	for i := range zeros {
		if at := lit.BytesAt(begin + i); !at.Has(0) {
			zeros[i] = 1
		}
	}
	p.Zeros = max(p.Zeros, zerosIn(zeros, p.Size))
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
