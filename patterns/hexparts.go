package patterns

import (
	"errors"
	"math"
	"slices"
	"strings"

	"vscan/patterns/automaton"
)

// A hex string of YARA may jump any number of bytes, and no match of a pattern is
// that long. So it is parted at its long jumps, and what stands between them is
// looked for part by part, as libyara does (yr_re_ast_split_at_chaining_point in
// re.c):
//
//	{ 41 42 [-] 43 ?? [300-900] 44 }      41 42    [0-]    43    [301-901]    44
//
// Bytes of any value beside a long jump are part of the jump.

// Part is a part of something with long jumps, and how far behind the one in front
// of it it begins.
type Part struct {
	Pattern Pattern
	// Min and Max are how many bytes lie between the end of the part in front and
	// the beginning of this one, both included; Max < 0: any number from Min on.
	// Of the first part both are 0.
	Min, Max int
}

const (
	// longJump is the length in bytes from which on, excluded, a jump parts a hex
	// string: STRING_CHAINING_THRESHOLD of libyara.
	longJump = 200
	// maxJump is the highest number in a jump, as in YARA.
	maxJump = math.MaxInt32
)

// isLong says whether a jump of at most so many bytes, < 0 without a limit, parts.
func isLong(most int) bool { return most < 0 || most > longJump }

// NewHexParts reads a hex string of YARA, as it stands in its braces, and parts
// it at jumps of more than 200 bytes. The parts are in order; there is only one
// where it has no such jump, or where it can be searched as one pattern and only
// so be found in full: its matches have at most DefaultMaxMatch bytes, and a part
// would have matches of several lengths. What a part matches does not depend on
// Target.MaxMatch.
//
// Where a part has alternatives and so matches of several lengths, prefer is asked
// for it with its alternatives in the order of preference, and the match is what Perl
// takes; nil: it is the shortest.
//
// The error is an *Error whose Pattern is body; what YARA allows and this does not
// has errors.ErrUnsupported as its cause.
func NewHexParts(name, written, body string, prefer func(*automaton.Node) *automaton.Node) ([]Part, error) {
	if !strings.ContainsAny(body, hexOperators) {
		p, err := NewHex(name, written, body)
		return []Part{{Pattern: p}}, err
	}
	in := input{text: body, end: len(body)}
	h := hexReader{input: in, splits: true}
	n, err := h.sequence(0)
	switch {
	case err != nil:
		return nil, err
	case !h.fixed:
		return nil, in.fault(in.pos, onlyWild)
	}
	items := []*automaton.Node{n}
	if n.Op == automaton.OpCat {
		items = n.Subs
	}
	if items, err = dropLastJump(in, items); err != nil {
		return nil, err
	}
	split := splitAtJumps(items)
	if len(split) > 1 && (len(split[0].items) == 0 || searchWhole(items, split)) {
		split = []hexPart{{items: items}}
	}
	parts := make([]Part, len(split))
	for i, p := range split {
		b, err := hexBody(in, p.items, prefer)
		if err != nil {
			return nil, err
		}
		parts[i] = Part{Pattern{Name: name, Written: written, Kind: KindHex, text: body, body: b}, p.least, p.most}
	}
	return parts, nil
}

// hexPart is what stands between two long jumps, and the jump in front of it.
type hexPart struct {
	jump
	items []*automaton.Node
}

// jump is how many bytes of any value a jump goes over, both ends included; most < 0:
// without a limit.
type jump struct{ least, most int }

// isAny says whether an item is bytes of any value: a jump, or one byte.
func isAny(n *automaton.Node) bool {
	return n.Op == automaton.OpRepeat || n.Op == automaton.OpSet && n.Set == automaton.All
}

// dropLastJump is the items with no jump behind the last byte that counts: as the
// shortest match counts, a jump there goes as far as it has to.
func dropLastJump(in input, items []*automaton.Node) ([]*automaton.Node, error) {
	last := len(items) - 1
	for last >= 0 && isAny(items[last]) {
		last--
	}
	behind := jumpOf(items[last+1:])
	switch {
	case !slices.ContainsFunc(items[last+1:], isJump):
		return items, nil
	case behind.least > DefaultMaxMatch:
		return nil, in.unsupported("a jump of %d bytes behind which any byte will do: want another byte behind", behind.least)
	}
	items = slices.Clone(items[:last+1])
	for range behind.least {
		items = append(items, automaton.Bytes(automaton.All))
	}
	return items, nil
}

