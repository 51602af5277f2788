package patterns

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

// Encoding is how the characters of a run are stored.
type Encoding uint8

// The encodings of runs, in the order that vscan lists them in.
const (
	ASCII   Encoding = iota // a byte a character
	UTF16LE                 // two bytes, the low one first
	UTF16BE                 // two bytes, the high one first
	UTF8                    // one to four bytes; of Texts alone
	UTF32LE                 // four bytes, the lowest first; of Texts alone
	UTF32BE                 // four bytes, the highest first; of Texts alone
)

// ASCIIRunEncodings are those of ASCIIRuns.
var ASCIIRunEncodings = []Encoding{ASCII, UTF16LE, UTF16BE}

// TextRunEncodings are those of TextRuns: all of them.
var TextRunEncodings = []Encoding{ASCII, UTF16LE, UTF16BE, UTF8, UTF32LE, UTF32BE}

// String is the name of an encoding: ascii, utf8, utf16le, utf16be, utf32le or
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

// Width is the bytes of a character, the least where they differ.
func (e Encoding) Width() int {
	switch e {
	case ASCII, UTF8:
		return 1
	case UTF32LE, UTF32BE:
		return 4
	}
	return 2
}

// printable says whether b begins with a printable character, stored in this
// encoding: 0x20 to 0x7e and the tab, as strings(1) has it.
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

// length is the length in bytes of the printable characters, stored in this
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
	// MaxRun is the length in bytes to which the hit of a run is measured; see
	// Strings.
	MaxRun = 4096
	// MaxMinRun is the greatest least length that Strings takes, in characters.
	MaxMinRun = MaxBytes / 2
)

// ASCIIRuns is the pattern of printable runs of ASCII: of minimal or more characters
// of an encoding, one of Encodings, that follow one another, at any address, as long as they can be: no
// such character lies right before or behind. Its name is that of the encoding.
//
// A match begins where a run begins, and there is one a run. It is measured up
// to MaxRun bytes, or minimal characters where they take more, since a shard
// reads that much past its end. So a match that is MaxLen bytes long may be the
// beginning of a longer run: who wants its end reads on.
//
// Runs of one encoding never overlap. Text in UTF-16LE with a zero byte in
// front of it is text in UTF-16BE as well, one byte earlier and less its last
// character; both are matches of their patterns.
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

// asciiRuns is both the body of Strings and what finds them.
type asciiRuns struct {
	encoding Encoding
	minChars int // characters
}

func (r asciiRuns) needles(*Pattern, *compiler) ([]Needle, error) { return nil, nil }

func (r asciiRuns) exprs(*Pattern, *compiler) ([]Expr, error) {
	return []Expr{{Matcher: r, Align: 1, MinLen: r.minBytes(), MaxLen: r.maxBytes(), Isolated: true}}, nil
}

// least and longest are the bounds of a match in bytes.
func (r asciiRuns) minBytes() int { return r.minChars * r.encoding.Width() }
func (r asciiRuns) maxBytes() int { return max(MaxRun, r.minBytes()) }

// isPrint is the bytes that strings(1) prints.
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
	var before [2]byte // the character in front, in its last bytes
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

// Next implements Finder. A run that begins at p or later, but below p + w,
// w = width, covers the last character of the bytes that the least run at p
// would have, at q, be it in step with it or not:
//
//	p             q
//	|--|--|--|--|--|     the least run at p
//	          ?--|--|--  one that begins between p and q
//
// So where nothing printable is at q, p moves behind it, and most of memory is
// passed in steps of a least run.
func (r asciiRuns) Next(m *Memory, from, to int) int {
	b, width, least := m.Bytes, r.encoding.Width(), r.minBytes()
	to = min(to, len(b)) // no run is as short as none
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
			p = s + r.encoding.length(b[s:]) // it began before from
			continue
		}
		if n := r.encoding.length(b[s:min(len(b), s+least)]); n < least {
			p = s + n
			continue
		}
		return min(s, to)
	}
}

// nextCandidate is the first place from p on where the least run could begin, by its
// last character.
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
				p = max(p, skipZeros(b, p)-1) // the last of them may begin a character
			}
		}
	}
	return p
}

// skipZeros is a place from p on up to which b has nothing but zeros.
func skipZeros(b []byte, p int) int {
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(b[p+8*i:]) }
	for len(b)-p >= 32 && word(0)|word(1)|word(2)|word(3) == 0 {
		p += 32
	}
	return p
}

// phase is where the character begins that covers the byte at q, or that before
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
	tops = 0x80 * ones        // the top bit of each
)

// printing has the top bit of each byte of x set where isPrint is. No sum
// carries from one byte into the next, for both its parts are below 0x80.
func printing(x uint64) uint64 {
	low := x &^ tops
	from20 := low + 0x60*ones
	is7f := low + 0x01*ones
	notTab := low ^ '\t'*ones + 0x7f*ones
	return (from20&^is7f | ^notTab) &^ x & tops
}
