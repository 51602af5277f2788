package sets

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"vscan/engine/simd"
)

// A pairPart looks for hundreds of literals that are too short for sampling, or of
// which too many bits do not count. It looks for a pair of bytes that stand side by
// side, of which all but a few bits count, and for what follows:
//
//	literal    4? 8b 3? ?? 5? c0 07 9? ??
//	pair                      c0 07          at offset 5
//	excerpt                  [c0 07 9? ??]   4 bytes, or what of them counts
//	memory     . . . . . . .  c0 07 . . .    the literal may begin 5 bytes before
//
// simd.Pairs tells how that is done at every position of memory. It takes longer for a
// byte than sampling does, but a literal that has a mask is not looked up in all its
// values. It is fast as long as few of the pairs are common; where memory turns out to be full of
// some, others are chosen: see pairs_tune.go.
type pairPart struct {
	set   *literalSet
	lits  []uint32
	asked simd.Level // the level that was asked for
	pairTuning
}

// pairTables are the pairs and excerpts of a part's literals, and the filter that looks for them.
type pairTables struct {
	simd.Pairs // the filter's tables
	filter     simd.Kernel

	set *literalSet

	// The entries of a pair are entries[first[r]:first[r+1]], where r is how
	// many pairs of the bitmap are less: before has how many are in the words
	// before the pair's.
	before  [len(simd.PairBits{})]uint16
	first   []uint32
	entries []pairEntry

	minOff, maxOff int // the lowest and the highest offset of a pair in its literal
	ahead          int // how far behind the first byte of a pair those of its entry end at most
}

// A pairEntry is a literal that has a pair.
type pairEntry struct {
	val, mask uint64 // up to eight bytes of it, little-endian, and which bits of them count
	lit       uint32
	off, at   uint16 // the offsets of the pair and of those bytes in it
	from      uint16 // the offset of those bytes in a window, see agreeing
}

const (
	// minPairs is the fewest literals that a pairPart is made for.
	minPairs = 24

	// maxPairRate is the largest share of positions at which a pair of a part may
	// be expected, and maxOnePair that at which a pair of a single literal may
	// be.
	maxPairRate = 1. / 12
	maxOnePair  = 1. / 200

	// maxPairValues is the most values that the pair of a literal may have.
	maxPairValues = 16

	// maxPairOff is the highest offset of a pair in its literal.
	maxPairOff = 255

	// Where the buckets of a part let through more than splitPairs of all
	// positions, two parts are faster. There are at most maxPairParts.
	splitPairs   = 1. / 64
	maxPairParts = 2

	// evenShare is the share of memory in which all bytes are taken to be
	// equally frequent.
	evenShare = 1. / 8
)

// A pairChoice is a literal with its pair and its excerpt.
type pairChoice struct {
	pairEntry
	pairs float64 // the share of positions at which its pair is expected
	rate  float64 // the share of positions at which its excerpt is

	sets    [simd.PairExcerpt]simd.ByteSet // the excerpt
	nibbles [simd.PairExcerpt][2]uint16    // the low and high nibbles of the bytes of sets
}

// noteNibbles sets nibbles from sets.
func (c *pairChoice) noteNibbles() {
	for i := range c.sets {
		for k, word := range c.sets[i] {
			for ; word != 0; word &= word - 1 {
				b := 64*k + bits.TrailingZeros64(word)
				c.nibbles[i][0] |= 1 << (b & 15)
				c.nibbles[i][1] |= 1 << (b >> 4)
			}
		}
	}
}

