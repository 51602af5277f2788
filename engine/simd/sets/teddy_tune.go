package sets

import (
	"sync/atomic"

	"vscan/engine/simd"
)

// Which window of a literal is rare is a guess from a table, as which of its
// bytes are (see literal_tune.go), and memory may be full of just those: of " /i",
// say, where c5cec /in is looked for. Where tables let too much through in vain,
// windows are chosen anew by what is seen there. What is found does not depend on
// it.

// teddyTuning is the tables of a part as they have been learnt so far. Scans at
// the same time share them.
type teddyTuning struct {
	tuned atomic.Pointer[teddyTables]
	tries atomic.Int32
}

const (
	// vainRate is how often tables may let something through in vain, in parts of
	// memory's bytes, before they are put in question. Where the best ones do
	// so more often, twice as often is what is put up with.
	vainRate = 1. / 4096

	// teddyTries bounds the time that is spent on learning, half a millisecond
	// for 64 literals at a time.
	teddyTries = 8

	// trigramBytes is how many bytes of memory, at most, are learnt from at a
	// time, and leastLesson how many there must be.
	trigramBytes = 128 << 10
	leastLesson  = 32 << 10
)

// disappoints says whether something was let through so often in vain, in memory
// of so many bytes, that the tables are put in question.
func (t *teddyTables) disappoints(vain, size int) bool {
	return size >= leastLesson && float64(vain) > max(vainRate, t.hopes)*float64(size)
}

// learn chooses windows by the memory around offset at of b.
func (p *teddyPart) learn(b []byte, at int) {
	if p.tries.Add(1) > teddyTries {
		return
	}
	from := max(0, min(at-trigramBytes/2, len(b)-trigramBytes))
	seen := newTrigrams(b[from:min(from+trigramBytes, len(b))])
	t, err := p.tables(seen)
	if err != nil {
		return // it worked before
	}
	for _, lits := range t.buckets {
		for _, l := range lits {
			window := p.set.window(l.lit, int(l.off))
			t.hopes += 2 * seen.rate(&window)
		}
	}
	p.tuned.Store(t)
}

// trigrams is how often any three bytes were seen one after another, or others
// that share their place in the table.
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

// maxTrigrams is how many trigrams of a window are looked up.
const maxTrigrams = 64

// rate is how often the window was seen, in parts of memory's bytes: 0 where
// nothing was, or the window may be too many trigrams.
func (t *trigrams) rate(window *[simd.TeddyWindow]simd.ByteSet) float64 {
	if t == nil || window[0].Len()*window[1].Len()*window[2].Len() > maxTrigrams {
		return 0
	}
	sum := 0
	for x := range window[0].All {
		for y := range window[1].All {
			for z := range window[2].All {
				sum += int(*t.count(x, y, z))
			}
		}
	}
	return float64(sum) / float64(t.all)
}
