package simd

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"unsafe"
)

// gramPart looks for any number of literals by sampling memory:
//
//	memory    . . . . . . . . . . . . . . . .      a gram is looked at every
//	looked at 0-------4-------8-------12------     4 bytes, and is 4 bytes long
//	literal         x[w w w w w w w]x x            its window, of 7 bytes
//
// Wherever the literal stands, just one of the grams looked at lies in the
// window. So the four grams of the window are entered in a table, and one of
// four places has to be looked at. Literals of 5 and 6 bytes have windows of 5
// bytes with two grams, and every 2nd place is looked at; those of 4 bytes
// have one gram, and every place is.
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
//  2. The bitmap is a Bloom filter of two bits a gram, in the same word, so
//     that one load asks for both (Putze, Sanders and Singler, "Cache-, hash-
//     and space-efficient Bloom filters", 2007).
//  3. Zeros are the commonest memory: they are passed over before anything else
//     is asked, unless a literal is mostly zeros; see zeroMode.
//  4. Where many literals have the same gram all the same, they are looked up
//     by their whole window; where many have that, by binary search; see crowd. Literals longer than farSize are verified
//     in linear time, however regular they and memory are.
type gramPart struct {
	*gramPlan
	filter Kernel
}

// gramPlan is what the filters share, and the tables behind them.
type gramPlan struct {
	set    *literalSet
	stride int // of the grams that are looked at: 4, 2 or 1

	// Gram g may be one of the set only if both its bits are in its word:
	// see gramBits.
	words []uint32
	shift uint32 // g·gramMul >> shift is its word
	zeros zeroMode

	// For zeroEdge: bit j of near[i][c] says that the byte nearOffs[i] from
	// zeros may be c where they are gram j of a window.
	near [len(nearOffs)][256]uint8

	grams runTable // which literals have a gram, and where in them

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

// nearOffs is what of memory around a gram of zeros may be in a window with it.
var nearOffs = [...]int{-3, -2, -1, 4, 5, 6}

// addZeros notes that zeros are gram j of a window.
func (p *gramPlan) addZeros(window []byte, j int) {
	for i, off := range nearOffs {
		if at := j + off; at >= 0 && at < len(window) {
			p.near[i][window[at]] |= 1 << j
			continue
		}
		for c := range p.near[i] {
			p.near[i][c] |= 1 << j
		}
	}
}

// mayBeZeros says whether the gram of zeros at s may be in a window.
func (p *gramPlan) mayBeZeros(b []byte, s int) bool {
	if s < 3 || s+7 > len(b) {
		return true
	}
	before, behind := (*[3]byte)(b[s-3:]), (*[3]byte)(b[s+4:])
	return p.near[0][before[0]]&p.near[1][before[1]]&p.near[2][before[2]]&
		p.near[3][behind[0]]&p.near[4][behind[1]]&p.near[5][behind[2]] != 0
}

// zerosIn is the zeroMode for a window.
func zerosIn(window []byte) zeroMode {
	gram, all := false, true
	for i := range len(window) - 3 {
		g := binary.LittleEndian.Uint32(window[i:])
		gram = gram || g == 0
		all = all && g == 0
	}
	switch {
	case all:
		return zeroAll
	case gram:
		return zeroEdge
	}
	return zeroNever
}

// amongZeros says whether the gram at s and those beside it are zeros.
func amongZeros(b []byte, s int) bool {
	return s >= 4 && s+8 <= len(b) &&
		binary.LittleEndian.Uint64(b[s-4:]) == 0 && binary.LittleEndian.Uint32(b[s+4:]) == 0
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

	gramOff = gramCrowd - 1

	gramMul  = 0x9e3779b1 // hash to the word
	gramMul2 = 0x85ebca6b // hash to the two bits
	gramMul3 = 0xc2b2ae35 // hash to the slot of the table

	// A filter has at least 1<<minFilter words, at most 1<<maxFilter as long as
	// that leaves some bits for each gram.
	minFilter = 10
	maxFilter = 18

	// maxWindow is how far into a literal its window may begin.
	maxWindow = 64

	// maxRun is the most entries that are gone through one by one.
	maxRun = 8

	// farSize is the length above which verification takes the verifier.
	farSize = 64

	// maxFar is the most candidates that are kept for it.
	maxFar = 1 << 15
)

// gramBits is the two bits of a gram, which may be the same, in its word.
func gramBits(g uint32) uint32 {
	h := g * gramMul2
	return 1<<(h>>27) | 1<<(h>>22&31)
}

func newGramPart(level Level, set *literalSet, lits []uint32, stride int) (*gramPart, error) {
	p := newGramPlan(set, lits, stride)
	filter, err := choose(level, gramFilters, p)
	if err != nil {
		return nil, err
	}
	return &gramPart{p, filter}, nil
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

func (p *gramPlan) Len() int { return 4 }

func newGramPlan(set *literalSet, lits []uint32, stride int) *gramPlan {
	grams := len(lits) * stride
	width := bits.Len(uint(grams / 2)) // 2 to 4 grams a word
	if width > maxFilter {
		width = max(maxFilter, width-1)
	}
	width = max(minFilter, min(width, 26))
	p := &gramPlan{
		set:    set,
		stride: stride,
		words:  make([]uint32, 1<<width),
		shift:  uint32(32 - width),
		minOff: maxWindow + stride,
	}
	begins := windows(set, lits, stride)
	items := make([]runItem, 0, grams)
	for i, u := range lits {
		begin := int(begins[i])
		p.minOff = min(p.minOff, begin)
		p.maxOff = max(p.maxOff, begin+stride-1)
		lit := set.bytes(u)
		p.zeros = max(p.zeros, zerosIn(lit[begin:begin+stride+3]))
		for j := range stride {
			g := binary.LittleEndian.Uint32(lit[begin+j:])
			p.words[g*gramMul>>p.shift] |= gramBits(g)
			if g == 0 {
				p.addZeros(lit[begin:begin+stride+3], j)
			}
			items = append(items, runItem{g, gramEntry{u, uint32(begin + j)}})
		}
		if len(lit) > farSize {
			if p.far == nil {
				p.far = map[uint32]*verifier{}
			}
			v := newVerifier(lit)
			p.far[u] = &v
		}
	}
	var crowded []uint32
	if p.grams, crowded = newRunTable(items); len(crowded) > 0 {
		p.addWindows(crowded, lits, begins)
	}
	return p
}

// addWindows makes the table of windows for the grams at the runs.
func (p *gramPlan) addWindows(crowded, lits []uint32, begins []uint8) {
	for _, run := range crowded {
		p.grams.entries[run] = gramEntry{0, gramCrowd}
	}
	var items []runItem
	for i, u := range lits {
		window := p.set.bytes(u)[begins[i]:]
		in := false
		for j := range p.stride {
			run := p.grams.table.find(binary.LittleEndian.Uint32(window[j:]))
			if e := &p.grams.entries[run]; e.off&gramCrowd != 0 {
				e.lit |= 1 << j
				in = true
			}
		}
		if in {
			items = append(items, runItem{p.windowKey(window, 0), gramEntry{u, uint32(begins[i])}})
		}
	}
	p.windows, crowded = newRunTable(items)
	for _, run := range crowded {
		p.crowd(run)
	}
}

// windowKey is a hash of the window at b[s:]. It is not known to be of a
// literal, nor is there more than it in b, for sure.
func (p *gramPlan) windowKey(b []byte, s int) uint32 {
	size := p.stride + 3
	var x uint64
	if s+8 <= len(b) {
		x = binary.LittleEndian.Uint64(b[s:]) << (64 - 8*size)
	} else {
		x = uint64(binary.LittleEndian.Uint32(b[s:]))<<(64-8*size) | uint64(binary.LittleEndian.Uint32(b[s+size-4:]))<<32
	}
	return uint32(x * 0x9e3779b97f4a7c15 >> 32)
}

// runTable has a run of entries for every key: entries[table.find(key):] up to
// the first with gramLast.
type runTable struct {
	table   gramTable
	entries []gramEntry
}

// runItem is an entry, and what it is found by.
type runItem struct {
	key   uint32
	entry gramEntry
}

// newRunTable makes a table; entries stay in the order of the items. It also
// returns the runs of more than maxRun entries. Items are used up.
func newRunTable(items []runItem) (rt runTable, crowded []uint32) {
	t := newGramTable(len(items))
	for i, it := range items {
		*t.slot(it.key)++
		items[i].key = t.index(it.key)
	}
	// The table has the number of entries of each key; now their end, and in
	// the end, filled from the back, where they begin.
	end := uint32(1)
	entries := make([]gramEntry, len(items)+1)
	for i := range t.slots {
		s := &t.slots[i]
		n := s.value & gramValue
		if n == 0 {
			continue
		}
		if n > maxRun {
			crowded = append(crowded, end)
		}
		end += n
		entries[end-1].off = gramLast
		s.value = end | s.value&gramMoved
	}
	for _, it := range slices.Backward(items) {
		s := &t.slots[it.key]
		s.value--
		e := &entries[s.value&gramValue]
		e.lit = it.entry.lit
		e.off |= it.entry.off
	}
	return runTable{t, entries}, crowded
}

// windows chooses where in each literal its window begins: where looking at
// its grams costs least, which is how often they may be expected in memory,
// times how many literals have them at most.
func windows(set *literalSet, lits []uint32, stride int) []uint8 {
	begins := make([]uint8, len(lits))
	if stride == 1 {
		return begins // they have but one
	}
	// How many literals have a gram, or another with the same hash. A literal
	// with the same gram over and over counts as many.
	width := min(max(bits.Len(uint(16*len(lits))), 10), 24)
	counts := make([]uint32, 1<<width)
	places := func(lit []byte) int { return min(len(lit), maxWindow+stride+3) - 3 }
	for _, u := range lits {
		lit := set.bytes(u)
		for i := range places(lit) {
			counts[binary.LittleEndian.Uint32(lit[i:])*gramMul>>(32-width)]++
		}
	}
	var costs [maxWindow + 4]float32
	for i, u := range lits {
		lit := set.bytes(u)
		n := places(lit)
		for j := range n {
			g := binary.LittleEndian.Uint32(lit[j:])
			costs[j] = (gramRate(g) + 1e-6) * float32(counts[g*gramMul>>(32-width)])
			if g == 0 { // at the edge of zeros
				costs[j] = 0.02 * float32(counts[0])
			}
		}
		var best float32
		for j := range min(n-stride+1, maxWindow) {
			var cost float32
			for _, c := range costs[j : j+stride] {
				cost += c
			}
			if zerosIn(lit[j:j+stride+3]) == zeroAll {
				cost += 1e9
			}
			if j == 0 || cost < best {
				best = cost
				begins[i] = uint8(j)
			}
		}
	}
	return begins
}

// gramRate is how often a gram may be expected in memory, from how often its
// bytes are there: more often after themselves, and text after text.
func gramRate(g uint32) float32 {
	last := g & 0xff
	rate := byteRate[last]
	for range 3 {
		g >>= 8
		c := g & 0xff
		r := byteRate[c]
		switch {
		case c == last:
			r = max(r, 0.25)
		case c-' ' < 95 && last-' ' < 95:
			r = max(r, 1./64)
		}
		rate *= r
		last = c
	}
	return rate
}

var byteRate = func() (t [256]float32) {
	for c, f := range frequency {
		t[c] = float32(f) / 65536
	}
	return t
}()

// crowd is the literals that have a window at the same offset, where many
// literals have it: ascending, so that those that stand at a place of memory
// are found by binary search. What is a prefix of memory is not above it; and
// of the greatest literal that is not, it is a prefix too, if not the same.
type crowd struct {
	off    int
	lits   []uint32
	prefix []int32 // index of the longest other one that is a prefix, or −1
}

// crowd turns a run of windows into crowds.
func (p *gramPlan) crowd(run uint32) {
	n := uint32(1)
	for p.windows.entries[run+n-1].off&gramLast == 0 {
		n++
	}
	entries := p.windows.entries[run : run+n]
	slices.SortStableFunc(entries, func(a, b gramEntry) int { return int(a.off&gramOff) - int(b.off&gramOff) })
	var crowds []crowd
	for _, e := range entries {
		off := int(e.off & gramOff)
		if len(crowds) == 0 || crowds[len(crowds)-1].off != off {
			crowds = append(crowds, crowd{off: off})
		}
		c := &crowds[len(crowds)-1]
		prefix := int32(len(c.lits)) - 1
		for prefix >= 0 && !bytes.HasPrefix(p.set.bytes(e.lit), p.set.bytes(c.lits[prefix])) {
			prefix = c.prefix[prefix]
		}
		c.lits, c.prefix = append(c.lits, e.lit), append(c.prefix, prefix)
	}
	entries[0] = gramEntry{uint32(len(p.crowds)), gramCrowd}
	p.crowds = append(p.crowds, crowds)
}

// find adds the literals of the crowd that stand at s.
func (c *crowd) find(set *literalSet, sc *Scratch, b []byte, s int) {
	text := b[s:]
	above, _ := slices.BinarySearchFunc(c.lits, text, func(u uint32, text []byte) int {
		if bytes.Compare(set.bytes(u), text) <= 0 {
			return -1
		}
		return 1
	})
	for i := int32(above) - 1; i >= 0; i = c.prefix[i] {
		if bytes.HasPrefix(text, set.bytes(c.lits[i])) {
			sc.hits = append(sc.hits, uint64(s)<<32|uint64(c.lits[i]))
		}
	}
}

func (p *gramPart) find(sc *Scratch, b []byte, lo, hi int) bool {
	sc.far = sc.far[:0]
	// Which of the places are looked at is free to choose. Where addresses are
	// 2 modulo 4, grams tell most: the upper halves of pointers and small
	// numbers, which are all alike, are never grams by themselves.
	from, to := lo+p.minOff, min(hi+p.maxOff, len(b)-3)
	from += int((2 - uintptr(unsafe.Pointer(unsafe.SliceData(b))) - uintptr(from)) % 4 % uintptr(p.stride))
	for ; from < min(lo+p.minOff+4, to); from += p.stride {
		for pos := from; pos < to; {
			n, next := p.filter.Scan(sc.cand, b, pos, to)
			if !p.verify(sc, b, p.look(b, sc.cand[:n]), lo, hi) {
				return false
			}
			pos = next
		}
	}
	p.verifyFar(sc, b)
	return len(sc.hits) <= sc.limit
}

// look keeps those of the candidates whose gram seems to be in the table, to
// where it has been displaced perhaps. There are next to no branches in it: loads
// of which most miss the cache need not wait for each other.
func (p *gramPlan) look(b []byte, cand []uint32) []uint32 {
	n := 0
	slots, shift := p.grams.table.slots, p.grams.table.shift
	for _, t := range cand {
		g := binary.LittleEndian.Uint32(b[t:])
		if g == 0 && !p.mayBeZeros(b, int(t)) {
			continue
		}
		s := &slots[g*gramMul3>>shift]
		cand[n] = t
		keep := 0
		if s.gram == g {
			keep = 1
		}
		n += keep | int(s.value>>31)
	}
	return cand[:n]
}

// verify adds the literals with a start from lo up to hi that have their gram
// at one of the candidates.
func (p *gramPlan) verify(sc *Scratch, b []byte, cand []uint32, lo, hi int) bool {
	for _, t := range cand {
		run := p.grams.table.find(binary.LittleEndian.Uint32(b[t:]))
		if run == 0 {
			continue
		}
		e := p.grams.entries[run]
		if e.off&gramCrowd == 0 {
			p.verifyRun(sc, b, p.grams.entries[run:], int(t), lo, hi)
		} else {
			for places := e.lit; places != 0; places &= places - 1 {
				at := int(t) - bits.TrailingZeros32(places)
				if at < lo || at+p.stride+3 > len(b) {
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
		}
		if len(sc.hits) > sc.limit {
			return false
		}
	}
	return true
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

// gramTable is a hash table from grams, or other numbers, to numbers above 0.
type gramTable struct {
	slots []gramSlot
	shift uint32
}

type gramSlot struct {
	gram  uint32
	value uint32 // 0: empty
}

const (
	gramMoved = 1 << 31 // in a value: another gram should be in this slot
	gramValue = gramMoved - 1
)

// newGramTable makes a table for n grams at most.
func newGramTable(n int) gramTable {
	width := max(bits.Len(uint(n+n/2)), 4)
	return gramTable{slots: make([]gramSlot, 1<<width), shift: uint32(32 - width)}
}

// index is the gram's slot, or the free one where it would have to be.
func (t *gramTable) index(g uint32) uint32 {
	for i := g * gramMul3 >> t.shift; ; i = (i + 1) & uint32(len(t.slots)-1) {
		if s := &t.slots[i]; s.value&gramValue == 0 || s.gram == g {
			return i
		}
	}
}

// slot is where the gram's value is to be put; what is there has to become
// more than 0, and to keep gramMoved, before the next call.
func (t *gramTable) slot(g uint32) *uint32 {
	home := g * gramMul3 >> t.shift
	i := t.index(g)
	if i != home {
		t.slots[home].value |= gramMoved
	}
	t.slots[i].gram = g
	return &t.slots[i].value
}

// find is the gram's value, 0 where it has none.
func (t *gramTable) find(g uint32) uint32 {
	return t.slots[t.index(g)].value & gramValue
}
