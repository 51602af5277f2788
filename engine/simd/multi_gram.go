package simd

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"unsafe"
)

// gramPart looks for any number of literals by sampling memory:
//
//	memory    . . . . . . . . . . . . . . . . . .   a gram is looked at every
//	looked at 0-----5 4-----9 8-----13              4 bytes; here it has 6
//	literal         x[w w w w w w w w w]x x         its window, of 9 bytes
//
// Wherever the literal stands, just one of the grams looked at lies in the
// window. So the four grams of the window are entered in a table, and one of
// four places has to be looked at. A gram has as many bytes as the shortest
// literal of the part lets it have: its length less 3, up to 8. Literals of 5
// and 6 bytes have windows with two grams of 4 or 5 bytes, and every 2nd place
// is looked at; those of 4 bytes have one gram, and every place is.
//
//	filter    for each place, is the gram in a bitmap?       nearly always not
//	table     for each candidate, which literals have it, and where?
//	verify    the first eight bytes of the literal, then all of it
//
// This is Wu and Manber, "A fast algorithm for multi-pattern searching" (1994),
// turned round: they enter few blocks and shift by how far off they are, which
// falls to nothing as a set grows; here each literal enters all phases of its
// window and the shift is always the same, as with the strides of Hyperscan's
// FDR (Wang and others, "Hyperscan: a fast multi-pattern regex matcher for
// modern CPUs", NSDI 2019). What else is done:
//
//  1. The window is not where the literal begins but where it is least like
//     other memory and least like the other literals; see windows.
//  2. The bitmap has one bit a gram and, for that, as many bits as stay in a
//     near cache. What it lets through falls at the table, where the key is
//     compared; the loads of several places are under way at once.
//  3. Zeros are the commonest memory: they are passed over before anything else
//     is asked, unless a literal is mostly zeros; see zeroMode.
//  4. Where many literals have the same gram all the same, they are looked up
//     by their whole window; where many have that, by binary search; see crowd.
//     Literals longer than farSize are verified in linear time, however
//     regular they and memory are.
//  5. In a part that is caseless, bit 5 of every byte is set before a gram is
//     looked up, in literals and in memory. So it has literals that are masked
//     in that bit of letters, as text in either case is, and along with these
//     others, to save a look at memory; verification minds the mask. Literals that are masked otherwise have their window where
//     they are not masked; or else they are in a part of their own, that is
//     wild: a gram is there with all the values that it may have.
type gramPart struct {
	*gramPlan
	filter Kernel
	lits   []uint32 // all that it looks for
}

// gramPlan is what the filters share, and the tables behind them.
type gramPlan struct {
	set    *literalSet
	stride int  // of the grams that are looked at: 4, 2 or 1
	size   int  // of a gram, in bytes: 4 to 8
	wild   bool // grams have several values

	// With x the eight bytes at a place, little-endian, its gram is
	// g = (x | fold) & mask, and is one of the set only if its bit is set:
	//
	//	h = low half of g · gramMul + high half of g · gramMulHigh, in 32 bits
	//	words[h >> toBit >> 5], bit h >> toBit & 31
	fold  uint64
	mask  uint64 // size bytes
	words []uint32
	toBit uint32
	zeros zeroMode

	// For zeroEdge: bit j of near[i][c] says that byte i of those near zeros
	// may be c where they are gram j of a window; see nearOff.
	near [6][256]uint8

	grams runTable // which literals have a gram, and where in them; by gramKey

	// The same for whole windows, of those literals that have a gram in common
	// with many, by windowKey.
	windows runTable
	crowds  [][]crowd // of windows that many have in common

	minOff, maxOff int // of a gram in its literal
	far            map[uint32]*verifier
}

// zeroMode says at which grams of zeros a literal may be.
type zeroMode int

const (
	zeroNever zeroMode = iota // no window has one

	// zeroEdge: no window is zeros throughout. Then, where a window has a gram
	// of zeros, another byte is so near that it is in the gram before or in
	// the one after, those 4 bytes away. Zeros among zeros need not be looked at.
	//
	//	looked at        ---t-4-----t-----t+4---
	//	window, j = 3            [x . . 0 0 0 0]
	//	window, j = 0                  [0 0 0 0 . . x]
	zeroEdge

	zeroAll // a window is zeros throughout
)

// nearOff is where byte i of what may be in a window with a gram lies, from
// the gram: −3 to −1, and the three bytes behind it.
func (p *gramPlan) nearOff(i int) int {
	if i < 3 {
		return i - 3
	}
	return p.size + i - 3
}

