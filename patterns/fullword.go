package patterns

import "bytes"

// encodedTexts is text in several encodings, or under several keys. Its methods make it a
// body that is found as full words only.
type encodedTexts []encodedText

// An encodedText is text in one encoding.
type encodedText struct {
	literal
	charSize  int  // bytes of a character: 1 or 2
	bigEndian bool // whether the high byte of the two is the first
}

// add adds the text in an encoding.
func (w encodedTexts) add(e literal, charSize int, bigEndian bool) encodedTexts {
	return append(w, encodedText{literal: e, charSize: charSize, bigEndian: bigEndian})
}

// xor returns the texts under every key. A set has thousands of texts with hundreds of keys,
// so it is asked for when a set is compiled, and not when a pattern is read.
func (w encodedTexts) xor(keys KeyRange) encodedTexts {
	out := make(encodedTexts, 0, len(w)*keys.count())
	for _, v := range w {
		for key := int(keys.Lo); key <= int(keys.Hi); key++ {
			x := v
			x.bytes = bytes.Clone(v.bytes)
			for i := range x.bytes {
				x.bytes[i] ^= byte(key)
			}
			out = append(out, x)
		}
	}
	return out
}

// needles returns the literals of the text under every key, no two of which are alike: those
// of one encoding differ in their keys, and those of others in their lengths, but for the two
// byte orders of UTF-16, of which a letter under one key is the other under two keys.
func (b *textBody) needles(p *Pattern, c *compiler) ([]Needle, error) {
	if b.keys == nil {
		return b.literals.needles(p, c)
	}
	lengths := map[int]bool{}
	for _, w := range b.texts {
		lengths[len(w.bytes)] = true
	}
	all := make(literals, 0, len(b.texts)*b.keys.count())
	for _, w := range b.texts.xor(*b.keys) {
		if len(lengths) < len(b.texts) {
			all = all.add(w.literal)
		} else {
			all = append(all, w.literal)
		}
	}
	return all.needles(p, c)
}

func (w encodedTexts) needles(*Pattern, *compiler) ([]Needle, error) { return nil, nil }

// exprs returns the text under every key.
func (b *fullWordBody) exprs(p *Pattern, c *compiler) ([]Expr, error) {
	if b.keys == nil {
		return b.encodedTexts.exprs(p, c)
	}
	return b.texts.xor(*b.keys).exprs(p, c)
}

func (w encodedTexts) exprs(*Pattern, *compiler) ([]Expr, error) {
	out := make([]Expr, len(w))
	for i := range w {
		n := len(w[i].bytes)
		out[i] = Expr{
			Matcher: &w[i], Align: 1, MinLen: n, MaxLen: n,
			Anchors: []Anchor{{Lit: w[i].bytes, Mask: w[i].mask}},
		}
	}
	return out, nil
}

// Match implements Matcher: it returns the length of the text, if it stands at a place and
// is a full word.
func (w *encodedText) Match(m *Memory, at int) int {
	n := len(w.bytes)
	if n > len(m.Bytes)-at || !w.equal(m.Bytes[at:at+n]) {
		return 0
	}
	if w.alnumAt(m, at-w.charSize) || w.alnumAt(m, at+n) {
		return 0
	}
	return n
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
	for i := range w.charSize {
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
