package patterns

import (
	"errors"
	"math"
	"slices"
	"strings"

	"vscan/patterns/automaton"
)

// A hex string of YARA may jump any number of bytes, and no match of a pattern is that
// long. So the string is split at its long jumps, and its parts, which stand between them,
// are looked for one by one, as in libyara (yr_re_ast_split_at_chaining_point in re.c):
//
//	{ 41 42 [-] 43 ?? [300-900] 44 }      41 42    [0-]    43    [301-901]    44
//
// Bytes of any value beside a long jump become part of the jump. In pseudo-code:
//
//	read the string; drop the jump behind its last byte that counts
//	split it where bytes of any value stand that are, or have among them, a jump of
//	    more than 200 bytes
//	if the first part would be empty, or the whole can be one pattern and has to be:
//	    there is one part, the whole
//	make the body of each part: a literal, a few literals, or an expression

// Part is a part of a string with long jumps, and how far it begins behind the part in
// front of it. It is for package yara, and may change.
type Part struct {
	Pattern Pattern
	// Min and Max bound how many bytes lie between the end of the part in front and the
	// beginning of this one, both included. Max < 0 stands for any number from Min on. For
	// the first part both are 0.
	Min, Max int
}

const (
	// longJump is the longest jump, in bytes, that does not split a hex string:
	// STRING_CHAINING_THRESHOLD of libyara.
	longJump = 200
	// maxJump is the highest number in a jump, as in YARA.
	maxJump = math.MaxInt32
)

// isLong reports whether a jump of at most this many bytes, without a limit if most < 0,
// splits a string.
func isLong(most int) bool { return most < 0 || most > longJump }

// NewHexParts reads a hex string of YARA, as it stands in its braces, and splits it at
// jumps of more than 200 bytes. The parts are in order. There is only one where the string
// has no such jump. There is also only one where the string can be searched as one pattern,
// since its matches have at most DefaultMaxMatch bytes, and has to be, since a part would
// have matches of several lengths and so some of the string's would be missed. What a part
// matches does not depend on Target.MaxMatch.
//
// Where a part has alternatives, and so matches of several lengths, NewHexParts calls
// prefer for the same part with its alternatives in the order of preference; the match is
// then what Perl takes. Where prefer is nil, the shortest match counts.
//
// The error is an *Error whose Pattern is body. Where YARA allows the string and this
// function does not, errors.ErrUnsupported is its cause. It is for package yara, and may
// change.
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

// A hexPart is what stands between two long jumps, and the jump in front of it.
type hexPart struct {
	jump
	items []*automaton.Node
}

// A jump is how many bytes of any value a jump goes over, both ends included. most < 0
// stands for any number from least on.
type jump struct{ least, most int }

// isAny reports whether an item is bytes of any value: a jump, or one byte.
func isAny(n *automaton.Node) bool {
	return n.Op == automaton.OpRepeat || n.Op == automaton.OpSet && n.Set == automaton.All
}

// dropLastJump returns the items without a jump behind the last byte that counts. Since the
// shortest match counts, such a jump goes no further than it has to and becomes that many
// bytes.
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

// unsupported returns the error of a hex string that YARA allows.
func (in input) unsupported(format string, args ...any) error {
	e := in.fault(in.pos, format, args...)
	e.Err = errors.ErrUnsupported
	return e
}

func isJump(n *automaton.Node) bool { return n.Op == automaton.OpRepeat }

// jumpOf returns the jump that items, bytes of any value side by side, stand for together.
func jumpOf(items []*automaton.Node) jump {
	var j jump
	for _, n := range items {
		least, most := n.Lengths()
		j = j.then(jump{least, most})
	}
	return j
}

// then returns the jump over what both go over, one behind the other.
func (j jump) then(k jump) jump {
	j.least += k.least
	if j.most >= 0 {
		j.most += k.most
	}
	if k.most < 0 {
		j.most = -1
	}
	return j
}

// splitAtJumps returns the parts of the items. The first part has no items where bytes of
// any value stand in front of the first long jump.
func splitAtJumps(items []*automaton.Node) []hexPart {
	all := jump{}
	for i, n := range items {
		if isAny(n) {
			all = all.then(jumpOf(items[i : i+1]))
		}
	}
	if !isLong(all.most) {
		return []hexPart{{items: items}}
	}
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

// searchWhole reports whether the items are to be searched as one pattern, because a part
// has matches of several lengths. That finds all matches.
func searchWhole(items []*automaton.Node, parts []hexPart) bool {
	if _, most := automaton.Cat(items...).Lengths(); most < 0 || most > DefaultMaxMatch {
		return false
	}
	return slices.ContainsFunc(parts, func(p hexPart) bool {
		least, most := automaton.Cat(p.items...).Lengths()
		return least != most
	})
}

// hexBody returns the body of items that stand side by side.
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

// hasAlternatives reports whether an expression has alternatives.
func hasAlternatives(n *automaton.Node) bool {
	return n.Op == automaton.OpAlt || slices.ContainsFunc(n.Subs, hasAlternatives)
}

// maskedBytes returns the one literal of items each of which is a byte and which of its
// bits count. It returns nil where they are not, and where no bit counts.
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