// noteZeros notes what grams of zeros the window at begin has.
func (p *gramPlan) noteZeros(lit Lit, begin int) {
	width := p.stride + p.size - 1
	if lit.Mask == nil && zerosIn(lit.Bytes[begin:begin+width], p.size) == zeroNever {
		return
	}
	window := make([]byteSet, width)
	zeros := make([]byte, len(window)) // 0 where it may be zero
	for i := range window {
		window[i] = lit.bytesAt(begin + i)
		if !window[i].has(0) {
			zeros[i] = 1
		}
	}
	p.zeros = max(p.zeros, zerosIn(zeros, p.size))
	for j := range p.stride {
		if zerosAt(zeros, j, j+p.size) {
			p.addZeros(window, j)
		}
	}
}

// addZeros notes that gram j of a window may be zeros.
func (p *gramPlan) addZeros(window []byteSet, j int) {
	for i := range p.near {
		at := j + p.nearOff(i)
		for c := range p.near[i] {
			if at < 0 || at >= len(window) || window[at].has(byte(c)) {
				p.near[i][byte(c)|byte(p.fold)] |= 1 << j
			}
		}
	}
}

// mayBeZeros says whether the gram of zeros at s may be in a window.
func (p *gramPlan) mayBeZeros(b []byte, s int) bool {
	if s < 3 || s+p.size+3 > len(b) {
		return true
	}
	fold := byte(p.fold)
	before, behind := (*[3]byte)(b[s-3:]), (*[3]byte)(b[s+p.size:])
	return p.near[0][before[0]|fold]&p.near[1][before[1]|fold]&p.near[2][before[2]|fold]&
		p.near[3][behind[0]|fold]&p.near[4][behind[1]|fold]&p.near[5][behind[2]|fold] != 0
}

// zerosIn is the zeroMode for a window with grams of size bytes.
func zerosIn(window []byte, size int) zeroMode {
	mode, run := zeroNever, 0
	for _, c := range window {
		if run++; c != 0 {
			run = 0
		}
		if run >= size {
			mode = zeroEdge
		}
	}
	if run == len(window) {
		mode = zeroAll
	}
	return mode
}

// gramEntry says that a literal has a gram, or that its window is the key.
type gramEntry struct {
	lit uint32 // its number; or else what the flags say
	off uint32 // where in it, and flags
}

const (
	gramLast = 1 << 31 // the last entry of its run

	// gramCrowd marks the first entry of a run of more than maxRun. For a
	// gram, lit is then a set of the places that it has in windows, and they
	// are to be looked up; for a window, it is the index of crowds.
	gramCrowd = 1 << 30

	// The first entry of a run says how many there are, from this bit on;
	// more than maxRun where they are not to be gone through together.
	gramCount     = 24
	gramCountBits = 4

	gramOff = 1<<gramCount - 1

	gramMul       = 0x9e3779b1 // hash to the bit of the filter
	gramMulHigh   = 0x85ebca77
	gramMulWindow = 0x9e3779b97f4a7c15
	gramMul2      = 0xc2b2ae3d27d4eb4f // hash to the key of the tables

	// caseFold is what makes the letters of both cases alike.
	caseFold = 0x2020202020202020

	// A filter has at least 1<<minFilter bits, and about gramBits bits a gram,
	// up to 1<<maxFilter as long as that leaves some for each: it is to stay
	// in the level-2 cache.
	minFilter = 16
	maxFilter = 22
	gramBits  = 64

	// maxWindow is how far into a literal its window may begin.
	maxWindow = 64

	// maxRun is the most entries that are gone through one by one.
	maxRun = 8

	// farSize is the length above which verification takes the verifier.
	farSize = 64

	// maxFar is the most candidates that are kept for it.
	maxFar = 1 << 15
)

// newGramPart makes the part for literals, each with a stretch of bytes that
// suits: of which, under fold, all count, and which is stride + size − 1 long.
func newGramPart(level Level, set *literalSet, lits []gramLiteral, stride, size int, fold uint64, wild bool) (*gramPart, error) {
	p := newGramPlan(set, lits, stride, size, fold, wild)
	filter, err := choose(level, gramFilters, p)
	if err != nil {
		return nil, err
	}
	return &gramPart{p, filter, numbersOf(lits)}, nil
}

// gramLiteral is a literal, and the part of it that its window may be in.
type gramLiteral struct {
	lit         uint32
	first, last uint32 // of the part: half-open
}

