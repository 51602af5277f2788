package patterns

import (
	"sync"
	"unicode"
)

// A script is what a character is for runs of text: the script that a letter is of, or a
// class of characters that go with any script.
type script uint8

const (
	noText      script = iota // not assigned, not printable, for private use, or of a rare script
	plainASCII                // 0x20 to 0x7e and the tab
	anyScript                 // marks, signs and symbols that go with letters of any script
	rareHan                   // Chinese characters and Korean syllables that no standard puts first
	oftenHan                  // Chinese characters that a standard puts first: commonhan.go
	oftenHangul               // Korean syllables that the standard puts first
	firstScript               // this and those above it: letters of a script each
)

// scriptTables has the scripts whose letters are text in all encodings, each with the marks
// of its own. Letters of one script are common neighbours, and letters of two scripts are
// not. The scripts of Japanese, except for Chinese characters, count as one.
var scriptTables = [][]*unicode.RangeTable{
	{latin}, {unicode.Greek}, {unicode.Cyrillic}, {unicode.Armenian}, {unicode.Hebrew}, {unicode.Arabic, arabic},
	{unicode.Devanagari}, {unicode.Bengali}, {unicode.Gurmukhi}, {unicode.Gujarati}, {unicode.Tamil}, {unicode.Telugu},
	{unicode.Kannada}, {unicode.Malayalam}, {unicode.Sinhala}, {unicode.Thai}, {unicode.Lao}, {unicode.Tibetan},
	{unicode.Myanmar}, {unicode.Georgian}, {unicode.Ethiopic}, {unicode.Khmer}, {unicode.Mongolian},
	{unicode.Hiragana, unicode.Katakana, longKana}, {unicode.Bopomofo}, {marks},
}

// latin has the letters of Latin in use beyond ASCII. Of the blocks behind Latin
// Extended-A, whose numbers are those of small integers, it has only some. It does not have
// ÿ, which is seldom written and whose byte is everywhere.
var latin = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x00c0, Hi: 0x00fe, Stride: 1}, {Lo: 0x0100, Hi: 0x017f, Stride: 1}, {Lo: 0x0192, Hi: 0x0192, Stride: 1}, {Lo: 0x01a0, Hi: 0x01a1, Stride: 1}, // ƒ, Vietnamese
	{Lo: 0x01af, Hi: 0x01b0, Stride: 1}, {Lo: 0x0218, Hi: 0x021b, Stride: 1}, {Lo: 0x1e00, Hi: 0x1eff, Stride: 1}, // Vietnamese, Romanian
}}

// arabic has what Unicode counts as of no script and is part of Arabic text: tatweel,
// vowels, digits. longKana is the same for katakana: the mark of a long vowel.
var (
	arabic   = &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0x0640, Hi: 0x0640, Stride: 1}, {Lo: 0x064b, Hi: 0x0669, Stride: 1}}}
	marks    = &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0x0300, Hi: 0x036f, Stride: 1}}} // combining marks
	longKana = &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0x30fc, Hi: 0x30fc, Stride: 1}}}
)

// kana is the script of Japanese in scriptTables.
const kana = firstScript + 23

// signs are the blocks of characters that go with any script: Latin-1, punctuation,
// currencies, letterlike signs, arrows, operators, technical, enclosed and box drawing
// signs, shapes, dingbats, CJK punctuation, wide forms.
var signs = []struct{ lo, hi rune }{
	{0x00a1, 0x00bf}, {0x00d7, 0x00d7}, {0x00f7, 0x00f7}, {0x2010, 0x2027}, {0x2030, 0x205e}, {0x20a0, 0x20c0},
	{0x2100, 0x214f}, {0x2190, 0x23ff}, {0x2460, 0x27bf}, {0x3000, 0x301f}, {0xfe0f, 0xfe0f}, {0xff01, 0xff5e}, {0x060c, 0x061f}, {0x0964, 0x0965}, {0x0e3f, 0x0e3f}, {0x30fb, 0x30fb},
}

// scriptTable returns the script of each character up to U+FFFF.
var scriptTable = sync.OnceValue(func() *[1 << 16]script {
	var t [1 << 16]script
	for i, tables := range scriptTables {
		for _, table := range tables {
			for _, r := range table.R16 {
				for c := rune(r.Lo); c <= rune(r.Hi); c += rune(r.Stride) {
					t[c] = firstScript + script(i)
				}
			}
		}
	}
	// Halfwidth katakana and presentation forms of Arabic are of old terminals, and numbers
	// just below zero look like them.
	for _, s := range []struct{ lo, hi rune }{{0xff61, 0xff9f}, {0xfb50, 0xfdff}, {0xfe70, 0xfefe}} {
		for c := s.lo; c <= s.hi; c++ {
			t[c] = noText
		}
	}
	for _, s := range signs {
		for c := s.lo; c <= s.hi; c++ {
			t[c] = anyScript
		}
	}
	for _, s := range []struct{ lo, hi rune }{{0x3400, 0x4dbf}, {0x4e00, 0x9fff}, {0xac00, 0xd7a3}} {
		for c := s.lo; c <= s.hi; c++ {
			t[c] = rareHan
		}
	}
	bitmap(commonHan, 0x4e00, func(r rune) { t[r] = oftenHan })
	bitmap(commonHangul, 0xac00, func(r rune) { t[r] = oftenHangul })
	for c := range t {
		if !unicode.IsPrint(rune(c)) && c != 0x3000 && c != 0xfe0f {
			t[c] = noText
		}
	}
	for c, printable := range isPrint {
		if printable {
			t[c] = plainASCII
		} else if c < 0x80 {
			t[c] = noText
		}
	}
	return &t
})

// scriptOf returns the script of a character. Beyond U+FFFF there are pictures and Chinese
// characters.
func scriptOf(t *[1 << 16]script, r rune) script {
	switch {
	case r < 0:
	case r < 1<<16:
		return t[r]
	case r >= 0x1f000 && r <= 0x1faff && unicode.IsPrint(r):
		return anyScript
	case r >= 0x20000 && r <= 0x323af && unicode.IsPrint(r):
		return rareHan
	}
	return noText
}
