package wording

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Names come out of images, which others have made: they may hold escape sequences,
// characters that turn the line around, line ends, or bytes that are no text. This file
// has the one escaping of all that is printed:
//
//	\xNN        a byte that is no UTF-8, or a control character of ASCII
//	\uNNNN      a character that does not show, in hexadecimal; above U+FFFF \UNNNNNNNN
//	\\          a backslash, wherever text has one of these three
//
// A backslash is doubled only in text that has something to escape, or that could be
// taken for text that was escaped. So C:\new stays as it is, and every text has one form
// of its own, from which Unescape makes the text again:
//
//	Escape     names, as they are printed
//	Unescape   names, as they were printed, where they are given
//	ValidUTF8  names in a format that can write any character, as JSON
//	AppendJSON text as JSON
//	Printable  sentences, in which names stand that are escaped already
//	Text       characters of memory, in a line of their own
//
// What shows is what Unicode calls letters, marks, numbers, punctuation and symbols, and
// the blank. What does not: control characters (Cc), format characters (Cf), among them
// those that change the direction of writing, of no width, and tags; line and paragraph
// separators; other blanks, since they look like the usual one; private and unassigned
// characters. Neither do variation selectors, the combining grapheme joiner and Hangul
// fillers, which count as marks and letters and have no form: two names that differ
// must not look alike. A combining mark shows, but not at the beginning of a text, where it
// would join what stands in front. Letters that are written from right to left stay as
// they are, for names are written in them.

// Escape returns s with all that does not show escaped. Two texts that differ are
// escaped to two that differ.
func Escape(s string) string {
	if n := asciiLength(s, ' '); (n == len(s) || shows(s)) && !hasEscape(s) {
		return s
	}
	return escaped(s, true, showsAt)
}

// Unescape returns the text that Escape, or ValidUTF8, has made s of. Text without
// escapes is returned as it is.
func Unescape(s string) string {
	if !hasEscape(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if r, isByte, n := escapeAt(s[i:]); n == 0 {
			b.WriteByte(s[i])
			i++
		} else {
			if isByte {
				b.WriteByte(byte(r))
			} else {
				b.WriteRune(r)
			}
			i += n
		}
	}
	return b.String()
}

// Printable returns a sentence with all that does not show escaped, and its backslashes as
// they are.
func Printable(s string) string {
	if asciiLength(s, ' ') == len(s) || shows(s) {
		return s
	}
	return escaped(s, false, showsAt)
}

// Text is Printable for text that was found in memory, and is no name. It keeps tabs, and what
// belongs to text and does no harm: the blank of East Asian scripts, and the selector
// behind an emoji.
func Text(s string) string {
	if asciiLength(s, '\t') == len(s) {
		return s
	}
	return escaped(s, false, func(s string, i int, r rune) bool {
		return r == '\t' || r == '\u3000' || r == '\ufe0f' && i > 0 || showsAt(s, i, r)
	})
}

// ValidUTF8 returns s with the bytes that are not UTF-8 escaped as in Escape, and no
// characters. Text that is UTF-8 is returned as it is.
func ValidUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return escaped(s, true, func(string, int, rune) bool { return true })
}

// EscapeBytes is ValidUTF8 for text that stands beside text which is not UTF-8: what
// could be taken for escaped is escaped as well.
func EscapeBytes(s string) string {
	if utf8.ValidString(s) && !hasEscape(s) {
		return s
	}
	return escaped(s, true, func(string, int, rune) bool { return true })
}

// Shows reports whether a character shows wherever it stands but at the beginning.
func Shows(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r <= '~'
	}
	return strconv.IsPrint(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// showsAt reports whether the character r shows that begins at s[i].
func showsAt(s string, i int, r rune) bool {
	return Shows(r) && !(i == 0 && r >= utf8.RuneSelf && unicode.IsMark(r))
}

// asciiLength returns how many bytes s begins with that are characters of ASCII which show,
// or the character also.
func asciiLength(s string, also byte) int {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c-' ' > '~'-' ' && c != also {
			return i
		}
	}
	return len(s)
}

// shows reports whether all of s is UTF-8 and shows.
func shows(s string) bool {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || !showsAt(s, i, r) {
			return false
		}
		i += n
	}
	return true
}

// hasEscape reports whether s has anything that Unescape replaces.
func hasEscape(s string) bool {
	for i := strings.IndexByte(s, '\\'); i >= 0 && i < len(s); i++ {
		if s[i] == '\\' {
			if _, _, n := escapeAt(s[i:]); n > 0 {
				return true
			}
		}
	}
	return false
}