// newPairChoice chooses the pair and excerpt of literal u: the rarest excerpt, and one
// with a rare pair. It returns false where no pair suits. Where seen is not nil, it counts as well
// how often they are there, and the rarest pair suits, however frequent it is.
func newPairChoice(set *literalSet, u uint32, seen *pairCounts) (pairChoice, bool) {
	lit := set.lit(u)
	best, least := pairChoice{pairEntry: pairEntry{lit: u}}, math.Inf(1)
	for off := range min(len(lit.Bytes)-1, maxPairOff+1) {
		set.check.Step(1)
		if lit.Mask != nil && lit.Values(off, off+2) > maxPairValues {
			continue
		}
		pairs := 0.
		for pair := range pairsAt(lit, off) {
			pairs += pairRate(byte(pair), byte(pair>>8)) + seen.rate(byte(pair), byte(pair>>8))
		}
		if pairs > maxOnePair && seen == nil || pairs/8 >= least {
			continue
		}
		var excerpt [simd.PairExcerpt]simd.ByteSet
		for i := range excerpt {
			excerpt[i] = lit.BytesAt(off + i)
		}
		rate := min(excerptRate(excerpt[:])+seen.excerptRate(&excerpt), pairs)
		cost := rate + pairs/8
		if seen == nil { // a part of memory may well be code
			cost = max(cost, (codeRate(lit, off, simd.PairExcerpt)+codeRate(lit, off, 2)/8)/8)
		}
		if cost < least {
			least = cost
			best.off, best.pairs, best.rate, best.sets = uint16(off), pairs, rate, excerpt
		}
	}
	if math.IsInf(least, 1) {
		return best, false
	}
	best.chooseBytes(lit)
	best.noteNibbles()
	return best, true
}

// codeRate is simd.CodeRate of up to n bytes of a literal from off on.
func codeRate(lit simd.Lit, off, n int) float64 {
	n = min(n, len(lit.Bytes)-off)
	if lit.Mask == nil {
		return simd.CodeRate(lit.Bytes[off:off+n], nil)
	}
	return simd.CodeRate(lit.Bytes[off:off+n], lit.Mask[off:off+n])
}

// chooseBytes chooses the eight bytes that tell most about whether the literal stands where
// its pair does: those of which most bits count, where bits of the excerpt count
// half.
func (e *pairEntry) chooseBytes(lit simd.Lit) {
	most := -1
	for at := 0; at == 0 || at <= min(len(lit.Bytes)-8, maxPairOff); at++ {
		mask := ^uint64(0)
		if lit.Mask != nil {
			mask = simd.UpTo8(lit.Mask, at)
		} else if n := len(lit.Bytes) - at; n < 8 {
			mask >>= 64 - 8*n
		}
		n := 0
		for i := range 8 {
			if c := 2 * bits.OnesCount8(byte(mask>>(8*i))); at+i < int(e.off) || at+i >= int(e.off)+simd.PairExcerpt {
				n += c
			} else {
				n += c / 2
			}
		}
		if n > most {
			most = n
			e.val, e.mask, e.at = simd.UpTo8(lit.Bytes, at)&mask, mask, uint16(at)
		}
	}
}

// pairsAt yields the values that the two bytes at off of a literal may have, as
// little-endian numbers.
func pairsAt(l simd.Lit, off int) func(yield func(pair uint32) bool) {
	return func(yield func(uint32) bool) {
		val, open := uint32(binary.LittleEndian.Uint16(l.Bytes[off:])), uint32(0)
		if l.Mask != nil {
			open = ^uint32(binary.LittleEndian.Uint16(l.Mask[off:])) & 0xffff
		}
		val &^= open
		for v := uint32(0); yield(val | v); {
			if v = (v - open) & open; v == 0 { // the next of the values that open can have
				return
			}
		}
	}
}

// pairRate returns at about which share of positions byte a stands with b behind it.
// Bytes are not independent: those of text stand beside each other, and so do those
// of runs and of addresses.
func pairRate(a, b byte) float64 {
	rate := float64(simd.ByteRate[a]) * float64(simd.ByteRate[b])
	text := func(c byte) bool { return ' ' <= c && c <= '~' }
	switch {
	case a == 0 && b == 0:
		return 1. / 2
	case a == b:
		rate += float64(simd.ByteRate[a]) / 8
	case text(a) && text(b):
		rate *= 8
	case a == 0 || b == 0:
		rate *= 2
	}
	return rate
}

