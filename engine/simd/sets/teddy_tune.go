package sets

import (
	"sync/atomic"

	"vscan/engine/simd"
)

// Which excerpt of a literal is rare is taken from a table, as is which of its bytes
// are (see literal_tune.go), and memory may be full of just that excerpt: of " /i",
// say, where c5cec /in is looked for. Where tables let too much through in vain,
// excerpts are chosen anew by what is in memory there. What is found does not depend
// on the excerpts.

// A teddyTuning is the tables of a part as they have been learnt so far. Scans that
// run at the same time share them.
type teddyTuning struct {
	tuned atomic.Pointer[teddyTables]
	tries atomic.Int32
}

const (
	// vainRate is the largest share of positions that tables may let through in vain
	// before others are learnt. For learnt tables it is twice what their excerpts
	// had where they were learnt, where this is more.
	vainRate = 1. / 4096

	// teddyTries is how many times, at most, tables are learnt, which takes half
	// a millisecond each time for 64 literals.
	teddyTries = 8

	// lessonBytes is the most bytes of memory from which tables are learnt at a
	// time, and leastLesson the fewest in which they may prove bad.
	lessonBytes = 128 << 10
	leastLesson = 32 << 10
)

// letThroughTooMuch reports whether the tables have let through so much in vain, of size
// positions, that others should be learnt.
func (t *teddyTables) letThroughTooMuch(vain, size int) bool {
	return size >= leastLesson && float64(vain) > max(vainRate, t.vainExpected)*float64(size)
}

// learn makes new tables, with excerpts that are rare in the memory around offset at
// of b.
func (p *teddyPart) learn(b []byte, at int) {
	if p.tries.Add(1) > teddyTries {
		return
	}
	from := max(0, min(at-lessonBytes/2, len(b)-lessonBytes))
	seen := newTrigrams(b[from:min(from+lessonBytes, len(b))])
	t, err := p.tables(seen)
	if err != nil {
		return // does not happen: the same call has worked before
	}
	for _, lits := range t.buckets {
		for _, l := range lits {
			excerpt := p.set.excerpt(l.lit, int(l.off))
			t.vainExpected += 2 * seen.rate(&excerpt)
		}
	}
	p.tuned.Store(t)
}

// trigrams counts how often any three bytes were seen one after another; several
// share a count.
type trigrams struct {
	counts [1 << 16]uint32
	all    int
}

func newTrigrams(b []byte) *trigrams {
	t := &trigrams{all: max(1, len(b)-2)}
	for i := range len(b) - 2 {
		*t.count(b[i], b[i+1], b[i+2])++
	}
	return t
}

func (t *trigrams) count(x, y, z byte) *uint32 {
	return &t.counts[(uint32(x)|uint32(y)<<8|uint32(z)<<16)*0x9e3779b1>>16]
}

// maxTrigrams is the most trigrams of an excerpt that are looked up.
const maxTrigrams = 64

// rate returns at which share of positions the excerpt was seen: 0 where t is nil, or the
// excerpt may be more than maxTrigrams trigrams.
func (t *trigrams) rate(excerpt *[simd.TeddyExcerpt]simd.ByteSet) float64 {
	if t == nil || excerpt[0].Len()*excerpt[1].Len()*excerpt[2].Len() > maxTrigrams {
		return 0
	}
	sum := 0
	for x := range excerpt[0].All {
		for y := range excerpt[1].All {
			for z := range excerpt[2].All {
				sum += int(*t.count(x, y, z))
			}
		}
	}
	return float64(sum) / float64(t.all)
}
