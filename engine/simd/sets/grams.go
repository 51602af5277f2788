package sets

import (
	"unsafe"

	"vscan/engine/simd"
)

// A gramPart looks for any number of literals by sampling memory:
//
//	memory    . . . . . . . . . . . . . . . . . .   a gram is looked at every
//	looked at 0-----5 4-----9 8-----13              4 bytes; here it has 6
//	literal         x[e e e e e e e e e]x x         its excerpt, of 9 bytes
//
// INVARIANT: wherever the literal stands, exactly one of the grams that are looked at lies in its
// excerpt. So the four grams of the excerpt are entered in a table, and only one of four positions is
// looked at. A gram has as many bytes as the shortest literal of the part allows: its length less
// 3, up to 8. Literals of 5 and 6 bytes have excerpts with two grams of 4 or 5 bytes, and every 2nd
// position is looked at; those of 4 bytes have one gram, and every position is.
//
//	filter    for each position, is the gram in a bitmap?       often not
//	windows   where may its excerpt begin? is the window there in another bitmap?   nearly always not
//	table     for each that is, which literals have the window, and where?
//	verify    the first eight bytes of the literal, then all of it
//
// The window is the first eight bytes of the excerpt, or fewer where it has fewer.
//
// This is Wu and Manber, "A fast algorithm for multi-pattern searching" (1994), turned round. They
// enter few blocks, and shift by how far away the nearest is, which falls to nothing as a set
// grows; here all phases of a literal's excerpt are entered, and the shift is always the same, as
// with the strides of Hyperscan's FDR (Wang and others, "Hyperscan: a fast multi-pattern regex
// matcher for modern CPUs", NSDI 2019). It differs in this:
//
//  1. The excerpt is not where the literal begins but where it is least like
//     other memory and least like the other literals; see excerpts.
//  2. A gram sets one bit of the bitmap, which has as many bits as stay in a near cache. What it
//     lets through fails at the windows: memory may be full of a set's grams, such as text of the
//     same words, and yet have few of its windows. A candidate may be any gram of an excerpt, so
//     that up to four windows are looked up, of which none waits for another one.
//  3. Zeros are the commonest memory: they are passed over before anything else is looked at,
//     unless a literal is mostly zeros; see simd.Zeros.
//  4. Where many literals have the same window, they are looked up by binary search; see crowd.
//     Literals longer than farSize are verified in linear time, however regular they and memory
//     are.
//  5. In a part that is caseless, bit 5 of every byte is set before a gram is looked up, in
//     literals and in memory. So such a part is for literals whose mask leaves out that bit of
//     letters, as that of text in either case does; other literals may be in it to save a pass over
//     memory. Verification compares under the mask. Literals with other masks have their excerpt
//     where all bits count; those without such an excerpt are in a part that is wild: each gram is
//     entered with all the values that it may have.
type gramPart struct {
	simd.Grams // the filter's table, and how a gram is made
	filter     simd.Kernel

	set    *literalSet
	lits   []uint32 // the numbers of all literals that it looks for
	stride int      // from one gram that is looked at to the next, in bytes: 4, 2 or 1
	wild   bool     // grams may have several values

	windows simd.Windows

	table  listTable // which literals have a window, and where in them; by the keys of simd.Windows
	crowds [][]crowd // the crowds of each window that many have in common

	// These are the lowest and the highest offset at which the excerpt of a literal begins.
	minOff, maxOff int
	far            map[uint32]*simd.Verifier
}

// A gramEntry says that a literal has a window.
type gramEntry struct {
	lit uint32 // its number, unless gramCrowd is set
	off uint32 // the offset of the window in it, and flags
}

const (
	gramLast = 1 << 31 // marks the last entry of a list

	// gramCrowd marks the first entry of a list of more than maxList, which is not gone through:
	// lit is then the index in crowds.
	gramCrowd = 1 << 30

	// From bit gramCount on, the first entry of a list has the number of its entries, or
	// maxList + 1 where there are more.
	gramCount     = 24
	gramCountBits = 4

	gramOff = 1<<gramCount - 1

	gramMulExcerpt = 0x9e3779b97f4a7c15

	// caseFold has the bits that, when set, make letters of both cases alike.
	caseFold = 0x2020202020202020

	// maxRehash is how many hashes are tried so that zeros do not share a gram's bit: with one bit in
	// eight set, they do after so many once in 2·10^7 sets.
	maxRehash = 8

	// maxExcerpt is the highest offset at which an excerpt may begin, from the first byte of the
	// literal on that may be in one.
	maxExcerpt = 64

	// maxList is the most entries of a list that are gone through one by one.
	maxList = 8

	// A literal of more than farSize bytes is verified by a simd.Verifier.
	farSize = 64

	// maxFar is the most candidates that are kept for the verifiers.
	maxFar = 1 << 15
)

// A gramLiteral is a literal, and which of its bytes may be in its excerpt.
type gramLiteral struct {
	lit         uint32
	first, last uint32 // the offsets of these bytes, half-open
}

// newGramPart makes the part for literals. At least stride + size − 1 bytes of each must be bytes
// that may be in its excerpt, and unless wild, all bits of these outside fold must count.
func newGramPart(level simd.Level, set *literalSet, lits []gramLiteral, stride, size int, fold uint64, wild bool) (*gramPart, error) {
	p := newHashTables(level, set, lits, stride, size, fold, wild)
	var err error
	p.filter, err = simd.NewGrams(level, &p.Grams)
	return p, err
}