// gramFilters is how grams are filtered, ascending by level.
var gramFilters = append([]implementation[*gramPlan]{
	{level: Reference, make: newGramRef},
	{level: Generic, make: newGramGo},
}, gramsAssembled...)

func (p *gramPart) level() Level { return p.filter.Level() }

// Shape and Len make a filter a Kernel: one that finds grams, every 4 bytes,
// which may be in the set. All levels let through the same, but for zeros of
// which it may be more.
func (p *gramPlan) Shape() Shape { return LiteralSet }

func (p *gramPlan) Len() int { return p.size }

func newGramPlan(set *literalSet, lits []gramLiteral, stride, size int, fold uint64, wild bool) *gramPlan {
	p := &gramPlan{
		set:    set,
		stride: stride,
		size:   size,
		wild:   wild,
		fold:   fold,
		mask:   ^uint64(0) >> (64 - 8*size),
		minOff: maxWindow + stride,
	}
	begins := p.windowsOf(lits)
	grams := 0
	for i, l := range lits {
		for j := range stride {
			grams += p.values(l, int(begins[i])+j)
		}
	}
	width := bits.Len(uint(grams*gramBits)) - 1
	if width > maxFilter { // 8 bits a gram at least
		width = max(maxFilter, width-3)
	}
	width = max(minFilter, min(width, 30))
	p.words = make([]uint32, 1<<width/32)
	p.toBit = uint32(32 - width)
	items := make([]runItem, 0, grams)
	var values []uint64
	for i, l := range lits {
		begin := int(begins[i])
		p.minOff = min(p.minOff, begin)
		p.maxOff = max(p.maxOff, begin+stride-1)
		p.noteZeros(set.lit(l.lit), begin)
		for j := range stride {
			values = p.gramsOf(values[:0], l, begin+j)
			for _, g := range values {
				p.add(g)
				items = append(items, runItem{gramKey(g), gramEntry{l.lit, uint32(begin + j)}})
			}
		}
		if lit := set.bytes(l.lit); len(lit) > farSize && set.mask(l.lit) == nil {
			if p.far == nil {
				p.far = map[uint32]*verifier{}
			}
			v := newVerifier(lit)
			p.far[l.lit] = &v
		}
	}
	var crowded []uint32
	if p.grams, crowded = newRunTable(items); len(crowded) > 0 && !wild {
		p.addWindows(crowded, lits, begins)
	}
	return p
}

// gram is the gram at b[s:], whose bytes are all there.
func (p *gramPlan) gram(b []byte, s int) uint64 { return (upTo8(b, s) | p.fold) & p.mask }

// upTo8 is the up to eight bytes at b[s:], little-endian.
func upTo8(b []byte, s int) uint64 {
	if s+8 <= len(b) {
		return binary.LittleEndian.Uint64(b[s:])
	}
	var x [8]byte
	copy(x[:], b[s:])
	return binary.LittleEndian.Uint64(x[:])
}

// bit is the number of a gram's bit in the filter.
func (p *gramPlan) bit(g uint64) uint32 {
	return (uint32(g)*gramMul + uint32(g>>32)*gramMulHigh) >> p.toBit
}

// values is how many values the gram at offset off of a literal has.
func (p *gramPlan) values(l gramLiteral, off int) int {
	if !p.wild {
		return 1
	}
	return p.set.lit(l.lit).values(off, off+p.size)
}

// values is how many values a literal may have from offset first up to last;
// math.MaxInt32 where they are that many or more.
func (l Lit) values(first, last int) int {
	n := 1
	for i := first; i < last; i++ {
		if n <<= 8 - bits.OnesCount8(l.Mask[i]); n >= math.MaxInt32 {
			return math.MaxInt32
		}
	}
	return n
}

// gramsOf appends to values those of the gram at offset off of a literal.
func (p *gramPlan) gramsOf(values []uint64, l gramLiteral, off int) []uint64 {
	g := p.gram(p.set.from(l.lit, off), 0)
	if !p.wild {
		return append(values, g)
	}
	open := ^upTo8(p.set.mask(l.lit), off) & p.mask // bits that do not count
	for v := uint64(0); ; {
		values = append(values, g|v)
		if v = (v - open) & open; v == 0 { // the next of the values that open can have
			return values
		}
	}
}

// add enters a gram in the filter.
func (p *gramPlan) add(g uint64) {
	i := p.bit(g)
	p.words[i>>5] |= 1 << (i & 31)
}

