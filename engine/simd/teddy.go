package simd

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// teddyPart looks for some tens of literals at once, masked ones too, by
// Teddy, which is Hyperscan's (src/fdr/teddy.c; Wang and others, "Hyperscan: a
// fast multi-pattern regex matcher for modern CPUs", NSDI 2019):
//
//	literal      s e s s i o n _ 1 7
//	window                 [n _ 1]        3 bytes, or what of them counts
//	buckets      8 of them, each with some of the literals
//
// A table for each byte of the window says, by its low and by its high
// nibble, which buckets have a literal with such a byte there; a bit a bucket.
// The tables have 16 entries and lie in vector registers, so that one
// instruction looks up all bytes of a vector. (AVX-512 VBMI has tables of 128
// entries, by the low 7 bits.) Where a bucket is left after all three bytes, its
// literals are compared with memory. What is done otherwise:
//
//  1. The window is not the beginning of the literal but where it is least
//     like other memory.
//  2. Bits that do not count are as natural here as others: a byte enters the
//     tables under every nibble that it may have.
//  3. Literals are put into buckets so that the tables let through least.
//  4. With AVX2 the third byte is asked for only where something has the first
//     two, as long as these are few.
//  5. Windows that memory turns out to be full of are given up for others: see
//     teddy_tune.go.
type teddyPart struct {
	set   *literalSet
	lits  []uint32
	asked Level // for a filter
	teddyTuning
}

// teddyTables is the windows of a part's literals, and what looks for them.
type teddyTables struct {
	*teddyPlan
	filter Kernel
	hopes  float64 // how often, in parts of memory's bytes, it may let something through in vain; 0: vainRate
}

const (
	teddyWindow  = 3
	teddyBuckets = 8

	// maxTeddy is the most literals that a part has.
	maxTeddy = 64

	// sevensRate is how often tables by low 7 bits may let something through, in
	// parts of memory's bytes, to be better than nibbles: where zeros do, since a
	// literal has but 80, they are not.
	sevensRate = 2e-3

	// teddyRate is how often the tables may let something through, which all
	// has to be verified, in parts of memory's bytes: for each pass over memory
	// that sampled grams would take instead. It is an estimate for memory in
	// general: for 24 to 64 literals at level AVX2, on made-up memory and on that
	// of a Python process, Teddy was 1.1 to 2.4 times as fast below it, and in
	// one case of ten 0.7 times.
	teddyRate = 3.5e-4
)

// teddyPlan is what the filters share, and what is behind them.
type teddyPlan struct {
	set    *literalSet
	by     teddyTable
	tables [2 * teddyWindow][16]byte // for low and high nibbles, by byte of the window
	bytes  [teddyWindow][256]byte    // for whole bytes: what has to be verified

	buckets        [teddyBuckets][]teddyLiteral
	minOff, maxOff int     // of a window in its literal
	loose          float64 // how often the tables may let something through, in parts of memory's bytes
	rate           float64 // how often it has to be verified
}

// teddyTable is what a filter looks bytes up by, and so what it takes for the
// same.
type teddyTable uint8

const (
	byNibbles teddyTable = iota // verified as they are let through
	bySevens                    // low 7 bits; only whole bytes are verified
)

func (by teddyTable) String() string {
	return [...]string{"by their nibbles", "by their low 7 bits"}[by]
}

// merge is the bytes that tables let through which have those of both sets.
func (by teddyTable) merge(a, b byteSet) byteSet {
	s := a.union(b)
	if by == byNibbles {
		return s.throughNibbles()
	}
	low, high := s[0]|s[2], s[1]|s[3]
	return byteSet{low, high, low, high}
}

// window is what tables let through that have this window and no other.
func (by teddyTable) window(w [teddyWindow]byteSet) [teddyWindow]byteSet {
	for i := range w {
		w[i] = by.merge(w[i], w[i])
	}
	return w
}

// teddyLiteral is a literal in its bucket.
type teddyLiteral struct {
	head, mask uint64 // its first bytes, up to eight, little-endian, and what of them counts
	lit        uint32
	off        uint32 // of its window
	size       uint32 // in bytes
}

// teddyChoice is a literal with its window, before it is in a bucket.
type teddyChoice struct {
	teddyLiteral
	window [teddyWindow]byteSet
}

// byteSet is a set of bytes.
type byteSet [4]uint64

func (s *byteSet) add(c byte) { s[c>>6] |= 1 << (c & 63) }

// union is the bytes of both sets.
func (s byteSet) union(t byteSet) byteSet {
	return byteSet{s[0] | t[0], s[1] | t[1], s[2] | t[2], s[3] | t[3]}
}

func (s *byteSet) has(c byte) bool { return s[c>>6]>>(c&63)&1 != 0 }

// len is how many bytes are in the set.
func (s *byteSet) len() int {
	return bits.OnesCount64(s[0]) + bits.OnesCount64(s[1]) + bits.OnesCount64(s[2]) + bits.OnesCount64(s[3])
}

