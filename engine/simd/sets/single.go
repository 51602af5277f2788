package sets

import "vscan/engine/simd"

// A singlePart looks for few literals, each by a kernel of its own.
type singlePart struct {
	kernels []simd.Kernel
	lits    []uint32 // their numbers
}

func newSinglePart(level simd.Level, set *literalSet, lits []uint32) (*singlePart, error) {
	p := &singlePart{lits: lits}
	for _, u := range lits {
		var k simd.Kernel
		var err error
		if mask := set.mask(u); mask != nil {
			k, err = simd.NewMasked(level, set.bytes(u), mask)
		} else {
			k, err = simd.NewLiteral(level, set.bytes(u))
		}
		if err != nil {
			return nil, err
		}
		p.kernels = append(p.kernels, k)
	}
	return p, nil
}

func (p *singlePart) level() simd.Level { return p.kernels[0].Level() }

func (p *singlePart) find(sc *Scratch, b []byte, lo, hi int) bool {
	for i, k := range p.kernels {
		u := uint64(p.lits[i])
		for from := lo; from < hi; {
			n, next := k.Scan(sc.cand, b, from, hi)
			sc.through += n
			for _, s := range sc.cand[:n] {
				sc.hits = append(sc.hits, uint64(s)<<32|u)
			}
			if len(sc.hits) > sc.limit {
				return false
			}
			from = next
		}
	}
	return true
}
