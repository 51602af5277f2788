package sets

import (
	"encoding/binary"
	"slices"

	"vscan/engine/simd"
)

// verify appends to sc.hits the literals that stand at a start from lo up to hi and whose window is at
// one of begins. It returns false where hits exceed sc.limit.
//
// Where there are many hits, no processor can predict whether a candidate is
// one. So verify makes passes without a branch on that: each stores every pair
// where the next kept one belongs, and goes on there if it is not kept.
//
//	lists      those begins whose window is in the table
//	pairs      the entries of each, as pairs of a start and a literal
//	heads      of these, those where the first 8 bytes stand
//	rests      of these, those where the next 8 and the last 8 stand: all of 24
func (p *gramPart) verify(sc *Scratch, b []byte, begins []uint32, lo, hi int) bool {
	if sc.pairs == nil {
		sc.pairs = make([]uint64, verifyBlock*maxList)
	}
	for len(begins) > 0 {
		some := begins[:min(len(begins), verifyBlock)]
		begins = begins[len(some):]
		if int(some[0]) < p.maxOff+8 || int(some[len(some)-1])+farSize > len(b) {
			// Near the ends of b, there may be fewer bytes than the
			// passes load.
			for _, s := range some {
				if list := p.table.table.find(p.keyAt(b, int(s))); list != 0 && !p.verifyAt(sc, b, int(s), list, lo, hi) {
					return false
				}
			}
			continue
		}
		some, theirs := p.listsOf(b, some, sc.lists)
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

// verifyBlock is the most candidates that are verified together, few enough that
// what one pass hands to the next stays in the nearest cache.
const verifyBlock = 256

// listsOf moves those of begins whose window may be in the table to the front. It returns them, and
// for each where the list of its window begins, or 0 where the window may have been displaced and
// has to be looked for. 8 bytes of b must follow each.
func (p *gramPart) listsOf(b []byte, begins, lists []uint32) (kept, theirs []uint32) {
	n := 0
	slots, shift := p.table.table.slots, p.table.table.shift
	lists = lists[:len(begins)]
	for _, at := range begins {
		key := p.windows.Key((binary.LittleEndian.Uint64(b[at:]) | p.windows.Fold) & p.windows.Mask)
		s := &slots[key*slotMul>>shift]
		keep, list := s.value>>31, uint32(0)
		if s.key == key {
			keep, list = 1, s.value&slotValue
		}
		begins[n], lists[n] = at, list
		n += int(keep)
	}
	return begins[:n], lists[:n]
}

// pairsOf returns the entries of at most verifyBlock windows as pairs,
// start<<32 | literal. Those of a window that has more than maxList are
// verified at once instead. It returns false where hits exceed sc.limit.
func (p *gramPart) pairsOf(sc *Scratch, b []byte, begins, lists []uint32, lo, hi int) ([]uint64, bool) {
	pairs, n := sc.pairs[:verifyBlock*maxList], 0
	for i, t := range begins {
		list := lists[i]
		if list == 0 { // displaced
			if list = p.table.table.find(p.keyAt(b, int(t))); list == 0 {
				continue
			}
		}
		e := (*[maxList]gramEntry)(p.table.entries[list:])
		count := int(e[0].off >> gramCount & (1<<gramCountBits - 1))
		if count > maxList {
			if !p.verifyAt(sc, b, int(t), list, lo, hi) {
				return nil, false
			}
			continue
		}
		out := (*[maxList]uint64)(pairs[n:])
		for k := range 4 {
			out[k] = uint64(t-e[k].off&gramOff)<<32 | uint64(e[k].lit)
		}
		if count > 4 {
			for k := 4; k < maxList; k++ {
				out[k] = uint64(t-e[k].off&gramOff)<<32 | uint64(e[k].lit)
			}
		}
		n += count
	}
	return pairs[:n], true
}

// withHeads returns the pairs with a start from lo up to hi where the first 8
// bytes of the literal stand, or where the literal has a mask. It reuses pairs.
func (p *gramPart) withHeads(b []byte, pairs []uint64, lo, hi int) []uint64 {
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

// withRests returns the pairs where the second 8 bytes of the literal stand too,
// and its last 8; of a literal of more than farSize bytes, the last 8 of the
// first farSize. It keeps literals with a mask, and reuses pairs.
func (p *gramPart) withRests(b []byte, pairs []uint64) []uint64 {
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

// less8 returns how many bits a literal has less than 64, 0 for one of eight
// bytes or more.
func (l *setLiteral) less8() uint32 { return (64 - 8*min(l.size, 8)) & 63 }

// verifyAt does what verify does for the one window at t; list is its list. It returns false where
// hits exceed sc.limit.
func (p *gramPart) verifyAt(sc *Scratch, b []byte, t int, list uint32, lo, hi int) bool {
	e := p.table.entries[list]
	if e.off&gramCrowd == 0 {
		p.verifyList(sc, b, p.table.entries[list:], t, lo, hi)
		return len(sc.hits) <= sc.limit
	}
	for i := range p.crowds[e.lit] {
		c := &p.crowds[e.lit][i]
		if s := t - c.off; lo <= s && s < hi {
			c.find(p.set, sc, b, s)
		}
	}
	return len(sc.hits) <= sc.limit
}

// verifyList appends to sc.hits the literals of a list that stand at a start from
// lo up to hi, with their window at t.
func (p *gramPart) verifyList(sc *Scratch, b []byte, list []gramEntry, t, lo, hi int) {
	for _, e := range list {
		if s := t - int(e.off&gramOff); lo <= s && s < hi && p.stands(sc, b, s, e.lit) {
			sc.hits = append(sc.hits, uint64(s)<<32|uint64(e.lit))
		}
		if e.off&gramLast != 0 {
			break
		}
	}
}

// stands reports whether literal u stands at s. One of more than farSize bytes,
// of which the first and the last eight stand there, it puts off to verifyFar,
// and returns false.
func (p *gramPart) stands(sc *Scratch, b []byte, s int, u uint32) bool {
	l := &p.set.lits[u]
	size := int(l.size)
	if size > len(b)-s {
		return false
	}
	if int(u) >= p.set.plain {
		return p.set.standsIn(b[s:], u)
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
	if binary.LittleEndian.Uint64(b[s+size-8:]) == binary.LittleEndian.Uint64(p.set.text[l.at+l.size-8:]) {
		sc.far = append(sc.far, uint64(u)<<32|uint64(s))
		if len(sc.far) >= maxFar {
			p.verifyFar(sc, b)
		}
	}
	return false
}

// verifyFar verifies the candidates that have been put off, literal by literal,
// and appends the hits to sc.hits.
func (p *gramPart) verifyFar(sc *Scratch, b []byte) {
	if len(sc.far) == 0 {
		return
	}
	slices.Sort(sc.far)
	var cand [256]uint32
	for far := sc.far; len(far) > 0; {
		u := uint32(far[0] >> 32)
		lit, v := p.set.bytes(u), p.far[u]
		var box simd.VerifierBox
		for len(far) > 0 && uint32(far[0]>>32) == u {
			n := 0
			for n < len(cand) && n < len(far) && uint32(far[n]>>32) == u {
				cand[n] = uint32(far[n])
				n++
			}
			far = far[n:]
			for _, s := range cand[:v.Keep(lit, b, cand[:n], &box)] {
				sc.hits = append(sc.hits, uint64(s)<<32|uint64(u))
			}
		}
	}
	sc.far = sc.far[:0]
}
