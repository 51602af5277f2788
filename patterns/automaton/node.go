// Package automaton has expressions on bytes, the anchors that every match of an expression
// holds, and programs, which tell whether a match begins at a place in memory and how long
// it is. Bytes are bytes: 0x80 to 0xff are values like any other, and characters are known
// only to the parsers. The package is for package patterns and the engine, and may change.
package automaton

// Op tells what a Node is.
type Op uint8

const (
	OpSet    Op = iota // one byte of Set
	OpCat              // all of Subs side by side; without Subs, the empty string
	OpAlt              // one of Subs, at least one; the earlier is preferred
	OpRepeat           // Subs[0], Min to Max times
	OpLook             // the empty string, where Look holds
)

// Node is an expression on bytes. It may be part of several others. INVARIANT: a node does
// not change once it is built.
type Node struct {
	Op   Op
	Set  Set
	Subs []*Node
	Look Look

	Min, Max int  // for OpRepeat, both included; Max < 0 stands for no end
	Lazy     bool // for OpRepeat: as few times as possible is preferred, not as many
}

// Look is a question that an expression asks of a place between two bytes. It is a set of
// bits; a node has one of them.
type Look uint8

const (
	BeginMemory   Look = 1 << iota // memory has no byte in front
	EndMemory                      // memory has no byte behind
	BeginLine                      // there is no byte in front, or it is \n
	EndLine                        // there is no byte behind, or it is \n
	WordBoundary                   // one of the two bytes is of [0-9A-Za-z_] and the other is not; a missing byte is not
	NoBoundary                     // both of the bytes are of it, or neither
	NoAlnumBefore                  // the byte in front is not of [0-9A-Za-z]
	NoAlnumBehind                  // the byte behind is not of [0-9A-Za-z]
)

// Bytes returns the node that matches one byte of a set.
func Bytes(s Set) *Node {
	if s == All {
		return anyByte
	}
	if b, one := s.one(); one {
		return &oneByte[b]
	}
	return &Node{Op: OpSet, Set: s}
}

// The nodes that expressions have most of are made once.
var (
	anyByte = &Node{Op: OpSet, Set: All}
	oneByte = func() (all [256]Node) {
		for b := range all {
			all[b] = Node{Op: OpSet, Set: SetOf(byte(b))}
		}
		return all
	}()
)

// Assert returns the node of a look, which is one of the constants. It matches the empty
// string.
func Assert(l Look) *Node { return &Node{Op: OpLook, Look: l} }

// Cat returns the node of some nodes side by side.
func Cat(subs ...*Node) *Node {
	if len(subs) == 1 {
		return subs[0]
	}
	return &Node{Op: OpCat, Subs: subs}
}

// Alt returns the node that matches one of some nodes, at least one. The earlier is
// preferred.
func Alt(subs ...*Node) *Node {
	if len(subs) == 1 {
		return subs[0]
	}
	return &Node{Op: OpAlt, Subs: subs}
}

// Repeat returns the node of sub, least to most times, both included; most < 0 stands for
// no end. lazy prefers as few times as possible, not as many.
func Repeat(sub *Node, least, most int, lazy bool) *Node {
	return &Node{Op: OpRepeat, Subs: []*Node{sub}, Min: least, Max: most, Lazy: lazy}
}

// Encoding is how the characters of an expression lie in memory.
type Encoding uint8

const (
	Plain  Encoding = iota // one byte a character
	WideLE                 // a byte and a zero behind it, as in UTF-16, little-endian
	WideBE                 // a byte and a zero in front of it
)

// encode returns the node with every byte encoded.
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

// MatchesEmpty reports whether the expression matches the empty string at some place.
func (n *Node) MatchesEmpty() bool {
	least, _ := n.Lengths()
	return least == 0
}

// Lengths returns bounds of the length in bytes of what matches the node, both included;
// most < 0 stands for no bound. An empty set, which nothing matches, counts as a byte.
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

// maxLength is the greatest length that is computed with; no memory holds more.
const maxLength = 1 << 40

// plus adds two lengths; a negative length has no bound, and neither has the sum.
func plus(a, b int) int {
	if a < 0 || b < 0 {
		return -1
	}
	return min(a+b, maxLength)
}

// times returns n times a length; a negative length or n has no bound.
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
