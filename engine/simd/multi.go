package simd

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// Match is a literal of a set, and where it starts.
type Match struct {
	Off uint32 // into the block
	Lit uint32 // the literal's index in what NewLiterals was given
}

// Lit is a literal of a set. It stands at s in b where b[s+i] and Bytes[i] agree
// in all bits of Mask[i], for every i.
type Lit struct {
	Bytes []byte
	Mask  []byte // as long as Bytes; nil: every bit counts
}

// Plain is literals of which every bit counts.
func Plain(lits ...[]byte) []Lit {
	out := make([]Lit, len(lits))
	for i, b := range lits {
		out[i].Bytes = b
	}
	return out
}

// SetKernel looks for all literals of a set at once. Like a Kernel it is made
// once, never changes and may be used by any number of goroutines at a time,
// each with a Scratch of its own.
type SetKernel interface {
	// Scan reports every literal i at every s with from ≤ s < to where it
	// stands wholly in b, ascending by s, then by i, each once: dst[:n].
	// Matches may overlap; one may end beyond to, never beyond b.
	//
	// Scan stops early when dst may be full. Then next is where to go on, by
	// another call with from = next and the rest the same; all matches below
	// next have been reported and none at or above it, and such a call always
	// gets further. When next ≥ to, all is done. What lies in dst[n:]
	// afterwards is undefined. A nil scratch is replaced by a new one.
	//
	// No byte outside b is read. Assembly is entered for at most 128 KiB at
	// a time.
	//
	// Scan panics where len(dst) < MinMatches(), len(b) > MaxBlock or
	// from < 0.
	Scan(dst []Match, b []byte, from, to int, scratch *Scratch) (n, next int)

	// MinMatches is the least len(dst) that Scan accepts: MinDst, or where
	// that is more, the most literals that can stand at one offset. Some
	// thousands make better use of a call.
	MinMatches() int

	// Levels is the levels of the code that runs, ascending, each once and
	// never Auto: the parts of a set are looked for in different ways, not
	// all of which there are at each level. What verifies, and what follows
	// memory that is full of literals, is portable at all levels and not named.
	Levels() []Level
}

// Scratch is what a Scan of a set needs besides dst. The zero value is ready.
// It may hold on to tables of the set that it served last.
// It may serve any number of kernels, one Scan at a time, and saves them
// allocations; it says nothing about what was found.
type Scratch struct {
	hits  []uint64 // what was found in a stretch: start<<32 | number of the literal
	spare []uint64 // to sort them with
	far   []uint64 // what is still to be verified: number<<32 | start
	cand  []uint32 // what a kernel found
	runs  []uint32 // of each, where its literals are
	pairs []uint64 // a start and a literal that may be there: as in hits
	limit int      // of hits: to find more than these at a time is of no use
	size  int      // of the next stretch, in bytes

	through int        // how many candidates were verified
	dense   *automaton // of the set of which memory is full here
	retry   int        // in so many bytes filters are tried again
	noted   []uint64   // see follow
}

const (
	// maxStretch is the most starts that all parts of a set look at before
	// their hits are merged, in bytes: it stays in the cache for the next.
	maxStretch = 64 << 10

	// maxStretches is how many of these are one where there is but one part.
	maxStretches = 4

	// candidates is how many a kernel may find at a time.
	candidates = 4096

	// maxSet is the most bytes that the literals of a set may have, in all.
	maxSet = 1<<31 - 1
)