// all goes through the set.
func (s *byteSet) all(yield func(byte) bool) {
	for i, some := range s {
		for ; some != 0; some &= some - 1 {
			if !yield(byte(i*64 + bits.TrailingZeros64(some))) {
				return
			}
		}
	}
}

// rate is how often a byte of memory is in the set.
func (s *byteSet) rate() float64 {
	sum := 0.
	for c := range 256 {
		if s.has(byte(c)) {
			sum += float64(byteRate[c])
		}
	}
	return sum
}

// bytesAt is the bytes that a literal may have at offset i; all, where it is
// over.
func (l Lit) bytesAt(i int) (s byteSet) {
	mask := byte(0xff)
	switch {
	case i >= len(l.Bytes):
		mask = 0
	case l.Mask != nil:
		mask = l.Mask[i]
	}
	if mask == 0xff {
		s.add(l.Bytes[i])
		return s
	}
	for c := range 256 {
		if mask == 0 || (byte(c)^l.Bytes[i])&mask == 0 {
			s.add(byte(c))
		}
	}
	return s
}

// newTeddyPart makes the part for literals.
func newTeddyPart(level Level, set *literalSet, lits []uint32) (*teddyPart, error) {
	p := &teddyPart{set: set, lits: lits, asked: level}
	t, err := p.tables(nil)
	if err != nil {
		return nil, err
	}
	p.tuned.Store(t)
	return p, nil
}

// tables makes tables of windows that are rare where trigrams were seen, which may
// be nil: by low 7 bits where a filter has them and they tell enough, else by
// nibbles.
func (p *teddyPart) tables(seen *trigrams) (*teddyTables, error) {
	plan := newTeddyPlan(p.set, p.lits, bySevens, seen)
	filter, err := choose(p.asked, teddies, plan)
	if err == nil && (filter.Level() <= Generic || plan.loose > sevensRate) {
		plan = newTeddyPlan(p.set, p.lits, byNibbles, seen)
		filter, err = choose(p.asked, teddies, plan)
	}
	if err != nil {
		return nil, err
	}
	return &teddyTables{teddyPlan: plan, filter: filter}, nil
}

// teddies is how windows are looked for, ascending by level.
var teddies = append([]implementation[*teddyPlan]{
	{level: Reference, make: newTeddyRef},
	{level: Generic, make: newTeddyGo},
}, teddiesAssembled...)

func (p *teddyPart) level() Level { return p.tuned.Load().filter.Level() }

// rate is how often the tables may let something through, which is then
// verified, in parts of memory's bytes.
func (p *teddyPart) rate() float64 { return p.tuned.Load().rate }

// Shape and Len make a filter a Kernel: one that finds what may be windows.
// All levels let through the same of a plan.
func (p *teddyPlan) Shape() Shape { return FewLiterals }

func (p *teddyPlan) Len() int { return teddyWindow }

// newTeddyPlan chooses windows for literals that are rare by what is known of
// memory in general, and where trigrams were seen, which may be nil.
func newTeddyPlan(set *literalSet, lits []uint32, by teddyTable, seen *trigrams) *teddyPlan {
	p := &teddyPlan{set: set, by: by, minOff: MaxLiteral}
	var all []teddyChoice
	for _, u := range lits {
		l := newTeddyChoice(set, u, by, seen)
		p.minOff, p.maxOff = min(p.minOff, int(l.off)), max(p.maxOff, int(l.off))
		all = append(all, l)
	}
	p.fill(all)
	return p
}

// newTeddyChoice chooses the window of literal u: the one that is rarest.
func newTeddyChoice(set *literalSet, u uint32, by teddyTable, seen *trigrams) teddyChoice {
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
	for off := range min(max(int(l.size)-teddyWindow, 0), maxWindow) + 1 {
		window := set.window(u, off)
		loose := by.window(window)
		if r := windowRate(loose[:]) + seen.rate(&loose); r < best {
			best, l.off, l.window = r, uint32(off), window
		}
	}
	return l
}

// window is the bytes that literal u may have at off and behind it.
func (set *literalSet) window(u uint32, off int) (window [teddyWindow]byteSet) {
	lit := set.lit(u)
	for i := range window {
		window[i] = lit.bytesAt(off + i)
	}
	return window
}

// windowRate is how often memory may be expected to be in the sets, one after another: as
// often as each byte is, but more often where bytes go together, the same or
// text.
func windowRate(window []byteSet) float64 {
	rate := 1.
	for i := range window {
		r := window[i].rate()
		if i > 0 {
			r = nextRate(&window[i], &window[i-1], r)
		}
		rate *= r
	}
	return rate
}

// nextRate is how often a byte that is behind one of set last is in set, if
// bytes are in it at the rate.
func nextRate(set, last *byteSet, rate float64) float64 {
	if *set == *last {
		rate = max(rate, 1./4)
	}
	if n := set.text(); n > 0 && last.text() > 0 {
		rate = max(rate, min(float64(n)/64, 1))
	}
	return rate
}

