package sets

import (
	"math/bits"
	"slices"

	"vscan/engine/simd"
)

// This file decides which literals of a set are looked for together, and by which method.

// maxSingle is the most literals of a kind that are each looked for by a kernel of
// their own, for strides 0, 1, 2 and 4: the faster the other method, the fewer.
var maxSingle = [4]int{8, 8, 5, 3}

// A litKind is what literals that can be looked for together have in common.
type litKind struct {
	stride int    // from one gram that is looked at to the next, 4, 2 or 1 bytes; 0: too short for grams
	fold   uint64 // not 0: case does not count
	wild   bool   // grams may have several values
}

// kindOf returns the best kind for literal u, and which of its bytes may be in its
// excerpt. most is the most values that a gram may have.
func (set *literalSet) kindOf(u uint32, most int) (litKind, gramLiteral) {
	lit := set.lit(u)
	best, where := litKind{}, gramLiteral{lit: u}
	for _, fold := range []uint64{0, caseFold} {
		first, last := longestPlain(lit, fold)
		if c := (litKind{stride: strideFor(last - first), fold: fold}); c.stride > best.stride {
			best, where.first, where.last = c, uint32(first), uint32(last)
		}
	}
	if best.stride == 4 || lit.Mask == nil {
		return best, where
	}
	for _, stride := range []int{4, 2, 1} {
		if stride > best.stride && hasWildExcerpt(lit, stride, most) {
			return litKind{stride: stride, wild: true}, gramLiteral{u, 0, uint32(len(lit.Bytes))}
		}
	}
	return best, where
}

// hasWildExcerpt reports whether a literal has an excerpt in which no gram has more than
// most values, and whose grams are rare: those of zeros, for one, are not.
func hasWildExcerpt(lit simd.Lit, stride, most int) bool {
	for begin := range min(len(lit.Bytes)-stride-wildSize+2, maxExcerpt+1) {
		ok := true
		for j := range stride {
			ok = ok && lit.Values(begin+j, begin+j+wildSize) <= most
		}
		if ok && wildRate(lit, begin, stride) <= maxWildRate*float64(stride) {
			return true
		}
	}
	return false
}

// wildRate returns at about which share of the places that are looked at one of the grams is of an excerpt that
// begins at begin: the sum of their shares.
func wildRate(lit simd.Lit, begin, stride int) float64 {
	sets := make([]simd.ByteSet, stride+wildSize-1)
	for i := range sets {
		sets[i] = lit.BytesAt(begin + i)
	}
	sum := 0.
	for j := range stride {
		sum += excerptRate(sets[j : j+wildSize])
	}
	return sum
}

// strideFor returns the largest stride for literals of size bytes, 0 where they are too
// short for grams.
func strideFor(size int) int {
	switch {
	case size >= 7:
		return 4
	case size >= 5:
		return 2
	case size == 4:
		return 1
	}
	return 0
}

// longestPlain returns where in a literal, half-open, the most bytes side by side are
// of which all bits outside fold count; they begin at maxExcerpt or before. In a
// masked literal, zeros alone are passed over: memory is full of zeros, and other
// bytes tell more.
func longestPlain(lit simd.Lit, fold uint64) (first, last int) {
	if lit.Mask == nil {
		return 0, len(lit.Bytes)
	}
	begin, zeros := 0, true
	for i, c := range lit.Bytes {
		m := lit.Mask[i]
		if m == 0xff || fold != 0 && m == 0xdf && 'A' <= c && c <= 'Z' {
			zeros = zeros && c == 0
			if begin <= maxExcerpt && !zeros && i+1-begin > last-first {
				first, last = begin, i+1
			}
			continue
		}
		begin, zeros = i+1, true
	}
	return first, last
}

// allKinds are the kinds of literals, those that are looked for fastest first.
var allKinds = [...]litKind{
	{stride: 4}, {stride: 4, fold: caseFold}, {stride: 4, wild: true},
	{stride: 2}, {stride: 2, fold: caseFold}, {stride: 2, wild: true},
	{stride: 1}, {stride: 1, fold: caseFold}, {stride: 1, wild: true},
	{},
}

