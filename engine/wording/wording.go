// Package wording writes numbers, names and places as people read them in every
// output of vscan.
package wording

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Count returns a number with its noun: "1 byte", "3 bytes".
func Count(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.FormatUint(n, 10) + " " + noun + "s"
}

// Size returns a number of bytes in the largest unit, of 1024, of which there is one:
// "512 bytes", "1.5 GiB".
func Size(n uint64) string {
	if n < 1024 {
		return Count(n, "byte")
	}
	f, unit := float64(n), ""
	for _, unit = range []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"} {
		if f /= 1024; f < 1023.95 { // what is more would print as 1024.0
			break
		}
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}

// Offset returns an offset: "0x10", or "-0x10" before the beginning.
func Offset(v int64) string {
	if v < 0 {
		return "-0x" + strconv.FormatUint(uint64(-v), 16)
	}
	return "0x" + strconv.FormatUint(uint64(v), 16)
}

// Place returns a name and an offset in what it names: "[heap]+0x10", "[heap]-0x10".
func Place(name string, offset int64) string {
	if offset < 0 {
		return name + Offset(offset)
	}
	return name + "+" + Offset(offset)
}

// ShortName returns the last part of an absolute path, and any other name as it is.
func ShortName(name string) string {
	if path.IsAbs(name) {
		return path.Base(name)
	}
	return name
}

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