// newPairParts makes the parts for those of the literals that have a pair which is
// rare enough, and returns the other literals. It makes none where they would be of
// no use, and several where the buckets of one would let through too much.
func newPairParts(level simd.Level, set *literalSet, lits []uint32) (split []*pairPart, rest []uint32, err error) {
	var all []pairChoice
	for _, u := range lits {
		if c, ok := newPairChoice(set, u, nil); ok {
			all = append(all, c)
		} else {
			rest = append(rest, u)
		}
	}
	slices.SortStableFunc(all, func(a, b pairChoice) int {
		set.check.Step(1)
		return cmp.Compare(a.pairs, b.pairs)
	})
	var seen simd.PairBits
	sum := 0.
	for i, c := range all {
		for pair := range pairsAt(set.lit(c.lit), int(c.off)) {
			if !seen.Has(pair) {
				seen.Set(pair)
				sum += pairRate(byte(pair), byte(pair>>8))
			}
		}
		if sum > maxPairRate {
			for _, c := range all[i:] {
				rest = append(rest, c.lit)
			}
			all = all[:i]
			break
		}
	}
	if len(all) < minPairs {
		return nil, lits, nil
	}
	for n := 1; ; n *= 2 {
		parts, rate, err := newPairPartsOf(level, set, all, n)
		switch {
		case err != nil:
			return nil, nil, err
		case n > 1 && slices.ContainsFunc(parts, func(p *pairPart) bool { return p.level() <= simd.Generic }):
			return split, rest, nil // with portable code, a second pass takes longer than it saves
		}
		if split = parts; rate <= splitPairs*float64(n) || n == maxPairParts {
			return split, rest, nil
		}
	}
}

// newPairPartsOf makes up to n parts, and returns the sum of their rates.
func newPairPartsOf(level simd.Level, set *literalSet, all []pairChoice, n int) (parts []*pairPart, sum float64, err error) {
	for buckets := range slices.Chunk(set.intoBuckets(all, n*simd.PairBuckets), simd.PairBuckets) {
		p := &pairPart{set: set, asked: level}
		for _, bucket := range buckets {
			for _, c := range bucket.lits {
				p.lits = append(p.lits, c.lit)
			}
		}
		if len(p.lits) == 0 {
			continue
		}
		t, err := newPairTables(level, set, buckets)
		if err != nil {
			return nil, 0, err
		}
		p.tuned.Store(&tunedPairs{pairTables: t})
		parts = append(parts, p)
		sum += p.rate()
	}
	return parts, sum, nil
}

func (p *pairPart) level() simd.Level { return p.tuned.Load().filter.Level() }

// rate returns the share of positions that the part's filter is expected to let
// through.
func (p *pairPart) rate() float64 {
	t := p.tuned.Load()
	if t.filter.Level() == simd.AVX2 { // its buckets are by nibbles
		return t.NibbleRate
	}
	return t.Rate
}

// newPairTables makes the tables for the literals in buckets, and their filter.
func newPairTables(level simd.Level, set *literalSet, buckets []pairBucket) (_ *pairTables, err error) {
	type item struct {
		pair uint32
		pairEntry
	}
	p := &pairTables{set: set, minOff: maxPairOff}
	var items []item
	var all []pairChoice
	for k, bucket := range buckets {
		p.Rate += bucket.rate
		p.AddExcerpt(k, &bucket.excerpt)
		all = append(all, bucket.lits...)
		for _, c := range bucket.lits {
			p.minOff, p.maxOff = min(p.minOff, int(c.off)), max(p.maxOff, int(c.off))
			p.ahead = max(p.ahead, int(c.at)-int(c.off)+8)
			for pair := range pairsAt(set.lit(c.lit), int(c.off)) {
				p.Bits.Set(pair)
				items = append(items, item{pair, c.pairEntry})
			}
		}
	}
	slices.SortStableFunc(items, func(a, b item) int { return int(a.pair) - int(b.pair) })
	for i, it := range items {
		if i == 0 || it.pair != items[i-1].pair {
			p.first = append(p.first, uint32(i))
		}
		p.entries = append(p.entries, it.pairEntry)
	}
	p.first = append(p.first, uint32(len(items)))
	for i := range p.entries {
		e := &p.entries[i]
		e.from = uint16(p.maxOff) - e.off + e.at
	}
	n := 0
	for i, word := range p.Bits {
		p.before[i] = uint16(n)
		n += bits.OnesCount64(word)
	}
	p.fillNibbles(all)
	p.filter, err = simd.NewPairs(level, &p.Pairs)
	return p, err
}

