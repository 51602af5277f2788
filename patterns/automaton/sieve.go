package automaton

import (
	"encoding/binary"
	"math"
	"math/bits"
	"sync"
	"unsafe"
)

// A sieve tells at which places matches begin, 64 places at a time, whatever lies in memory. It
// needs no states: it has a bit a place, and goes through the expression from its end to its
// beginning (the idea is Parabix's: Cameron and others, "Bitwise Data Parallelism in Regular
// Expression Matching", 2014, there from the beginning to the end).
//
//	places = where what stands behind the expression begins: everywhere
//	x y       places = sieve(x, sieve(y, places))
//	x | y     places = sieve(x, places) or sieve(y, places)
//	a set     places = where a byte of the set lies, and behind it one of the places
//	S{n,m}    the same for 1, 2, 4, 8 … bytes at a time: log(m) steps
//	S*        an addition, whose carry runs along the bytes of the set
//
//	hex:61 [200] 62     memory …a…………b……ab
//	                    62     …    1     1     the places of 62, all at once
//	                    [200]  1              those 200 further up
//	                    61     1              and of these, those of 61
//
// Where it has to be bounded, it takes (ab|c)+ for [abc]+; then it also has places at which no match
// begins, as it has where a look asks of bytes that are not in hand, and where Options.Limit rules a match out.
// INVARIANT: it has all places at which one does.
//
// Bits are kept from the last place to the first, so that what lies behind is below, where carries
// and shifts come from: place i of n words is bit 64·n − 1 − i.
type sieve struct {
	sets   []Set
	nodes  []sieveNode // side by side
	passes int         // about how often it goes through all bits
	wide   bool        // whether looks are taken to hold: those of a wide encoding
	empty  bool        // whether the expression can also match nothing, which is no match
	exact  bool        // whether all that it leaves are places at which matches begin, but for looks, empty, and the limit

	// How long matches are. Where head is 0, the sieve does not tell. Where jump is less than 0, they have head bytes. Else
	// jump is the number of a node that is a set, with which a match goes on for as few bytes as possible: it ends
	// with the nearest place of what stands behind, which has tail bytes, that is head bytes or more behind its first.
	head, tail int
	jump       int
}

// A sieveNode is a node of a sieve: alternatives, if there are any; else a look, if that is not 0;
// else least to most times a set, or nodes of length bytes, or nodes of different lengths, where
// length is 0. most < 0 stands for no bound.
type sieveNode struct {
	alts        [][]sieveNode
	look        Look
	set         int // the number of the set; −1 where it is nodes, allBytes where it is any byte
	nodes       []sieveNode
	length      int
	least, most int
}

const allBytes = -2

// maxPasses is the most passes of a sieve, and maxSieveSets the most sets. A pass is about as much
// work as to read passBytes of 64 bytes; so is finding the bytes of a set, setPasses times.
const (
	maxPasses    = 1200
	maxSieveSets = 24
	maxSieveLen  = 1 << 18 // of a match
	passesAByte  = 100     // so many passes take as long as to read the bytes
	setPasses    = 30
)

// newSieve returns the sieve of an expression whose matches have at most longest bytes; nil where it
// would take too long, or more than most bytes.
func newSieve(n *Node, e Encoding, s Semantics, longest, most int) *sieve {
	if longest > maxSieveLen {
		return nil
	}
	k := &sieve{wide: e != Plain, empty: n.MatchesEmpty(), exact: true, jump: -1}
	c := sieveCompiler{sieve: k, numbers: map[Set]int{}, longest: longest, room: min(8*maxPasses, most/int(unsafe.Sizeof(sieveNode{})))}
	k.nodes = c.cat(nil, n)
	passes := c.cost(k.nodes)
	if c.full || passes > maxPasses {
		return nil
	}
	k.passes = passes + setPasses*len(k.sets)
	if k.exact && !k.empty && !c.looks {
		k.lengths(s == Shortest || s == First && !c.greedy)
	}
	return k
}

// price is how many bytes could be read instead of going through n bytes with the sieve.
func (k *sieve) price(n int) int { return n * (k.passes + 20) / passesAByte }

// lengths finds out whether the sieve tells how long matches are, with the nearest end where they
// differ in length.
func (k *sieve) lengths(nearest bool) {
	head, tail, jump := 0, 0, -1
	for i := range k.nodes {
		switch n := &k.nodes[i]; {
		case n.length == 0:
			return
		case n.least == n.most && jump < 0:
			head += n.length * n.least
		case n.least == n.most:
			tail += n.length * n.least
		case !nearest || jump >= 0 || n.length != 1:
			return
		default:
			head += n.least
			jump = i
		}
	}
	if jump < 0 || tail > 0 {
		k.head, k.tail, k.jump = head, tail, jump
	}
}

