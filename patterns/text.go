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
// units, high surrogate first. Text that is the same in both is one needle.
var textKind = kind{
	kind:  Text,
	words: []string{"text"},
	flags: "wW",
	later: "iaf",
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
	if flags == "" {
		b, err := in.narrow()
		if err != nil {
			return nil, err
		}
		if len(b) > MaxBytes {
			return nil, in.tooLong(len(b))
		}
		return encodings{b}, nil
	}
	units, err := in.units()
	if err != nil {
		return nil, err
	}
	if 2*len(units) > MaxBytes {
		return nil, in.tooLong(2 * len(units))
	}
	var out encodings
	if strings.Contains(flags, "w") {
		out = append(out, encode16(units, binary.LittleEndian))
	}
	if strings.Contains(flags, "W") {
		if b := encode16(units, binary.BigEndian); len(out) == 0 || !bytes.Equal(b, out[0]) {
			out = append(out, b)
		}
	}
	return out, nil
}

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

func encode16(units []uint16, order binary.AppendByteOrder) []byte {
	out := make([]byte, 0, 2*len(units))
	for _, u := range units {
		out = order.AppendUint16(out, u)
	}
	return out
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
