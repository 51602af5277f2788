package sets

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"vscan/engine/simd"
)

// A teddyPart looks for some tens of literals at once, masked ones too, by Teddy, which is
// Hyperscan's (src/fdr/teddy.c; Wang and others, "Hyperscan: a fast multi-pattern regex
// matcher for modern CPUs", NSDI 2019):
//
//	literal      s e s s i o n _ 1 7
//	excerpt                [n _ 1]        3 bytes, or what of them counts
//	buckets      8 of them, each with some of the literals
//
// Where a bucket may have an excerpt (see simd.Teddy), its literals are compared with memory.
// It differs from Hyperscan in this:
//
//  1. The excerpt is not the beginning of the literal but where it is least
//     like other memory.
//  2. Bits that do not count need nothing else: a byte enters the tables under every nibble
//     that it may have.
//  3. Literals are put into buckets so that the tables let through least.
//  4. With AVX2 the third byte is looked up only in groups that the first two let through,
//     as long as these are few.
//  5. Where memory turns out to be full of some excerpts, others are chosen: see
//     teddy_tune.go.
//  6. Where it is full of any that might be chosen, as text is of those of literals that
//     nearly stand in it, other parts look for the literals: grams tell more, though
//     to look for them takes longer where both tell enough.
type teddyPart struct {
	set   *literalSet
	lits  []uint32
	asked simd.Level // the level that was asked for
	teddyTuning
	others lazyParts
	away   atomic.Int32 // how many of the next finds the others do alone
	rest   atomic.Int32 // how many it was the last time
}

// lazyParts are parts that look for the same literals as another one. They are made when they are
// first needed.
type lazyParts struct {
	make  func() ([]setPart, error) // nil: there are none
	once  sync.Once
	parts []setPart
}

// get returns the parts, none where there are none.
func (l *lazyParts) get() []setPart {
	if l.make == nil {
		return nil
	}
	l.once.Do(func() { l.parts, _ = l.make() }) // an error does not happen: the level was checked before
	return l.parts
}

// teddyTables are the excerpts of a part's literals, and the filter that looks for them.
type teddyTables struct {
	*teddyPlan
	filter       simd.Kernel
	vainExpected float64 // the share of positions that it may let through in vain, where this is more than vainRate
}

const (
	// maxTeddy is the most literals that a part has.
	maxTeddy = 64

	// sevensRate is the largest share of positions that tables by low 7 bits may let
	// through and still be faster than nibbles. They are slower where they let zeros
	// through, as they do for an excerpt of nothing but 0x80.
	sevensRate = 2e-3

	// teddyRate is the largest share of positions that the tables may let through, all of
	// which have to be verified, for each pass over memory that sampled grams would
	// take instead. It is an estimate for memory in general: for 24 to 64 literals at
	// level AVX2, on made-up memory and on that of a Python process, Teddy was 1.1 to
	// 2.4 times as fast below it, and in one case of ten 0.7 times.
	teddyRate = 3.5e-4

	// Memory is full of a part's excerpts where its filter lets through more than one of
	// teddyFull positions, and teddyLeast of teddyCandidates.
	teddyFull                   = 256
	teddyCandidates, teddyLeast = 192, 96

	// The others then search so many bytes, twice as many each time that memory is still full
	// behind them.
	leastAside, mostAside = 32 << 10, 256 << 10

	// Where they searched more than half of a stretch, they search the next one alone, and up to
	// so many where that is so again and again.
	mostAway = 15
)

// A teddyPlan is the excerpts of literals in buckets, and the literals.
type teddyPlan struct {
	simd.Teddy // the filter's tables
	set        *literalSet

	buckets        [simd.TeddyBuckets][]teddyLiteral
	minOff, maxOff int     // the lowest and the highest offset of an excerpt in its literal
	loose          float64 // the share of positions that the tables are expected to let through
	rate           float64 // the share that has to be verified: what BucketsAt lets through
}

// A teddyLiteral is a literal in its bucket.
type teddyLiteral struct {
	head, mask uint64 // its first bytes, up to eight, little-endian, and which bits of them count
	lit        uint32
	off        uint32 // the offset of its excerpt
	size       uint32 // in bytes
}

// A teddyChoice is a literal with its excerpt, before it is in a bucket.
type teddyChoice struct {
	teddyLiteral
	excerpt [simd.TeddyExcerpt]simd.ByteSet
	rate    float64 // of the excerpt, see excerptRate
}

// newTeddyPart makes the part for literals.
func newTeddyPart(level simd.Level, set *literalSet, lits []uint32) (*teddyPart, error) {
	p := &teddyPart{set: set, lits: lits, asked: level}
	t, err := p.tables(nil)
	if err != nil {
		return nil, err
	}
	p.tuned.Store(t)
	return p, nil
}