// NewLiterals makes a kernel that finds every occurrence of every literal of a
// set of any size, overlapping ones too. Literals have at least one byte, and
// at least one bit that counts; they are copied. One that is there several
// times is reported as often, once for each index.
//
// There is one at each level. A level that this machine lacks is an error.
//
// The set is looked for in parts, by length, so that few short literals do not
// slow down many long ones (see gramPart for these, shortPart and singlePart),
// a stretch of memory at a time, so that it is in the cache for all but the
// first part. Memory for the kernel is some hundred bytes a literal, and the
// literals themselves twice; and for sets of up to some thousand literals up to
// 32 MiB, twice as much for a moment, from when scans have come upon much memory
// that is full of them.
func NewLiterals(level Level, lits []Lit) (SetKernel, error) {
	if err := level.Check(); err != nil {
		return nil, err
	}
	if len(lits) == 0 {
		return nil, errors.New("a set without literals")
	}
	if len(lits) > math.MaxInt32 {
		return nil, fmt.Errorf("a set of %d literals: at most %d", len(lits), math.MaxInt32)
	}
	total := 0
	for i, lit := range lits {
		if err := lit.check(); err != nil {
			return nil, fmt.Errorf("literal %d of the set: %w", i, err)
		}
		if total += len(lit.Bytes) + len(lit.Mask); total > maxSet {
			return nil, fmt.Errorf("a set of more than %d bytes", maxSet)
		}
	}
	set := newLiteralSet(lits)
	if level == Reference {
		return newSetRef(set), nil
	}
	return newSetKernel(level, set)
}

// check says what is wrong with a literal.
func (l Lit) check() error {
	switch {
	case len(l.Bytes) == 0:
		return errors.New("no bytes")
	case len(l.Bytes) > MaxLiteral:
		return fmt.Errorf("%d bytes: at most %d", len(l.Bytes), MaxLiteral)
	case l.Mask != nil && len(l.Mask) != len(l.Bytes):
		return fmt.Errorf("%d bytes and a mask of %d", len(l.Bytes), len(l.Mask))
	case l.Mask != nil && !slices.ContainsFunc(l.Mask, func(m byte) bool { return m != 0 }):
		return errors.New("no bit of it counts: it would match everywhere")
	}
	return nil
}

// plain says whether every bit of the literal counts.
func (l Lit) plain() bool {
	return !slices.ContainsFunc(l.Mask, func(m byte) bool { return m != 0xff })
}

// standsAt says whether the literal stands at the beginning of b.
func (l Lit) standsAt(b []byte) bool {
	if l.Mask == nil {
		return bytes.HasPrefix(b, l.Bytes)
	}
	if len(b) < len(l.Bytes) {
		return false
	}
	for i, m := range l.Mask {
		if (b[i]^l.Bytes[i])&m != 0 {
			return false
		}
	}
	return true
}

// literalSet is the literals of a set, each once, numbered: first those of
// which every bit counts, in lexicographic order, then the masked ones.
type literalSet struct {
	lits  []setLiteral
	plain int    // lits[:plain] have no mask
	text  []byte // of all of them, each masked one followed by its mask, between textPad zeros

	// Literal u was given as indexes[first[u]:first[u+1]], ascending; first
	// is nil where each was given once, as indexes[u].
	indexes []uint32
	first   []uint32

	most int // no offset has more indexes than these
}

// setLiteral is one literal. A set has up to millions of them.
type setLiteral struct {
	head uint64 // the first bytes, up to eight, little-endian
	at   uint32 // in text
	size uint32
}

// bytes is literal u. Bits that do not count are zero.
func (set *literalSet) bytes(u uint32) []byte {
	l := &set.lits[u]
	return set.text[l.at : l.at+l.size : l.at+l.size]
}

// textPad is so many that eight bytes can be loaded from any of a literal, and up
// to any.
const textPad = 8

// from is what there is from offset off of literal u on, and beyond it: eight
// bytes at least.
func (set *literalSet) from(u uint32, off int) []byte {
	return set.text[int(set.lits[u].at)+off:]
}

// mask is which bits of literal u count; nil: all of them.
func (set *literalSet) mask(u uint32) []byte {
	if int(u) < set.plain {
		return nil
	}
	l := &set.lits[u]
	return set.text[l.at+l.size : l.at+2*l.size : l.at+2*l.size]
}

// lit is literal u.
func (set *literalSet) lit(u uint32) Lit { return Lit{set.bytes(u), set.mask(u)} }

