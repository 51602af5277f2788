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

// Cells of csv have no types, so programs that read csv guess: DuckDB and pandas take
// 68756e74657232 for an infinite number and 007 for 7, and spreadsheets run what begins
// with = or @. Therefore text has a ' in front wherever it could be taken for anything else.
// Text that begins with a ' has one more, so whoever takes one ' away has the text back.
// What does not show is escaped, line ends and tabs included, so that a row is a line. So is a
// semicolon with a formula behind it: where a comma stands in numbers, spreadsheets take
// semicolons for what is between cells.
// Bytes are hex: and their digits, as in a pattern. Addresses, and numbers that every reader
// holds exactly, stand as they are.

// CSVText returns text as a cell.
func CSVText(s string) string {
	cell := wording.Escape(s)
	if formulaBehind(cell) {
		if cell == s {
			cell = strings.ReplaceAll(s, `\`, `\\`)
		}
		cell = withoutFormulas(cell)
	}
	if s != "" && (misread(cell) || cell != s && misread(s)) { // whoever takes the escapes for their characters is safe, too
		return textMark + cell
	}
	return cell
}

// csvBytes returns bytes as a cell, which is empty where there are none.
func csvBytes(b []byte) string { return CSVHex(hex.EncodeToString(b)) }

// CSVHex returns bytes as a cell; digits are these bytes in hexadecimal.
func CSVHex(digits string) string {
	if digits == "" {
		return ""
	}
	return "hex:" + digits
}

// leastInexact is the least number whose digits a float of 64 bits may not all have.
const leastInexact = 1e15

// CSVCount returns a number as a cell.
func CSVCount(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	if n < leastInexact {
		return digits
	}
	return CSVText(digits)
}

// CSVValue returns the value of a hit, as its kind reads it, as a cell. A number is
// written as a number only where a float of 64 bits has all its digits, since readers
// take a column that has a fraction somewhere for a column of such floats.
func CSVValue(s string) string {
	if s == "" {
		return ""
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil && strconv.FormatUint(n, 10) == s {
		return CSVCount(n)
	}
	if offsetsCell().MatchString(s) || fractionCell().MatchString(s) {
		return s
	}
	return CSVText(s)
}

var (
	// offsetsCell matches an address, or the offsets of a chain, and fractionCell a fraction.
	offsetsCell  = lazily(`^0x[0-9a-f]{1,16}( -?0x[0-9a-f]{1,16})*$`)
	fractionCell = lazily(`^[0-9]{1,15}\.[0-9]{1,20}(e[+-][0-9]{1,3})?$|^[0-9]e[+-][0-9]{1,3}$`)
)

// misread reports whether readers could take text for something else. Characters at its
// beginning that do not show are passed over, since some readers drop them.
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
	textMark = "'" // stands in front of text that could be taken for something else
	// formulaSigns are the signs that begin a formula, in all their widths.
	formulaSigns = "=+-@\u2212\uff0b\uff0d\uff1d\uff20"
)

// formulaBehind reports whether a formula stands behind a semicolon in a cell.
func formulaBehind(cell string) bool {
	for {
		_, behind, ok := strings.Cut(cell, ";")
		if !ok {
			return false
		}
		if beginsFormula(behind) {
			return true
		}
		cell = behind
	}
}

// withoutFormulas escapes the semicolons of a cell that have a formula behind them.
func withoutFormulas(cell string) string {
	var b strings.Builder
	for {
		before, behind, ok := strings.Cut(cell, ";")
		b.WriteString(before)
		switch {
		case !ok:
			return b.String()
		case beginsFormula(behind):
			b.WriteString(`\x3b`)
		default:
			b.WriteByte(';')
		}
		cell = behind
	}
}

// beginsFormula reports whether what stands behind a semicolon would be a formula in a cell
// of its own. Quotes go there: in front of it they are those of csv.
func beginsFormula(s string) bool {
	shown := strings.TrimLeftFunc(s, func(r rune) bool { return r == '"' || unicode.IsSpace(r) })
	first, _ := utf8.DecodeRuneInString(shown)
	return shown != "" && strings.ContainsRune(formulaSigns, first)
}

// isWordOfValue reports whether text is a word for true, false, infinite or nothing, or
// a date that begins with its month. There are as many texts as hits, so an expression
// is looked for only in the few that it may match.
func isWordOfValue(s string) bool {
	s = strings.TrimRightFunc(s, unicode.IsSpace)
	if len(s) <= len("infinity") && valueWords[strings.ToLower(s)] || s == "None" {
		return true
	}
	return len(s) < 40 && strings.ContainsAny(s, "0123456789") && dateLike().MatchString(s)
}

// valueWords are words that readers take for a value, in lower case.
var valueWords = map[string]bool{
	"t": true, "f": true, "y": true, "n": true, "true": true, "false": true, "yes": true, "no": true, "on": true, "off": true,
	"inf": true, "infinity": true, "nan": true, "null": true, "nil": true, "nat": true, "na": true, "n/a": true, "#n/a": true, "<na>": true,
}

var (
	// numberLike matches numbers, dates, times, amounts and versions: a digit with at most
	// brackets, currency signs and the like in front, and behind it only such letters as
	// these have. dateLike matches dates that begin with their month.
	numberLike = lazily(`(?i)^[\s\p{Z}(.,$€£¥%]*\d(?:[^\pL]|[a-fxopluztm]|` + months + `|inf|nan|utc|gmt)*$`)
	dateLike   = lazily(`(?i)^` + months + `[\s\p{Z}\pP]*\d[^\pL]*$`)
)

// months is an expression for the names of months.
const months = `(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)`

// lazily returns a function that compiles a regular expression when it is first called,
// since compiling takes longer than a small search.
func lazily(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