// escapeAt reads the escape that s begins with: its byte, or its character, and its
// length, which is 0 where s begins with none. Digits in upper case count as well, for
// they are read where names are given.
func escapeAt(s string) (r rune, isByte bool, n int) {
	if len(s) < 2 || s[0] != '\\' {
		return 0, false, 0
	}
	switch s[1] {
	case '\\':
		return '\\', true, 2
	case 'x':
		n = 4
	case 'u':
		n = 6
	case 'U':
		n = 10
	}
	if n == 0 || len(s) < n {
		return 0, false, 0
	}
	v, err := strconv.ParseUint(s[2:n], 16, 32)
	if err != nil || s[1] != 'x' && (v > unicode.MaxRune || !utf8.ValidRune(rune(v))) {
		return 0, false, 0
	}
	return rune(v), s[1] == 'x', n
}

// escaped escapes the bytes of s that are not UTF-8, the characters for which plain is
// false and, if double is set, backslashes.
func escaped(s string, double bool, plain func(s string, i int, r rune) bool) string {
	b := make([]byte, 0, len(s)+16)
	for i := 0; i < len(s); {
		if n := asciiLength(s[i:], ' '); n > 0 {
			if bs := strings.IndexByte(s[i:i+n], '\\'); bs >= 0 && double {
				n = bs
			}
			if b = append(b, s[i:i+n]...); n > 0 {
				i += n
				continue
			}
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b = appendHex(append(b, `\x`...), uint32(s[i]), 2)
		case r == '\\' && double:
			b = append(b, `\\`...)
		case plain(s, i, r):
			b = append(b, s[i:i+n]...)
		case r < utf8.RuneSelf:
			b = appendHex(append(b, `\x`...), uint32(r), 2)
		case r > 0xffff:
			b = appendHex(append(b, `\U`...), uint32(r), 8)
		default:
			b = appendHex(append(b, `\u`...), uint32(r), 4)
		}
		i += n
	}
	return string(b)
}

// appendHex appends v as so many hexadecimal digits.
func appendHex(b []byte, v uint32, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		b = append(b, "0123456789abcdef"[v>>shift&15])
	}
	return b
}

// AppendJSONSafe appends JSON in which no character stands that does not show: they are
// written as JSON writes them, so that its strings stay what they are. In JSON none of
// them stands outside of a string, but for line ends, which stay.
func AppendJSONSafe(dst, json []byte) []byte {
	before := rune(0)
	for i := 0; i < len(json); {
		r, n := utf8.DecodeRune(json[i:])
		switch {
		case r == '\n' || Shows(r) && !(before == '"' && r >= utf8.RuneSelf && unicode.IsMark(r)):
			dst = append(dst, json[i:i+n]...)
		default:
			dst = appendUTF16(dst, r)
		}
		before = r
		i += n
	}
	return dst
}

// AppendJSON appends text as a string of JSON, as encoding/json writes it without escapes for
// HTML, in which no character stands that does not show. The text has to be UTF-8.
func AppendJSON(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		start := i
		for i < len(s) && s[i]-' ' <= '~'-' ' && s[i] != '"' && s[i] != '\\' {
			i++
		}
		if dst = append(dst, s[start:i]...); i == len(s) {
			break
		}
		if c := s[i]; c < utf8.RuneSelf {
			if k := strings.IndexByte("\"\\\b\f\n\r\t", c); k >= 0 {
				dst = append(dst, '\\', "\"\\bfnrt"[k])
			} else {
				dst = appendHex(append(dst, `\u`...), uint32(c), 4)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if showsAt(s, i, r) {
			dst = append(dst, s[i:i+n]...)
		} else {
			dst = appendUTF16(dst, r)
		}
		i += n
	}
	return append(dst, '"')
}

// appendUTF16 appends a character as JSON escapes it.
func appendUTF16(dst []byte, r rune) []byte {
	if r > 0xffff {
		dst = appendHex(append(dst, `\u`...), 0xd800+uint32(r-0x10000)>>10, 4)
		return appendHex(append(dst, `\u`...), 0xdc00+uint32(r-0x10000)&0x3ff, 4)
	}
	return appendHex(append(dst, `\u`...), uint32(r), 4)
}

// PrintByte returns the byte where it prints in ASCII, else a dot.
func PrintByte(b byte) byte {
	if b < ' ' || b > '~' {
		return '.'
	}
	return b
}

// Columns returns how many columns of a terminal a printable text takes: East Asian
// characters, taken roughly, are two columns wide.
func Columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if r >= 0x1100 {
		return 2
	}
	return 1
}

// Cut returns the beginning of a text that takes at most so many columns.
func Cut(s string, width int) string {
	for i, r := range s {
		if width -= runeColumns(r); width < 0 {
			return s[:i]
		}
	}
	return s
}