// A sieveCompiler makes a sieve.
type sieveCompiler struct {
	*sieve
	numbers map[Set]int
	longest int
	room    int  // how many more nodes there may be
	looks   bool // whether there are looks
	greedy  bool // whether there is a repetition of which more turns are preferred
	full    bool
}

// number returns the number of a set.
func (c *sieveCompiler) number(s Set) int {
	if s == All {
		return allBytes
	}
	k, ok := c.numbers[s]
	if !ok {
		if len(c.sets) == maxSieveSets {
			c.full = true
			return allBytes
		}
		k = len(c.sets)
		c.numbers[s] = k
		c.sets = append(c.sets, s)
	}
	return k
}

// cat appends what n is made of to list.
func (c *sieveCompiler) cat(list []sieveNode, n *Node) []sieveNode {
	if c.room--; c.full || c.room < 0 {
		c.full = true
		return list
	}
	switch n.Op {
	case OpSet:
		return c.times(list, sieveNode{set: c.number(n.Set), length: 1, least: 1, most: 1})
	case OpCat:
		for _, sub := range n.Subs {
			list = c.cat(list, sub)
		}
		return list
	case OpLook:
		c.looks = true
		set := -1
		if s := lookSet(n.Look); s.Len() > 0 && !c.wide {
			set = c.number(s)
		}
		return append(list, sieveNode{look: n.Look, set: set})
	case OpAlt:
		alt := sieveNode{set: -1, least: 1, most: 1}
		if shortest, longest := n.Lengths(); shortest == longest {
			alt.length = shortest
		}
		for _, sub := range n.Subs {
			alt.alts = append(alt.alts, c.cat([]sieveNode{}, sub))
		}
		return append(list, alt)
	}
	c.greedy = c.greedy || n.Min != n.Max && !n.Lazy
	most := n.Max
	if most > c.longest {
		most = -1
	}
	if n.Min > c.longest { // nothing matches
		c.full = true
		return list
	}
	nodes := c.cat(nil, n.Subs[0])
	if len(nodes) == 0 || most == 0 {
		return list
	}
	if len(nodes) == 1 && nodes[0].alts == nil && nodes[0].look == 0 && nodes[0].length > 0 {
		// A repeated repetition has any number of turns if that has any from one on.
		if one := nodes[0]; one.least == one.most && one.most == 1 || one.least <= 1 && (one.most != 0) && (one.most > 1 || one.most < 0 || one.least == 0) {
			one.least, one.most = one.least*n.Min, multiplied(one.most, most)
			return c.times(list, one)
		}
	}
	shortest, longest := n.Subs[0].Lengths()
	one := sieveNode{set: -1, nodes: nodes, least: n.Min, most: most}
	if shortest == longest {
		if one.length = shortest; shortest == 0 {
			c.full = true // a look that is repeated
		}
		return append(list, one)
	}
	passes := c.cost(nodes) + 2
	turns := max(n.Min, most)
	if most >= 0 && passes*turns <= maxPasses/4 {
		return append(list, one)
	}
	// What is left is too much. It is taken for the bytes that it has.
	c.exact = false
	bytes := sieveNode{set: c.number(n.Subs[0].bytes()), length: 1, least: 0, most: multiplied(longest, most)}
	if most >= 0 || passes*n.Min > maxPasses/4 {
		bytes.least = shortest * n.Min
		return c.times(list, bytes)
	}
	if n.Min > 0 {
		one.most = n.Min
		list = append(list, one)
	}
	return c.times(list, bytes)
}

// multiplied multiplies two bounds, of which less than 0 stands for none.
func multiplied(a, b int) int {
	if a < 0 || b < 0 {
		return -1
	}
	return times(a, b)
}

// times appends so many times a set to list.
func (c *sieveCompiler) times(list []sieveNode, n sieveNode) []sieveNode {
	if n.most > c.longest {
		n.most = -1
	}
	if k := len(list); k > 0 && n.set != -1 {
		if last := &list[k-1]; last.alts == nil && last.look == 0 && last.set == n.set {
			last.least = min(last.least+n.least, math.MaxInt32)
			if last.most = last.most + n.most; last.most-n.most < 0 || n.most < 0 || last.most > c.longest {
				last.most = -1
			}
			return list
		}
	}
	return append(list, n)
}

// cost returns about how many passes nodes take.
func (c *sieveCompiler) cost(nodes []sieveNode) int {
	passes := 0
	for i := range nodes {
		n := &nodes[i]
		switch {
		case n.alts != nil:
			for _, alt := range n.alts {
				passes += c.cost(alt) + 2
			}
		case n.look != 0:
			passes += 2
		case n.length == 0:
			passes += (c.cost(n.nodes) + 2) * max(n.least, n.most)
		default:
			if n.set == -1 {
				passes += c.cost(n.nodes) + 1
			}
			if n.least > 0 {
				passes += 2*bits.Len(uint(n.least)) + 1
			}
			switch {
			case n.most < 0 && n.length == 1:
				passes += 8 // bits are turned round
			case n.most < 0:
				passes += 3 * bits.Len(uint(c.longest/n.length+1))
			case n.most > n.least:
				passes += 3 * bits.Len(uint(n.most-n.least))
			}
		}
		if passes > maxPasses {
			return maxPasses + 1
		}
	}
	return passes
}

