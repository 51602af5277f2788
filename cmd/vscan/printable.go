package main

import "vscan/engine/wording"

// Names come out of images, which others have made: they may hold escape
// sequences, line ends or bytes that are no text. What people read, at a
// terminal or in a line of text, goes through printable; what programs read
// through validUTF8.

// printable is s with all that does not print in ASCII or Unicode escaped.
func printable(s string) string { return wording.Printable(s) }

// validUTF8 is s with the bytes that are not UTF-8 escaped as \xNN, so that two
// names that differ stay different.
func validUTF8(s string) string { return wording.ValidUTF8(s) }

// printByte is the byte where it prints in ASCII, else a dot.
func printByte(b byte) byte {
	if b < ' ' || b > '~' {
		return '.'
	}
	return b
}

// columns is how wide a printable text stands on a terminal: East Asian
// characters, taken roughly, are two columns wide.
func columns(s string) int {
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

// cut is the beginning of a text that stands on so many columns.
func cut(s string, width int) string {
	for i, r := range s {
		if width -= runeColumns(r); width < 0 {
			return s[:i]
		}
	}
	return s
}
