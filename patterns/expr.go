package patterns

// Expr is a needle that is more than bytes and masks: a match has to be
// verified, and may have any of several lengths. What it refers to must not be
// changed.
//
// A match is found by one of its anchors, or, where it has none that would be
// of use, by asking the Matcher at every place where Next, if the Matcher has
// it, does not rule one out.
type Expr struct {
	Pattern int     // index in Set.Patterns of the pattern that it is of
	Matcher Matcher // decides
	Align   uint64  // a hit's address is a multiple of this; at least 1

	// MinLen and MaxLen bound the length of a match in bytes, both included;
	// MinLen is at least 1.
	MinLen, MaxLen int

	// CutLen is the length in bytes from which on a match may be the beginning of
	// a longer one that Target.MaxMatch does not allow; 0: none is.
	CutLen int

	// Anchors: every match holds at least one of them. Nil: they would be of no
	// use, and all of memory is looked at with the Matcher.
	Anchors []Anchor

	// Except, where there are any, drop matches: see Excepted. Each matches at offset
	// 0 of Memory that has the bytes of a match and no others.
	Except []Matcher

	// Isolated: what lies around the bytes to be searched is as if memory had none.
	// Else Memory.Beyond tells of all memory, whether it is to be searched or
	// not.
	Isolated bool
}

// Anchor is bytes that a match holds, and where in it they can begin.
type Anchor struct {
	Lit, Mask []byte // as in a Needle
	// First and Last are the offsets from the match's first byte at which the
	// anchor can begin, both included; 0 ≤ First ≤ Last < MaxLen.
	First, Last int
}

// Matcher says whether a match begins at a place, and how long it is. It is
// immutable and safe for concurrent use.
type Matcher interface {
	// Match is the length of the match that begins at offset at of m.Bytes, and
	// 0 where none does. All of the match lies in m.Bytes[at:], of which it
	// looks at no more than MaxLen bytes; what lies around the match is asked
	// of m.At. 0 ≤ at < len(m.Bytes).
	Match(m *Memory, at int) int
}

// Finder is a Matcher that rules out places faster than one by one.
type Finder interface {
	Matcher
	// Next is the first offset from on and below to where a match may begin,
	// to where none does. It looks at nothing but m.Bytes.
	Next(m *Memory, from, to int) int
}

// Tracker is a Matcher that spares itself work where it is asked about many
// places of the same bytes.
type Tracker interface {
	Matcher
	NewTrack() Track
}

// Track is a Finder, with the same answers as the Matcher that it is of. From one
// call to the next, places ascend and Memory stays the same, but for Reset. One
// goroutine uses it.
type Track interface {
	Finder
	// Reset says that other memory follows, or lower places.
	Reset()
	// Steps is about how much work there was so far, in bytes looked at by
	// Match.
	Steps() int
}

// Memory is bytes in which a Matcher looks for a match. One goroutine uses it.
type Memory struct {
	Bytes []byte
	// Beyond is the byte at offset i from Bytes[0], where i is outside Bytes: of
	// what lies in front (i < 0) or behind. It is false where memory has none:
	// a hole, an absent or unreadable byte. Nil: there are none.
	Beyond func(i int) (c byte, ok bool)
}

// At is the byte at offset i of m.Bytes, in it or around it. It is false where
// memory has none.
func (m *Memory) At(i int) (c byte, ok bool) {
	if uint(i) < uint(len(m.Bytes)) {
		return m.Bytes[i], true
	}
	if m.Beyond == nil {
		return 0, false
	}
	return m.Beyond(i)
}
