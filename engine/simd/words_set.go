package simd

import (
	"cmp"
	"math/bits"
	"slices"
)

// A wordSet says which numbers are in a set of ranges, in a few steps for most
// numbers whatever their count.
//
// The ranges are first taken together to at most maxEnvelopes envelopes, where
// the gaps between them are widest:
//
//	ranges      ▆▆ ▆  ▆▆▆                       ▆ ▆▆        ▆▆
//	envelopes  ├─────────┤                     ├────┤      ├──┤
//	keys       0                      ├────┤          ├──┤
//	granules   ████░░██              ██░██           ██
//
// Gaps that are narrow beside the envelopes are not worth an envelope more.
// Vector code asks whether a word is in an envelope, and what is there is
// looked up here. Its key is its distance from the start of the envelope, plus
// the granules of the envelopes before. The keys are cut into granules, some
// hundred thousand at most, all of one power of two, and a byte for each says
// whether none of its numbers are in the set, all of them, or some. Only for
// these last are ranges searched: those that end in the same blockGranules
// granules: by bisection where they are few, else in a set of their own, whose
// envelopes leave out the gaps between them. Sets are so nested maxDepth deep.
//
// A set of single numbers is looked up by hash instead, where granules would
// hold more than one number: the key is the number times an odd constant,
// modulo 2^64. That is one to one, so equal keys are equal numbers and most of
// the rest stays as it is; and keys lie evenly where numbers are in heaps. The
// byte of a granule says in which eighths of it there are keys: a Bloom filter
// with one hash.
type wordSet struct {
	envelopes []WordRange
	lo        [maxEnvelopes]uint64 // where envelopes start; those that are not there are as the last
	minus     [maxEnvelopes]uint64 // what to subtract from a number of theirs
	mul       uint64               // then what to multiply by
	shift     uint64               // then how far to shift it right, for its granule
	hashed    bool                 // keys are hashes

	states []byte      // by granule; one more that has nothing, for keys beyond all
	first  []uint32    // by block of granules, and one more: the first of ranges that ends there or later
	ranges []WordRange // of keys, ascending
	deeper []uint32    // by block: which of subs its ranges are in, from 1 on; nil where there are none
	subs   []*wordSet
}

const (
	maxEnvelopes  = 4
	blockGranules = 16

	// Granules a range, and the least and most in all.
	rangeGranules = 64
	minGranules   = 1 << 12
	maxGranules   = 1 << 20

	// A block with more ranges has a set for them, with so many granules each.
	blockRanges = 32
	subGranules = 16
	maxDepth    = 3

	// hashMul is 2^64 divided by the golden ratio.
	hashMul = 0x9e3779b97f4a7c15
)

// What of a granule is in the set; of one of hashes, see wordSet.
const (
	granuleNone = 0
	granuleFull = 1
	granulePart = 1 << 7 // the sieve in assembly sees this sign
)

// narrowGap is how much narrower than all envelopes together a gap is that is
// left inside one of them.
const narrowGap = 16

// newWordSet makes a set of ranges that ascend and have gaps between them.
func newWordSet(ranges []WordRange) *wordSet {
	granules := min(max(powerOf2(rangeGranules*len(ranges)), minGranules), maxGranules)
	if ranges[len(ranges)-1].Hi < 1<<16 {
		granules = 1 << 16 // words of 2 bytes have one each, and need no hash
	}
	return newNestedSet(ranges, granules, 1)
}

// powerOf2 is the least power of two from n on.
func powerOf2(n int) uint64 { return 1 << bits.Len(uint(n-1)) }

// newNestedSet is newWordSet with at most so many granules, a power of two, so
// many sets deep.
func newNestedSet(ranges []WordRange, granules uint64, depth int) *wordSet {
	s := &wordSet{envelopes: enclose(ranges, maxEnvelopes), mul: 1}
	for s.count() > granules {
		s.shift++
	}
	if s.shift > 0 && s.count() > 1<<(64-s.shift) {
		// Rounding up each of several has made more keys than there are.
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

// enclose is at most n ranges that the ranges are in, with the widest gaps
// between them.
func enclose(ranges []WordRange, n int) []WordRange {
	// The numbers of the ranges after the widest gaps, the widest first.
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

// count is the granules that the envelopes take, 2^64 − 1 where it is more.
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
			// What an envelope leaves of its last granule is nobody's.
			if r.Hi == env.Hi {
				key.Hi |= 1<<s.shift - 1
			}
			s.mark(key)
			ranges = ranges[1:]
		}
		base += (env.Hi-env.Lo)>>s.shift + 1
	}
}

// hash lays out single numbers by their hash.
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

// mark enters a range of keys in the granules.
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

// nest makes sets of the ranges of blocks that have many.
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

// ending is the ranges that keys in the block may be in: those that end in
// it, and the next.
func (s *wordSet) ending(block int) []WordRange {
	return s.ranges[s.first[block]:min(int(s.first[block+1])+1, len(s.ranges))]
}

// key is the key of a number in an envelope.
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

// has says whether any number is in the set.
func (s *wordSet) has(v uint64) bool {
	return slices.ContainsFunc(s.envelopes, func(e WordRange) bool { return v-e.Lo <= e.Hi-e.Lo }) && s.enclosed(v)
}

// enclosed says whether a number in an envelope is in the set.
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
	for lo < hi { // ranges[:lo] end below the key, ranges[hi] does not, if any
		if m := (lo + hi) / 2; ranges[m].Hi < key {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return ranges[lo].Lo <= key && key <= ranges[lo].Hi
}
