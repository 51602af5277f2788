package sets

import (
	"slices"

	"vscan/engine/simd"
)

// A runPart looks for literals that are zeros and nothing else, of any lengths, which the differences
// of one repeated byte are. Memory has long runs of zeros, at each place of which all of them may
// begin. So a run is measured once:
//
//	memory   x x 0 0 0 0 0 0 x      a run of 6
//	hits         4 3 2 1 . .        of zeros of 3 bytes at 4 places, of 6 at one
type runPart struct {
	shortest simd.Kernel // finds the shortest of them
	lits     []uint32    // by length; equal ones are one literal
	sizes    []int       // of these, in bytes
}

func newRunPart(level simd.Level, set *literalSet, lits []uint32) (*runPart, error) {
	p := &runPart{lits: lits}
	slices.SortFunc(lits, func(a, b uint32) int { return int(set.lits[a].size) - int(set.lits[b].size) })
	for _, u := range lits {
		p.sizes = append(p.sizes, int(set.lits[u].size))
	}
	var err error
	p.shortest, err = simd.NewLiteral(level, set.bytes(lits[0]))
	return p, err
}

func (p *runPart) level() simd.Level { return p.shortest.Level() }

func (p *runPart) find(sc *Scratch, b []byte, lo, hi int) bool {
	longest := p.sizes[len(p.sizes)-1]
	for from := lo; from < hi; {
		// One place is enough to find the run, and then its end tells of all places in it.
		n, next := p.shortest.Scan(sc.cand[:simd.MinDst], b, from, hi)
		if n == 0 {
			from = next
			continue
		}
		s := int(sc.cand[0])
		most := min(len(b), hi+longest-1)
		end := s + p.sizes[0]
		for end < most && b[end] == 0 {
			end++
		}
		last := min(hi, end-p.sizes[0]+1) // no literal begins here or behind it
		for i := 0; s < last; s++ {
			if i == 0 || p.sizes[i-1] > end-s {
				for i = len(p.sizes); p.sizes[i-1] > end-s; i-- {
				}
			}
			for _, u := range p.lits[:i] {
				sc.hits = append(sc.hits, uint64(s)<<32|uint64(u))
			}
			if len(sc.hits) > sc.limit {
				return false
			}
		}
		from = last
	}
	return true
}
