package sets

import (
	"unsafe"

	"vscan/engine/simd"
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
//     is asked, unless a literal is mostly zeros; see simd.Zeros.
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
	simd.Grams // the filter's table, and how a gram is made
	filter     simd.Kernel

	set    *literalSet
	lits   []uint32 // all that it looks for
	stride int      // of the grams that are looked at: 4, 2 or 1
	wild   bool     // grams have several values

	// For ZerosEdge: bit j of near[i][c] says that byte i of those near zeros
	// may be c where they are gram j of a window; see nearOff.
	near [6][256]uint8

	grams runTable // which literals have a gram, and where in them; by gramKey

	// The same for whole windows, of those literals that have a gram in common
	// with many, by windowKey.
	windows runTable
	crowds  [][]crowd // of windows that many have in common

	minOff, maxOff int // of a gram in its literal
	far            map[uint32]*simd.Verifier
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

	gramMulWindow = 0x9e3779b97f4a7c15
	gramMul2      = 0xc2b2ae3d27d4eb4f // hash to the key of the tables

	// caseFold is what makes the letters of both cases alike.
	caseFold = 0x2020202020202020

	// maxWindow is how far into a literal its window may begin.
	maxWindow = 64

	// maxRun is the most entries that are gone through one by one.
	maxRun = 8

	// farSize is the length above which verification takes the verifier.
	farSize = 64

	// maxFar is the most candidates that are kept for it.
	maxFar = 1 << 15
)

// gramLiteral is a literal, and the part of it that its window may be in.
type gramLiteral struct {
	lit         uint32
	first, last uint32 // of the part: half-open
}

// newGramPart makes the part for literals, each with a stretch of bytes that
// suits: of which, under fold, all count, and which is stride + size − 1 long.
func newGramPart(level simd.Level, set *literalSet, lits []gramLiteral, stride, size int, fold uint64, wild bool) (*gramPart, error) {
	p := newHashTables(set, lits, stride, size, fold, wild)
	var err error
	p.filter, err = simd.NewGrams(level, &p.Grams)
	return p, err
}

// newHashTables makes the part, but for its filter.
func newHashTables(set *literalSet, lits []gramLiteral, stride, size int, fold uint64, wild bool) *gramPart {
	p := &gramPart{
		Grams:  simd.NewGramSet(size, fold),
		set:    set,
		lits:   numbersOf(lits),
		stride: stride,
		wild:   wild,
		minOff: maxWindow + stride,
	}
	begins := p.windowsOf(lits)
	grams := 0
	for i, l := range lits {
		for j := range stride {
			grams += p.values(l, int(begins[i])+j)
		}
	}
	p.Reserve(grams)
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
				p.Add(g)
				items = append(items, runItem{gramKey(g), gramEntry{l.lit, uint32(begin + j)}})
			}
		}
		if lit := set.bytes(l.lit); len(lit) > farSize && set.mask(l.lit) == nil {
			if p.far == nil {
				p.far = map[uint32]*simd.Verifier{}
			}
			v := simd.NewVerifier(lit)
			p.far[l.lit] = &v
		}
	}
	var crowded []uint32
	if p.grams, crowded = newRunTable(items); len(crowded) > 0 && !wild {
		p.addWindows(crowded, lits, begins)
	}
	return p
}

// values is how many values the gram at offset off of a literal has.
func (p *gramPart) values(l gramLiteral, off int) int {
	if !p.wild {
		return 1
	}
	return p.set.lit(l.lit).Values(off, off+p.Size)
}

// gramsOf appends to values those of the gram at offset off of a literal.
func (p *gramPart) gramsOf(values []uint64, l gramLiteral, off int) []uint64 {
	g := p.Of(p.set.from(l.lit, off), 0)
	if !p.wild {
		return append(values, g)
	}
	open := ^simd.UpTo8(p.set.mask(l.lit), off) & p.Mask // bits that do not count
	for v := uint64(0); ; {
		values = append(values, g|v)
		if v = (v - open) & open; v == 0 { // the next of the values that open can have
			return values
		}
	}
}

// gramKey is what the table has a gram under; few others have the same.
func gramKey(g uint64) uint32 { return uint32(g * gramMul2 >> 32) }

// addWindows makes the table of windows for the grams at the runs.
func (p *gramPart) addWindows(crowded []uint32, lits []gramLiteral, begins []uint8) {
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
			run := p.grams.table.find(gramKey(p.Of(window, j)))
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
func (p *gramPart) windowKey(b []byte, s int) uint32 {
	first, last := p.Of(b, s), p.Of(b, s+p.stride-1)
	return uint32((first*gramMulWindow ^ last) * gramMul2 >> 32)
}

func (p *gramPart) level() simd.Level { return p.filter.Level() }

func (p *gramPart) find(sc *Scratch, b []byte, lo, hi int) bool {
	if sc.runs == nil {
		sc.runs = make([]uint32, len(sc.cand))
	}
	sc.far = sc.far[:0]
	// Which of the places are looked at is free to choose. Where addresses are
	// 2 modulo 4, grams tell most: the upper halves of pointers and small
	// numbers, which are all alike, are never grams by themselves.
	from, to := lo+p.minOff, min(hi+p.maxOff, len(b)-p.Size+1)
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
func (p *gramPart) look(b []byte, cand, runs []uint32) (kept, theirs []uint32) {
	n := 0
	slots, shift := p.grams.table.slots, p.grams.table.shift
	runs = runs[:len(cand)]
	for _, t := range cand {
		x := simd.UpTo8(b, int(t))
		if x&p.Mask == 0 && !p.mayBeZeros(b, int(t)) {
			continue
		}
		key := gramKey((x | p.Fold) & p.Mask)
		s := &slots[key*slotMul>>shift]
		keep, run := s.value>>31, uint32(0)
		if s.key == key {
			keep, run = 1, s.value&slotValue
		}
		cand[n], runs[n] = t, run
		n += int(keep)
	}
	return cand[:n], runs[:n]
}