// count is how often literal u was given.
func (set *literalSet) count(u uint32) int {
	if set.first == nil {
		return 1
	}
	return int(set.first[u+1] - set.first[u])
}

func newLiteralSet(lits []Lit) *literalSet {
	items, plain := sortLiterals(lits)
	set := &literalSet{
		lits:    make([]setLiteral, 0, len(lits)),
		indexes: make([]uint32, len(lits)),
	}
	numbers := make([]uint32, len(lits)) // by index
	size := textPad                      // of text
	for i, it := range items {
		set.indexes[i] = it.index
		if i > 0 && it.key == items[i-1].key && i != plain {
			lit, last := lits[it.index], lits[items[i-1].index]
			if bytes.Equal(lit.Bytes, last.Bytes) && (i < plain || bytes.Equal(lit.Mask, last.Mask)) {
				if set.first == nil { // the first that is there again
					set.first = make([]uint32, 0, len(lits)+1)
					for u := range i {
						set.first = append(set.first, uint32(u))
					}
				}
				numbers[it.index] = numbers[items[i-1].index]
				continue
			}
		}
		if set.first != nil {
			set.first = append(set.first, uint32(i))
		}
		numbers[it.index] = uint32(len(set.lits))
		set.lits = append(set.lits, setLiteral{at: uint32(size), size: it.size})
		if size += int(it.size); i < plain {
			set.plain++
		} else {
			size += int(it.size)
		}
	}
	if set.first != nil {
		set.first = append(set.first, uint32(len(lits)))
	}
	// In the order given, as they are likely to lie in memory.
	set.text = make([]byte, size+textPad)
	for i, lit := range lits {
		set.put(numbers[i], lit)
	}
	set.most = set.mostAtOnce()
	return set
}

// put puts literal u where it belongs.
func (set *literalSet) put(u uint32, lit Lit) {
	copy(set.bytes(u), lit.Bytes)
	if mask := set.mask(u); mask != nil {
		copy(mask, lit.Mask)
		text := set.bytes(u)
		for i, m := range mask {
			text[i] &= m
		}
	}
	l := &set.lits[u]
	l.head = binary.LittleEndian.Uint64(set.from(u, 0))
	if l.size < 8 {
		l.head &= 1<<(8*l.size) - 1
	}
}

// sortItem is a literal that is to be sorted.
type sortItem struct {
	key   uint64 // the first eight bytes, in an order that is that of the bytes
	index uint32 // in what was given
	size  uint32 // in bytes
}

// sortLiterals sorts literals as a set numbers them; equal ones are in the order
// given. The first so many are plain.
func sortLiterals(lits []Lit) (items []sortItem, plain int) {
	items = make([]sortItem, len(lits))
	masked := len(lits)
	for i, lit := range lits {
		var key uint64
		if len(lit.Bytes) >= 8 {
			key = binary.BigEndian.Uint64(lit.Bytes)
		} else {
			key = bits.ReverseBytes64(upTo8(lit.Bytes, 0))
		}
		if lit.plain() {
			items[plain] = sortItem{key, uint32(i), uint32(len(lit.Bytes))}
			plain++
		} else {
			masked--
			items[masked] = sortItem{key, uint32(i), uint32(len(lit.Bytes))}
		}
	}
	slices.Reverse(items[plain:])
	for k, some := range [][]sortItem{items[:plain], items[plain:]} {
		sortByKey(some)
		for i := 0; i < len(some); {
			j := i + 1
			for j < len(some) && some[j].key == some[i].key {
				j++
			}
			if j-i > 1 {
				slices.SortFunc(some[i:j], func(a, b sortItem) int {
					x, y := &lits[a.index], &lits[b.index]
					c := bytes.Compare(x.Bytes, y.Bytes)
					if c == 0 && k == 1 {
						c = bytes.Compare(x.Mask, y.Mask)
					}
					return cmp.Or(c, cmp.Compare(a.index, b.index))
				})
			}
			i = j
		}
	}
	return items, plain
}