// newHashTables makes the part without its filter.
func newHashTables(level simd.Level, set *literalSet, lits []gramLiteral, stride, size int, fold uint64, wild bool) *gramPart {
	p := &gramPart{
		Grams:  simd.NewGramSet(size, fold),
		set:    set,
		lits:   numbersOf(lits),
		stride: stride,
		wild:   wild,
		minOff: maxExcerpt,
	}
	window := size
	if !wild {
		window = min(stride+size-1, simd.WindowSize)
	}
	begins := p.excerptsOf(lits)
	grams, windows := 0, 0
	for i, l := range lits {
		set.check.Step(1)
		windows += p.values(l, int(begins[i]))
		for j := range stride {
			grams += p.values(l, int(begins[i])+j)
		}
	}
	p.Reserve(grams)
	p.addGrams(lits, begins)
	p.windows = simd.NewWindows(level, windows, stride, window, fold)
	items := make([]keyedEntry, 0, windows)
	var values []uint64
	for i, l := range lits {
		set.check.Step(1)
		begin := int(begins[i])
		p.minOff = min(p.minOff, begin)
		p.maxOff = max(p.maxOff, begin)
		if !wild {
			items = append(items, p.addWindow(p.windows.At(set.from(l.lit, begin), 0), l.lit, begin))
		} else {
			values = p.gramsOf(values[:0], l, begin)
			set.check.Step(len(values) / 16)
			for _, g := range values {
				items = append(items, p.addWindow(g, l.lit, begin))
			}
		}
		if lit := set.bytes(l.lit); len(lit) > farSize && set.mask(l.lit) == nil {
			if p.far == nil {
				p.far = map[uint32]*simd.Verifier{}
			}
			set.check.Step(len(lit) / 256)
			v := simd.NewVerifier(lit)
			p.far[l.lit] = &v
		}
	}
	var crowded []uint32
	if p.table, crowded = newListTable(items, set.check); !wild {
		for _, list := range crowded {
			p.crowd(list)
		}
	}
	return p
}

// addGrams adds all grams of the literals' excerpts to the filter's table. Zeros are the commonest
// memory, so it sees to it that they do not share a gram's bit.
func (p *gramPart) addGrams(lits []gramLiteral, begins []uint8) {
	for i, l := range lits {
		p.set.check.Step(1)
		p.noteZeros(p.set.lit(l.lit), int(begins[i]))
	}
	var values []uint64
	for tries := 0; tries == 0 || tries < maxRehash && p.Zeros == simd.ZerosNever && p.HasZeros(); tries++ {
		if tries > 0 {
			p.Rehash()
		}
		for i, l := range lits {
			p.set.check.Step(1)
			for j := range p.stride {
				values = p.gramsOf(values[:0], l, int(begins[i])+j)
				p.set.check.Step(len(values) / 16)
				for _, g := range values {
					p.Add(g)
				}
			}
		}
	}
}

// addWindow adds the window w of a literal, at offset off, to the bitmap. It returns what has to be
// added to the table.
func (p *gramPart) addWindow(w uint64, lit uint32, off int) keyedEntry {
	key := p.windows.Key(w)
	p.windows.Add(key)
	return keyedEntry{key, gramEntry{lit, uint32(off)}}
}

// values returns how many values the gram at offset off of a literal has.
func (p *gramPart) values(l gramLiteral, off int) int {
	if !p.wild {
		return 1
	}
	return p.set.lit(l.lit).Values(off, off+p.Size)
}

// gramsOf appends to values those of the gram at offset off of a literal, and returns it.
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

func (p *gramPart) level() simd.Level { return p.filter.Level() }

func (p *gramPart) find(sc *Scratch, b []byte, lo, hi int) bool {
	if sc.begins == nil {
		sc.begins = make([]uint32, 4*lookBlock+simd.LookRoom)
		sc.lists = make([]uint32, verifyBlock)
	}
	sc.far = sc.far[:0]
	// Any phase of the stride would do. At addresses that are 2 modulo 4, grams tell most: the
	// upper halves of pointers and of small numbers, which are all alike, are never grams by
	// themselves.
	from, to := lo+p.minOff, min(hi+p.maxOff+p.stride-1, len(b)-p.Size+1)
	from += int((2 - uintptr(unsafe.Pointer(unsafe.SliceData(b))) - uintptr(from)) % 4 % uintptr(p.stride))
	for ; from < min(lo+p.minOff+4, to); from += p.stride {
		for pos := from; pos < to; {
			n, next := p.filter.Scan(sc.cand, b, pos, to)
			for cand := sc.cand[:n]; len(cand) > 0; {
				some := cand[:min(len(cand), lookBlock)]
				cand = cand[len(some):]
				begins := sc.begins[:p.windows.Look(sc.begins, b, some)]
				if sc.through += len(begins); !p.verify(sc, b, begins, lo, hi) {
					return false
				}
			}
			pos = next
		}
	}
	p.verifyFar(sc, b)
	return len(sc.hits) <= sc.limit
}

// lookBlock is the most candidates that are looked at together.
const lookBlock = 1024

// keyAt returns the key of the window at s.
func (p *gramPart) keyAt(b []byte, s int) uint32 { return p.windows.Key(p.windows.At(b, s)) }
