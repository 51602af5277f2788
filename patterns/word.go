package patterns

import "bytes"

// words is the body of text that is found as full words only.
type words []word

// word is text in one encoding.
type word struct {
	encoding
	unit int  // bytes of a character: 1 or 2
	big  bool // whether the high byte of two is the first
}

// add adds text in an encoding.
func (w words) add(e encoding, unit int, big bool) words {
	return append(w, word{encoding: e, unit: unit, big: big})
}

// xor is the words under every key.
func (w words) xor(keys KeyRange) words {
	var out words
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

func (w words) needles(*Pattern, *compiler) ([]Needle, error) { return nil, nil }

func (w words) exprs(*Pattern, *compiler) ([]Expr, error) {
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

// Match is the length of the word, if it stands at a place, and stands alone.
func (w *word) Match(m *Memory, at int) int {
	n := len(w.bytes)
	if n > len(m.Bytes)-at || !w.equal(m.Bytes[at:at+n]) {
		return 0
	}
	if w.alnum(m, at-w.unit) || w.alnum(m, at+n) {
		return 0
	}
	return n
}

func (w *word) equal(b []byte) bool {
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

// alnum says whether an ASCII letter or digit stands at a place, encoded as the
// word is. A key is no part of that: what lies around is taken as it is, as
// YARA does.
func (w *word) alnum(m *Memory, at int) bool {
	var b [2]byte
	for i := range w.unit {
		c, ok := m.At(at + i)
		if !ok {
			return false
		}
		b[i] = c
	}
	c, zero := b[0], b[1]
	if w.big {
		c, zero = zero, c
	}
	return zero == 0 && (isLetter(rune(c)) || c >= '0' && c <= '9')
}
