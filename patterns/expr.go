package patterns

import "vscan/patterns/automaton"

// Expr is what to look for where bytes and masks are not enough: a match has to be
// verified, and may have any of several lengths. What it refers to must not be changed.
// Expr, and all types here, are for the engine and may change.
//
// A match is found by one of the expression's anchors. Where there are none that would be
// of use, the Matcher is asked at every place that Next does not rule out, if the Matcher
// is a Finder.
type Expr struct {
	Pattern int     // index in Set.Patterns of the expression's pattern
	Matcher Matcher // decides where matches are, and how long
	Align   uint64  // a hit's address is a multiple of this; at least 1

	// MinLen and MaxLen bound the length of a match in bytes, both included; MinLen is at
	// least 1.
	MinLen, MaxLen int

	// CutLen is a length in bytes: a match as long as that, or longer, may be the beginning
	// of one that Target.MaxMatch does not allow. 0 where there is no such match.
	CutLen int

	// Anchors are such that every match holds at least one of them. Nil where anchors would
	// be of no use: then the Matcher looks at all of memory.
	Anchors []Anchor

	// Except are the matchers that drop a match: see Excepted. Each is asked at offset 0 of
	// a Memory that has the bytes of the match and no others.
	Except []Matcher

	// Isolated means that what lies around the bytes that are searched is as if memory had
	// none. Otherwise Memory.Beyond tells of all memory, whether it is searched or not.
	Isolated bool
}

// Anchor is bytes that a match holds, and where in the match they can begin.
type Anchor struct {
	Lit, Mask []byte // as in a Needle
	Keys      Keys   // as in a Needle
	// First and Last are the offsets from the match's first byte at which the anchor can
	// begin, both included. INVARIANT: 0 ≤ First ≤ Last < MaxLen.
	First, Last int
	// Before has the bytes that a match can have in front of the anchor. It counts where First is
	// less than Last, for then a match can begin no further in front than such bytes reach.
	Before automaton.Set
	// After has the bytes of which one follows the anchor in a match; it is empty, or has all, where that is not known or a match can end there.
	After automaton.Set
	// Traced is whether a Track makes use of where the anchor was found.
	Traced bool
}

// FoundAnchor is where an anchor was found: its index in Expr.Anchors, and its offset in Memory.Bytes.
type FoundAnchor = automaton.FoundAnchor

// Matcher tells whether a match begins at a place, and how long it is. It is immutable and
// safe for concurrent use.
type Matcher interface {
	// Match returns the length of the match that begins at offset at of m.Bytes, and 0
	// where none does. All of the match lies in m.Bytes[at:], of which Match looks at no
	// more than MaxLen bytes; for what lies around the match it asks m.At. 0 ≤ at <
	// len(m.Bytes).
	Match(m *Memory, at int) int
}

// Finder is a Matcher that rules out places faster than by asking at each.
type Finder interface {
	Matcher
	// Next returns the first offset, at least from and below to, at which a match may
	// begin, and to where there is none. It looks at nothing but m.Bytes.
	Next(m *Memory, from, to int) int
}

// Tracker is a Matcher with a faster way to be asked about many places of the same bytes.
type Tracker interface {
	Matcher
	NewTrack() Track
}

// Track is a Finder that remembers what it has seen of the bytes, and has the same answers
// as the Matcher that made it. From one call to the next, places ascend and Memory stays
// the same, unless Reset is called between them. One goroutine uses it.
type Track interface {
	Finder
	// Reset tells the track that other memory or lower places follow, of which those from from on are asked about
	// wherever a match can begin.
	Reset(from int)
	// Told appends to dst the places from from on, ascending and below to, at which matches are known to begin, and how
	// long these are, and returns what is known of no place from next on. Where apart is set, it leaves out those that
	// overlap one that it has appended before. It does no more than len(dst) has room for up to its capacity. It
	// looks at nothing but m.Bytes.
	Told(m *Memory, from, to int, apart bool, dst []Told) (_ []Told, next int)
	// Find returns the first place from from on, below to, at which a match begins, and the length of that. Where it
	// has found none after about most Steps, it returns the last place that it asked about and 0; where there is none,
	// to and 0. Unless found is empty, it has anchors of the expression, ascending by offset, of which a match that begins at these places
	// holds one, and they are traced; or the only place is that of an anchor with which matches begin, and it has that one. That
	// makes it faster.
	Find(m *Memory, from, to int, found []FoundAnchor, most int) (at, n int)
	// Steps returns about how much work Match and Find have done so far, in bytes looked at.
	Steps() int
}

// Told is a place at which a match begins, as an offset in Memory.Bytes, and the length of the match.
type Told = automaton.Told

// Memory is the bytes in which a Matcher looks for a match. One goroutine uses it.
type Memory struct {
	Bytes []byte
	// Beyond returns the byte at offset i from Bytes[0], where i is outside Bytes: in front
	// of them (i < 0) or behind. ok is false where memory has none: at a hole, an absent or
	// an unreadable byte. A nil Beyond means that there are none.
	Beyond func(i int) (c byte, ok bool)
}

// At returns the byte at offset i of m.Bytes, in it or around it. ok is false where memory
// has none.
func (m *Memory) At(i int) (c byte, ok bool) {
	if uint(i) < uint(len(m.Bytes)) {
		return m.Bytes[i], true
	}
	if m.Beyond == nil {
		return 0, false
	}
	return m.Beyond(i)
}
