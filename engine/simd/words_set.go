package simd

import (
	"cmp"
	"math/bits"
	"slices"
)

// A wordSet tells which numbers are in a set of ranges, for most numbers in a few
// steps, however many ranges there are.
//
// The ranges are first joined to at most maxEnvelopes envelopes, which are parted
// where the gaps between ranges are widest:
//
//	ranges      ▆▆ ▆  ▆▆▆                       ▆ ▆▆        ▆▆
//	envelopes  ├─────────┤                     ├────┤      ├──┤
//	keys       0                      ├────┤          ├──┤
//	granules   ████░░██              ██░██           ██
//
// Gaps that are narrow compared with the envelopes stay inside them. Vector code
// finds the words that are in an envelope, and these are looked up here. The key
// of such a word is its distance from the start of its envelope, plus the size of
// the granules of the envelopes before. The keys are cut into at most maxGranules
// granules, all of one size, a power of two, and a byte for each granule tells
// whether none of its numbers are in the set, all of them, or some. Only where it
// is some are ranges searched, namely those that end in the same block of
// blockGranules granules: by bisection where they are few, else in a set of their
// own, whose envelopes leave out the gaps between them. Sets are nested at most
// maxDepth deep.
//
// In a set of single numbers whose granules would hold more than one number, they
// are looked up by hash instead: the key is the number times an odd constant,
// modulo 2^64. That is one to one, so equal keys are equal numbers, and keys are
// spread evenly where numbers are in heaps. The byte of a granule tells in which
// eighths of it there are keys: a Bloom filter with one hash.
type wordSet struct {
	envelopes []WordRange
	lo        [maxEnvelopes]uint64 // where envelopes start; entries behind the last envelope repeat it
	minus     [maxEnvelopes]uint64 // what to subtract from a number in an envelope
	mul       uint64               // what to multiply the difference by
	shift     uint64               // how far to shift a key right for the number of its granule
	hashed    bool                 // keys are hashes

	states []byte      // by granule; and one more, of which nothing is in the set, for keys beyond all granules
	first  []uint32    // by block of granules, and one more: the first of ranges that ends in the block or later
	ranges []WordRange // ranges of keys, ascending
	deeper []uint32    // by block: which of subs its ranges are in, from 1 on, or 0; nil where there are no subs
	subs   []*wordSet
}

const (
	maxEnvelopes  = 4
	blockGranules = 16

	// These are the granules for each range, and the fewest and the most in
	// all.
	rangeGranules = 64
	minGranules   = 1 << 12
	maxGranules   = 1 << 20

	// A block with more than blockRanges ranges has a set for them, with
	// subGranules granules for each.
	blockRanges = 32
	subGranules = 16
	maxDepth    = 3

	// hashMul is 2^64 divided by the golden ratio.
	hashMul = 0x9e3779b97f4a7c15
)

// These tell how much of a granule is in the set. For granules of hashes see
// wordSet.
const (
	granuleNone = 0
	granuleFull = 1
	granulePart = 1 << 7 // a sign bit, which the sieve in assembly looks for
)

// narrowGap is how many times narrower than all envelopes together a gap is that
// stays inside one of them.
const narrowGap = 16

// newWordSet makes a set of ranges, which must ascend and have gaps between them.
func newWordSet(ranges []WordRange) *wordSet {
	granules := min(max(powerOf2(rangeGranules*len(ranges)), minGranules), maxGranules)
	if ranges[len(ranges)-1].Hi < 1<<16 {
		granules = 1 << 16 // each number of 2 bytes has a granule of its own, and needs no hash
	}
	return newNestedSet(ranges, granules, 1)
}

// powerOf2 returns the least power of two that is at least n.
func powerOf2(n int) uint64 { return 1 << bits.Len(uint(n-1)) }

// newNestedSet makes a set as newWordSet does, of at most so many granules, a
// power of two; depth is the number of sets from the outermost to this one.
func newNestedSet(ranges []WordRange, granules uint64, depth int) *wordSet {
	s := &wordSet{envelopes: enclose(ranges, maxEnvelopes), mul: 1}
	for s.count() > granules {
		s.shift++
	}
	if s.shift > 0 && s.count() > 1<<(64-s.shift) {
		// Rounding each of several envelopes up to granules has made more
		// keys than 64 bits hold.
		s.envelopes = enclose(ranges, 1)
	}
	if s.shift > 0 && len(ranges) > 1 && !slices.ContainsFunc(ranges, func(r WordRange) bool { return r.Lo != r.Hi }) {
		s.hash(ranges, granules)
	} else {
		s.lay(ranges)
	}
	s.index()
	if depth < maxDepth && !s.hashed {
		s.nest(depth + 1)
	}
	return s
}

// enclose returns at most n ranges that hold all of the given ranges, and have the
// widest gaps of these between them.
func enclose(ranges []WordRange, n int) []WordRange {
	// widest has the indices of the ranges behind the widest gaps, the widest
	// gap first.
	gap := func(i int) uint64 { return ranges[i].Lo - ranges[i-1].Hi }
	widest := make([]int, 0, n)
	for i := 1; i < len(ranges); i++ {
		at, _ := slices.BinarySearchFunc(widest, i, func(j, i int) int { return cmp.Compare(gap(i), gap(j)) })
		if at < n-1 {
			widest = slices.Insert(widest[:min(len(widest), n-2)], at, i)
		}
	}
	width := ranges[len(ranges)-1].Hi - ranges[0].Lo
	for k, i := range widest {
		if gap(i) < width/narrowGap {
			widest = widest[:k]
			break
		}
		width -= gap(i)
	}
	slices.Sort(widest)
	var out []WordRange
	start := 0
	for _, i := range append(widest, len(ranges)) {
		out = append(out, WordRange{ranges[start].Lo, ranges[i-1].Hi})
		start = i
	}
	return out
}

