package simd

import (
	"encoding/binary"

	"vscan/engine/addr"
)

// wordsGo is the portable kernel for words. A number v is from Lo to Hi if,
// and only if, v − Lo ≤ Hi − Lo in unsigned arithmetic, which wraps round:
// that is one subtraction and one comparison, and holds at both ends of the
// number line. Where there are several ranges, a word is first compared with
// their envelope, from the lowest Lo to the highest Hi; one that is in there
// is looked up in a wordSet.
type wordsGo struct {
	*wordsPlan
	lo, span uint64 // the envelope: the lowest Lo, and the highest Hi − lo
}

func newWordsGo(p *wordsPlan) Kernel {
	ranges := p.spec.Ranges
	lo := ranges[0].Lo
	return &wordsGo{p, lo, ranges[len(ranges)-1].Hi - lo}
}

func (*wordsGo) Level() Level { return Generic }

func (k *wordsGo) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, k.spec.Size)
	pos := from
	for pos < end {
		if n == len(dst) {
			return n, pos
		}
		s, v := k.enveloped(b, pos, end)
		if s < end && (len(k.spec.Ranges) == 1 || k.set.has(v)) {
			dst[n] = uint32(s)
			n++
		}
		pos = s + k.spec.Stride
	}
	return n, to
}

// enveloped returns the first position s, pos or a whole number of strides behind
// it, with a word v in the envelope; s ≥ end where there is none below end.
func (k *wordsGo) enveloped(b []byte, pos, end int) (s int, v uint64) {
	lo, span, stride := k.lo, k.span, k.spec.Stride
	little, big := binary.LittleEndian, binary.BigEndian
	switch {
	case k.spec.Size == 8 && k.spec.Order == addr.Little:
		for s = pos; s < end; s += stride {
			if v := little.Uint64(b[s:]); v-lo <= span {
				return s, v
			}
		}
	case k.spec.Size == 8:
		for s = pos; s < end; s += stride {
			if v := big.Uint64(b[s:]); v-lo <= span {
				return s, v
			}
		}
	case k.spec.Size == 4 && k.spec.Order == addr.Little:
		for s = pos; s < end; s += stride {
			if v := little.Uint32(b[s:]); v-uint32(lo) <= uint32(span) {
				return s, uint64(v)
			}
		}
	case k.spec.Size == 4:
		for s = pos; s < end; s += stride {
			if v := big.Uint32(b[s:]); v-uint32(lo) <= uint32(span) {
				return s, uint64(v)
			}
		}
	case k.spec.Size == 2 && k.spec.Order == addr.Little:
		for s = pos; s < end; s += stride {
			if v := little.Uint16(b[s:]); v-uint16(lo) <= uint16(span) {
				return s, uint64(v)
			}
		}
	case k.spec.Size == 2:
		for s = pos; s < end; s += stride {
			if v := big.Uint16(b[s:]); v-uint16(lo) <= uint16(span) {
				return s, uint64(v)
			}
		}
	default:
		for s = pos; s < end; s += stride {
			if v := b[s]; v-uint8(lo) <= uint8(span) {
				return s, uint64(v)
			}
		}
	}
	return end, 0
}