// has says whether a gram may have been entered.
func (p *gramPlan) has(g uint64) bool {
	i := p.bit(g)
	return p.words[i>>5]>>(i&31)&1 != 0
}

// gramKey is what the table has a gram under; few others have the same.
func gramKey(g uint64) uint32 { return uint32(g * gramMul2 >> 32) }

// addWindows makes the table of windows for the grams at the runs.
func (p *gramPlan) addWindows(crowded []uint32, lits []gramLiteral, begins []uint8) {
	in := make([]bool, len(p.set.lits)) // the literals that are in one of them
	for _, run := range crowded {
		for ; ; run++ {
			in[p.grams.entries[run].lit] = true
			if p.grams.entries[run].off&gramLast != 0 {
				break
			}
		}
	}
	for _, run := range crowded {
		p.grams.entries[run] = gramEntry{0, gramCrowd | (maxRun+1)<<gramCount}
	}
	var items []runItem
	for i, l := range lits {
		if !in[l.lit] {
			continue
		}
		window := p.set.from(l.lit, int(begins[i]))
		for j := range p.stride {
			run := p.grams.table.find(gramKey(p.gram(window, j)))
			if e := &p.grams.entries[run]; e.off&gramCrowd != 0 {
				e.lit |= 1 << j
			}
		}
		items = append(items, runItem{p.windowKey(window, 0), gramEntry{l.lit, uint32(begins[i])}})
	}
	p.windows, crowded = newRunTable(items)
	for _, run := range crowded {
		p.crowd(run)
	}
}

// windowKey is a hash of the window at b[s:], whose bytes are all there.
func (p *gramPlan) windowKey(b []byte, s int) uint32 {
	first, last := p.gram(b, s), p.gram(b, s+p.stride-1)
	return uint32((first*gramMulWindow ^ last) * gramMul2 >> 32)
}

func (p *gramPart) find(sc *Scratch, b []byte, lo, hi int) bool {
	if sc.runs == nil {
		sc.runs = make([]uint32, len(sc.cand))
	}
	sc.far = sc.far[:0]
	// Which of the places are looked at is free to choose. Where addresses are
	// 2 modulo 4, grams tell most: the upper halves of pointers and small
	// numbers, which are all alike, are never grams by themselves.
	from, to := lo+p.minOff, min(hi+p.maxOff, len(b)-p.size+1)
	from += int((2 - uintptr(unsafe.Pointer(unsafe.SliceData(b))) - uintptr(from)) % 4 % uintptr(p.stride))
	for ; from < min(lo+p.minOff+4, to); from += p.stride {
		for pos := from; pos < to; {
			n, next := p.filter.Scan(sc.cand, b, pos, to)
			sc.through += n
			cand, runs := p.look(b, sc.cand[:n], sc.runs)
			if !p.verify(sc, b, cand, runs, lo, hi) {
				return false
			}
			pos = next
		}
	}
	p.verifyFar(sc, b)
	return len(sc.hits) <= sc.limit
}

// look keeps those of the candidates whose gram seems to be in the table, to
// where it has been displaced perhaps, each with its run, or 0 where that is
// still to be found. There are next to no branches in it: loads of which most
// miss the cache need not wait for each other.
func (p *gramPlan) look(b []byte, cand, runs []uint32) (kept, theirs []uint32) {
	n := 0
	slots, shift := p.grams.table.slots, p.grams.table.shift
	runs = runs[:len(cand)]
	for _, t := range cand {
		x := upTo8(b, int(t))
		if x&p.mask == 0 && !p.mayBeZeros(b, int(t)) {
			continue
		}
		key := gramKey((x | p.fold) & p.mask)
		s := &slots[key*slotMul>>shift]
		keep, run := s.value>>31, uint32(0)
		if s.key == key {
			keep, run = 1, s.value&gramValue
		}
		cand[n], runs[n] = t, run
		n += int(keep)
	}
	return cand[:n], runs[:n]
}

