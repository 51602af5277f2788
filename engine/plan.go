package engine

import (
	"context"
	"slices"
	"sort"

	"vscan/engine/addr"
	"vscan/engine/segtree"
	"vscan/internal/interrupt"
)

// A plan is what of a space is to be searched.
type plan struct {
	runs    []addr.Range        // ascending: ranges of bytes that are all there; no match goes on beyond one
	pieces  []piece             // what the runs consist of, ascending and disjoint
	sources []Source            // the sources of the pieces; that of zeros is the first
	choices []Chooser           // by source: the source where it is a Chooser, else nil
	absent  [Missing + 1]uint64 // absent bytes in scope, by why; 2^64 − 1 where there are more
}

// A piece is a range of bytes that lie side by side in one source. A space can
// have millions.
type piece struct {
	addr.Range
	off    uint64 // the offset of the first byte in the source
	source int32  // index into plan.sources
}

// zeros is the index in plan.sources of the source of bytes that are known to be
// zero.
const zeros = 0

// newPlan returns the plan of what of space is in the options' ranges (all, where
// there are none) and in mappings that Where accepts (all, where it is nil). With
// PerMapping, a run ends where its mapping ends, unless the next one continues it. The
// error is that of ctx, which is asked as often as there are intervals.
func newPlan(ctx context.Context, space *Space, opt Options) (plan, error) {
	ranges, where := opt.Ranges, opt.Where
	if len(ranges) == 0 {
		ranges = []addr.Range{addr.All}
	}
	starts := addr.Merge(opt.Starts)
	p := plan{sources: []Source{&zeroSource{}}, choices: []Chooser{nil}}
	numbers := map[Source]int32{}
	accepted := map[int32]bool{}
	if err := space.Index(ctx); err != nil {
		return plan{}, err
	}
	x, watch := space.ix(), interrupt.New(ctx)
	if len(opt.Ranges) == 0 && where == nil {
		// Of millions of pieces, append would copy most several times.
		p.pieces, p.runs = make([]piece, 0, len(x.mappings)), make([]addr.Range, 0, len(x.mappings))
	}
	last := segtree.None // the owner of the part that came before
	for _, r := range addr.Merge(ranges) {
		for part, owner := range x.shows.Intervals(r) {
			if err := watch.Step(1); err != nil {
				return plan{}, err
			}
			goesOn := !opt.PerMapping || owner == last || owner != segtree.None && last != segtree.None && x.mappings[owner].Continues(&x.mappings[last])
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
				p.addAbsent(part, starts, m.Absence)
			case Zero:
				p.add(piece{part, 0, zeros}, goesOn)
			case Present:
				number, ok := numbers[m.Source]
				if !ok {
					number = int32(len(p.sources))
					numbers[m.Source] = number
					p.sources = append(p.sources, m.Source)
					chooser, _ := m.Source.(Chooser)
					p.choices = append(p.choices, chooser)
				}
				p.add(piece{part, m.OffsetOf(part.First), number}, goesOn)
			}
		}
	}
	if len(p.pieces) < cap(p.pieces)/2 { // most were joined
		p.pieces = slices.Clone(p.pieces)
	}
	if len(p.runs) < cap(p.runs)/2 {
		p.runs = slices.Clone(p.runs)
	}
	return p, nil
}

// add adds a piece, which must lie above all others. Without goesOn, a new run
// begins with it. With goesOn, a piece that follows the last one without a gap is
// of the same run, and joined with the last one where it follows it in the source
// too.
func (p *plan) add(q piece, goesOn bool) {
	if n := len(p.pieces); n > 0 && goesOn {
		last := &p.pieces[n-1]
		if adjacent(last.Range, q.Range) {
			p.runs[len(p.runs)-1].Last = q.Last
			// What begins at offset 0 follows nothing: q.off − 1
			// would wrap round to 2^64 − 1.
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

// addAbsent counts the absent bytes of r that are in scope: those in starts, or
// all where there are no starts.
func (p *plan) addAbsent(r addr.Range, starts []addr.Range, why Absence) {
	n := &p.absent[why]
	if len(starts) == 0 {
		*n = addSize(*n, r)
		return
	}
	i := sort.Search(len(starts), func(i int) bool { return starts[i].Last >= r.First })
	for ; i < len(starts) && starts[i].First <= r.Last; i++ {
		part, _ := r.Intersect(starts[i])
		*n = addSize(*n, part)
	}
}

func adjacent(a, b addr.Range) bool { return a.Last != addr.Max && a.Last+1 == b.First }

func addSize(n uint64, r addr.Range) uint64 { return addr.Sum(n, r.Size()) }

// pieceAt returns the index of the piece that holds a. One must.
func (p *plan) pieceAt(a addr.Addr) int {
	return sort.Search(len(p.pieces), func(i int) bool { return p.pieces[i].Last >= a })
}
