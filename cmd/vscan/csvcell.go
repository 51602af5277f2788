package main

import (
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Cells of csv have no types, so those who read it guess: DuckDB and pandas take
// 68756e74657232 for a number that is infinite and 007 for 7, spreadsheets run
// what begins with an = or @. So a cell that holds text says that it does,
// wherever it could be taken for anything else: it has a ' in front. Text that
// begins with a ' has one more, so whoever takes one ' away has the text back.
// Bytes are hex: and their digits, as in a pattern. Addresses, and numbers that
// every reader holds exactly, stand as they are.

// csvText is text as a cell.
func csvText(s string) string {
	s = strings.ReplaceAll(validUTF8(s), "\x00", `\x00`) // which readers take for the end
	if s != "" && misread(s) {
		return mark + s
	}
	return s
}

// csvBytes is bytes as a cell; none are an empty one.
func csvBytes(b []byte) string { return csvHex(hex.EncodeToString(b)) }

// csvHex is bytes that are hexadecimal digits already.
func csvHex(digits string) string {
	if digits == "" {
		return ""
	}
	return "hex:" + digits
}

// csvCount is a number as a cell.
func csvCount(n uint64) string { return csvValue(strconv.FormatUint(n, 10)) }

// csvValue is what a hit holds, as its kind reads it, as a cell. A number is a
// number only where a float of 64 bits has all its digits: next to a fraction,
// a column is read as such floats.
func csvValue(s string) string {
	if addressCell.MatchString(s) || countCell.MatchString(s) {
		return s
	}
	if fractionCell.MatchString(s) {
		if _, err := strconv.ParseFloat(s, 64); err == nil {
			return s
		}
	}
	return csvText(s)
}

var (
	addressCell  = regexp.MustCompile(`^0x[0-9a-f]{1,16}( -?0x[0-9a-f]{1,16})*$`) // or the offsets of a chain
	countCell    = regexp.MustCompile(`^(0|[1-9][0-9]{0,14})$`)                   // below 2^53
	fractionCell = regexp.MustCompile(`^[0-9]{1,15}\.[0-9]+(e[+-][0-9]+)?$|^[0-9]e[+-][0-9]+$`)
)

// misread reports whether text could be taken for something else. What does not
// show at its beginning does not count, since some readers drop it.
func misread(s string) bool {
	shown := strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) })
	first, _ := utf8.DecodeRuneInString(shown)
	return strings.IndexByte(mark+"\t\r\n", s[0]) >= 0 || strings.ContainsRune(signs, first) ||
		numberLike.MatchString(s) || wordLike.MatchString(s)
}

const (
	mark = "'"
	// signs are what begins a formula, in all their widths.
	signs = "=+-@\u2212\uff0b\uff0d\uff1d\uff20"
)

var (
	// numberLike is a number, date, time, amount or version: a digit, first but
	// for blanks and signs, and besides it no letters but those of such.
	numberLike = regexp.MustCompile(`(?i)^[\s\p{Z}(.,$€£¥#%]*\d(?:[^\pL]|[a-fxopluztm]|` + months + `|inf|nan|utc|gmt)*$`)
	// wordLike is truth, infinity, nothing, or a date that begins with its month.
	wordLike = regexp.MustCompile(`^[\s\p{Z}]*(?:(?i:t|f|y|n|true|false|yes|no|on|off|inf|infinity|nan|null|nil|nat|na|n/a|#n/a|<na>|` +
		months + `[\s\p{Z}\pP]*\d[^\pL]*)|None)[\s\p{Z}]*$`)
)

const months = `(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)`