// verify adds the literals with a start from lo up to hi that have their gram
// at one of the candidates, whose runs are as look has them.
//
// Where there are many hits, whether a candidate is one cannot be guessed. So
// this goes in passes that each have no branch on it: what is kept is stored
// where the next that is kept belongs.
//
//	entries    each candidate's, as pairs of a start and a literal
//	heads      of those, the ones with the first 8 bytes
//	rests      of those, the ones with the next 8 and the last 8: all of 24
func (p *gramPlan) verify(sc *Scratch, b []byte, cand, runs []uint32, lo, hi int) bool {
	if sc.pairs == nil {
		sc.pairs = make([]uint64, verifyBlock*maxRun)
	}
	for len(cand) > 0 {
		n := min(len(cand), verifyBlock)
		some, theirs := cand[:n], runs[:n]
		cand, runs = cand[n:], runs[n:]
		if int(some[0]) < p.maxOff+8 || int(some[n-1])+farSize > len(b) {
			// Around the ends of b, where there is less to load.
			for i, t := range some {
				if !p.verifyAt(sc, b, int(t), theirs[i], lo, hi) {
					return false
				}
			}
			continue
		}
		pairs, ok := p.pairsOf(sc, b, some, theirs, lo, hi)
		if !ok {
			return false
		}
		pairs = p.withRests(b, p.withHeads(b, pairs, lo, hi))
		for _, pair := range pairs {
			s, u := int(pair>>32), uint32(pair)
			if size := p.set.lits[u].size; (size > 24 || int(u) >= p.set.plain) && !p.stands(sc, b, s, u) {
				continue
			}
			sc.hits = append(sc.hits, pair)
		}
		if len(sc.hits) > sc.limit {
			return false
		}
	}
	return true
}

// verifyBlock is how many candidates are verified together: what is between the
// passes stays in the nearest cache.
const verifyBlock = 256

// pairsOf is the entries of some candidates, start<<32 | literal. What there are
// too many of is verified at once; it is false where hits exceed sc.limit.
func (p *gramPlan) pairsOf(sc *Scratch, b []byte, cand, runs []uint32, lo, hi int) ([]uint64, bool) {
	pairs, n := sc.pairs[:verifyBlock*maxRun], 0
	for i, t := range cand {
		run := runs[i]
		if run == 0 { // displaced
			if run = p.grams.table.find(gramKey(p.gram(b, int(t)))); run == 0 {
				continue
			}
		}
		e := (*[maxRun]gramEntry)(p.grams.entries[run:])
		count := int(e[0].off >> gramCount & (1<<gramCountBits - 1))
		if count > maxRun {
			if !p.verifyAt(sc, b, int(t), run, lo, hi) {
				return nil, false
			}
			continue
		}
		out := (*[maxRun]uint64)(pairs[n:])
		for k := range 4 {
			out[k] = uint64(t-e[k].off&gramOff)<<32 | uint64(e[k].lit)
		}
		if count > 4 {
			for k := 4; k < maxRun; k++ {
				out[k] = uint64(t-e[k].off&gramOff)<<32 | uint64(e[k].lit)
			}
		}
		n += count
	}
	return pairs[:n], true
}

// withHeads keeps the pairs with a start from lo up to hi where the first 8
// bytes of the literal stand, or which has a mask.
func (p *gramPlan) withHeads(b []byte, pairs []uint64, lo, hi int) []uint64 {
	n, lits, plain := 0, p.set.lits, uint32(p.set.plain)
	for _, pair := range pairs {
		s, u := uint32(pair>>32), uint32(pair)
		l := &lits[u]
		keep := 0
		if (binary.LittleEndian.Uint64(b[s:])^l.head)<<l.less8() == 0 {
			keep = 1
		}
		if u >= plain {
			keep = 1
		}
		if s-uint32(lo) >= uint32(hi-lo) {
			keep = 0
		}
		pairs[n] = pair
		n += keep
	}
	return pairs[:n]
}

// withRests keeps the pairs where the second 8 bytes of the literal stand too,
// and its last 8; of a far one, the last 8 of farSize.
func (p *gramPlan) withRests(b []byte, pairs []uint64) []uint64 {
	n, lits, text, plain := 0, p.set.lits, p.set.text, uint32(p.set.plain)
	for _, pair := range pairs {
		s, u := uint32(pair>>32), uint32(pair)
		l := &lits[u]
		less := l.less8()
		end := min(l.size, farSize)
		second := min(max(end, 8)-8, 8)
		x := (binary.LittleEndian.Uint64(b[s+second:]) ^ binary.LittleEndian.Uint64(text[l.at+second:])) << less
		x |= (binary.LittleEndian.Uint64(b[s+end-8:]) ^ binary.LittleEndian.Uint64(text[l.at+end-8:])) >> less
		keep := 0
		if x == 0 {
			keep = 1
		}
		if u >= plain {
			keep = 1
		}
		pairs[n] = pair
		n += keep
	}
	return pairs[:n]
}