// tables makes tables of excerpts that are rare, also where the trigrams of seen, which may
// be nil, were counted. They are by low 7 bits where the level has a filter for those and
// they tell enough, else by nibbles.
func (p *teddyPart) tables(seen *trigrams) (*teddyTables, error) {
	plan := newTeddyPlan(p.set, p.lits, simd.BySevens, seen)
	filter, err := simd.NewTeddy(p.asked, &plan.Teddy)
	if err == nil && (filter.Level() <= simd.Generic || plan.loose > sevensRate) {
		plan = newTeddyPlan(p.set, p.lits, simd.ByNibbles, seen)
		filter, err = simd.NewTeddy(p.asked, &plan.Teddy)
	}
	if err != nil {
		return nil, err
	}
	return &teddyTables{teddyPlan: plan, filter: filter}, nil
}

func (p *teddyPart) level() simd.Level { return p.tuned.Load().filter.Level() }

// rate returns the share of positions that the tables are expected to let through and that
// have to be verified.
func (p *teddyPart) rate() float64 { return p.tuned.Load().rate }

// newTeddyPlan chooses excerpts for literals that are rare in memory in general, and where
// the trigrams of seen, which may be nil, were counted.
func newTeddyPlan(set *literalSet, lits []uint32, by simd.TeddyBy, seen *trigrams) *teddyPlan {
	p := &teddyPlan{Teddy: simd.Teddy{By: by}, set: set, minOff: simd.MaxLiteral}
	var all []teddyChoice
	for _, u := range lits {
		l := newTeddyChoice(set, u, by, seen)
		p.minOff, p.maxOff = min(p.minOff, int(l.off)), max(p.maxOff, int(l.off))
		all = append(all, l)
	}
	p.fill(all)
	return p
}

// newTeddyChoice chooses the rarest excerpt of literal u.
func newTeddyChoice(set *literalSet, u uint32, by simd.TeddyBy, seen *trigrams) teddyChoice {
	lit := set.lit(u)
	l := teddyChoice{teddyLiteral: teddyLiteral{lit: u, size: set.lits[u].size, head: set.lits[u].head}}
	for i := range min(8, int(l.size)) {
		m := byte(0xff)
		if lit.Mask != nil {
			m = lit.Mask[i]
		}
		l.mask |= uint64(m) << (8 * i)
	}
	best := 3.
	for off := range min(max(int(l.size)-simd.TeddyExcerpt, 0), maxExcerpt) + 1 {
		excerpt := set.excerpt(u, off)
		loose := excerpt
		for i := range loose {
			loose[i] = by.Through(loose[i])
		}
		if r := excerptRate(loose[:]) + seen.rate(&loose); r < best {
			best, l.off, l.excerpt = r, uint32(off), excerpt
		}
	}
	l.rate = excerptRate(l.excerpt[:])
	return l
}

// excerpt returns the bytes that literal u may have at off and behind it.
func (set *literalSet) excerpt(u uint32, off int) (excerpt [simd.TeddyExcerpt]simd.ByteSet) {
	lit := set.lit(u)
	for i := range excerpt {
		excerpt[i] = lit.BytesAt(off + i)
	}
	return excerpt
}

// fill puts the literals into buckets: one after the other, the most frequent first, each
// where it adds least to what the tables let through.
func (p *teddyPlan) fill(all []teddyChoice) {
	slices.SortStableFunc(all, func(a, b teddyChoice) int { return cmp.Compare(b.rate, a.rate) })
	var loose, exact [simd.TeddyBuckets][simd.TeddyExcerpt]simd.ByteSet
	var rates [simd.TeddyBuckets]float64
	for _, l := range all {
		best, least := 0, 2.*simd.TeddyBuckets
		var merged [simd.TeddyExcerpt]simd.ByteSet
		for b := range loose {
			with := loose[b]
			for i := range with {
				with[i] = p.By.Through(with[i].Union(l.excerpt[i]))
			}
			if more := excerptRate(with[:]) - rates[b]; more < least {
				best, least, merged = b, more, with
			}
		}
		loose[best] = merged
		for i := range l.excerpt {
			exact[best][i] = exact[best][i].Union(l.excerpt[i])
		}
		rates[best] += least
		p.loose += least
		p.buckets[best] = append(p.buckets[best], l.teddyLiteral)
	}
	if p.By == simd.ByNibbles {
		exact = loose
	}
	for bucket := range exact {
		if len(p.buckets[bucket]) > 0 {
			p.rate += excerptRate(exact[bucket][:])
			p.Add(bucket, &exact[bucket])
		}
	}
}

