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
// instruction looks up all bytes of a vector. Where a bucket is left after all
// three bytes, its literals are compared with memory. What is done otherwise:
//
//  1. The window is not the beginning of the literal but where it is least
//     like other memory.
//  2. Bits that do not count are as natural here as others: a byte enters the
//     tables under every nibble that it may have.
//  3. Literals are put into buckets so that the tables let through least.
//  4. With AVX2 the third byte is asked for only where something has the first
//     two, as long as these are few.
type teddyPart struct {
	*teddyPlan
	filter Kernel
}

const (
	teddyWindow  = 3
	teddyBuckets = 8

	// maxTeddy is the most literals that a part has.
	maxTeddy = 64

	// teddyRate is how often the tables may let something through, which all
	// has to be verified, in parts of memory's bytes: for each pass over memory
	// that sampled grams would take instead. Measured on the memory of a
	// machine and on made-up memory, where the two are equally fast.
	teddyRate = 2e-4
)

// teddyPlan is what the filters share, and what is behind them.
type teddyPlan struct {
	set    *literalSet
	tables [2 * teddyWindow][16]byte // for low and high nibbles, by byte of the window
	bytes  [teddyWindow][256]byte    // both in one, for whole bytes

	buckets        [teddyBuckets][]teddyLiteral
	minOff, maxOff int // of a window in its literal
	rate           float64
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

func (s *byteSet) has(c byte) bool { return s[c>>6]>>(c&63)&1 != 0 }

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

// newTeddyPart makes the part for literals, and how often it has to verify, in
// parts of memory's bytes.
func newTeddyPart(level Level, set *literalSet, lits []uint32) (*teddyPart, error) {
	p := newTeddyPlan(set, lits)
	filter, err := choose(level, teddies, p)
	if err != nil {
		return nil, err
	}
	return &teddyPart{p, filter}, nil
}

// teddies is how windows are looked for, ascending by level.
var teddies = append([]implementation[*teddyPlan]{
	{level: Reference, make: newTeddyRef},
	{level: Generic, make: newTeddyGo},
}, teddiesAssembled...)

func (p *teddyPart) level() Level { return p.filter.Level() }

// Shape and Len make a filter a Kernel: one that finds what may be windows.
// All levels let through the same.
func (p *teddyPlan) Shape() Shape { return FewLiterals }

func (p *teddyPlan) Len() int { return teddyWindow }

func newTeddyPlan(set *literalSet, lits []uint32) *teddyPlan {
	p := &teddyPlan{set: set, minOff: MaxLiteral}
	var all []teddyChoice
	for _, u := range lits {
		l := newTeddyChoice(set, u)
		p.minOff, p.maxOff = min(p.minOff, int(l.off)), max(p.maxOff, int(l.off))
		all = append(all, l)
	}
	p.fill(all)
	for i := range p.bytes {
		for c := range p.bytes[i] {
			p.bytes[i][c] = p.tables[2*i][c&15] & p.tables[2*i+1][c>>4]
		}
	}
	return p
}

// newTeddyChoice chooses the window of literal u: the one that is rarest.
func newTeddyChoice(set *literalSet, u uint32) teddyChoice {
	lit := set.lit(u)
	l := teddyChoice{teddyLiteral: teddyLiteral{lit: u, size: set.lits[u].size, head: set.lits[u].head}}
	for i := range min(8, int(l.size)) {
		m := byte(0xff)
		if lit.Mask != nil {
			m = lit.Mask[i]
		}
		l.mask |= uint64(m) << (8 * i)
	}
	best := 2.
	for off := range min(max(int(l.size)-teddyWindow, 0), maxWindow) + 1 {
		var window [teddyWindow]byteSet
		for i := range window {
			window[i] = lit.bytesAt(off + i)
		}
		if r := windowRate(window[:]); r < best {
			best, l.off, l.window = r, uint32(off), window
		}
	}
	return l
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
	var sets [teddyBuckets][teddyWindow]byteSet
	var rates [teddyBuckets]float64
	for _, l := range all {
		best, least := 0, 2.*teddyBuckets
		var merged [teddyWindow]byteSet
		for b := range sets {
			with := sets[b]
			for i := range with {
				with[i] = throughNibbles(with[i], l.window[i])
			}
			if more := windowRate(with[:]) - rates[b]; more < least {
				best, least, merged = b, more, with
			}
		}
		sets[best] = merged
		rates[best] += least
		p.rate += least
		p.buckets[best] = append(p.buckets[best], l.teddyLiteral)
	}
	for bucket, windows := range sets {
		for i, window := range windows {
			for c := range 256 {
				if window.has(byte(c)) {
					p.tables[2*i][c&15] |= 1 << bucket
					p.tables[2*i+1][c>>4] |= 1 << bucket
				}
			}
		}
	}
}

// throughNibbles is the bytes that tables of nibbles let through which have
// those of both sets.
func throughNibbles(a, b byteSet) (s byteSet) {
	var low, high [16]bool
	for c := range 256 {
		if a.has(byte(c)) || b.has(byte(c)) {
			low[c&15], high[c>>4] = true, true
		}
	}
	for c := range 256 {
		if low[c&15] && high[c>>4] {
			s.add(byte(c))
		}
	}
	return s
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
	from, to := lo+p.minOff, hi+p.maxOff
	for from < to {
		n, next := p.filter.Scan(sc.cand, b, from, to)
		sc.hits = p.verify(sc.hits, sc.cand[:n], b, lo, hi)
		if len(sc.hits) > sc.limit {
			return false
		}
		from = next
	}
	// What is too short for a window at the end of b.
	for t := max(lo+p.minOff, len(b)-teddyWindow+1); t < min(to, len(b)); t++ {
		for _, lits := range p.buckets {
			for i := range lits {
				l := &lits[i]
				if s := t - int(l.off); s >= lo && s < hi && p.stands(b, s, l) {
					sc.hits = append(sc.hits, uint64(s)<<32|uint64(l.lit))
				}
			}
		}
	}
	return len(sc.hits) <= sc.limit
}

// verify appends to hits those starts from lo up to hi at which a literal stands
// whose window is at one of cand.
func (p *teddyPart) verify(hits []uint64, cand []uint32, b []byte, lo, hi int) []uint64 {
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
