package patterns

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// textKind is text:, bytes with C-like escapes.
//
// Without a flag the bytes of the body are looked for as they stand, whatever
// their encoding, and \xNN is one byte. Flag w or W reads the body as UTF-8
// and looks for it as UTF-16: little-endian (w), big-endian (W), either (wW).
// There \xNN is the code unit 0x00NN, and characters beyond U+FFFF are two
// units, high surrogate first. Flag a looks for the bytes as they stand as
// well. Text that is the same in several encodings is one needle.
//
// With flag i the case of ASCII letters does not count, however they are
// written.
var textKind = kind{
	kind:  Text,
	words: []string{"text"},
	flags: "iwWa",
	later: "f",
	parse: parseText,
}

// escapes are the escapes of one letter and what they stand for.
var escapes = map[byte]byte{
	'n': '\n', 'r': '\r', 't': '\t', '0': 0, '\\': '\\',
	'a': '\a', 'b': '\b', 'f': '\f', 'v': '\v', 'e': 0x1b, '"': '"', '\'': '\'',
}

func parseText(in input, _, flags string) (body, error) {
	if in.pos == in.end {
		return nil, in.fault(in.pos, "want text behind the colon, found the end")
	}
	var out encodings
	caseless := strings.Contains(flags, "i")
	if !strings.ContainsAny(flags, "wW") || strings.Contains(flags, "a") {
		b, err := in.narrow()
		if err != nil {
			return nil, err
		}
		out = out.add(newEncoding(b, caseless))
	}
	if strings.ContainsAny(flags, "wW") {
		units, err := in.units()
		if err != nil {
			return nil, err
		}
		if strings.Contains(flags, "w") {
			out = out.add(encode16(units, binary.LittleEndian, caseless))
		}
		if strings.Contains(flags, "W") {
			out = out.add(encode16(units, binary.BigEndian, caseless))
		}
	}
	for _, e := range out {
		if len(e.bytes) > MaxBytes {
			return nil, in.tooLong(len(e.bytes))
		}
	}
	return out, nil
}

// newEncoding is the encoding of b.
func newEncoding(b []byte, caseless bool) encoding {
	if !caseless || !bytes.ContainsFunc(b, isLetter) {
		return encoding{bytes: b}
	}
	mask := make([]byte, len(b))
	for i, c := range b {
		mask[i] = 0xff
		if isLetter(rune(c)) {
			mask[i] = caseMask
			b[i] &= caseMask
		}
	}
	return encoding{b, mask}
}

// caseMask is the bits that an ASCII letter has in either case.
const caseMask = 0xff &^ ('a' ^ 'A')

func isLetter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }

// narrow is the body as bytes.
func (in input) narrow() ([]byte, error) {
	out := make([]byte, 0, in.end-in.pos)
	for in.pos < in.end {
		c, n := in.text[in.pos], 1
		if c == '\\' {
			var err error
			if c, n, err = in.escape(); err != nil {
				return nil, err
			}
		}
		out = append(out, c)
		in.pos += n
	}
	return out, nil
}

// units is the body as UTF-16.
func (in input) units() ([]uint16, error) {
	out := make([]uint16, 0, in.end-in.pos)
	for in.pos < in.end {
		if in.text[in.pos] == '\\' {
			c, n, err := in.escape()
			if err != nil {
				return nil, err
			}
			out = append(out, uint16(c))
			in.pos += n
			continue
		}
		r, n := utf8.DecodeRuneInString(in.text[in.pos:in.end])
		if r == utf8.RuneError && n == 1 {
			return nil, in.fault(in.pos, "want UTF-8, found %s: text of UTF-16 is written in UTF-8, the unit 0x00NN as \\xNN", in.found(in.pos))
		}
		out = utf16.AppendRune(out, r)
		in.pos += n
	}
	return out, nil
}

// escape reads the escape at pos and says how many bytes it is long.
func (in input) escape() (c byte, n int, err error) {
	const known = `\xNN \n \r \t \0 \a \b \f \v \e \\ \" \'`
	at := in.pos + 1
	if at == in.end {
		return 0, 0, in.fault(in.pos, "want a character behind the \\, found the end: a backslash is written \\\\")
	}
	if in.text[at] == 'x' {
		for d := at + 1; d <= at+2; d++ {
			if d >= in.end || unhex(in.text[d]) < 0 {
				return 0, 0, in.fault(d, "want two hexadecimal digits behind \\x, found %s", in.found(d))
			}
		}
		return byte(unhex(in.text[at+1])<<4 | unhex(in.text[at+2])), 4, nil
	}
	c, ok := escapes[in.text[at]]
	switch {
	case !ok:
		return 0, 0, in.fault(in.pos, "unknown escape, a \\ and %s: want one of %s", in.found(at), known)
	case in.text[at] == '0' && at+1 < in.end && in.text[at+1] >= '0' && in.text[at+1] <= '7':
		// C would read \033 as one byte, in octal.
		return 0, 0, in.fault(in.pos, "\\0 in front of a digit: there are no octal escapes, write \\x00 for a zero byte")
	}
	return c, 2, nil
}

// encode16 is the encoding of UTF-16.
func encode16(units []uint16, order binary.AppendByteOrder, caseless bool) encoding {
	out, mask := make([]byte, 0, 2*len(units)), make([]byte, 0, 2*len(units))
	masked := false
	for _, u := range units {
		m := uint16(0xffff)
		if caseless && u < 0x80 && isLetter(rune(u)) {
			m, masked = 0xff00|caseMask, true
		}
		out, mask = order.AppendUint16(out, u&m), order.AppendUint16(mask, m)
	}
	if !masked {
		mask = nil
	}
	return encoding{out, mask}
}

// unhex is the value of a hexadecimal digit, −1 for anything else.
func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
