package automaton

import (
	"math/bits"
	"sync"

	"vscan/engine/simd"
)

// A sifting is one use of a sieve.
type sifting struct {
	k       *sieve
	words   int
	end     int        // the last place
	all     []uint64   // a bit for each place up to the last
	sets    [][]uint64 // where the bytes of each set lie
	free    [][]uint64 // the room that is free
	before  int        // the byte in front of the first place; −1 where it is not in hand
	behind  int        // the byte behind the last one, likewise
	longest int
}

// siftings are reused by all tracks, since one takes room for as long as a track looks back.
var siftings = sync.Pool{New: func() any { return new(sifting) }}

// room returns bits for all places. What is in them is not told.
func (f *sifting) room() []uint64 {
	if n := len(f.free); n > 0 {
		r := f.free[n-1]
		f.free = f.free[:n-1]
		if cap(r) >= f.words {
			return r[:f.words]
		}
	}
	return make([]uint64, f.words)
}

func (f *sifting) give(r []uint64) { f.free = append(f.free, r) }

// places sets, of the places b[from:to], the bits at which a match may begin, a place a bit from
// places[0] on; and in ends, up to longest bytes behind to, what tells how long matches are, if the sieve does.
func (k *sieve) places(b []byte, from, to, longest int, places []uint64, ends *jumpEnds) {
	f := siftings.Get().(*sifting) // after a fault in b it is not put back
	last := min(len(b), to+longest)
	f.k, f.end, f.words, f.longest = k, last-from, (last-from)/64+1, longest
	f.before, f.behind = -1, -1
	if from > 0 {
		f.before = int(b[from-1])
	}
	if last < len(b) {
		f.behind = int(b[last])
	}
	f.all = f.room()
	for i := range f.all {
		f.all[i] = ^uint64(0)
	}
	f.all[0] <<= 64*f.words - 1 - f.end
	for _, set := range k.markers {
		r := f.room()
		f.find(set, b[from:last], r)
		f.sets = append(f.sets, r)
	}
	r := f.room()
	copy(r, f.all)
	if k.empty {
		ends.tell = false
		f.some(r)
	} else {
		f.cat(k.nodes[:ends.begin(f, r)], r)
	}
	for i := range places {
		places[i] = bits.Reverse64(r[f.words-1-i])
	}
	if n := (to - from) % 64; n != 0 {
		places[len(places)-1] &= 1<<n - 1
	}
	f.give(r)
	f.give(f.all)
	for _, r := range f.sets {
		f.give(r)
	}
	f.sets = f.sets[:0]
	if f.words > 8*(mostWindow/64) { // such much is not kept
		f.free = nil
	}
	siftings.Put(f)
}

// find sets the bits of the bytes that are in a set.
func (f *sifting) find(set *simd.Marker, b []byte, to []uint64) {
	to[f.words-1] = 0
	set.Mark(to, b)
	for i, j := 0, f.words-1; i <= j; i, j = i+1, j-1 {
		to[i], to[j] = bits.Reverse64(to[j]), bits.Reverse64(to[i])
	}
}

// some leaves in r the places at which matches of at least a byte begin, of an expression that also
// matches nothing.
func (f *sifting) some(r []uint64) {
	some, one := f.room(), f.room() // where what stands behind begins with a byte
	clear(some)
	for i := len(f.k.nodes) - 1; i >= 0; i-- {
		switch n := &f.k.nodes[i]; {
		case n.look != 0 && n.alts == nil:
			f.look(n, some)
			f.look(n, r)
		case n.length == 1 && n.set != -1 && n.least == 0:
			f.node(n, r)
			copy(one, r)
			f.node(&sieveNode{set: n.set, length: 1, least: 1, most: 1}, one) // or one turn more
			or(some, one)
		default:
			f.node(n, r)
			copy(some, r) // or more
		}
	}
	copy(r, some)
	f.give(some)
	f.give(one)
}

// cat goes through nodes that stand side by side, from the last to the first: r has the places
// behind them, and then those at which they begin.
func (f *sifting) cat(nodes []sieveNode, r []uint64) {
	for i := len(nodes) - 1; i >= 0; i-- {
		f.node(&nodes[i], r)
	}
}

func (f *sifting) node(n *sieveNode, r []uint64) {
	switch {
	case n.alts != nil:
		behind, one := f.room(), f.room()
		copy(behind, r)
		clear(r)
		for _, alt := range n.alts {
			copy(one, behind)
			f.cat(alt, one)
			or(r, one)
		}
		f.give(behind)
		f.give(one)
	case n.look != 0:
		f.look(n, r)
	case n.length == 0:
		if n.most > n.least {
			behind := f.room()
			copy(behind, r)
			for range n.most - n.least {
				f.cat(n.nodes, r)
				or(r, behind)
			}
			f.give(behind)
		}
		for range n.least {
			f.cat(n.nodes, r)
		}
	default:
		set := f.all // where one of the set begins; of all bytes, that there are bytes is known from r
		switch {
		case n.set >= 0:
			set = f.sets[n.set]
		case n.set == -1:
			set = f.room()
			copy(set, f.all)
			f.cat(n.nodes, set)
		}
		if n.most < 0 || n.most > n.least {
			f.optional(n, set, r)
		}
		if n.least > 0 {
			f.repeated(n, set, r)
		}
		if n.set == -1 {
			f.give(set)
		}
	}
}

// repeated is x{n}, where set has the places of x.
func (f *sifting) repeated(n *sieveNode, set, r []uint64) {
	if n.least*n.length > f.end {
		clear(r)
		return
	}
	shift(r, n.least*n.length)
	switch {
	case n.set == allBytes:
	case n.least == 1:
		and(r, set)
	default:
		run := f.room()
		copy(run, set)
		turns := 1 // run has the places of so many
		for 2*turns <= n.least {
			andShifted(run, turns*n.length)
			turns *= 2
		}
		if turns < n.least {
			andShifted(run, (n.least-turns)*n.length)
		}
		and(r, run)
		f.give(run)
	}
}