// A pairBucket is some of the literals, and the bytes that any of their excerpts may
// have.
type pairBucket struct {
	lits    []pairChoice
	excerpt [simd.PairExcerpt]simd.ByteSet
	bytes   [simd.PairExcerpt]float32 // how often a byte of memory is in each set of excerpt
	rate    float64                   // how often memory is let through
}

// intoBuckets returns n buckets with all the literals: they are put in one after the
// other, the most frequent first, each where it adds least to what the buckets let
// through.
func (set *literalSet) intoBuckets(all []pairChoice, n int) []pairBucket {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b pairChoice) int { return cmp.Compare(b.rate, a.rate) })
	buckets := make([]pairBucket, n)
	for _, c := range all {
		set.check.Step(n)
		var best *pairBucket
		var merged pairBucket
		for b := range buckets {
			with := buckets[b]
			with.add(&c.sets)
			if best == nil || with.rate-buckets[b].rate < merged.rate-best.rate {
				best, merged = &buckets[b], with
			}
		}
		merged.lits = append(best.lits, c)
		*best = merged
	}
	return buckets
}

// add adds an excerpt to those that the bucket lets through.
func (b *pairBucket) add(excerpt *[simd.PairExcerpt]simd.ByteSet) {
	usual, even := 1., 1. // in memory as it is, and where all bytes are equally frequent
	for i := range b.excerpt {
		set, n := &b.excerpt[i], 0
		for k := range set {
			for more := excerpt[i][k] &^ set[k]; more != 0; more &= more - 1 {
				b.bytes[i] += simd.ByteRate[64*k+bits.TrailingZeros64(more)]
			}
			set[k] |= excerpt[i][k]
			n += bits.OnesCount64(set[k])
		}
		r := float64(b.bytes[i])
		if i > 0 {
			r = set.NextRate(&b.excerpt[i-1], r)
		}
		usual *= r
		even *= float64(n) / 256
	}
	b.rate = usual + evenShare*even
}

// A nibbleBucket is some of the literals, by the nibbles of their excerpts.
type nibbleBucket struct {
	nibbles [simd.PairExcerpt][2]uint16
	rows    [simd.PairExcerpt][16]float32 // how often a byte has one of the low nibbles and the given high one
	rate    float64
}

// fillNibbles puts the literals into the buckets by nibbles, as intoBuckets does,
// and sets NibbleRate.
func (p *pairTables) fillNibbles(all []pairChoice) {
	slices.SortStableFunc(all, func(a, b pairChoice) int { return cmp.Compare(b.rate, a.rate) })
	var buckets [simd.PairNibbleBuckets]nibbleBucket
	for _, c := range all {
		p.set.check.Step(simd.PairNibbleBuckets)
		best, least := 0, 0.
		var merged nibbleBucket
		for b := range buckets {
			with := buckets[b]
			with.add(&c.nibbles)
			if more := with.rate - buckets[b].rate; b == 0 || more < least {
				best, least, merged = b, more, with
			}
		}
		buckets[best] = merged
		p.NibbleRate += least
	}
	for b := range buckets {
		p.AddNibbles(b, &buckets[b].nibbles)
	}
}

