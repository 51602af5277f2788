package sets

import (
	"sync"
	"sync/atomic"

	"vscan/engine/simd"
)

// Which pair of a literal is rare is taken from how often bytes are in memory images, and memory
// may be full of just that pair: machine code of x86-64 is of 48 8b, in which both
// bytes are no more frequent than others. Where tables let too much through in vain, pairs and
// excerpts are chosen anew by what is in memory there. What is found does not depend on them.

// A pairTuning is the tables of a part as they have been learnt so far. Scans that run at
// the same time share them.
type pairTuning struct {
	tuned atomic.Pointer[tunedPairs]
	tries atomic.Int32
	vain  atomic.Int64 // how many positions were let through in vain where it was too much, since the last lesson

	learning sync.Mutex  // held while tables are learnt
	seen     *pairCounts // of all that was learnt from; nil: nothing yet
}

// tunedPairs are tables, and the share of positions that they may let through in vain where this
// is more than vainPairs.
type tunedPairs struct {
	*pairTables
	vainExpected float64
}

const (
	// vainPairs is the largest share of positions that tables may let through in vain
	// before others are learnt. To verify as many takes about as long as the filter takes for
	// all. For learnt tables it is twice what they let through where they were learnt, where this is more.
	vainPairs = 1. / 128

	// Tables are learnt once as much was let through in vain as takes as long to verify, which is so
	// many positions for each literal, and pairTries times at most.
	vainPerLiteral = 1000
	pairTries      = 8
)

// letThrough notes that tables have let through so much in vain, of size positions, and
// reports whether others should be learnt.
func (p *pairPart) letThrough(t *tunedPairs, vain, size int) bool {
	return size >= leastLesson && float64(vain) > max(vainPairs, t.vainExpected)*float64(size) &&
		p.vain.Add(int64(vain)) > vainPerLiteral*int64(len(p.lits))
}

// learn makes new tables instead of old, with pairs and excerpts that are rare in the memory around
// offset at of b, and where others were learnt. They are taken where they let less
// through there.
func (p *pairPart) learn(old *tunedPairs, b []byte, at int) {
	if p.tries.Load() >= pairTries || !p.learning.TryLock() {
		return
	}
	defer p.learning.Unlock()
	if p.tuned.Load() != old || p.tries.Add(1) > pairTries {
		return
	}
	p.vain.Store(0)
	from := max(0, min(at-lessonBytes/2, len(b)-lessonBytes))
	lesson := b[from:min(from+lessonBytes, len(b))]
	if p.seen == nil {
		p.seen = new(pairCounts)
	}
	p.seen.add(lesson)
	var all []pairChoice
	for _, u := range p.lits {
		c, _ := newPairChoice(p.set, u, p.seen) // there is a pair: the first tables have one
		all = append(all, c)
	}
	t, err := newPairTables(p.asked, p.set, p.set.intoBuckets(all, simd.PairBuckets))
	if err != nil {
		return // does not happen: the same call has worked before
	}
	through := t.through(lesson)
	if before := old.through(lesson); before <= through {
		t, through = old.pairTables, before
	}
	p.tuned.Store(&tunedPairs{t, 2 * float64(through) / float64(len(lesson))})
}

// through returns at how many positions of b the filter of the tables lets through what is there.
func (t *pairTables) through(b []byte) (n int) {
	var cand [candidates]uint32
	for at := 0; at < len(b)-1; {
		var k int
		k, at = t.filter.Scan(cand[:], b, at, len(b)-1)
		n += k
	}
	return n
}

// pairCounts counts how often each byte was seen, and any two one after the other.
type pairCounts struct {
	bytes [1 << 8]uint32
	pairs [1 << 16]uint32
	all   int
}

// add counts those of b.
func (c *pairCounts) add(b []byte) {
	for i := range len(b) - 1 {
		c.bytes[b[i]]++
		c.pairs[uint32(b[i])|uint32(b[i+1])<<8]++
	}
	c.all += len(b) - 1
}

// rate returns at which share of positions byte x was seen with y behind it: 0 where c is nil.
func (c *pairCounts) rate(x, y byte) float64 {
	if c == nil {
		return 0
	}
	return float64(c.pairs[uint32(x)|uint32(y)<<8]) / float64(max(1, c.all))
}

// excerptRate returns at about which share of positions the excerpt may be expected by how often its
// pairs were seen, as if each byte depended on the one before it alone: 0 where c is nil.
func (c *pairCounts) excerptRate(excerpt *[simd.PairExcerpt]simd.ByteSet) float64 {
	if c == nil {
		return 0
	}
	rate := 1.
	for i := range excerpt {
		if last := &excerpt[max(i-1, 0)]; i > 0 && last.Len()*excerpt[i].Len() <= maxPairsSeen {
			if before := c.bytesRate(last); before > 0 {
				rate *= c.pairsRate(last, &excerpt[i]) / before
			}
			continue
		}
		rate *= c.bytesRate(&excerpt[i])
	}
	return rate
}

// maxPairsSeen is the most pairs of two bytes of an excerpt that are looked up.
const maxPairsSeen = 256

func (c *pairCounts) bytesRate(s *simd.ByteSet) float64 {
	n := 0
	for x := range s.All {
		n += int(c.bytes[x])
	}
	return float64(n) / float64(max(1, c.all))
}

func (c *pairCounts) pairsRate(s, t *simd.ByteSet) float64 {
	sum := 0.
	for x := range s.All {
		for y := range t.All {
			sum += c.rate(x, y)
		}
	}
	return sum
}
