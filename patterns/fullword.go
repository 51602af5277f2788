package patterns

import (
	"bytes"
	"slices"

	"vscan/engine/addr"
)

// encodedTexts is text in several encodings.
type encodedTexts []encodedText

// An encodedText is text in one encoding.
type encodedText struct {
	literal
	charSize  uint8 // bytes of a character: 1 or 2
	bigEndian bool  // whether the high byte of the two is the first
}

// add adds the text in an encoding.
func (w encodedTexts) add(e literal, charSize uint8, bigEndian bool) encodedTexts {
	return append(w, encodedText{literal: e, charSize: charSize, bigEndian: bigEndian})
}

// needles returns the text in its encodings, no two of which are alike. What is under keys is a
// needle with these, whose bytes are the text as it was written; of one byte, it is a number, for
// it has no neighbour that is under the same key.
func (b *textBody) needles(*Pattern, *compiler) ([]Needle, error) {
	out := make([]Needle, 0, len(b.texts))
	for i := range b.texts {
		w := &b.texts[i]
		n := Needle{Lit: w.bytes, Mask: w.mask, Align: 1}
		if b.keys != nil {
			n.Keys = Keys{*b.keys, true}
		}
		if b.keys != nil && len(w.bytes) == 1 {
			n = wordNeedle(1, addr.Little, b.keys.values(w.bytes[0]), 1)
		}
		if !slices.ContainsFunc(out, func(old Needle) bool { return sameHits(old, n) }) {
			out = append(out, n)
		}
	}
	return out, nil
}

func (b *fullWordBody) needles(*Pattern, *compiler) ([]Needle, error) { return nil, nil }

// exprs returns the text in its encodings, under the keys if it has any.
func (b *fullWordBody) exprs(*Pattern, *compiler) ([]Expr, error) {
	if b.keys == nil {
		return b.texts.exprs(), nil
	}
	out := make([]Expr, len(b.texts))
	for i := range b.texts {
		w := &keyedText{&b.texts[i], *b.keys}
		n := len(w.bytes)
		out[i] = Expr{Matcher: w, Align: 1, MinLen: n, MaxLen: n, Anchors: w.anchors()}
	}
	return out, nil
}

// A keyedText is text in one encoding, under any of some keys.
type keyedText struct {
	*encodedText // without the keys
	keys         KeyRange
}

// anchors returns the anchors of the text: itself under its keys, or where it is one byte, each
// byte that it may be.
func (w *keyedText) anchors() []Anchor {
	if len(w.bytes) > 1 {
		return []Anchor{{Lit: w.bytes, Keys: Keys{w.keys, true}}}
	}
	out := make([]Anchor, 0, w.keys.count())
	for key := int(w.keys.Lo); key <= int(w.keys.Hi); key++ {
		out = append(out, Anchor{Lit: []byte{w.bytes[0] ^ byte(key)}})
	}
	return out
}

// Match implements Matcher: it returns the length of the text, if it stands at a place under one of
// the keys and is a full word.
func (w *keyedText) Match(m *Memory, at int) int {
	n := len(w.bytes)
	if n > len(m.Bytes)-at {
		return 0
	}
	b := m.Bytes[at : at+n]
	if key := b[0] ^ w.bytes[0]; !w.keys.Has(key) || !w.begins(b, key) {
		return 0
	}
	if w.inWord(m, at) {
		return 0
	}
	return n
}

// exprs returns the text in its encodings, without keys.
func (w encodedTexts) exprs() []Expr {
	out := make([]Expr, len(w))
	for i := range w {
		n := len(w[i].bytes)
		out[i] = Expr{
			Matcher: &w[i], Align: 1, MinLen: n, MaxLen: n,
			Anchors: []Anchor{{Lit: w[i].bytes, Mask: w[i].mask}},
		}
	}
	return out
}

// Match implements Matcher: it returns the length of the text, if it stands at a place and
// is a full word.
func (w *encodedText) Match(m *Memory, at int) int {
	n := len(w.bytes)
	if n > len(m.Bytes)-at || !w.equal(m.Bytes[at:at+n]) {
		return 0
	}
	if w.inWord(m, at) {
		return 0
	}
	return n
}

// inWord reports whether the text, which stands at a place, is no full word there.
func (w *encodedText) inWord(m *Memory, at int) bool {
	return w.alnumAt(m, at-int(w.charSize)) || w.alnumAt(m, at+len(w.bytes))
}

func (w *encodedText) equal(b []byte) bool {
	if w.mask == nil {
		return bytes.Equal(b, w.bytes)
	}
	for i, c := range b {
		if c&w.mask[i] != w.bytes[i] {
			return false
		}
	}
	return true
}

// alnumAt reports whether an ASCII letter or digit stands at a place, encoded as the text
// is. It ignores the key: what lies around is taken as it is, as in YARA.
func (w *encodedText) alnumAt(m *Memory, at int) bool {
	var b [2]byte
	for i := range int(w.charSize) {
		c, ok := m.At(at + i)
		if !ok {
			return false
		}
		b[i] = c
	}
	c, zero := b[0], b[1]
	if w.bigEndian {
		c, zero = zero, c
	}
	return zero == 0 && (isLetter(rune(c)) || c >= '0' && c <= '9')
}