// A sifting is one use of a sieve.
type sifting struct {
	k       *sieve
	words   int
	end     int        // the last place
	all     []uint64   // a bit for each place up to the last
	sets    [][]uint64 // where the bytes of each set lie
	free    [][]uint64 // the room that is free
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
// places[0] on; and in ends likewise those up to longest bytes behind to at which it can end but for its
// tail, if the sieve tells how long matches are by that.
func (k *sieve) places(b []byte, from, to, longest int, places []uint64, ends *[]uint64) {
	f := siftings.Get().(*sifting)
	defer siftings.Put(f)
	last := min(len(b), to+longest)
	f.k, f.end, f.words, f.longest = k, last-from, (last-from)/64+1, longest
	f.all = f.room()
	for i := range f.all {
		f.all[i] = ^uint64(0)
	}
	f.all[0] <<= 64*f.words - 1 - f.end
	for i := range k.sets {
		r := f.room()
		f.find(&k.sets[i], b[from:last], r)
		f.sets = append(f.sets, r)
	}
	r := f.room()
	copy(r, f.all)
	if k.empty {
		f.some(r)
	} else {
		f.cat(k.nodes[k.jump+1:], r)
	}
	if k.jump >= 0 {
		*ends = append((*ends)[:0], r...)
		for i, word := range r {
			(*ends)[f.words-1-i] = bits.Reverse64(word)
		}
		f.cat(k.nodes[:k.jump+1], r)
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
}

// find sets the bits of the bytes that are in a set.
func (f *sifting) find(s *Set, b []byte, to []uint64) {
	one, isOne := s.one()
	not := s.Not()
	but, isBut := not.one()
	flip := uint64(0)
	if isBut {
		one, isOne, flip = but, true, ^uint64(0)
	}
	var table [256]uint8
	if !isOne {
		for c := range table {
			if s.Has(byte(c)) {
				table[c] = 1
			}
		}
	}
	spread := uint64(one) * 0x0101010101010101
	for i := range f.words {
		word, at := uint64(0), 64*i
		switch {
		case at+64 > len(b):
			for n, c := range b[min(at, len(b)):] {
				if s.Has(c) {
					word |= 1 << (63 - n)
				}
			}
		case isOne:
			for n := 0; n < 64; n += 8 {
				const low = 0x7f7f7f7f7f7f7f7f
				x := binary.BigEndian.Uint64(b[at+n:]) ^ spread
				x = ^((x&low + low) | x | low) // the highest bit of each byte that was zero
				// The highest bits of the eight bytes, in order, are one byte then.
				word |= (x >> 7 * 0x0102040810204080 >> 56) << (56 - n)
			}
			word ^= flip
		default:
			block := (*[64]byte)(b[at:])
			var w0, w1, w2, w3 uint64
			for n := range 16 {
				w0 = w0<<1 | uint64(table[block[n]])
				w1 = w1<<1 | uint64(table[block[n+16]])
				w2 = w2<<1 | uint64(table[block[n+32]])
				w3 = w3<<1 | uint64(table[block[n+48]])
			}
			word = w0<<48 | w1<<32 | w2<<16 | w3
		}
		to[f.words-1-i] = word
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
	if look.set < 0 { // the beginning or the end of memory
		clear(r)
	} else {
		s := f.sets[look.set]
		for i := range r {
			before := s[i] >> 1
			if i+1 < n {
				before |= s[i+1] << 63
			}
			switch look.look {
			case BeginLine:
				r[i] &= before
			case EndLine:
				r[i] &= s[i]
			case NoAlnumBefore:
				r[i] &^= before
			case NoAlnumBehind:
				r[i] &^= s[i]
			case WordBoundary:
				r[i] &= before ^ s[i]
			case NoBoundary:
				r[i] &^= before ^ s[i]
			}
		}
	}
	r[n-1] |= first
	r[lastWord] |= last
}

// lookSet returns the set of bytes that a look asks of; the empty set where it asks whether there are any.
func lookSet(l Look) (s Set) {
	switch l {
	case BeginLine, EndLine:
		s.Add('\n')
	case NoAlnumBefore, NoAlnumBehind, WordBoundary, NoBoundary:
		s.AddRange('0', '9')
		s.AddRange('A', 'Z')
		s.AddRange('a', 'z')
		if l == WordBoundary || l == NoBoundary {
			s.Add('_')
		}
	}
	return s
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