// text is how many printable characters the set has.
func (s *byteSet) text() int {
	return bits.OnesCount64(s[0]>>32) + bits.OnesCount64(s[1]<<1)
}

// fill puts the literals into buckets: one after the other, the most frequent
// first, each to where it makes the tables let through least more.
func (p *teddyPlan) fill(all []teddyChoice) {
	slices.SortStableFunc(all, func(a, b teddyChoice) int { return cmp.Compare(windowRate(b.window[:]), windowRate(a.window[:])) })
	var loose, exact [teddyBuckets][teddyWindow]byteSet
	var rates [teddyBuckets]float64
	for _, l := range all {
		best, least := 0, 2.*teddyBuckets
		var merged [teddyWindow]byteSet
		for b := range loose {
			with := loose[b]
			for i := range with {
				with[i] = p.by.merge(with[i], l.window[i])
			}
			if more := windowRate(with[:]) - rates[b]; more < least {
				best, least, merged = b, more, with
			}
		}
		loose[best] = merged
		for i := range l.window {
			exact[best][i] = exact[best][i].union(l.window[i])
		}
		rates[best] += least
		p.loose += least
		p.buckets[best] = append(p.buckets[best], l.teddyLiteral)
	}
	if p.by == byNibbles {
		exact = loose
	}
	for bucket, windows := range exact {
		if len(p.buckets[bucket]) == 0 {
			continue
		}
		p.rate += windowRate(windows[:])
		for i, window := range windows {
			for c := range window.all {
				p.tables[2*i][c&15] |= 1 << bucket
				p.tables[2*i+1][c>>4] |= 1 << bucket
				p.bytes[i][c] |= 1 << bucket
			}
		}
	}
}

// throughNibbles is the bytes that tables of nibbles let through which have
// those of the set.
func (s byteSet) throughNibbles() (through byteSet) {
	var low, high [16]bool
	for c := range s.all {
		low[c&15], high[c>>4] = true, true
	}
	for c := range 256 {
		if low[c&15] && high[c>>4] {
			through.add(byte(c))
		}
	}
	return through
}

// bucketsAt is the buckets that may have a window at b[t:], a bit each.
func (p *teddyPlan) bucketsAt(b []byte, t int) byte {
	w := (*[teddyWindow]byte)(b[t:])
	return p.bytes[0][w[0]] & p.bytes[1][w[1]] & p.bytes[2][w[2]]
}

// each appends to the n offsets in dst those from from up to to that may be
// windows, one at a time. It stops where dst is full, and returns where.
func (p *teddyPlan) each(dst []uint32, n int, b []byte, from, to int) (int, int) {
	for ; from < to && n < len(dst); from++ {
		if p.bucketsAt(b, from) != 0 {
			dst[n] = uint32(from)
			n++
		}
	}
	return n, from
}

func (p *teddyPart) find(sc *Scratch, b []byte, lo, hi int) bool {
	t := p.tuned.Load()
	had, through, around := len(sc.hits), 0, 0
	from, to := lo+t.minOff, hi+t.maxOff
	for from < to {
		n, next := t.filter.Scan(sc.cand, b, from, to)
		sc.through += n
		sc.hits = t.verify(sc.hits, sc.cand[:n], b, lo, hi)
		if len(sc.hits) > sc.limit {
			return false
		}
		if through += n; n > 0 {
			around = int(sc.cand[n/2])
		}
		from = next
	}
	if t.disappoints(through-(len(sc.hits)-had), hi-lo) {
		p.learn(b, around)
	}
	// What is too short for a window at the end of b.
	for at := max(lo+t.minOff, len(b)-teddyWindow+1); at < min(to, len(b)); at++ {
		for _, lits := range t.buckets {
			for i := range lits {
				l := &lits[i]
				if s := at - int(l.off); s >= lo && s < hi && t.stands(b, s, l) {
					sc.hits = append(sc.hits, uint64(s)<<32|uint64(l.lit))
				}
			}
		}
	}
	return len(sc.hits) <= sc.limit
}

// verify appends to hits those starts from lo up to hi at which a literal stands
// whose window is at one of cand.
func (p *teddyPlan) verify(hits []uint64, cand []uint32, b []byte, lo, hi int) []uint64 {
	for _, t := range cand {
		for buckets := p.bucketsAt(b, int(t)); buckets != 0; buckets &= buckets - 1 {
			lits := p.buckets[bits.TrailingZeros8(buckets)]
			for i := range lits {
				l := &lits[i]
				s := int(t) - int(l.off)
				if s < lo || s >= hi {
					continue
				}
				// Most candidates fall here, and most short literals stand.
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

// stands says whether a literal stands at s.
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

// stands says whether b, which is as long, is literal u.
func (set *literalSet) stands(b []byte, u uint32) bool {
	if mask := set.mask(u); mask != nil {
		return maskedEqual(b, set.bytes(u), mask)
	}
	return string(b) == string(set.bytes(u))
}