// less8 is how many bits are missing in a literal that is shorter than eight
// bytes.
func (l *setLiteral) less8() uint32 { return (64 - 8*min(l.size, 8)) & 63 }

// verifyAt is verify for the candidate at t, by itself. It is false where hits
// exceed sc.limit.
func (p *gramPlan) verifyAt(sc *Scratch, b []byte, t int, run uint32, lo, hi int) bool {
	if run == 0 {
		if run = p.grams.table.find(gramKey(p.gram(b, t))); run == 0 {
			return true
		}
	}
	e := p.grams.entries[run]
	if e.off&gramCrowd == 0 {
		p.verifyRun(sc, b, p.grams.entries[run:], t, lo, hi)
		return len(sc.hits) <= sc.limit
	}
	for places := e.lit; places != 0; places &= places - 1 {
		at := t - bits.TrailingZeros32(places)
		if at < lo || at+p.stride+p.size-1 > len(b) {
			continue
		}
		run := p.windows.table.find(p.windowKey(b, at))
		if run == 0 {
			continue
		}
		e := p.windows.entries[run]
		if e.off&gramCrowd == 0 {
			p.verifyRun(sc, b, p.windows.entries[run:], at, lo, hi)
			continue
		}
		for i := range p.crowds[e.lit] {
			c := &p.crowds[e.lit][i]
			if s := at - c.off; lo <= s && s < hi {
				c.find(p.set, sc, b, s)
			}
		}
	}
	return len(sc.hits) <= sc.limit
}

// verifyRun adds the literals of a run whose gram or window is at t.
func (p *gramPlan) verifyRun(sc *Scratch, b []byte, run []gramEntry, t, lo, hi int) {
	for _, e := range run {
		if s := t - int(e.off&gramOff); lo <= s && s < hi && p.stands(sc, b, s, e.lit) {
			sc.hits = append(sc.hits, uint64(s)<<32|uint64(e.lit))
		}
		if e.off&gramLast != 0 {
			break
		}
	}
}

// stands says whether literal u stands at s. A long one may be put off.
func (p *gramPlan) stands(sc *Scratch, b []byte, s int, u uint32) bool {
	l := &p.set.lits[u]
	size := int(l.size)
	if size > len(b)-s {
		return false
	}
	if int(u) >= p.set.plain {
		return maskedEqual(b[s:s+size], p.set.bytes(u), p.set.mask(u))
	}
	if size <= 8 {
		if s+8 > len(b) {
			return string(b[s:s+size]) == string(p.set.bytes(u))
		}
		return (binary.LittleEndian.Uint64(b[s:])^l.head)<<(64-8*size) == 0
	}
	if binary.LittleEndian.Uint64(b[s:]) != l.head {
		return false
	}
	if size <= farSize {
		return string(b[s+8:s+size]) == string(p.set.text[l.at+8:l.at+l.size])
	}
	if binary.LittleEndian.Uint64(b[s+size-8:]) == p.far[u].tail {
		sc.far = append(sc.far, uint64(u)<<32|uint64(s))
		if len(sc.far) >= maxFar {
			p.verifyFar(sc, b)
		}
	}
	return false
}

// maskedEqual says whether b and lit, which are of one length, agree in the
// bits of mask.
func maskedEqual(b, lit, mask []byte) bool {
	i := 0
	for ; i+8 <= len(lit); i += 8 {
		if (binary.LittleEndian.Uint64(b[i:])^binary.LittleEndian.Uint64(lit[i:]))&binary.LittleEndian.Uint64(mask[i:]) != 0 {
			return false
		}
	}
	return (upTo8(b, i)^upTo8(lit, i))&upTo8(mask, i) == 0
}

// verifyFar verifies what has been put off, literal by literal.
func (p *gramPlan) verifyFar(sc *Scratch, b []byte) {
	if len(sc.far) == 0 {
		return
	}
	slices.Sort(sc.far)
	var cand [256]uint32
	for far := sc.far; len(far) > 0; {
		u := uint32(far[0] >> 32)
		lit, v := p.set.bytes(u), p.far[u]
		var box zbox
		for len(far) > 0 && uint32(far[0]>>32) == u {
			n := 0
			for n < len(cand) && n < len(far) && uint32(far[n]>>32) == u {
				cand[n] = uint32(far[n])
				n++
			}
			far = far[n:]
			for _, s := range cand[:v.keep(lit, b, cand[:n], &box)] {
				sc.hits = append(sc.hits, uint64(s)<<32|uint64(u))
			}
		}
	}
	sc.far = sc.far[:0]
}
