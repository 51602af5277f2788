package patterns

import (
	"fmt"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// How a run of text is found. The rules are vscan's own; TextRuns has them.
//
//	for each place that Next does not rule out:
//	    no character of a run stands there: no match
//	    a run goes on there from before: no match
//	    read characters as long as they may be part of a run, up to maxMeasured bytes,
//	        and count bytes, characters, ASCII and worth (measure)
//	    fewer than minChars characters: no match
//	    ascii and utf8 are both looked for, and the run is of the other: no match
//	    UTF-16, and the run is not worth enough: no match
//	    otherwise, what was read is the match
//
// INVARIANT: whether a character may be part of a run depends on no more than margin
// bytes around it, and these are read of the memory around a block too. So a match is
// the same wherever blocks are cut.

// TextRuns returns the patterns of printable runs of characters of all scripts, one for
// each encoding. A run is minimal or more such characters side by side, at any address, and
// as long as it can be. The name of a pattern is that of the encoding.
//
// A character is printable if it is assigned, and is of a script in wide use or a sign that
// goes with any script (scripts.go). By this alone most of what is no text would be text,
// so more is asked for:
//
//   - ascii: nothing more; runs are those of ASCIIRuns.
//   - utf8: a character of two bytes beyond Latin, which 1 in 40 pairs of bytes is by
//     chance, counts only where another letter of its script stands before or behind it,
//     with at most 3 blanks or signs between them.
//   - utf16le, utf16be: of Chinese characters and Korean syllables only common ones count
//     (commonhan.go), and a run has to say more than chance would, as below.
//   - utf32le, utf32be: nothing more, since 11 of 32 bits are zero.
//
// Where both ascii and utf8 are asked for, a run is of one of them. It is of ascii if all
// of it is ASCII, or if it begins with as much ASCII as is measured; otherwise it is of
// utf8.
//
// # What a run of UTF-16 says
//
// The worth of a character is about the number of bits that chance would need to hit upon
// it:
//
//	 9   a character of ASCII, a letter of the script of the letter before it
//	 4   the first letter of a script, a Korean syllable
//	 3   a common Chinese character
//	16   a character beyond U+FFFF
//	 0   a sign; a character both of whose bytes are ASCII, since plain text looks so
//	     (but 4 for Kana, many of which are such); a character whose low byte is 0;
//	     and a character that is not ASCII a second time in a row, since numbers and
//	     fills look so
//	−6   besides, for a letter of another script than the letter before it, since
//	     tables of numbers are letters of all scripts in turn
//
// A run counts if one of these holds:
//
//   - It is worth 31 bits, or 9 times the least number of characters less 5, if that is
//     fewer.
//   - It is worth 9 bits without its ASCII, all its letters are of one script, and a zero
//     follows, as behind most strings. ASCII does not count here, since the last letter of
//     text in ASCII, with the zero behind it, is a character of ASCII in UTF-16 too.
//   - It has minimal characters of ASCII in a row.
//
// So minimal characters of one alphabet are mostly enough, and Chinese characters alone
// have to be 11, or 4 and a zero.
//
// A match is measured up to MaxRun bytes, or up to minimal characters where these take
// more, and to the end of the character there; see ASCIIRuns.
func TextRuns(encodings []Encoding, minimal int) ([]Pattern, error) {
	if minimal < 1 || minimal > MaxMinRun {
		return nil, fmt.Errorf("runs of %d characters: want 1 to %d", minimal, MaxMinRun)
	}
	has := map[Encoding]bool{}
	for _, e := range encodings {
		has[e] = true
	}
	var out []Pattern
	for _, e := range encodings {
		r := textRuns{encoding: e, minChars: minimal, scripts: scriptTable()}
		r.exclusive = (e == ASCII || e == UTF8) && has[ASCII] && has[UTF8]
		name := e.String()
		out = append(out, Pattern{Name: name, Written: name, Kind: KindRun, text: name, body: r})
	}
	return out, nil
}

// textRuns is both the body of TextRuns and its Finder.
type textRuns struct {
	encoding  Encoding
	minChars  int  // the fewest characters of a run
	exclusive bool // whether ascii and utf8 are both looked for, and a run is of one of them
	scripts   *[1 << 16]script
}

func (r textRuns) needles(*Pattern, *compiler) ([]Needle, error) { return nil, nil }

func (r textRuns) exprs(*Pattern, *compiler) ([]Expr, error) {
	return []Expr{{Matcher: r, Align: 1, MinLen: r.minBytes(), MaxLen: r.maxBytes(), Isolated: true}}, nil
}

func (r textRuns) minBytes() int { return r.minChars * r.encoding.Width() }

// maxBytes returns the length of the longest match. It has room for one character more than
// is measured.
func (r textRuns) maxBytes() int { return r.maxMeasured() + utf8.UTFMax }

// lookahead returns how many bytes of a run of ascii are looked at to see whether it is
// one.
func (r textRuns) lookahead() int { return max(MaxRun, r.minChars) }

func (r textRuns) maxMeasured() int {
	if r.encoding == UTF8 {
		return max(MaxRun, utf8.UTFMax*r.minChars)
	}
	return max(MaxRun, r.minBytes())
}

// char returns the character that b begins with and its length in bytes; the length is 0
// where there is none.
func (e Encoding) char(b []byte) (rune, int) {
	switch {
	case len(b) < e.Width():
	case e == ASCII:
		if b[0] < utf8.RuneSelf {
			return rune(b[0]), 1
		}
	case e == UTF8:
		if r, n := utf8.DecodeRune(b); r != utf8.RuneError || n > 1 {
			return r, n
		}
	case e == UTF16LE || e == UTF16BE:
		r := e.unit16(b)
		if !utf16.IsSurrogate(r) {
			return r, 2
		}
		if len(b) >= 4 {
			if r = utf16.DecodeRune(r, e.unit16(b[2:])); r != utf8.RuneError {
				return r, 4
			}
		}
	case e == UTF32LE:
		return rune(load32(b)), 4
	case e == UTF32BE:
		return rune(bits.ReverseBytes32(load32(b))), 4
	}
	return 0, 0
}

// unit16 returns the code unit that b begins with.
func (e Encoding) unit16(b []byte) rune {
	if e == UTF16LE {
		return rune(b[0]) | rune(b[1])<<8
	}
	return rune(b[1]) | rune(b[0])<<8
}

// RunLen returns the length in bytes of the characters that b begins with and that may be
// part of a run. These are safe to show.
func (e Encoding) RunLen(b []byte) int {
	t, at := scriptTable(), 0
	for {
		c, n := e.char(b[at:])
		if n == 0 || scriptOf(t, c) == noText {
			return at
		}
		at += n
	}
}

// RestLen returns the length in bytes of the characters of a run that go on at offset at of
// m.Bytes, as far as they lie in m.Bytes. It is for those who follow a run beyond what is
// measured. It asks m.At for what stands around.
func (e Encoding) RestLen(m *Memory, at int) int {
	d := runReader{&textRuns{encoding: e, scripts: scriptTable()}, m}
	for i := at; ; {
		_, _, n := d.charAt(i)
		if n == 0 || i+n > len(m.Bytes) {
			return i - at
		}
		i += n
	}
}

// decode returns the characters that b holds in the encoding, as UTF-8.
func (e Encoding) decode(b []byte) string {
	out := make([]byte, 0, len(b))
	for {
		c, n := e.char(b)
		if n == 0 {
			return string(out)
		}
		out, b = utf8.AppendRune(out, c), b[n:]
	}
}

func (r textRuns) value(b []byte, _ *Target) string { return r.encoding.decode(b) }

// nearby is a copy of the memory near a place, from which characters can be read.
type nearby struct {
	bytes [64]byte
	first int // offset in the memory of bytes[0]
	n     int // how many bytes there are
}

// readNearby copies what lies from 32 bytes before at to 32 bytes behind it.
func readNearby(m *Memory, at int) *nearby {
	const half = 32
	if at >= half && at+half <= len(m.Bytes) {
		a := &nearby{first: at - half, n: 2 * half}
		copy(a.bytes[:], m.Bytes[at-half:])
		return a
	}
	a := &nearby{first: at}
	for a.first > at-half {
		if _, ok := m.At(a.first - 1); !ok {
			break
		}
		a.first--
	}
	for a.n < len(a.bytes) {
		c, ok := m.At(a.first + a.n)
		if !ok {
			break
		}
		a.bytes[a.n] = c
		a.n++
	}
	return a
}

// A runReader reads the characters of a run. What is nearer than margin to the ends of
// m.Bytes is read from a copy of the memory around it.
type runReader struct {
	*textRuns
	m *Memory
}

const margin = 24

// charAt returns the character of a run at offset i, its script and its length in bytes;
// the length is 0 where there is none.
func (d runReader) charAt(i int) (script, rune, int) {
	b := d.m.Bytes
	if i < 0 || i >= len(b) {
		a := readNearby(d.m, i)
		if i < a.first || i >= a.first+a.n {
			return noText, 0, 0
		}
		return d.charIn(a.bytes[:a.n], i-a.first)
	}
	if d.encoding == UTF8 && b[i] >= utf8.RuneSelf && (i < margin || i+margin > len(b)) {
		a := readNearby(d.m, i)
		return d.charIn(a.bytes[:a.n], i-a.first)
	}
	return d.charIn(b, i)
}

// charIn is charAt for bytes that have all that matters.
func (d runReader) charIn(b []byte, i int) (script, rune, int) {
	c, n := d.encoding.char(b[i:])
	if n == 0 {
		return noText, 0, 0
	}
	s := scriptOf(d.scripts, c)
	switch {
	case s == noText, s == rareHan && c <= 0xffff && d.isUTF16():
		return noText, 0, 0
	case d.encoding == UTF8 && n == 2 && s > firstScript && !d.hasCompanion(b, i, n, s):
		return noText, 0, 0
	}
	return s, c, n
}

// hasCompanion reports whether a letter of the script stands near the letter of n bytes at
// i.
func (d runReader) hasCompanion(b []byte, i, n int, s script) bool {
	const between = 3
	at := i + n
	for range between + 1 {
		c, n := UTF8.char(b[at:])
		other := scriptOf(d.scripts, c)
		if n == 0 || other != s && !separates(other, c) {
			break
		}
		if other == s {
			return true
		}
		at += n
	}
	at = i
	for range between + 1 {
		c, n := utf8.DecodeLastRune(b[:at])
		other := scriptOf(d.scripts, c)
		if other != s && !separates(other, c) || c == utf8.RuneError {
			return false
		}
		if other == s {
			return true
		}
		at -= n
	}
	return false
}

// separates reports whether a character may stand between two letters of a script.
func separates(s script, c rune) bool { return s == anyScript || s == plainASCII && !isLetter(c) }

// charBefore returns where the character of a run begins that ends at i, and i where there
// is none.
func (d runReader) charBefore(i int) int {
	if d.encoding.Width() == 1 {
		c, ok := d.m.At(i - 1)
		switch {
		case ok && isPrint[c]:
			return i - 1
		case !ok || c < utf8.RuneSelf || d.encoding == ASCII:
			return i
		}
	} else {
		for _, n := range []int{d.encoding.Width(), 4} {
			if _, _, have := d.charAt(i - n); have == n {
				return i - n
			}
		}
		return i
	}
	for n := 2; n <= utf8.UTFMax; n++ {
		if c, ok := d.m.At(i - n); !ok || c < utf8.RuneSelf {
			return i
		}
		if _, _, have := d.charAt(i - n); have == n {
			return i - n
		}
	}
	return i
}

// Match implements Matcher.
func (r textRuns) Match(m *Memory, at int) int {
	d := runReader{&r, m}
	if c := m.Bytes[at]; r.encoding.Width() > 1 || !isPrint[c] {
		if _, _, n := d.charAt(at); n == 0 {
			return 0
		}
	}
	if !d.begins(at) {
		return 0
	}
	run := d.measure(at)
	switch {
	case run.chars < r.minChars:
		return 0
	case r.exclusive && r.encoding == UTF8 && (run.ascii == run.size || run.ascii >= r.lookahead()):
		return 0 // the run is of ascii
	case r.exclusive && r.encoding == ASCII && run.size < r.lookahead() && d.utf8().nonASCIIAt(at+run.size):
		return 0 // the run is of utf8
	case r.isUTF16() && !d.worthEnough(at, run):
		return 0
	}
	return run.size
}

// isUTF16 reports whether characters are code units of UTF-16.
func (r textRuns) isUTF16() bool { return r.encoding == UTF16LE || r.encoding == UTF16BE }

// utf8 returns a reader of the same memory as UTF-8.
func (d runReader) utf8() runReader {
	return runReader{&textRuns{encoding: UTF8, scripts: d.scripts}, d.m}
}

// begins reports whether a run that has a character at offset at begins there.
func (d runReader) begins(at int) bool {
	front := d.charBefore(at)
	if front == at {
		return !d.exclusive || d.encoding != ASCII || d.utf8().charBefore(at) == at
	}
	if c, _ := d.m.At(at); !d.exclusive || d.encoding != UTF8 || c < utf8.RuneSelf {
		return false
	}
	// The run of ascii in front may be too long to see that a character beyond ASCII comes.
	for n := 1; n <= d.lookahead(); n++ {
		if c, ok := d.m.At(at - n); !ok || !isPrint[c] {
			return false
		}
	}
	return true
}

// nonASCIIAt reports whether a character of a run that is not ASCII stands at i.
func (d runReader) nonASCIIAt(i int) bool {
	c, ok := d.m.At(i)
	if !ok || c < utf8.RuneSelf {
		return false
	}
	_, _, n := d.charAt(i)
	return n > 0
}

// A measuredRun is a run as far as it was looked at.
type measuredRun struct {
	size, chars int // in bytes, in characters
	ascii       int // how many bytes of ASCII it begins with
	worth       int // see TextRuns
	letters     int // the worth of what is not ASCII
	streak      int // the most characters of ASCII in a row
	changes     int // how often the script changes
}

// measure measures the run at offset at. It ends at maxMeasured bytes at the latest.
func (d runReader) measure(at int) (run measuredRun) {
	if d.encoding.Width() == 1 {
		return d.measure8(at)
	}
	last, front, streak := noText, rune(-1), 0 // last is the script of the letter before, front the character before
	for run.size < d.maxMeasured() {
		s, c, n := d.charAt(at + run.size)
		if n == 0 || at+run.size+n > len(d.m.Bytes) {
			break
		}
		if c < utf8.RuneSelf || c != front {
			worth := d.worth(s, c, last)
			if run.worth += worth; s != plainASCII {
				run.letters += worth
			}
			run.changes += change(s, last)
		}
		if front = c; s > anyScript {
			last = s
		}
		if streak++; s != plainASCII {
			streak = 0
		}
		run.size, run.chars, run.streak = run.size+n, run.chars+1, max(run.streak, streak)
	}
	return run
}

// measure8 is measure for ASCII and UTF-8, whose characters have no worth. Most characters
// are ASCII.
func (d runReader) measure8(at int) (run measuredRun) {
	b := d.m.Bytes[at:]
	limit := min(d.maxMeasured(), len(b))
	for run.size < limit {
		n := ASCII.length(b[run.size:limit])
		if run.ascii == run.size {
			run.ascii += n
		}
		if run.size, run.chars = run.size+n, run.chars+n; run.size == limit || d.encoding == ASCII {
			break
		}
		_, _, n = d.charAt(at + run.size)
		if n == 0 || run.size+n > len(b) {
			break
		}
		run.size, run.chars = run.size+n, run.chars+1
	}
	return run
}

// worth returns the worth of a character of UTF-16: see TextRuns.
func (d runReader) worth(s script, c rune, last script) int {
	switch {
	case s == plainASCII:
		return 9
	case c > 0xffff:
		return 16
	case isPrint[c&0xff] && isPrint[c>>8] && s == kana:
		return 4
	case isPrint[c&0xff] && isPrint[c>>8], c&0xff == 0:
		return -6 * change(s, last)
	case s == oftenHangul:
		return 4 - 6*change(s, last)
	case s == oftenHan:
		return 3 - 6*change(s, last)
	case s >= firstScript && s == last:
		return 9
	case s >= firstScript:
		return 4 - 6*change(s, last)
	}
	return 0
}

// change returns 1 where a letter is not of the script of the letter before it, else 0.
// Chinese characters, Kana and ASCII go together.
func change(s, last script) int {
	if last <= anyScript || s <= anyScript || s == last || s == oftenHan && last == kana || s == kana && last == oftenHan {
		return 0
	}
	return 1
}

// worthEnough reports whether a run of UTF-16 at offset at counts: see TextRuns.
func (d runReader) worthEnough(at int, run measuredRun) bool {
	if run.streak >= d.minChars || run.worth >= min(31, 9*d.minChars-5) {
		return true
	}
	a, ok1 := d.m.At(at + run.size)
	b, ok2 := d.m.At(at + run.size + 1)
	return run.letters >= 9 && run.changes == 0 && ok1 && ok2 && a|b == 0
}

// Next implements Finder.
func (r textRuns) Next(m *Memory, from, to int) int {
	to = min(to, len(m.Bytes))
	switch {
	case from >= to:
		return max(from, to)
	case r.encoding == ASCII:
		return asciiRuns{ASCII, r.minChars}.Next(m, from, to)
	case r.encoding == UTF8 && r.exclusive:
		return r.nextNonASCII(m, from, to)
	case r.encoding == UTF8:
		return r.next8(m, from, to)
	case r.isUTF16():
		return r.next16(m, from, to)
	}
	return r.next32(m, from, to)
}

// next8 is Next for UTF-8 alone. It stops where a character may begin and the byte in front
// is no ASCII of the same run.
func (r textRuns) next8(m *Memory, from, to int) int {
	b := m.Bytes
	for p := from; p < to; p++ {
		if p%8 == 0 && b[p] == 0 {
			if p = skipZeros(b, p); p >= to {
				return to
			}
		}
		if c := b[p]; (isPrint[c] || c >= 0xc2) && (p == 0 || !isPrint[b[p-1]]) {
			return p
		}
	}
	return to
}

// nextNonASCII is Next for UTF-8 beside ASCII. It stops where the ASCII begins that stands
// in front of the next character beyond ASCII.
func (r textRuns) nextNonASCII(m *Memory, from, to int) int {
	b := m.Bytes
	d := runReader{&r, m}
	for q := from; ; q++ {
		if q = nextHighByte(b, q); q >= len(b) {
			return to
		}
		if q+utf8.UTFMax <= len(b) && (b[q] < 0xc2 || b[q+1]&0xc0 != 0x80) {
			continue // no character begins here
		}
		first := q
		for first > from && q-first < r.lookahead() && isPrint[b[first-1]] {
			first--
		}
		if first >= to {
			return to
		}
		if q > from && first == from && from > 0 && isPrint[b[from-1]] && q-from < r.lookahead() {
			// The ASCII began before from, so the run did too: go on behind the next
			// character that is not ASCII.
			first = q
		}
		if _, _, n := d.charAt(q); n > 0 || q+utf8.UTFMax > len(b) {
			return min(first, to)
		}
	}
}

// nextHighByte returns the offset of the first byte from i on that is not ASCII.
func nextHighByte(b []byte, i int) int {
	for ; len(b)-i >= 8; i += 8 {
		if x := load64(b[i:]) & tops; x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	for i < len(b) && b[i] < utf8.RuneSelf {
		i++
	}
	return i
}

// isRunUnit reports whether the code unit at i may be part of a run.
func (r textRuns) isRunUnit(b []byte, i int) bool {
	u := r.encoding.unit16(b[i:])
	s := r.scripts[u]
	return s != noText && s != rareHan || utf16.IsSurrogate(u)
}

// next16 is Next for UTF-16. A run at p has minChars code units from there on. One of these
// that cannot be part of a run rules out all runs in step with p up to it:
//
//	p    |--|--|--|--|      the third cannot be part of a run:
//	              |--|--    this is the next place in step
//
// Places in step with p and those a byte later are looked at side by side.
func (r textRuns) next16(m *Memory, from, to int) int {
	b, d := m.Bytes, runReader{&r, m}
	at := [2]int{from, from + 1}
	for {
		k := 0
		if at[1] < at[0] {
			k = 1
		}
		p := at[k]
		if p >= to || p+r.minBytes() > len(b) {
			return to
		}
		if p+8 <= len(b) && load64(b[p:]) == 0 {
			n := skipZeros(b, p) - 1
			at[k] = max(p+2, n-(n-p)%2)
			continue
		}
		if p >= 2 && r.isRunUnit(b, p-2) && d.charBefore(p) < p {
			at[k] = p + 2 // a run began before
			continue
		}
		i := r.minChars - 1
		for i >= 0 && r.isRunUnit(b, p+2*i) {
			i--
		}
		if i >= 0 {
			at[k] = p + 2*(i+1)
			continue
		}
		return p
	}
}

// next32 is Next for UTF-32. It stops where a character of a run stands; most of these have
// two zero bytes.
func (r textRuns) next32(m *Memory, from, to int) int {
	b := m.Bytes
	for p := from; p < to && p+4 <= len(b); p++ {
		if b[p] == 0 {
			if n := skipZeros(b, p) - 4; n > p {
				p = n
			}
		}
		if c, _ := r.encoding.char(b[p:]); scriptOf(r.scripts, c) != noText {
			return min(p, to)
		}
	}
	return to
}
