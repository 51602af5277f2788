package wording

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Names come out of images, which others have made: they may hold escape sequences,
// line ends or bytes that are no text. What people read, at a terminal or in a line
// of text, goes through Printable; what programs read through ValidUTF8.

// Printable returns s with all that does not print in ASCII or Unicode escaped.
func Printable(s string) string { return escaped(s, strconv.IsPrint) }

// ValidUTF8 returns s with the bytes that are not UTF-8 escaped as \xNN, so that two
// names that differ stay different.
func ValidUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return escaped(s, func(rune) bool { return true })
}

// escaped escapes the bytes of s that are not UTF-8, and the characters that are not
// plain, as Go writes them.
func escaped(s string, plain func(rune) bool) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case plain(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
		i += n
	}
	return b.String()
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