// sortByKey sorts few items by comparing, many by their keys' bytes, the lowest
// first.
func sortByKey(items []sortItem) {
	if len(items) < 1000 {
		slices.SortFunc(items, func(a, b sortItem) int { return cmp.Compare(a.key, b.key) })
		return
	}
	spare := make([]sortItem, len(items))
	var at [8][256]uint32 // how many have a byte; then where the next with it goes
	for _, it := range items {
		for digit := range at {
			at[digit][byte(it.key>>(8*digit))]++
		}
	}
	for digit := range at {
		at := &at[digit]
		sum := uint32(0)
		for c, n := range at {
			at[c] = sum
			sum += n
		}
		for _, it := range items {
			i := &at[byte(it.key>>(8*digit))]
			spare[*i] = it
			*i++
		}
		items, spare = spare, items
	} // an even number of times: the result is where the items were
}

// mostAtOnce is the most indexes that can match at one offset: those of the
// literals of one chain, of which each is a prefix of the next, and of all
// masked ones. In lexicographic order, what a literal is a prefix of follows
// it at once.
func (set *literalSet) mostAtOnce() int {
	type link struct {
		lit uint32
		sum int // of the chain up to here
	}
	var chain []link
	most := 0
	for u := range uint32(set.plain) {
		for len(chain) > 0 && !bytes.HasPrefix(set.bytes(u), set.bytes(chain[len(chain)-1].lit)) {
			chain = chain[:len(chain)-1]
		}
		sum := set.count(u)
		if len(chain) > 0 {
			sum += chain[len(chain)-1].sum
		}
		chain = append(chain, link{u, sum})
		most = max(most, sum)
	}
	for u := set.plain; u < len(set.lits); u++ {
		most += set.count(uint32(u))
	}
	return most
}

// clipSet checks the arguments of a Scan for a set, and is the end of the
// starts to look at, for literals of at least size bytes.
func clipSet(set *literalSet, dst []Match, b []byte, from, to, size int) int {
	switch {
	case len(dst) < max(MinDst, set.most):
		panic(fmt.Sprintf("simd: room for %d matches, want at least %d", len(dst), max(MinDst, set.most)))
	case len(b) > MaxBlock:
		panic(fmt.Sprintf("simd: a block of %d bytes, want at most %d", len(b), MaxBlock))
	case from < 0:
		panic(fmt.Sprintf("simd: scan from %d", from))
	}
	return min(to, len(b)-size+1)
}

// setPart looks for some of the literals of a set.
type setPart interface {
	// find appends to sc.hits all hits of the part with a start from lo up
	// to hi, in any order, each once. It gives up, and is false, where sc.hits
	// exceeds sc.limit.
	find(sc *Scratch, b []byte, lo, hi int) bool

	level() Level
}

// setKernel is a set in parts.
type setKernel struct {
	*literalSet
	parts    []setPart
	shortest int // literal, in bytes
	dense    lazyAutomaton
}

// maxSingle is how many literals are each looked for by a kernel of their own,
// by class: fewer, the better the alternative.
var maxSingle = [4]int{8, 8, 5, 3}

// class is literals that can be looked for together.
type class struct {
	stride int    // that they allow memory to be looked at; 4, 2 or 1; 0: too short for grams
	fold   uint64 // not 0: case does not count
	wild   bool   // grams have several values
}

// classOf is the best class for a literal, and the part of it that may have
// its window; most is the values that a gram may have.
func (set *literalSet) classOf(u uint32, most int) (class, gramLiteral) {
	lit := set.lit(u)
	best, where := class{}, gramLiteral{lit: u}
	for _, fold := range []uint64{0, caseFold} {
		first, last := longestRun(lit, fold)
		if c := (class{stride: strideFor(last - first), fold: fold}); c.stride > best.stride {
			best, where.first, where.last = c, uint32(first), uint32(last)
		}
	}
	if best.stride == 4 || lit.Mask == nil {
		return best, where
	}
	for _, stride := range []int{4, 2, 1} {
		if stride > best.stride && hasWildWindow(lit, stride, most) {
			return class{stride: stride, wild: true}, gramLiteral{u, 0, uint32(len(lit.Bytes))}
		}
	}
	return best, where
}

