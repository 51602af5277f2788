package engine

import (
	"sort"

	"vscan/engine/addr"
	"vscan/engine/segtree"
)

// plan is what of a space is to be looked at.
type plan struct {
	runs    []addr.Range // ranges of bytes that are all there, as long as matches may go on in them, ascending
	pieces  []piece      // what the runs consist of, ascending, disjoint
	sources []Source     // that the pieces name; zeros first
	absent  uint64       // bytes in scope; 2^64 − 1 where there are more
}

// piece is a run of bytes that lie side by side in one source. A space can
// have millions.
type piece struct {
	addr.Range
	off    uint64 // in the source, of the first byte
	source int32  // index into plan.sources
}

// zeros is the source of bytes that are known to be zero.
const zeros = 0

// newPlan takes from space what is in the options' ranges (all, where there are
// none) and in mappings that Where accepts (all, where it is nil). Apart, a run
// ends where its mapping does and is not continued by the next.
func newPlan(space *Space, opt Options) plan {
	ranges, where := opt.Ranges, opt.Where
	if len(ranges) == 0 {
		ranges = []addr.Range{addr.All}
	}
	starts := addr.Merge(opt.Starts)
	p := plan{sources: []Source{&zeroSource{}}}
	numbers := map[Source]int32{}
	accepted := map[int32]bool{}
	x := space.ix()
	last := segtree.None // the owner of the part before
	for _, r := range addr.Merge(ranges) {
		for part, owner := range x.shows.Runs(r) {
			goesOn := !opt.Apart || owner == last || owner != segtree.None && last != segtree.None && x.mappings[owner].Continues(&x.mappings[last])
			last = owner
			if owner == segtree.None {
				continue
			}
			m := &x.mappings[owner]
			if where != nil {
				ok, known := accepted[owner]
				if !known {
					ok = where(m)
					accepted[owner] = ok
				}
				if !ok {
					continue
				}
			}
			switch m.State {
			case Absent:
				p.addAbsent(part, starts)
			case Zero:
				p.add(piece{part, 0, zeros}, goesOn)
			case Present:
				number, ok := numbers[m.Source]
				if !ok {
					number = int32(len(p.sources))
					numbers[m.Source] = number
					p.sources = append(p.sources, m.Source)
				}
				p.add(piece{part, m.OffsetOf(part.First), number}, goesOn)
			}
		}
	}
	return p
}

// add adds a piece above all others. One that goes on where the last ended, in
// the source too, becomes part of it. It goes on nowhere unless goesOn.
func (p *plan) add(q piece, goesOn bool) {
	if n := len(p.pieces); n > 0 && goesOn {
		last := &p.pieces[n-1]
		if adjacent(last.Range, q.Range) {
			p.runs[len(p.runs)-1].Last = q.Last
			// An offset of 0 goes on nowhere, not even past 2^64 − 1.
			if last.source == q.source && (q.source == zeros || q.off > 0 && last.off+uint64(last.Last-last.First) == q.off-1) {
				last.Last = q.Last
				return
			}
			p.pieces = append(p.pieces, q)
			return
		}
	}
	p.pieces = append(p.pieces, q)
	p.runs = append(p.runs, q.Range)
}

// addAbsent counts absent bytes, of which those in starts are in scope; all,
// where there are none.
func (p *plan) addAbsent(r addr.Range, starts []addr.Range) {
	if len(starts) == 0 {
		p.absent = addSize(p.absent, r)
		return
	}
	i := sort.Search(len(starts), func(i int) bool { return starts[i].Last >= r.First })
	for ; i < len(starts) && starts[i].First <= r.Last; i++ {
		part, _ := r.Intersect(starts[i])
		p.absent = addSize(p.absent, part)
	}
}

func adjacent(a, b addr.Range) bool { return a.Last != addr.Max && a.Last+1 == b.First }

func addSize(n uint64, r addr.Range) uint64 {
	if sum := n + r.Size(); sum >= n {
		return sum
	}
	return ^uint64(0)
}

// pieceAt is the index of the piece that holds a, which one does.
func (p *plan) pieceAt(a addr.Addr) int {
	return sort.Search(len(p.pieces), func(i int) bool { return p.pieces[i].Last >= a })
}
