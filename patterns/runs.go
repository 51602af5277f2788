package patterns

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

// Encoding is how the characters of a printable run are stored.
type Encoding uint8

// These are the encodings of runs, in the order in which vscan lists them.
const (
	ASCII   Encoding = iota // one byte a character
	UTF16LE                 // two bytes, the low one first
	UTF16BE                 // two bytes, the high one first
	UTF8                    // one to four bytes; only for TextRuns
	UTF32LE                 // four bytes, the lowest first; only for TextRuns
	UTF32BE                 // four bytes, the highest first; only for TextRuns
)

// ASCIIRunEncodings are the encodings that ASCIIRuns takes.
var ASCIIRunEncodings = []Encoding{ASCII, UTF16LE, UTF16BE}

// TextRunEncodings are the encodings that TextRuns takes: all of them.
var TextRunEncodings = []Encoding{ASCII, UTF16LE, UTF16BE, UTF8, UTF32LE, UTF32BE}

// String returns the name of an encoding: ascii, utf8, utf16le, utf16be, utf32le or
// utf32be.
func (e Encoding) String() string {
	switch e {
	case ASCII:
		return "ascii"
	case UTF16LE:
		return "utf16le"
	case UTF16BE:
		return "utf16be"
	case UTF8:
		return "utf8"
	case UTF32LE:
		return "utf32le"
	case UTF32BE:
		return "utf32be"
	}
	return "unknown"
}

// Width returns the bytes of a character, the fewest where characters differ.
func (e Encoding) Width() int {
	switch e {
	case ASCII, UTF8:
		return 1
	case UTF32LE, UTF32BE:
		return 4
	}
	return 2
}

// printable reports whether b begins with a printable character of ASCII in this encoding:
// 0x20 to 0x7e or the tab, as strings(1) has it.
func (e Encoding) printable(b []byte) bool {
	switch {
	case len(b) < e.Width():
		return false
	case e == UTF16LE:
		return isPrint[b[0]] && b[1] == 0
	case e == UTF16BE:
		return b[0] == 0 && isPrint[b[1]]
	}
	return isPrint[b[0]]
}

// length returns the length in bytes of the printable characters of ASCII, in this
// encoding, that b begins with.
func (e Encoding) length(b []byte) int {
	n := 0
	if e != ASCII {
		for e.printable(b[n:]) {
			n += 2
		}
		return n
	}
	for ; len(b)-n >= 8; n += 8 {
		if other := ^printing(binary.LittleEndian.Uint64(b[n:])) & tops; other != 0 {
			return n + bits.TrailingZeros64(other)/8
		}
	}
	for n < len(b) && isPrint[b[n]] {
		n++
	}
	return n
}

const (
	// MaxRun is the length in bytes up to which the hit of a run is measured; see
	// ASCIIRuns.
	MaxRun = 4096
	// MaxMinRun is the most characters that ASCIIRuns and TextRuns take as the least length
	// of a run.
	MaxMinRun = MaxBytes / 2
)

// ASCIIRuns returns the pattern of printable runs of ASCII in an encoding, one of
// ASCIIRunEncodings. A run is minimal or more printable characters side by side, at any
// address, and as long as it can be: no such character lies right before it or behind it.
// The pattern's name is that of the encoding.
//
// There is one match a run, which begins where the run does. It is measured up to MaxRun
// bytes, or up to minimal characters where these take more, since a shard reads on past its
// end by that much. So a match that is MaxLen bytes long may be the beginning of a longer
// run: whoever wants its end has to read on (see Encoding.RestLen).
//
// Runs of one encoding never overlap. Text in UTF-16LE with a zero byte in front of it is
// also text in UTF-16BE, one byte earlier and without its last character; both are matches
// of their patterns.
func ASCIIRuns(e Encoding, minimal int) (Pattern, error) {
	if minimal < 1 || minimal > MaxMinRun {
		return Pattern{}, fmt.Errorf("runs of %d characters: want 1 to %d", minimal, MaxMinRun)
	}
	if !slices.Contains(ASCIIRunEncodings, e) {
		return Pattern{}, fmt.Errorf("runs of ASCII in %v: want one of %v", e, ASCIIRunEncodings)
	}
	name := e.String()
	return Pattern{Name: name, Written: name, Kind: KindRun, text: name, body: asciiRuns{e, minimal}}, nil
}

// asciiRuns is both the body of ASCIIRuns and its Finder.
type asciiRuns struct {
	encoding Encoding
	minChars int // the fewest characters of a run
}

func (r asciiRuns) needles(*Pattern, *compiler) ([]Needle, error) { return nil, nil }

