// Package automaton has expressions on bytes: how they are built, what every
// match of them holds, and a program that says whether a match begins at a place
// in memory and how long it is. Bytes are bytes: none of it knows of characters,
// and 0x80 to 0xff are values like any other. It is for package patterns and the
// engine, and may change.
package automaton

// Op is what a Node is.
type Op uint8

const (
	OpSet    Op = iota // one byte of Set
	OpCat              // Subs, one behind the other; none: what is empty
	OpAlt              // one of Subs, those in front preferred; at least one
	OpRepeat           // Subs[0], Min to Max times
	OpLook             // no byte, if Look holds there
)

// Node is an expression. A node may be part of several others; none is changed
// once it is built.
type Node struct {
	Op   Op
	Set  Set
	Subs []*Node
	Look Look

	Min, Max int  // of OpRepeat, both included; Max < 0: no end
	Lazy     bool // as few times as will do, instead of as many
}

// Look is what an expression can ask of a place between two bytes. It is a set
// of bits, of which a node has one.
type Look uint8

const (
	BeginMemory   Look = 1 << iota // memory has no byte in front
	EndMemory                      // memory has no byte behind
	BeginLine                      // no byte in front, or \n
	EndLine                        // no byte behind, or \n
	WordBoundary                   // of the two bytes, one is of [0-9A-Za-z_]; where there is none, it is not
	NoBoundary                     // both are, or neither
	NoAlnumBefore                  // the byte in front is not of [0-9A-Za-z]
	NoAlnumBehind                  // nor is that behind
)

// Bytes is the node of one byte of a set.
func Bytes(s Set) *Node { return &Node{Op: OpSet, Set: s} }

// Assert is the node of a look, one of the constants, which takes no byte.
func Assert(l Look) *Node { return &Node{Op: OpLook, Look: l} }

// Cat is nodes one behind the other.
func Cat(subs ...*Node) *Node {
	if len(subs) == 1 {
		return subs[0]
	}
	return &Node{Op: OpCat, Subs: subs}
}

// Alt is one of several nodes, of which there is at least one.
func Alt(subs ...*Node) *Node {
	if len(subs) == 1 {
		return subs[0]
	}
	return &Node{Op: OpAlt, Subs: subs}
}

// Repeat is a node min to max times, both included; max < 0: no end.
func Repeat(sub *Node, least, most int, lazy bool) *Node {
	return &Node{Op: OpRepeat, Subs: []*Node{sub}, Min: least, Max: most, Lazy: lazy}
}

// Encoding is how the characters of an expression lie in memory.
type Encoding uint8

const (
	Plain  Encoding = iota // a byte each
	WideLE                 // a byte and a zero behind it, as in UTF-16, little-endian
	WideBE                 // a byte and a zero in front of it
)

// encode is the node with every byte encoded.
func (n *Node) encode(e Encoding) *Node {
	if e == Plain {
		return n
	}
	switch n.Op {
	case OpLook:
		return n
	case OpSet:
		zero := Bytes(SetOf(0))
		if e == WideLE {
			return Cat(n, zero)
		}
		return Cat(zero, n)
	}
	wide := *n
	wide.Subs = make([]*Node, len(n.Subs))
	for i, sub := range n.Subs {
		wide.Subs[i] = sub.encode(e)
	}
	return &wide
}

// MatchesEmpty reports whether an expression can hold without taking a byte.
func (n *Node) MatchesEmpty() bool {
	least, _ := n.Lengths()
	return least == 0
}

// Lengths bounds the length of what matches the node, in bytes, both included;
// max < 0: there is no bound. Empty sets, which nothing matches, count as a byte.
func (n *Node) Lengths() (least, most int) {
	switch n.Op {
	case OpSet:
		return 1, 1
	case OpLook:
		return 0, 0
	case OpRepeat:
		lo, hi := n.Subs[0].Lengths()
		return times(lo, n.Min), times(hi, n.Max)
	}
	for i, sub := range n.Subs {
		lo, hi := sub.Lengths()
		switch {
		case n.Op == OpCat:
			least, most = plus(least, lo), plus(most, hi)
		case i == 0:
			least, most = lo, hi
		default:
			least = min(least, lo)
			if most >= 0 && (hi < 0 || hi > most) {
				most = hi
			}
		}
	}
	return least, most
}

// huge is as long as lengths get: no memory holds more.
const maxLength = 1 << 40

// plus adds lengths, of which a negative one has no bound.
func plus(a, b int) int {
	if a < 0 || b < 0 {
		return -1
	}
	return min(a+b, maxLength)
}

// times is a length n times.
func times(a, n int) int {
	switch {
	case a == 0 || n == 0:
		return 0
	case a < 0 || n < 0:
		return -1
	case a > maxLength/n:
		return maxLength
	}
	return a * n
}