func (p *teddyPart) find(sc *Scratch, b []byte, lo, hi int) bool {
	if p.away.Load() > 0 {
		p.away.Add(-1)
		return p.findAside(sc, b, lo, hi)
	}
	t := p.tuned.Load()
	vain, around, byOthers := 0, 0, 0
	had, first, aside := len(sc.hits), lo, leastAside // starts below first have been looked at
	from, to := lo+t.minOff, hi+t.maxOff
	for from < to {
		n, next := t.filter.Scan(sc.cand[:teddyCandidates], b, from, to)
		if n > 0 {
			around = int(sc.cand[n/2])
		}
		if n >= teddyLeast && n*teddyFull > next-from {
			if p.others.get() != nil {
				vain += n
				if aside = min(2*aside, mostAside); from > first+t.minOff {
					aside = leastAside
				}
				start := max(first, from-t.maxOff)
				sc.hits = deleteFrom(sc.hits, had, start)
				first = min(start+aside, hi)
				if byOthers += first - start; !p.findAside(sc, b, start, first) {
					return false
				}
				had, from = len(sc.hits), first+t.minOff
				continue
			}
		}
		sc.through += n
		hits := len(sc.hits)
		sc.hits = t.verify(sc.hits, sc.cand[:n], b, first, hi)
		if len(sc.hits) > sc.limit {
			return false
		}
		vain += n - (len(sc.hits) - hits)
		from = next
	}
	if t.letThroughTooMuch(vain, hi-lo) {
		p.learn(b, around)
	}
	if hi-lo >= leastAside {
		if byOthers > (hi-lo)/2 {
			p.rest.Store(min(2*p.rest.Load()+1, mostAway))
			p.away.Store(p.rest.Load())
		} else {
			p.rest.Store(0)
		}
	}
	// The last positions of b are too short for an excerpt.
	for at := max(first+t.minOff, len(b)-simd.TeddyExcerpt+1); at < min(to, len(b)); at++ {
		for _, lits := range t.buckets {
			for i := range lits {
				l := &lits[i]
				if s := at - int(l.off); s >= first && s < hi && t.stands(b, s, l) {
					sc.hits = append(sc.hits, uint64(s)<<32|uint64(l.lit))
				}
			}
		}
	}
	return len(sc.hits) <= sc.limit
}

// findAside has the other parts do what find does.
func (p *teddyPart) findAside(sc *Scratch, b []byte, lo, hi int) bool {
	for _, q := range p.others.get() {
		if !q.find(sc, b, lo, hi) {
			return false
		}
	}
	return true
}

// deleteFrom deletes those of hits[had:] that start at start or behind it.
func deleteFrom(hits []uint64, had, start int) []uint64 {
	return append(hits[:had], slices.DeleteFunc(hits[had:], func(h uint64) bool { return int(h>>32) >= start })...)
}

// verify appends to hits the literals that stand at a start from lo up to hi with their
// excerpt at one of cand, and returns it.
func (p *teddyPlan) verify(hits []uint64, cand []uint32, b []byte, lo, hi int) []uint64 {
	for _, t := range cand {
		for buckets := p.BucketsAt(b, int(t)); buckets != 0; buckets &= buckets - 1 {
			lits := p.buckets[bits.TrailingZeros8(buckets)]
			for i := range lits {
				l := &lits[i]
				s := int(t) - int(l.off)
				if s < lo || s >= hi {
					continue
				}
				// Most candidates fail here, and most of the short literals
				// that do not fail stand.
				last := len(b)-s < 8
				if !last && (binary.LittleEndian.Uint64(b[s:])^l.head)&l.mask != 0 {
					continue
				}
				if (last || l.size > 8) && !p.stands(b, s, l) {
					continue
				}
				hits = append(hits, uint64(s)<<32|uint64(l.lit))
			}
		}
	}
	return hits
}

// stands reports whether a literal stands at s.
func (p *teddyPlan) stands(b []byte, s int, l *teddyLiteral) bool {
	rest, size := b[s:], int(l.size)
	switch {
	case size > len(rest):
		return false
	case len(rest) >= 8 && (binary.LittleEndian.Uint64(rest)^l.head)&l.mask != 0:
		return false
	case len(rest) >= 8 && size <= 8:
		return true
	}
	return p.set.stands(rest[:size], l.lit)
}

// stands reports whether literal u stands in b, which must be as long.
func (set *literalSet) stands(b []byte, u uint32) bool {
	if mask := set.mask(u); mask != nil {
		return maskedEqual(b, set.bytes(u), mask)
	}
	return string(b) == string(set.bytes(u))
}