func (r asciiRuns) exprs(*Pattern, *compiler) ([]Expr, error) {
	return []Expr{{Matcher: r, Align: 1, MinLen: r.minBytes(), MaxLen: r.maxBytes(), Isolated: true}}, nil
}

// minBytes and maxBytes return the bounds of the length of a match in bytes.
func (r asciiRuns) minBytes() int { return r.minChars * r.encoding.Width() }
func (r asciiRuns) maxBytes() int { return max(MaxRun, r.minBytes()) }

// isPrint has the bytes that strings(1) prints.
var isPrint = func() (set [256]bool) {
	set['\t'] = true
	for c := ' '; c <= '~'; c++ {
		set[c] = true
	}
	return set
}()

// Match implements Matcher.
func (r asciiRuns) Match(m *Memory, at int) int {
	b := m.Bytes[at:]
	if !r.encoding.printable(b) {
		return 0
	}
	var before [2]byte // the character in front, in the last bytes
	whole := true
	for i := range r.encoding.Width() {
		c, ok := m.At(at - 1 - i)
		before[1-i], whole = c, whole && ok
	}
	if whole && r.encoding.printable(before[2-r.encoding.Width():]) {
		return 0
	}
	if n := r.encoding.length(b[:min(len(b), r.maxBytes())]); n >= r.minBytes() {
		return n
	}
	return 0
}

// Next implements Finder. Let q be the last character of the shortest run that could begin
// at p. A run that begins at p or later, but not later than q, covers the bytes at q, be it
// in step with p or not:
//
//	p             q
//	|--|--|--|--|--|     the shortest run at p
//	          ?--|--|--  a run that begins between p and q
//
// So where nothing printable is at q, p moves behind q, and most of memory is passed in
// steps of a shortest run.
func (r asciiRuns) Next(m *Memory, from, to int) int {
	b, width, least := m.Bytes, r.encoding.Width(), r.minBytes()
	to = min(to, len(b)) // a run has at least one byte
	for p := from; ; {
		p = r.nextCandidate(b, p)
		if p >= to || p+least > len(b) {
			return max(from, to)
		}
		s := r.phase(b, p, p+least-width)
		for s-width >= p && r.encoding.printable(b[s-width:]) {
			s -= width
		}
		if s >= width && r.encoding.printable(b[s-width:]) {
			p = s + r.encoding.length(b[s:]) // the run began before from
			continue
		}
		if n := r.encoding.length(b[s:min(len(b), s+least)]); n < least {
			p = s + n
			continue
		}
		return min(s, to)
	}
}

// nextCandidate returns the first place, from p on, at which a shortest run could begin if
// only its last character is looked at.
func (r asciiRuns) nextCandidate(b []byte, p int) int {
	switch least := r.minBytes(); r.encoding {
	case ASCII:
		for p+least <= len(b) {
			c := b[p+least-1]
			if isPrint[c] {
				break
			}
			if p += least; c == 0 {
				p = skipZeros(b, p)
			}
		}
	default:
		for p+least <= len(b) {
			c, d := b[p+least-2], b[p+least-1]
			if (c == 0) != (d == 0) && isPrint[c|d] && r.phase(b, p, p+least-2) >= 0 {
				break
			}
			if p += least - 1; c|d == 0 {
				p = max(p, skipZeros(b, p)-1) // the last of the zeros may begin a character
			}
		}
	}
	return p
}

// skipZeros returns a place at or behind p such that b has nothing but zeros from p up to
// it.
func skipZeros(b []byte, p int) int {
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(b[p+8*i:]) }
	for len(b)-p >= 32 && word(0)|word(1)|word(2)|word(3) == 0 {
		p += 32
	}
	return p
}

// phase returns where the character begins that covers the byte at q, or the byte before
// it; −1 where that would be before p.
func (r asciiRuns) phase(b []byte, p, q int) int {
	if !r.encoding.printable(b[q:]) {
		q--
	}
	if q < p || !r.encoding.printable(b[q:]) {
		return -1
	}
	return q
}

const (
	ones = 0x0101010101010101 // 1 in each byte
	tops = 0x80 * ones        // the top bit of each byte
)

// printing returns a word that has the top bit of each byte set where isPrint holds for
// that byte of x. No sum carries from one byte into the next, since both of its terms are
// below 0x80.
func printing(x uint64) uint64 {
	low := x &^ tops
	from20 := low + 0x60*ones
	is7f := low + 0x01*ones
	notTab := low ^ '\t'*ones + 0x7f*ones
	return (from20&^is7f | ^notTab) &^ x & tops
}