// count returns how many granules the envelopes take, 2^64 − 1 where there are
// more.
func (s *wordSet) count() uint64 {
	var n uint64
	for _, e := range s.envelopes {
		sum, carry := bits.Add64(n, (e.Hi-e.Lo)>>s.shift, 1)
		if carry > 0 {
			return ^uint64(0)
		}
		n = sum
	}
	return n
}

// lay lays out the granules of the envelopes one after the other.
func (s *wordSet) lay(ranges []WordRange) {
	s.states = make([]byte, s.count()+1)
	s.ranges = make([]WordRange, 0, len(ranges))
	var base uint64 // the first granule of the envelope
	for e := range maxEnvelopes {
		if e >= len(s.envelopes) {
			s.lo[e], s.minus[e] = s.lo[e-1], s.minus[e-1]
			continue
		}
		env := s.envelopes[e]
		minus := env.Lo - base<<s.shift
		s.lo[e], s.minus[e] = env.Lo, minus
		for len(ranges) > 0 && ranges[0].Hi <= env.Hi {
			r := ranges[0]
			key := WordRange{r.Lo - minus, r.Hi - minus}
			s.ranges = append(s.ranges, key)
			// Nothing else is in the part of the envelope's last
			// granule behind its end.
			if r.Hi == env.Hi {
				key.Hi |= 1<<s.shift - 1
			}
			s.mark(key)
			ranges = ranges[1:]
		}
		base += (env.Hi-env.Lo)>>s.shift + 1
	}
}

// hash fills the set with single numbers, by their hash.
func (s *wordSet) hash(ranges []WordRange, granules uint64) {
	s.hashed, s.mul, s.shift = true, hashMul, uint64(64-bits.Len64(granules-1))
	s.states = make([]byte, granules+1)
	keys := make([]uint64, len(ranges))
	for i, r := range ranges {
		keys[i] = r.Lo * hashMul
	}
	slices.Sort(keys)
	s.ranges = make([]WordRange, len(keys))
	for i, key := range keys {
		s.ranges[i] = WordRange{key, key}
		s.states[key>>s.shift] |= 1 << (key >> (s.shift - 3) % 8)
	}
}

// mark sets the states of the granules that a range of keys lies in.
func (s *wordSet) mark(key WordRange) {
	first, last := key.Lo>>s.shift, key.Hi>>s.shift
	rest := uint64(1)<<s.shift - 1
	if key.Lo&rest != 0 {
		s.states[first] = granulePart
		first++
	}
	if key.Hi&rest != rest && first <= last {
		s.states[last] = granulePart
		last--
	}
	if first <= last && last < uint64(len(s.states)) {
		for g := first; g <= last; g++ {
			s.states[g] = granuleFull
		}
	}
}

// index fills first.
func (s *wordSet) index() {
	s.first = make([]uint32, (len(s.states)-1)/blockGranules+2)
	block := 0
	for i, r := range s.ranges {
		for ; block <= int(r.Hi>>s.shift)/blockGranules; block++ {
			s.first[block] = uint32(i)
		}
	}
	for ; block < len(s.first); block++ {
		s.first[block] = uint32(len(s.ranges))
	}
}

// nest makes a set for each block that has many ranges; depth is that of these
// sets.
func (s *wordSet) nest(depth int) {
	for block := range len(s.first) - 1 {
		ranges := s.ending(block)
		if len(ranges) <= blockRanges {
			continue
		}
		if s.deeper == nil {
			s.deeper = make([]uint32, len(s.first)-1)
		}
		s.subs = append(s.subs, newNestedSet(ranges, powerOf2(subGranules*len(ranges)), depth))
		s.deeper[block] = uint32(len(s.subs))
	}
}

// ending returns the ranges that keys in the block may be in: those that end in
// the block, and the next one.
func (s *wordSet) ending(block int) []WordRange {
	return s.ranges[s.first[block]:min(int(s.first[block+1])+1, len(s.ranges))]
}

// key returns the key of a number, which must be in an envelope.
func (s *wordSet) key(v uint64) uint64 {
	minus := s.minus[0]
	if v >= s.lo[1] {
		minus = s.minus[1]
	}
	if v >= s.lo[2] {
		minus = s.minus[2]
	}
	if v >= s.lo[3] {
		minus = s.minus[3]
	}
	return (v - minus) * s.mul
}

// has reports whether v is in the set, whatever number it is.
func (s *wordSet) has(v uint64) bool {
	return slices.ContainsFunc(s.envelopes, func(e WordRange) bool { return v-e.Lo <= e.Hi-e.Lo }) && s.enclosed(v)
}

// enclosed reports whether v, which must be in an envelope, is in the set.
func (s *wordSet) enclosed(v uint64) bool {
	key := s.key(v)
	g := key >> s.shift
	switch {
	case s.states[g] == granuleNone:
		return false
	case s.states[g] == granuleFull && !s.hashed:
		return true
	}
	block := int(g / blockGranules)
	if s.deeper != nil && s.deeper[block] > 0 {
		return s.subs[s.deeper[block]-1].has(key)
	}
	ranges := s.ending(block)
	lo, hi := 0, len(ranges)-1
	for lo < hi { // INVARIANT: ranges[:lo] end below the key, ranges[hi] does not, unless it is the last
		if m := (lo + hi) / 2; ranges[m].Hi < key {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return ranges[lo].Lo <= key && key <= ranges[lo].Hi
}
