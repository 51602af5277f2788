package patterns

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// textKind is text:, bytes with C-like escapes.
//
// Without a flag the bytes of the body are looked for as they stand, whatever their
// encoding, and \xNN is one byte. Flag w or W reads the body as UTF-8 and looks for it as
// UTF-16: little-endian (w), big-endian (W), either (wW). There \xNN is the code unit
// 0x00NN, and characters beyond U+FFFF are two code units, high surrogate first. Flag a
// looks for the bytes as they stand as well. Text that is the same in several encodings is
// one needle.
//
// With flag i the case of ASCII letters does not count, even of those that are written as
// escapes. Flag f takes full words only: no ASCII letter or digit on either side, in UTF-16
// no code unit of one.
//
// Flag x looks for the text, in its encodings, with every byte exclusive-ored with a key:
// any from 00 to ff, or with x(LO-HI) those from LO to HI, in hexadecimal. With flag f as
// well, what lies around is looked at as it is, without the key. Flag b looks for what
// base64 makes of the text wherever in a longer one it lies, and B for the same as UTF-16,
// little-endian (base64.go).
var textKind = kind{
	kind:     KindText,
	keywords: []string{"text"},
	flags:    "iwWafxbB",
	arg:      "x",
	parse:    parseText,
}

// escapes has the escapes of one letter and what they stand for.
var escapes = map[byte]byte{
	'n': '\n', 'r': '\r', 't': '\t', '0': 0, '\\': '\\',
	'a': '\a', 'b': '\b', 'f': '\f', 'v': '\v', 'e': 0x1b, '"': '"', '\'': '\'',
}

// TextOptions says how text is looked for. The zero value looks for its bytes as they
// stand.
type TextOptions struct {
	Caseless bool // the case of ASCII letters does not count

	// Wide looks for each byte with a zero behind it, WideBE with a zero in front, and
	// ASCII for the bytes as they stand. Without any of the three, the bytes are looked for
	// as they stand.
	Wide, WideBE, ASCII bool

	FullWord bool // no ASCII letter or digit on either side; of wide text, none as two bytes

	// Xor looks for the bytes of each of these encodings, zeros included, exclusive-ored
	// with each key. Nil looks for them as they are.
	Xor *KeyRange

	// Base64 looks for what base64 makes of each encoding, with the 64 bytes of Alphabet as
	// digits; "" is the standard alphabet. Base64Wide looks for the same with a zero behind
	// each digit.
	Base64, Base64Wide bool
	Alphabet           string
}

// KeyRange is the keys Lo to Hi, both included, with which bytes are exclusive-ored.
type KeyRange struct{ Lo, Hi byte }

// NewText returns the pattern of text given as bytes, at least one. name and written are
// for those who read hits. The error is an *Error whose Pattern is written.
func NewText(name, written string, b []byte, o TextOptions) (Pattern, error) {
	in := input{text: written, pos: -1, end: len(written)}
	if len(b) == 0 {
		return Pattern{}, in.fault(-1, "want at least one byte of text")
	}
	var units []uint16
	if o.Wide || o.WideBE {
		units = make([]uint16, len(b))
		for i, c := range b {
			units[i] = uint16(c)
		}
	}
	body, err := newText(in, bytes.Clone(b), units, o)
	if err != nil {
		return Pattern{}, err
	}
	return Pattern{Name: name, Written: written, Kind: KindText, text: written, body: body}, nil
}

func parseText(in input, _, flags string) (body, error) {
	if in.pos == in.end {
		return nil, in.fault(in.pos, "want text behind the colon, found the end")
	}
	has := func(flag string) bool { return strings.Contains(flags, flag) }
	o := TextOptions{
		Caseless: has("i"),
		Wide:     has("w"), WideBE: has("W"), ASCII: has("a"),
		FullWord: has("f"),
		Base64:   has("b"), Base64Wide: has("B"),
	}
	if has("x") {
		keys, err := in.keys()
		if err != nil {
			return nil, err
		}
		o.Xor = &keys
	}
	var b []byte
	var units []uint16
	var err error
	if o.plain() {
		if b, err = in.narrow(); err != nil {
			return nil, err
		}
	}
	if o.Wide || o.WideBE {
		if units, err = in.units(); err != nil {
			return nil, err
		}
	}
	return newText(in, b, units, o)
}