// hasWildWindow says whether a literal has a window of which no gram has more
// than so many values.
func hasWildWindow(lit Lit, stride, most int) bool {
	for begin := range min(len(lit.Bytes)-stride-wildSize+2, maxWindow+1) {
		ok := true
		for j := range stride {
			ok = ok && lit.values(begin+j, begin+j+wildSize) <= most
		}
		if ok {
			return true
		}
	}
	return false
}

// strideFor is the largest stride for literals of size bytes.
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

// longestRun is the longest run of bytes that count, under fold, of those that
// begin in the first maxWindow bytes; half-open. With a mask, a run of nothing
// but zeros is none: memory is full of them, and other bytes tell more.
func longestRun(lit Lit, fold uint64) (first, last int) {
	if lit.Mask == nil {
		return 0, len(lit.Bytes)
	}
	begin, zeros := 0, true
	for i, c := range lit.Bytes {
		m := lit.Mask[i]
		if m == 0xff || fold != 0 && m == 0xdf && 'A' <= c && c <= 'Z' {
			zeros = zeros && c == 0
			if begin <= maxWindow && !zeros && i+1-begin > last-first {
				first, last = begin, i+1
			}
			continue
		}
		begin, zeros = i+1, true
	}
	return first, last
}

func newSetKernel(level Level, set *literalSet) (*setKernel, error) {
	k := &setKernel{literalSet: set, shortest: MaxLiteral}
	classes := map[class][]gramLiteral{}
	most := min(maxValues, maxWild/(4*max(len(set.lits)-set.plain, 1)))
	last, some := class{stride: 4}, make([]gramLiteral, 0, len(set.lits)) // nearly all, most often
	for u := range set.lits {
		k.shortest = min(k.shortest, int(set.lits[u].size))
		c, l := set.classOf(uint32(u), most)
		if c != last {
			classes[last] = some
			last, some = c, classes[c]
		}
		some = append(some, l)
	}
	classes[last] = some
	// All at once by Teddy; or those that are too short for few passes, or have
	// too few bytes that count in full; or else by grams.
	all := [...]class{
		{stride: 4}, {stride: 4, fold: caseFold}, {stride: 4, wild: true},
		{stride: 2}, {stride: 2, fold: caseFold}, {stride: 2, wild: true},
		{stride: 1}, {stride: 1, fold: caseFold}, {stride: 1, wild: true},
		{},
	}
	for i, some := range [...][]class{all[:], all[2:], all[3:], all[6:], all[9:]} {
		switch i {
		case 1:
			set.apartFromZeros(classes)
		case 2:
			if err := k.addPairs(level, all[2:], classes); err != nil {
				return nil, err
			}
		}
		if ok, err := k.addTeddy(level, some, classes); err != nil {
			return nil, err
		} else if ok {
			for _, c := range some {
				delete(classes, c)
			}
		}
	}
	foldTogether(classes)
	for _, c := range all {
		if err := k.addParts(level, c, classes[c]); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// apartFromZeros moves the literals which at stride 4 would have to be looked
// for among zeros to stride 2, if there they need not be: zeros are so common
// that a few such literals cost more than all others.
func (set *literalSet) apartFromZeros(classes map[class][]gramLiteral) {
	for _, fold := range []uint64{0, caseFold} {
		from, to := class{stride: 4, fold: fold}, class{stride: 2, fold: fold}
		size := gramSize(classes[from], from.stride)
		classes[from] = slices.DeleteFunc(classes[from], func(l gramLiteral) bool {
			move := !set.zeroFree(l, from.stride, size) && set.zeroFree(l, to.stride, size)
			if move {
				classes[to] = append(classes[to], l)
			}
			return move
		})
		if len(classes[from]) == 0 {
			delete(classes, from)
		}
	}
}

// foldTogether moves literals to where case does not count, if there are others
// that have to be looked for in that way, at the same stride: one look at memory
// less. Where there are very many, what grams tell without it is worth more.
func foldTogether(classes map[class][]gramLiteral) {
	for _, stride := range []int{4, 2, 1} {
		from, to := class{stride: stride}, class{stride: stride, fold: caseFold}
		if len(classes[to]) > 0 && len(classes[from])+len(classes[to]) <= splitAbove {
			classes[to] = append(classes[to], classes[from]...)
			delete(classes, from)
		}
	}
}

// zeroFree says whether a literal has a window without a gram of zeros.
func (set *literalSet) zeroFree(l gramLiteral, stride, size int) bool {
	part := set.bytes(l.lit)[l.first:l.last]
	window := stride + size - 1
	for begin := range min(len(part)-window, maxWindow) + 1 {
		if zerosIn(part[begin:begin+window], size) == zeroNever {
			return true
		}
	}
	return false
}

// addPairs adds parts that find literals of some classes by pairs of bytes, if
// there are any, and takes those literals out of the classes.
func (k *setKernel) addPairs(level Level, some []class, classes map[class][]gramLiteral) error {
	var lits []uint32
	for _, c := range some {
		for _, l := range classes[c] {
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
	left := map[uint32]bool{}
	for _, u := range rest {
		left[u] = true
	}
	for _, c := range some {
		classes[c] = slices.DeleteFunc(classes[c], func(l gramLiteral) bool { return !left[l.lit] })
	}
	return nil
}

// addTeddy adds a Teddy for the literals of some classes, if that is faster
// than what there would be for them else.
func (k *setKernel) addTeddy(level Level, some []class, classes map[class][]gramLiteral) (bool, error) {
	var lits []uint32
	passes := 0
	for _, c := range some {
		if len(lits)+len(classes[c]) > maxTeddy {
			return false, nil
		}
		for _, l := range classes[c] {
			lits = append(lits, l.lit)
		}
		switch {
		case len(classes[c]) == 0:
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
	if err != nil || part.rate() > teddyRate*float64(passes) || part.level() <= Generic {
		return false, err // portable code has faster ways for single literals
	}
	k.parts = append(k.parts, part)
	return true, nil
}

// numbersOf is the numbers of literals.
func numbersOf(lits []gramLiteral) []uint32 {
	numbers := make([]uint32, len(lits))
	for i, l := range lits {
		numbers[i] = l.lit
	}
	return numbers
}

// addParts adds the parts for the literals of a class.
func (k *setKernel) addParts(level Level, c class, lits []gramLiteral) error {
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
	if c.wild {
		return add(newGramPart(level, k.literalSet, lits, c.stride, wildSize, 0, true))
	}
	// Long grams tell more, but short literals have none. Where there are many
	// of either, they are looked for apart.
	isShort := func(l gramLiteral) bool { return l.last-l.first < 11 }
	var short []gramLiteral
	if len(lits) >= splitAbove {
		for _, l := range lits {
			if isShort(l) {
				short = append(short, l)
			}
		}
	}
	if len(short) == 0 || len(short) == len(lits) {
		return add(newGramPart(level, k.literalSet, lits, c.stride, gramSize(lits, c.stride), c.fold, false))
	}
	if err := add(newGramPart(level, k.literalSet, short, c.stride, gramSize(short, c.stride), c.fold, false)); err != nil {
		return err
	}
	long := slices.DeleteFunc(lits, isShort)
	return add(newGramPart(level, k.literalSet, long, c.stride, gramSize(long, c.stride), c.fold, false))
}

const (
	// wildSize is the bytes of a gram that has several values, at most
	// maxValues, and fewer where there are more than maxWild of them in all.
	wildSize  = 4
	maxValues = 256
	maxWild   = 1 << 20

	// splitAbove is how many literals are looked for in two parts, by length.
	splitAbove = 4000

	// maxLoose is how many literals without enough bytes that count in full
	// share a Teddy, if it lets through at most so much.
	maxLoose     = 16
	maxLooseRate = 1. / 50
)

// gramSize is the bytes of the grams that all the literals have stride of.
func gramSize(lits []gramLiteral, stride int) int {
	size := 8
	for _, l := range lits {
		size = min(size, int(l.last-l.first)-stride+1)
	}
	return size
}

func (k *setKernel) MinMatches() int { return max(MinDst, k.most) }

func (k *setKernel) Levels() []Level {
	var levels []Level
	for _, p := range k.parts {
		levels = append(levels, p.level())
	}
	slices.Sort(levels)
	return slices.Compact(levels)
}

// Scan goes from stretch to stretch. Where memory is full of the literals the
// automaton takes one, if there is an automaton; else the parts do. Where these
// have more hits than there is room for, those that fit are reported and the next
// call finds the rest again; so that this is never much of the work, stretches
// become as short as hits are dense, and a call ends where one more would not fit.
func (k *setKernel) Scan(dst []Match, b []byte, from, to int, sc *Scratch) (n, next int) {
	end := clipSet(k.literalSet, dst, b, from, to, k.shortest)
	if sc == nil {
		sc = new(Scratch)
	}
	if sc.cand == nil {
		sc.cand = make([]uint32, candidates)
		sc.size = maxStretch
	}
	full := maxStretch
	if len(k.parts) == 1 {
		full = maxStretches * maxStretch // nothing else looks at it
	}
	for lo := from; lo < end; {
		if a := sc.dense; a != nil && a.set == k.literalSet {
			hi := min(end, lo+denseStretch)
			m, stop := a.find(sc, dst[n:], b, lo, hi)
			n += m
			sc.stay(m, stop-lo)
			if lo = stop; stop < hi {
				return n, stop
			}
			continue
		}
		hi := min(end, lo+sc.size)
		sc.hits = sc.hits[:0]
		sc.limit = 2*(len(dst)-n) + 1024
		sc.through = 0
		whole := k.find(sc, b, lo, hi)
		if sc.through >= denseLeast && sc.through*denseFrom > hi-lo {
			if sc.dense = k.dense.after(k.literalSet, sc.through); sc.dense != nil {
				sc.retry = denseRetry
				if !whole {
					continue
				}
			}
		}
		if !whole {
			sc.size = max(1, (hi-lo)/4)
			if n > len(dst)/2 {
				return n, lo
			}
			continue
		}
		sc.hits, sc.spare = sortHits(sc.hits, sc.spare, lo)
		m, stop := k.emit(dst[n:], sc.hits, hi)
		n += m
		if stop < hi {
			if stop > lo {
				sc.size = min(full, 1+(stop-lo)*len(dst)/max(m, 1)*7/8) // next time as much as fits, about
			}
			return n, stop
		}
		if len(sc.hits) < len(dst)/2 {
			sc.size = min(full, 2*sc.size)
		}
		if lo = hi; lo < end && m > len(dst)-n {
			return n, lo // as many again would not fit
		}
	}
	return n, to
}

// find has every part look at the starts from lo up to hi.
func (k *setKernel) find(sc *Scratch, b []byte, lo, hi int) bool {
	for _, p := range k.parts {
		if !p.find(sc, b, lo, hi) {
			return false
		}
	}
	return true
}

// emit turns hits, in order, into matches, as far as there is room in dst for
// all matches of an offset. It returns how many they are and up to which
// offset they go: hi where they are all.
func (k *setKernel) emit(dst []Match, hits []uint64, hi int) (n, stop int) {
	for i := 0; i < len(hits); {
		s := uint32(hits[i] >> 32)
		if k.first == nil && (i+1 == len(hits) || uint32(hits[i+1]>>32) != s) {
			// One literal, given once: nearly always.
			if n == len(dst) {
				return n, int(s)
			}
			dst[n] = Match{s, k.indexes[uint32(hits[i])]}
			n++
			i++
			continue
		}
		j, count := i, 0
		for ; j < len(hits) && uint32(hits[j]>>32) == s; j++ {
			count += k.count(uint32(hits[j]))
		}
		if count > len(dst)-n {
			return n, int(s)
		}
		here := dst[n : n+count]
		n += count
		at := 0
		for _, h := range hits[i:j] {
			u := uint32(h)
			first, last := u, u+1
			if k.first != nil {
				first, last = k.first[u], k.first[u+1]
			}
			for _, index := range k.indexes[first:last] {
				here[at] = Match{s, index}
				at++
			}
		}
		if j > i+1 {
			slices.SortFunc(here, func(a, b Match) int { return cmp.Compare(a.Lit, b.Lit) })
		}
		i = j
	}
	return n, hi
}

// sortHits sorts the hits of a stretch, whose starts are at lo and less than
// maxRadix above it. Few, or nearly sorted ones, by insertion; many by their
// starts' digits, the low ones first, and then by insertion what starts at one
// place. spare is used.
func sortHits(hits, spare []uint64, lo int) (sorted, unused []uint64) {
	if insert(hits, 4*len(hits)) {
		return hits, spare
	}
	spare = slices.Grow(spare[:0], len(hits))[:len(hits)]
	for shift := 0; shift < radixBits*2; shift += radixBits {
		var at [1 << radixBits]uint32
		for _, h := range hits {
			at[(uint32(h>>32)-uint32(lo))>>shift&(1<<radixBits-1)]++
		}
		sum := uint32(0)
		for i, n := range at {
			at[i] = sum
			sum += n
		}
		for _, h := range hits {
			i := &at[(uint32(h>>32)-uint32(lo))>>shift&(1<<radixBits-1)]
			spare[*i] = h
			*i++
		}
		hits, spare = spare, hits
	}
	if !insert(hits, 16*len(hits)) { // crowds at one place
		slices.Sort(hits)
	}
	return hits, spare
}

const (
	radixBits = 9
	maxRadix  = 1 << (2 * radixBits)
)

var _ [maxRadix - maxStretches*maxStretch]struct{} // what is sorted is in a stretch

// insert sorts by insertion, unless that takes more than so many moves.
func insert(hits []uint64, moves int) bool {
	for i := 1; i < len(hits); i++ {
		h := hits[i]
		j := i
		for ; j > 0 && hits[j-1] > h; j-- {
			hits[j] = hits[j-1]
		}
		hits[j] = h
		if moves -= i - j; moves < 0 {
			return false
		}
	}
	return true
}

// singlePart looks for few literals, each by a kernel of its own.
type singlePart struct {
	kernels []Kernel
	lits    []uint32 // their numbers
}

func newSinglePart(level Level, set *literalSet, lits []uint32) (*singlePart, error) {
	p := &singlePart{lits: lits}
	for _, u := range lits {
		var k Kernel
		var err error
		if mask := set.mask(u); mask != nil {
			k, err = NewMasked(level, set.bytes(u), mask)
		} else {
			k, err = NewLiteral(level, set.bytes(u))
		}
		if err != nil {
			return nil, err
		}
		p.kernels = append(p.kernels, k)
	}
	return p, nil
}

func (p *singlePart) level() Level { return p.kernels[0].Level() }

func (p *singlePart) find(sc *Scratch, b []byte, lo, hi int) bool {
	for i, k := range p.kernels {
		u := uint64(p.lits[i])
		for from := lo; from < hi; {
			n, next := k.Scan(sc.cand, b, from, hi)
			sc.through += n
			for _, s := range sc.cand[:n] {
				sc.hits = append(sc.hits, uint64(s)<<32|u)
			}
			if len(sc.hits) > sc.limit {
				return false
			}
			from = next
		}
	}
	return true
}
