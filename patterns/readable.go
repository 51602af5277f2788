package patterns

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"vscan/engine/addr"
	"vscan/patterns/automaton"
)

// textual is a body whose hits may be text in several encodings.
type textual interface {
	// decoding returns how the bytes of a match, or the first of them, are to be read. form
	// is that of the hit.
	decoding(form int, b []byte) decoding
}

// A decoding is how the characters of a hit are stored.
type decoding struct {
	wide  bool           // whether they are UTF-16
	order addr.ByteOrder // of UTF-16
	key   byte           // the key that every byte is exclusive-ored with
	keyed bool           // whether there is a key
}

// Text returns the characters that the bytes b of a hit of pattern i of Patterns stand for.
// They are read as UTF-8, as UTF-16 where that was found (flags w and W of text and re), or
// as the encoding of a run. form is that of the hit, and tells in which encoding a pattern
// with several has matched. Where it is not known, form is 0, and UTF-16 is recognised by
// its zeros.
//
// Text returns false where the bytes are no text: not valid, or with characters that do not
// print, other than tab, line feed and carriage return. cut says that b is the beginning of
// a longer hit; then a character that b ends in the middle of is left out. Bytes that are
// exclusive-ored with a key are taken as they stand.
func (s *Set) Text(i, form int, b []byte, cut bool) (string, bool) {
	if r, ok := s.patterns[i].body.(textRuns); ok {
		text := r.encoding.decode(b[:r.encoding.RunLen(b)])
		return text, text != ""
	}
	how := s.decoding(i, form, b)
	if how.wide && !how.keyed {
		return text16(b, how.order, cut)
	}
	return text8(b, cut)
}

// XorKey returns the key with which the bytes b of a hit of pattern i, at least one, are
// exclusive-ored. It returns false for patterns without keys.
func (s *Set) XorKey(i int, b []byte) (byte, bool) {
	how := s.decoding(i, 0, b)
	return how.key, how.keyed
}

func (s *Set) decoding(i, form int, b []byte) decoding {
	if t, ok := s.patterns[i].body.(textual); ok && len(b) > 0 {
		return t.decoding(form, b)
	}
	return decoding{}
}

func text8(b []byte, cut bool) (string, bool) {
	if cut {
		b = wholeRunes(b)
	}
	for rest := b; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if r == utf8.RuneError && n == 1 || !legible(r) {
			return "", false
		}
		rest = rest[n:]
	}
	return string(b), len(b) > 0
}

// wholeRunes returns b without the beginning of a character at its end.
func wholeRunes(b []byte) []byte {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		last := b[len(b)-n:]
		if utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return b[:len(b)-n]
			}
			break
		}
	}
	return b
}

func text16(b []byte, order addr.ByteOrder, cut bool) (string, bool) {
	if len(b)%2 == 1 {
		if !cut {
			return "", false
		}
		b = b[:len(b)-1]
	}
	var out []byte
	unit := func(i int) rune { return rune(order.Uint(b[i : i+2])) }
	for i := 0; i < len(b); i += 2 {
		r := unit(i)
		if utf16.IsSurrogate(r) {
			if i += 2; i == len(b) {
				return string(out), cut && r < 0xdc00 && len(out) > 0
			}
			if r = utf16.DecodeRune(r, unit(i)); r == utf8.RuneError {
				return "", false
			}
		}
		if !legible(r) {
			return "", false
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out), len(out) > 0
}

// legible reports whether a character belongs in text.
func legible(r rune) bool {
	return strconv.IsPrint(r) || r == '\t' || r == '\n' || r == '\r'
}

// textBody is the body of text that stands anywhere, and fullWordBody of text that is found
// as full words only.
type (
	textBody     struct{ textOrigin }
	fullWordBody struct{ textOrigin }
)

// textOrigin is what text was made of: its encodings, and the keys with which they are
// exclusive-ored, if any.
type textOrigin struct {
	texts encodedTexts // without the keys
	keys  *KeyRange
}

// decoding implements textual. It returns the encoding that b is in.
func (s *textOrigin) decoding(_ int, b []byte) decoding {
	for i := range s.texts {
		w := &s.texts[i]
		how := decoding{wide: w.charSize == 2, order: addr.Little, keyed: s.keys != nil}
		if w.bigEndian {
			how.order = addr.Big
		}
		if how.keyed {
			how.key = b[0] ^ w.bytes[0]
		}
		if w.begins(b, how.key) && (s.keys == nil || s.keys.Lo <= how.key && how.key <= s.keys.Hi) {
			return how
		}
	}
	return decoding{}
}

// begins reports whether b, under a key, is the text or its beginning.
func (w *encodedText) begins(b []byte, key byte) bool {
	if len(b) > len(w.bytes) {
		return false
	}
	for i, c := range b {
		if c ^= key; w.mask != nil {
			c &= w.mask[i]
		}
		if c != w.bytes[i] {
			return false
		}
	}
	return true
}

// decoding implements textual. Where an expression has several encodings and it is not
// known which has matched, the bytes are taken for UTF-16 of Latin letters, which its zeros
// show, else for plain bytes if these are text, else for UTF-16.
func (p *programBody) decoding(form int, b []byte) decoding {
	if form > 0 && form <= len(p.forms) {
		how, _ := p.forms[form-1].decoding()
		return how
	}
	for _, f := range p.forms {
		if how, ok := f.decoding(); ok && (len(p.forms) == 1 || zeroEvery(b, 1-int(how.order))) {
			return how
		}
	}
	if _, ok := text8(b, true); ok {
		return decoding{}
	}
	for _, f := range p.forms {
		if how, ok := f.decoding(); ok {
			return how
		}
	}
	return decoding{}
}

// decoding returns how the characters of the form are stored, and reports whether that is
// UTF-16.
func (f *form) decoding() (decoding, bool) {
	switch f.encoding {
	case automaton.WideLE:
		return decoding{wide: true, order: addr.Little}, true
	case automaton.WideBE:
		return decoding{wide: true, order: addr.Big}, true
	}
	return decoding{}, false
}

// zeroEvery reports whether every second byte from one on is zero.
func zeroEvery(b []byte, from int) bool {
	for i := from; i < len(b); i += 2 {
		if b[i] != 0 {
			return false
		}
	}
	return len(b) > from
}

// decoding implements textual.
func (r asciiRuns) decoding(int, []byte) decoding {
	switch r.encoding {
	case UTF16LE:
		return decoding{wide: true, order: addr.Little}
	case UTF16BE:
		return decoding{wide: true, order: addr.Big}
	}
	return decoding{}
}
