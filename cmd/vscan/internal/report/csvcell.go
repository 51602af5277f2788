package report

import (
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"vscan/internal/wording"
)

// Cells of csv have no types, so those who read it guess: DuckDB and pandas take
// 68756e74657232 for a number that is infinite and 007 for 7, spreadsheets run
// what begins with an = or @. So a cell that holds text says that it does,
// wherever it could be taken for anything else: it has a ' in front. Text that
// begins with a ' has one more, so whoever takes one ' away has the text back.
// Bytes are hex: and their digits, as in a pattern. Addresses, and numbers that
// every reader holds exactly, stand as they are.

// CSVText is text as a cell.
func CSVText(s string) string {
	s = strings.ReplaceAll(wording.ValidUTF8(s), "\x00", `\x00`) // which readers take for the end
	if s != "" && misread(s) {
		return textMark + s
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

// leastInexact is the least number whose digits a float of 64 bits may not all have.
const leastInexact = 1e15

// csvCount is a number as a cell.
func csvCount(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	if n < leastInexact {
		return digits
	}
	return CSVText(digits)
}

// csvValue is what a hit holds, as its kind reads it, as a cell. A number is a
// number only where a float of 64 bits has all its digits: next to a fraction,
// a column is read as such floats.
func csvValue(s string) string {
	if s == "" {
		return ""
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil && strconv.FormatUint(n, 10) == s {
		return csvCount(n)
	}
	if offsetsCell().MatchString(s) || fractionCell().MatchString(s) {
		return s
	}
	return CSVText(s)
}

var (
	// offsetsCell is an address, or the offsets of a chain.
	offsetsCell  = lazily(`^0x[0-9a-f]{1,16}( -?0x[0-9a-f]{1,16})*$`)
	fractionCell = lazily(`^[0-9]{1,15}\.[0-9]{1,20}(e[+-][0-9]{1,3})?$|^[0-9]e[+-][0-9]{1,3}$`)
)

// misread reports whether text could be taken for something else. What does not
// show at its beginning does not count, since some readers drop it.
func misread(s string) bool {
	if strings.IndexByte(textMark+"\t\r\n", s[0]) >= 0 {
		return true
	}
	shown := strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) })
	first, _ := utf8.DecodeRuneInString(shown)
	switch {
	case strings.ContainsRune(formulaSigns, first):
		return true
	case unicode.IsLetter(first) || first == '#' || first == '<':
		return isWordOfValue(shown)
	}
	return numberLike().MatchString(shown)
}

const (
	textMark = "'"
	// formulaSigns are what begins a formula, in all their widths.
	formulaSigns = "=+-@\u2212\uff0b\uff0d\uff1d\uff20"
)

// isWordOfValue reports whether text is truth, infinity or nothing in a word, or
// a date that begins with its month. There are as many texts as hits, and an
// expression is looked for in few of them.
func isWordOfValue(s string) bool {
	s = strings.TrimRightFunc(s, unicode.IsSpace)
	if len(s) <= len("infinity") && valueWords[strings.ToLower(s)] || s == "None" {
		return true
	}
	return len(s) < 40 && strings.ContainsAny(s, "0123456789") && dateLike().MatchString(s)
}

var valueWords = map[string]bool{
	"t": true, "f": true, "y": true, "n": true, "true": true, "false": true, "yes": true, "no": true, "on": true, "off": true,
	"inf": true, "infinity": true, "nan": true, "null": true, "nil": true, "nat": true, "na": true, "n/a": true, "#n/a": true, "<na>": true,
}

var (
	// numberLike is a number, date, time, amount or version: a digit, first but
	// for brackets and the like, and no letters but those of such.
	numberLike = lazily(`(?i)^[\s\p{Z}(.,$€£¥%]*\d(?:[^\pL]|[a-fxopluztm]|` + months + `|inf|nan|utc|gmt)*$`)
	dateLike   = lazily(`(?i)^` + months + `[\s\p{Z}\pP]*\d[^\pL]*$`)
)

const months = `(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)`

// lazily returns a regular expression that is compiled when it is first asked for:
// that takes longer than a small search.
func lazily(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