// unsupported is the error of a hex string that YARA allows.
func (in input) unsupported(format string, args ...any) error {
	e := in.fault(in.pos, format, args...)
	e.Err = errors.ErrUnsupported
	return e
}

func isJump(n *automaton.Node) bool { return n.Op == automaton.OpRepeat }

// jumpOf is the jump that bytes of any value come to, one behind the other.
func jumpOf(items []*automaton.Node) jump {
	var j jump
	for _, n := range items {
		least, most := n.Lengths()
		j.least += least
		if j.most >= 0 {
			j.most += most
		}
		if most < 0 {
			j.most = -1
		}
	}
	return j
}

// splitAtJumps is the items between long jumps. Items of the first piece are none
// where bytes of any value stand in front of the first long jump.
func splitAtJumps(items []*automaton.Node) []hexPart {
	parts := []hexPart{{}}
	for i := 0; i < len(items); {
		end := i
		for end < len(items) && isAny(items[end]) {
			end++
		}
		last := &parts[len(parts)-1]
		over := jumpOf(items[i:end])
		switch {
		case end == i:
			last.items = append(last.items, items[i])
			end++
		case isLong(over.most) && slices.ContainsFunc(items[i:end], isJump):
			parts = append(parts, hexPart{jump: over})
		default:
			last.items = append(last.items, items[i:end]...)
		}
		i = end
	}
	return parts
}

// searchWhole says whether items are to be searched as one, which finds all
// matches whatever the lengths of a piece's.
func searchWhole(items []*automaton.Node, parts []hexPart) bool {
	if _, most := automaton.Cat(items...).Lengths(); most < 0 || most > DefaultMaxMatch {
		return false
	}
	return slices.ContainsFunc(parts, func(p hexPart) bool {
		least, most := automaton.Cat(p.items...).Lengths()
		return least != most
	})
}

// hexBody is the body of items that stand side by side.
func hexBody(in input, items []*automaton.Node, prefer func(*automaton.Node) *automaton.Node) (body, error) {
	if e := maskedBytes(items); e != nil {
		if len(e[0].bytes) > MaxBytes {
			return nil, in.tooLong(len(e[0].bytes))
		}
		return e, nil
	}
	n := automaton.Cat(items...)
	if e := fewLiterals(n); e != nil {
		return e, nil
	}
	least, most := n.Lengths()
	semantics := automaton.Shortest
	if prefer != nil && least != most && hasAlternatives(n) {
		n, semantics = prefer(n), automaton.First
	}
	if most < 0 || most > MaxBytes {
		return nil, in.unsupported("matches of more than %d bytes that begin with any byte: want another byte in front of the jump", MaxBytes)
	}
	return &programBody{
		forms:     []form{{node: n, encoding: automaton.Plain}},
		semantics: semantics,
		maxMatch:  most,
		offset:    in.pos,
	}, nil
}

// hasAlternatives says whether there are any in an expression.
func hasAlternatives(n *automaton.Node) bool {
	return n.Op == automaton.OpAlt || slices.ContainsFunc(n.Subs, hasAlternatives)
}

// maskedBytes is the one encoding of items each of which is a byte and which of
// its bits count; nil where they are not, or where no bit counts.
func maskedBytes(items []*automaton.Node) literals {
	if slices.ContainsFunc(items, func(n *automaton.Node) bool { return n.Op != automaton.OpSet || n.Set.Len() == 0 }) {
		return nil
	}
	var e literal
	fixed, wild := false, false
	for _, n := range items {
		b, mask := n.Set.Mask()
		if automaton.Masked(b, mask) != n.Set {
			return nil
		}
		e.bytes, e.mask = append(e.bytes, b), append(e.mask, mask)
		fixed, wild = fixed || mask != 0, wild || mask != 0xff
	}
	if !fixed {
		return nil
	}
	if !wild {
		e.mask = nil
	}
	return literals{e}
}
