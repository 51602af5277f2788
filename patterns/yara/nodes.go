package yara

import (
	"encoding/binary"

	"vscan/engine/addr"
)

// A node is a part of a condition. The values of nodes are those of libyara's exec.c.
type node interface{ eval(s *evaluation) value }

type constNode struct{ value value }

func (n constNode) eval(*evaluation) value { return n.value }

// andNode and orNode take an undefined value for false.
type andNode []node

func (n andNode) eval(s *evaluation) value {
	for _, x := range n {
		if !x.eval(s).truth() {
			return boolValue(false)
		}
	}
	return boolValue(true)
}

type orNode []node

func (n orNode) eval(s *evaluation) value {
	for _, x := range n {
		if x.eval(s).truth() {
			return boolValue(true)
		}
	}
	return boolValue(false)
}

// notNode is not. Not of an undefined value is undefined.
type notNode struct{ x node }

func (n notNode) eval(s *evaluation) value {
	v := n.x.eval(s)
	if !v.defined() {
		return undefined
	}
	return boolValue(!v.truth())
}

type definedNode struct{ x node }

func (n definedNode) eval(s *evaluation) value { return boolValue(n.x.eval(s).defined()) }

type arithNode struct {
	op   string
	a, b node
}

func (n arithNode) eval(s *evaluation) value { return arithmetic(n.op, n.a.eval(s), n.b.eval(s)) }

type compareNode struct {
	op   string
	a, b node
}

func (n compareNode) eval(s *evaluation) value { return compare(n.op, n.a.eval(s), n.b.eval(s)) }

// negateNode is - or ~.
type negateNode struct {
	op string
	x  node
}

func (n negateNode) eval(s *evaluation) value { return negate(n.op, n.x.eval(s)) }

func negate(op string, v value) value {
	switch {
	case v.typ == typeFloat:
		v.f = -v.f
	case v.typ == typeInt && op == "-":
		v.i = -v.i
	case v.typ == typeInt:
		v.i = ^v.i
	}
	return v
}

type filesizeNode struct{}

func (filesizeNode) eval(s *evaluation) value {
	if !s.about().FileSizeKnown {
		return undefined
	}
	return intValue(int64(s.about().FileSize))
}

// varNode is a variable of a loop, by its slot.
type varNode int

func (n varNode) eval(s *evaluation) value { return s.loopVars[n] }

// externalNode is an external variable, by its index.
type externalNode int

func (n externalNode) eval(s *evaluation) value { return s.external(int(n)) }

// ruleNode is the name of a rule: whether that rule matches. It stands above in the files.
type ruleNode struct{ rule *rule }

func (n ruleNode) eval(s *evaluation) value { return boolValue(s.matched(n.rule)) }

// readNode is an integer in memory. It is undefined where memory is not there.
type readNode struct {
	size   int // in bytes
	signed bool
	big    bool
	at     node
}

// reads has the functions that read memory, by name.
var reads = map[string]readNode{
	"uint8": {size: 1}, "uint16": {size: 2}, "uint32": {size: 4},
	"uint8be": {size: 1, big: true}, "uint16be": {size: 2, big: true}, "uint32be": {size: 4, big: true},
	"int8": {size: 1, signed: true}, "int16": {size: 2, signed: true}, "int32": {size: 4, signed: true},
	"int8be": {size: 1, signed: true, big: true}, "int16be": {size: 2, signed: true, big: true}, "int32be": {size: 4, signed: true, big: true},
}

func (n readNode) eval(s *evaluation) value {
	at := n.at.eval(s)
	if !at.defined() || s.about().Memory == nil || !s.spend(8) {
		return undefined
	}
	b, there := s.read(addr.Addr(at.i), n.size)
	if !there {
		return undefined
	}
	var v uint32
	if n.big {
		v = binary.BigEndian.Uint32(b[:]) >> (32 - 8*n.size)
	} else {
		v = binary.LittleEndian.Uint32(b[:])
	}
	if n.signed {
		shift := 32 - 8*n.size
		return intValue(int64(int32(v<<shift) >> shift))
	}
	return intValue(int64(v))
}

// The nodes below ask for strings. A nil str is the string of the innermost loop over
// strings.

// foundNode is $a.
type foundNode struct{ str *ruleString }

func (n foundNode) eval(s *evaluation) value { return boolValue(s.view(n.str).total(1) > 0) }

// atNode is $a at X. It is undefined where X is, as in YARA since 4.3.
type atNode struct {
	str *ruleString
	at  node
}

func (n atNode) eval(s *evaluation) value {
	at := n.at.eval(s)
	if !at.defined() {
		return undefined
	}
	return boolValue(s.view(n.str).countIn(at.i, at.i, 1) > 0)
}

// inNode is $a in (X..Y).
type inNode struct {
	str *ruleString
	in  pair
}

func (n inNode) eval(s *evaluation) value {
	lo, hi := n.in.lo.eval(s), n.in.hi.eval(s)
	if !lo.defined() || !hi.defined() {
		return undefined
	}
	return boolValue(s.view(n.str).countIn(lo.i, hi.i, 1) > 0)
}

// countNode is #a, or #a in (X..Y).
type countNode struct {
	str *ruleString
	in  pair
}

func (n countNode) eval(s *evaluation) value {
	if n.in.lo == nil {
		return intValue(int64(s.view(n.str).total(noCountLimit)))
	}
	lo, hi := n.in.lo.eval(s), n.in.hi.eval(s)
	if !lo.defined() || !hi.defined() {
		return undefined
	}
	return intValue(int64(s.view(n.str).countIn(lo.i, hi.i, noCountLimit)))
}

// hitNode is @a[i], or !a[i]. The first hit has the index 1.
type hitNode struct {
	str    *ruleString
	index  node
	length bool
}

func (n hitNode) eval(s *evaluation) value {
	i := n.index.eval(s)
	if !i.defined() || i.i < 1 {
		return undefined
	}
	v := s.view(n.str)
	at, length, ok := v.hit(uint64(i.i - 1))
	switch {
	case !ok:
		return undefined
	case n.length:
		if v.cutLen > 0 && length >= v.cutLen {
			s.lacksEnd(v, length)
		}
		return intValue(int64(length))
	}
	return intValue(int64(at))
}