func newSetKernel(level simd.Level, set *literalSet) (*setKernel, error) {
	k := &setKernel{literalSet: set, shortest: simd.MaxLiteral}
	kinds := map[litKind][]gramLiteral{}
	most := min(maxValues, maxWild/(4*max(len(set.lits)-set.plain, 1)))
	var runs []uint32                                                       // literals of differences that are zeros and nothing else
	last, some := litKind{stride: 4}, make([]gramLiteral, 0, len(set.lits)) // most often, nearly all
	for u := range set.lits {
		set.check.Step(1)
		k.shortest = min(k.shortest, int(set.lits[u].size))
		if set.differences && isZeros(set.bytes(uint32(u))) {
			runs = append(runs, uint32(u))
			continue
		}
		c, l := set.kindOf(uint32(u), most)
		if c != last {
			kinds[last] = some
			last, some = c, kinds[c]
		}
		some = append(some, l)
	}
	kinds[last] = some
	if err := k.addRuns(level, runs); err != nil {
		return nil, err
	}
	// Teddy looks for all of them at once; or for those that are too short for few
	// passes, or have too few bytes of which all bits count. Grams look for the
	// others.
	all := &allKinds
	for i, some := range [...][]litKind{all[:], all[2:], all[3:], all[6:], all[9:]} {
		switch i {
		case 1:
			set.apartFromZeros(kinds)
			if set.differences {
				set.partDifferences(kinds)
			}
		case 2:
			suit := slices.Clone(all[2:])
			if set.differences {
				suit = suit[4:] // the others have grams, which tell more than excerpts of 4 bytes
			}
			if plain := (litKind{stride: 2}); len(kinds[plain]) > maxPlainPairs {
				suit = slices.DeleteFunc(suit, func(c litKind) bool { return c == plain })
			}
			if err := k.addPairs(level, suit, kinds); err != nil {
				return nil, err
			}
		}
		if ok, err := k.addTeddy(level, some, kinds); err != nil {
			return nil, err
		} else if ok {
			for _, c := range some {
				delete(kinds, c)
			}
		}
	}
	foldTogether(kinds)
	for _, c := range all {
		if err := k.addParts(level, c, kinds[c]); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// apartFromZeros moves literals that at stride 4 would have to be looked for among
// zeros to stride 2, where they need not be: zeros are so common that a few such
// literals take longer than all others.
func (set *literalSet) apartFromZeros(kinds map[litKind][]gramLiteral) {
	for _, fold := range []uint64{0, caseFold} {
		from, to := litKind{stride: 4, fold: fold}, litKind{stride: 2, fold: fold}
		size := gramSize(kinds[from], from.stride)
		kinds[from] = slices.DeleteFunc(kinds[from], func(l gramLiteral) bool {
			set.check.Step(1)
			move := !set.zeroFree(l, from.stride, size) && set.zeroFree(l, to.stride, size)
			if move {
				kinds[to] = append(kinds[to], l)
			}
			return move
		})
		if len(kinds[from]) == 0 {
			delete(kinds, from)
		}
	}
}

// foldTogether moves literals to the kind of the same stride in which case does not
// count, if that has literals: this saves a pass over memory. Where there are very many
// literals it does not, since grams in which case counts tell more.
func foldTogether(kinds map[litKind][]gramLiteral) {
	for _, stride := range []int{4, 2, 1} {
		from, to := litKind{stride: stride}, litKind{stride: stride, fold: caseFold}
		if len(kinds[to]) > 0 && len(kinds[from])+len(kinds[to]) <= foldBelow {
			kinds[to] = append(kinds[to], kinds[from]...)
			delete(kinds, from)
		}
	}
}

// zeroFree reports whether a literal has an excerpt without a gram of zeros.
func (set *literalSet) zeroFree(l gramLiteral, stride, size int) bool {
	bytes := set.bytes(l.lit)[l.first:l.last]
	width := stride + size - 1
	for begin := range min(len(bytes)-width, maxExcerpt) + 1 {
		if zerosIn(bytes[begin:begin+width], size) == simd.ZerosNever {
			return true
		}
	}
	return false
}

// addPairs adds pairParts for those literals of some kinds that suit, and takes these
// literals out of the kinds.
func (k *setKernel) addPairs(level simd.Level, some []litKind, kinds map[litKind][]gramLiteral) error {
	var lits []uint32
	for _, c := range some {
		for _, l := range kinds[c] {
			lits = append(lits, l.lit)
		}
	}
	parts, rest, err := newPairParts(level, k.literalSet, lits)
	if len(parts) == 0 || err != nil {
		return err
	}
	for _, p := range parts {
		k.parts = append(k.parts, p)
	}
	remains := map[uint32]bool{}
	for _, u := range rest {
		remains[u] = true
	}
	for _, c := range some {
		kinds[c] = slices.DeleteFunc(kinds[c], func(l gramLiteral) bool { return !remains[l.lit] })
	}
	return nil
}

// addTeddy adds a teddyPart for the literals of some kinds, if that is faster than
// the parts that they would have otherwise. It reports whether it did.
func (k *setKernel) addTeddy(level simd.Level, some []litKind, kinds map[litKind][]gramLiteral) (bool, error) {
	var lits []uint32
	passes := 0
	for _, c := range some {
		if len(lits)+len(kinds[c]) > maxTeddy {
			return false, nil
		}
		for _, l := range kinds[c] {
			lits = append(lits, l.lit)
		}
		switch {
		case len(kinds[c]) == 0:
		case c.stride > 0:
			passes += 4 / c.stride
		default:
			passes += 8
		}
	}
	if len(lits) < 2 && passes < 8 {
		return false, nil
	}
	part, err := newTeddyPart(level, k.literalSet, lits)
	if err != nil || part.rate() > teddyRate*float64(passes) || part.level() <= simd.Generic {
		return false, err // portable code is faster with a kernel for each literal
	}
	if len(kinds[litKind{}]) == 0 && passes <= maxOtherPasses {
		these := map[litKind][]gramLiteral{}
		for _, c := range some {
			if len(kinds[c]) > 0 {
				these[c] = kinds[c]
			}
		}
		part.others.make = func() ([]setPart, error) { return k.gramPartsOf(level, these) }
	}
	k.parts = append(k.parts, part)
	return true, nil
}

// gramPartsOf returns parts by grams for the literals of some kinds, none of which has stride 0.
func (set *literalSet) gramPartsOf(level simd.Level, kinds map[litKind][]gramLiteral) ([]setPart, error) {
	set.apartFromZeros(kinds)
	foldTogether(kinds)
	k := &setKernel{literalSet: set}
	for _, c := range allKinds {
		if lits := kinds[c]; len(lits) > 0 {
			if err := k.addGrams(level, c, lits); err != nil {
				return nil, err
			}
		}
	}
	return k.parts, nil
}

// numbersOf returns the numbers of literals.
func numbersOf(lits []gramLiteral) []uint32 {
	numbers := make([]uint32, len(lits))
	for i, l := range lits {
		numbers[i] = l.lit
	}
	return numbers
}

// addParts adds the parts for the literals of a kind.
func (k *setKernel) addParts(level simd.Level, c litKind, lits []gramLiteral) error {
	add := func(part setPart, err error) error {
		k.parts = append(k.parts, part)
		return err
	}
	plain := !slices.ContainsFunc(lits, func(l gramLiteral) bool { return int(l.lit) >= k.plain })
	switch {
	case len(lits) == 0:
		return nil
	case plain && len(lits) <= maxSingle[bits.Len(uint(c.stride))]:
		return add(newSinglePart(level, k.literalSet, numbersOf(lits)))
	case c.stride == 0:
		var short, loose []uint32
		for _, u := range numbersOf(lits) {
			if int(u) < k.plain {
				short = append(short, u)
			} else {
				loose = append(loose, u)
			}
		}
		if len(short) > 0 {
			if err := add(newShortPart(level, k.literalSet, short)); err != nil {
				return err
			}
		}
		for some := range slices.Chunk(loose, maxLoose) {
			part, err := newTeddyPart(level, k.literalSet, some)
			if err != nil {
				return err
			}
			if part.rate() <= maxLooseRate {
				add(part, nil)
			} else if err := add(newSinglePart(level, k.literalSet, some)); err != nil {
				return err
			}
		}
		return nil
	}
	return k.addGrams(level, c, lits)
}

// addGrams adds the parts by grams for the literals of a kind, whose stride is not 0.
func (k *setKernel) addGrams(level simd.Level, c litKind, lits []gramLiteral) error {
	add := func(part setPart, err error) error {
		k.parts = append(k.parts, part)
		return err
	}
	if c.wild {
		return add(newGramPart(level, k.literalSet, lits, c.stride, wildSize, 0, true))
	}
	if tiny := k.tinyDifferences(c, lits); 0 < len(tiny) && len(tiny) < len(lits) {
		if err := add(newGramPart(level, k.literalSet, tiny, c.stride, gramSize(tiny, c.stride), c.fold, false)); err != nil {
			return err
		}
		lits = slices.DeleteFunc(lits, isTiny)
	}
	return add(newGramPart(level, k.literalSet, lits, c.stride, gramSize(lits, c.stride), c.fold, false))
}

const (
	// wildSize is the size in bytes of a gram that may have several values: at most
	// maxValues, and fewer where all such grams would have more than maxWild
	// together.
	wildSize  = 4
	maxValues = 256
	maxWild   = 1 << 20

	// maxWildRate is the largest share of positions at which a gram of an excerpt of a wild part may be
	// expected for one literal. To look at a candidate takes as long as the filter takes for a few hundred bytes.
	maxWildRate = 1. / 800

	// foldBelow is up to how many literals are looked for in one part though case counts for
	// some of them only.
	foldBelow = 4000

	// maxPlainPairs is the most literals of stride 2, of which all bits count, that are looked for by
	// pairs: of more, grams tell more. Of 1,000 of 6 bytes, pairs did 2.0 GB/s and grams 3.1; of 200,
	// 4.8 and 4.2.
	maxPlainPairs = 500

	// maxOtherPasses is the most passes that parts by grams may take over memory to be of use where
	// a teddyPart lets too much through.
	maxOtherPasses = 4

	// maxLoose is the most literals, of those without enough bytes of which all
	// bits count, that share a teddyPart, if its rate is at most maxLooseRate.
	maxLoose     = 16
	maxLooseRate = 1. / 50
)

// gramSize returns the size in bytes, at most 8, of the largest grams of which every
// literal has room for stride in an excerpt.
func gramSize(lits []gramLiteral, stride int) int {
	size := 8
	for _, l := range lits {
		size = min(size, int(l.last-l.first)-stride+1)
	}
	return size
}