// plain reports whether bytes are looked for as they stand.
func (o *TextOptions) plain() bool { return o.ASCII || !o.Wide && !o.WideBE }

// encodings returns how many encodings are looked for, before base64.
func (o *TextOptions) encodings() (n int) {
	for _, on := range []bool{o.plain(), o.Wide, o.WideBE} {
		if on {
			n++
		}
	}
	return n
}

// check returns an error for options that do not go together. Other callers than text: have
// no flags, so the error does not name their letters.
func (o *TextOptions) check() error {
	encoded := o.Base64 || o.Base64Wide
	switch {
	case o.Xor != nil && o.Caseless:
		return errors.New("keys to exclusive-or with do not go with any case: a letter and a key are another letter")
	case o.Xor != nil && encoded:
		return errors.New("keys to exclusive-or with do not go with base64")
	case encoded && o.Caseless:
		return errors.New("base64 does not go with any case: it tells the cases of letters apart")
	case encoded && o.FullWord:
		return errors.New("base64 does not go with full words: what lies around it is encoded too")
	case o.Xor != nil && o.Xor.Lo > o.Xor.Hi:
		return fmt.Errorf("keys %02x to %02x: the first is above the last", o.Xor.Lo, o.Xor.Hi)
	case o.Alphabet != "" && !encoded:
		return errors.New("an alphabet without base64")
	}
	return nil
}

// newText returns the body of text that is given as bytes and as code units. Only those
// need be given that o asks for.
func newText(in input, b []byte, units []uint16, o TextOptions) (body, error) {
	if err := o.check(); err != nil {
		return nil, in.fault(in.pos, "%v", err)
	}
	out := make(encodedTexts, 0, o.encodings())
	if o.plain() {
		out = out.add(newLiteral(b, o.Caseless), 1, false)
	}
	if o.Wide {
		out = out.add(literal16(units, binary.LittleEndian, o.Caseless), 2, false)
	}
	if o.WideBE {
		out = out.add(literal16(units, binary.BigEndian, o.Caseless), 2, true)
	}
	for _, w := range out {
		if len(w.bytes) > MaxBytes {
			return nil, in.tooLong(len(w.bytes))
		}
	}
	if o.Base64 || o.Base64Wide {
		var err error
		if out, err = out.base64(o); err != nil {
			return nil, in.fault(in.pos, "%v", err)
		}
	}
	origin := textOrigin{texts: out, keys: o.Xor}
	if o.FullWord {
		return &fullWordBody{origin}, nil
	}
	return &textBody{origin}, nil
}

// newLiteral returns the literal of b, with masked letters if caseless. It changes b.
func newLiteral(b []byte, caseless bool) literal {
	if !caseless || !bytes.ContainsFunc(b, isLetter) {
		return literal{bytes: b}
	}
	mask := make([]byte, len(b))
	for i, c := range b {
		mask[i] = 0xff
		if isLetter(rune(c)) {
			mask[i] = caseMask
			b[i] &= caseMask
		}
	}
	return literal{b, mask}
}

// caseMask has the bits that an ASCII letter has in either case.
const caseMask = 0xff &^ ('a' ^ 'A')

func isLetter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }

// narrow returns the body as bytes.
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

// units returns the body as code units of UTF-16.
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

// escape reads the escape at pos. It returns the byte and the length of the escape.
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

// literal16 returns the literal of UTF-16.
func literal16(units []uint16, order binary.AppendByteOrder, caseless bool) literal {
	hasCase := func(u uint16) bool { return u < 0x80 && isLetter(rune(u)) }
	out, mask := make([]byte, 0, 2*len(units)), []byte(nil)
	if caseless && slices.ContainsFunc(units, hasCase) {
		mask = make([]byte, 0, 2*len(units))
	}
	for _, u := range units {
		m := uint16(0xffff)
		if mask != nil {
			if hasCase(u) {
				m = 0xff00 | caseMask
			}
			mask = order.AppendUint16(mask, m)
		}
		out = order.AppendUint16(out, u&m)
	}
	return literal{out, mask}
}

// unhex returns the value of a hexadecimal digit, −1 for anything else.
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
