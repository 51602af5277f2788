package automaton

import (
	"math"
	"math/bits"
	"unsafe"

	"vscan/engine/simd"
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
	sets    []Set
	markers []*simd.Marker // of the sets
	nodes   []sieveNode    // side by side
	passes  int            // about how often it goes through all bits
	wide    bool           // whether looks are taken to hold: those of a wide encoding
	looks   bool           // whether there are looks
	empty   bool           // whether the expression can also match nothing, which is no match
	exact   bool           // whether all that it leaves are places at which matches begin, but for looks, empty, and the limit

	// How long matches are, if tells is set: see lengths.
	tells    bool
	jumps    []sieveJump // in order; each goes on where the one before it ends
	tail     int         // how many bytes there are behind the last one
	shortest bool        // whether the jumps lead to the end of the shortest match
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

	greedy, lazy bool // whether more turns are preferred, or fewer; both where it is several of which some are each
}

const allBytes = -2

// maxPasses is the most passes of a sieve, and maxSieveSets the most sets. A pass is about as much
// work as to read passBytes of 64 bytes; so is finding the bytes of a set, setPasses times, and
// slowSetPasses times without assembly.
const (
	maxPasses    = 1200
	maxSieveSets = 24
	maxSieveLen  = 1 << 18 // of a match
	passesAByte  = 200     // so many passes take as long as to read the bytes
	setPasses    = 5

	slowSetPasses = 30
)

// newSieve returns the sieve of an expression whose matches have at most longest bytes; nil where it
// would take too long, or more than most bytes.
func newSieve(n *Node, e Encoding, s Semantics, longest, most int) *sieve {
	if longest > maxSieveLen {
		return nil
	}
	k := &sieve{wide: e != Plain, empty: n.MatchesEmpty(), exact: true}
	c := sieveCompiler{sieve: k, numbers: map[Set]int{}, longest: longest, room: min(8*maxPasses, most/int(unsafe.Sizeof(sieveNode{})))}
	k.nodes = c.cat(nil, n)
	passes := c.cost(k.nodes)
	if c.full || passes > maxPasses {
		return nil
	}
	k.passes = passes
	for _, set := range k.sets {
		m := newMarker(set)
		k.markers = append(k.markers, m)
		if k.passes += setPasses; m.Level() == simd.Generic {
			k.passes += slowSetPasses - setPasses
		}
	}
	if k.looks = c.looks; k.exact && !k.empty && !(k.looks && k.wide) {
		k.lengths(s, longest)
		for i := range k.jumps {
			k.passes += k.jumps[i].passes(&c)
		}
	}
	return k
}

// price is how many bytes could be read instead of going through n bytes with the sieve.
func (k *sieve) price(n int) int { return n * (k.passes + 20) / passesAByte }

// perByte is the price of a byte among many.
func (k *sieve) perByte() float64 { return float64(k.price(1<<10)) / (1 << 10) }

// A sieveCompiler makes a sieve.
type sieveCompiler struct {
	*sieve
	numbers map[Set]int
	longest int
	room    int  // how many more nodes there may be
	looks   bool // whether there are looks
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
	greedy, lazy := n.Min != n.Max && !n.Lazy, n.Min != n.Max && n.Lazy
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
			one.greedy, one.lazy = one.greedy || greedy, one.lazy || lazy
			return c.times(list, one)
		}
	}
	shortest, longest := n.Subs[0].Lengths()
	one := sieveNode{set: -1, nodes: nodes, least: n.Min, most: most, greedy: greedy, lazy: lazy}
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
	// Turns beyond the least are taken for the bytes that they have, or all of them where the least are too many.
	c.exact = false
	bytes := sieveNode{set: c.number(n.Subs[0].bytes()), length: 1, least: 0, most: multiplied(longest, most)}
	if passes*n.Min > maxPasses/4 {
		bytes.least = shortest * n.Min
		return c.times(list, bytes)
	}
	if n.Min > 0 {
		if one.most = n.Min; most >= 0 {
			bytes.most = multiplied(longest, most-n.Min)
		}
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
			last.greedy, last.lazy = last.greedy || n.greedy, last.lazy || n.lazy
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