// add adds excerpts of these nibbles to those that the bucket lets through.
func (b *nibbleBucket) add(nibbles *[simd.PairExcerpt][2]uint16) {
	b.rate = 1
	even := 1.
	for i := range nibbles {
		for more := nibbles[i][0] &^ b.nibbles[i][0]; more != 0; more &= more - 1 {
			low := bits.TrailingZeros16(more)
			for high := range b.rows[i] {
				b.rows[i][high] += simd.ByteRate[high<<4|low]
			}
		}
		for j := range nibbles[i] {
			b.nibbles[i][j] |= nibbles[i][j]
		}
		sum := float32(0)
		for set := b.nibbles[i][1]; set != 0; set &= set - 1 {
			sum += b.rows[i][bits.TrailingZeros16(set)]
		}
		b.rate *= float64(sum)
		even *= float64(bits.OnesCount16(b.nibbles[i][0])*bits.OnesCount16(b.nibbles[i][1])) / 256
	}
	b.rate += evenShare * even
}

func (p *pairPart) find(sc *Scratch, b []byte, lo, hi int) bool {
	t := p.tuned.Load()
	vain, around := 0, lo
	for at, to := lo+t.minOff, min(hi+t.maxOff, len(b)-1); at < to; {
		n, next := t.filter.Scan(sc.cand, b, at, to)
		if n > 0 {
			around = int(sc.cand[n/2])
		}
		sc.through += n
		hits := len(sc.hits)
		sc.hits = t.verify(sc.hits, sc.cand[:n], b, lo, hi)
		if len(sc.hits) > sc.limit {
			return false
		}
		vain += n - (len(sc.hits) - hits)
		at = next
	}
	if p.letThrough(t, vain, hi-lo) {
		p.learn(t, b, around)
	}
	return len(sc.hits) <= sc.limit
}

// verify appends to hits the literals that stand at a start from lo up to hi with
// their pair at one of cand, and returns it.
func (p *pairTables) verify(hits []uint64, cand []uint32, b []byte, lo, hi int) []uint64 {
	for _, c := range cand {
		at := int(c)
		entries := p.entriesOf(binary.LittleEndian.Uint16(b[at:]))
		// Where all literals that can have their pair here begin from lo up to hi, and eight bytes of
		// each are in b, only these are to be compared.
		if first := at - p.maxOff; first >= lo && at-p.minOff < hi && at+p.ahead <= len(b) {
			window := b[first : at+p.ahead]
			for k := agreeing(entries, window); k < len(entries); k += 1 + agreeing(entries[k+1:], window) {
				if s, u := at-int(entries[k].off), entries[k].lit; p.stands(b[s:], u) {
					hits = append(hits, uint64(s)<<32|uint64(u))
				}
			}
			continue
		}
		for i := range entries {
			e := &entries[i]
			s := at - int(e.off)
			if s < lo || s >= hi || s+int(e.at) >= len(b) || (simd.UpTo8(b, s+int(e.at))^e.val)&e.mask != 0 {
				continue
			}
			if p.stands(b[s:], e.lit) {
				hits = append(hits, uint64(s)<<32|uint64(e.lit))
			}
		}
	}
	return hits
}

// agreeing returns the index of the first entry whose bytes agree with memory, len(entries) where there is none. The
// window is memory from the lowest offset on at which a literal with the pair in hand can begin. In verify, its loop
// would have too few registers.
//
//go:noinline
func agreeing(entries []pairEntry, window []byte) int {
	for i := range entries {
		e := &entries[i]
		if (binary.LittleEndian.Uint64(window[e.from:])^e.val)&e.mask == 0 {
			return i
		}
	}
	return len(entries)
}

// entriesOf returns the entries of a pair, which must be in the bitmap.
func (p *pairTables) entriesOf(pair uint16) []pairEntry {
	i := pair >> 6
	r := int(p.before[i]) + bits.OnesCount64(p.Bits[i]&(1<<(pair&63)-1))
	return p.entries[p.first[r]:p.first[r+1]]
}

// stands reports whether literal u stands at the beginning of b.
func (p *pairTables) stands(b []byte, u uint32) bool {
	return p.set.standsIn(b, u)
}