// optional is x{0,n}, where set has the places of x.
func (f *sifting) optional(n *sieveNode, set, r []uint64) {
	if n.most < 0 && n.length == 1 && n.set != allBytes {
		flood(r, set)
		return
	}
	most := f.longest/n.length + 1
	if n.most >= 0 {
		most = min(most, n.most-n.least)
	}
	run := set
	if n.set != allBytes {
		run = f.room()
		copy(run, set)
	}
	// run has the places of x{turns}, and r those of x{0,have}.
	turns := 1
	for have := 0; have < most && turns*n.length <= f.end; {
		if rest := most - have; rest < turns {
			// x{rest} is needed only where x{turns/2} is, of which the run was before. What is shorter
			// is had again, by the whole of it.
			if n.set != allBytes {
				copy(run, set)
				for turns = 1; 2*turns <= rest; turns *= 2 {
					andShifted(run, turns*n.length)
				}
				if turns < rest {
					andShifted(run, (rest-turns)*n.length)
				}
			}
			turns = rest
		}
		if n.set == allBytes {
			orShifted(r, turns*n.length)
		} else {
			orShiftedIn(r, turns*n.length, run)
		}
		if have += turns; have < most && n.set != allBytes {
			andShifted(run, turns*n.length)
		}
		turns *= 2
	}
	if n.set != allBytes {
		f.give(run)
	}
}

// look leaves the places at which a look holds, and those where that is not known.
func (f *sifting) look(look *sieveNode, r []uint64) {
	if f.k.wide {
		return
	}
	n := f.words
	first := uint64(1) << 63 & r[n-1]
	lastWord, lastBit := n-1-f.end/64, uint64(1)<<(63-f.end%64)
	last := r[lastWord] & lastBit
	// Where the bytes that are asked of are in hand, it is known.
	before, behind := f.before >= 0, f.behind >= 0
	switch look.look {
	case BeginMemory:
		behind = before
	case EndMemory:
		before = behind
	}
	if before && (behind || f.end > 0) || f.end > 0 && look.look == EndMemory {
		first = 0
	}
	if behind && (before || f.end > 0) || f.end > 0 && look.look == BeginMemory {
		last = 0
	}
	if look.set < 0 { // the beginning or the end of memory
		clear(r)
	} else {
		set := &f.k.sets[look.set]
		s := f.sets[look.set]
		for i := range r {
			at, before := s[i], s[i]>>1
			switch {
			case i+1 < n:
				before |= s[i+1] << 63
			case f.before >= 0 && set.Has(byte(f.before)):
				before |= 1 << 63
			}
			if i == lastWord && f.behind >= 0 && set.Has(byte(f.behind)) {
				at |= lastBit
			}
			switch look.look {
			case BeginLine:
				r[i] &= before
			case EndLine:
				r[i] &= at
			case NoAlnumBefore:
				r[i] &^= before
			case NoAlnumBehind:
				r[i] &^= at
			case WordBoundary:
				r[i] &= before ^ at
			case NoBoundary:
				r[i] &^= before ^ at
			}
		}
	}
	r[n-1] |= first
	r[lastWord] |= last
}

func or(r, s []uint64) {
	for i := range r {
		r[i] |= s[i]
	}
}

func and(r, s []uint64) {
	for i := range r {
		r[i] &= s[i]
	}
}

// shiftedBy returns what is to be moved into a word from the one n/64 below and from the one below that.
func shiftedBy(high, low uint64, n int) uint64 { return high<<(n&63) | low>>1>>(^n&63) }

// shift moves all bits up by n: each place is then set if the one n bytes behind it was.
func shift(r []uint64, n int) {
	q := n / 64
	for i := len(r) - 1; i > q; i-- {
		r[i] = shiftedBy(r[i-q], r[i-q-1], n)
	}
	if q < len(r) {
		r[q] = r[0] << (n & 63)
	}
	clear(r[:min(q, len(r))])
}

// andShifted leaves the places of r of which the one n bytes behind is one of r too.
func andShifted(r []uint64, n int) {
	q := n / 64
	for i := len(r) - 1; i > q; i-- {
		r[i] &= shiftedBy(r[i-q], r[i-q-1], n)
	}
	if q < len(r) {
		r[q] &= r[0] << (n & 63)
	}
	clear(r[:min(q, len(r))])
}

// orShifted adds the places that are n bytes in front of one of r.
func orShifted(r []uint64, n int) {
	q := n / 64
	for i := len(r) - 1; i > q; i-- {
		r[i] |= shiftedBy(r[i-q], r[i-q-1], n)
	}
	if q < len(r) {
		r[q] |= r[0] << (n & 63)
	}
}

// orShiftedIn adds those of them that are in s.
func orShiftedIn(r []uint64, n int, s []uint64) {
	q := n / 64
	for i := len(r) - 1; i > q; i-- {
		r[i] |= s[i] & shiftedBy(r[i-q], r[i-q-1], n)
	}
	if q < len(r) {
		r[q] |= s[q] & (r[0] << (n & 63))
	}
}

// flood adds the places from which bytes of a set lead to one of r.
func flood(r, set []uint64) {
	var behind, carry uint64
	for i, places := range r {
		s := set[i]
		seeds := (places<<1 | behind) & s
		behind = places >> 63
		var sum uint64
		sum, carry = bits.Add64(s, seeds, carry)
		r[i] = places | (sum^s|seeds)&s
	}
}
