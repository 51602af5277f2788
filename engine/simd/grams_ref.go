package simd

// gramRef is the filter, written to be read.
type gramRef struct{ *Grams }

func newGramRef(g *Grams) Kernel { return gramRef{g} }

func (gramRef) Level() Level { return Reference }

func (k gramRef) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, k.Size)
	for s := from; s < end; s += 4 {
		if n == len(dst) {
			return n, s
		}
		if zerosAt(b, s, s+k.Size) && (k.Zeros == ZerosNever || k.Zeros == ZerosEdge && zerosAt(b, s-4, s+4+k.Size)) {
			continue
		}
		if k.Has(k.Of(b, s)) {
			dst[n] = uint32(s)
			n++
		}
	}
	return n, to
}

// zerosAt reports whether b[from:to] lies wholly in b and is all zeros.
func zerosAt(b []byte, from, to int) bool {
	if from < 0 || to > len(b) {
		return false
	}
	for _, c := range b[from:to] {
		if c != 0 {
			return false
		}
	}
	return true
}
