package patterns

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error tells what is wrong with a pattern that cannot be read or compiled, and where in
// it.
type Error struct {
	File    string // the pattern's file, "" on a command line
	Line    int    // its line in File, from 1; 0 on a command line
	Pattern string // the pattern as it was given, NAME= included; from a file, the whole line; "" where a file shows none
	Column  int    // in Pattern, from 1 and in bytes; len(Pattern)+1 is its end, 0 stands for all of it
	Msg     string // what is wrong and what was expected
	Err     error  // the cause, where something else failed
}

// Error returns one line for a pattern of a command line. For one of a file it returns
// file:line:column and the message, then the line of the file, then a caret under the
// column. Long patterns are shortened, and characters that do not print are replaced.
func (e *Error) Error() string {
	if e.Line == 0 {
		shown, _ := excerpt(e.Pattern, e.Column-1)
		where := ""
		if e.Column > 0 {
			where = "column " + strconv.Itoa(e.Column) + ": "
		}
		return "pattern '" + shown + "': " + where + e.Msg
	}
	where := "line " + strconv.Itoa(e.Line)
	if e.File != "" {
		where = e.File + ":" + strconv.Itoa(e.Line)
	}
	if e.Pattern == "" { // the line is not shown
		if e.Column > 0 {
			where += ":" + strconv.Itoa(e.Column)
		}
		return where + ": " + e.Msg
	}
	shown, caret := excerpt(e.Pattern, e.Column-1)
	if e.Column == 0 {
		return where + ": " + e.Msg + "\n\t" + shown
	}
	return where + ":" + strconv.Itoa(e.Column) + ": " + e.Msg + "\n\t" + shown + "\n\t" + strings.Repeat(" ", caret) + "^"
}

// ShownLines returns how many lines, a tab in front of each, the text of the error ends with that
// show where the pattern is wrong.
func (e *Error) ShownLines() int {
	switch {
	case e.Line == 0 || e.Pattern == "":
		return 0
	case e.Column == 0:
		return 1
	}
	return 2
}

// Unwrap returns the cause, nil where the pattern itself is wrong.
func (e *Error) Unwrap() error { return e.Err }

// Fact is something that an image may or may not tell about itself.
type Fact string

// The facts that patterns may have to know of an image.
const (
	FactWordSize  Fact = "word size"
	FactByteOrder Fact = "byte order"
)

// MissingError tells that patterns cannot be compiled because the Target lacks a fact.
type MissingError struct {
	What    Fact
	Pattern string // the name of the first pattern that needs it
	Kind    Kind   // of that pattern
	Made    bool   // whether Numbers or Pointers made it: then nobody wrote its type
	More    int    // how many more patterns need it
}

// Error returns one line that names the first pattern and the number of the others.
func (e *MissingError) Error() string {
	shown, _ := excerpt(e.Pattern, 0)
	more := ""
	if e.More > 0 {
		more = fmt.Sprintf(" and %d more", e.More)
	}
	other := ""
	if (e.Kind == KindInt || e.Kind == KindFloat) && !e.Made {
		other = " (le or be behind the type says it, as in u32le)"
	}
	return fmt.Sprintf("pattern '%s'%s: the %s of the image is not known%s", shown, more, e.What, other)
}

// excerpt returns as much of s as fits in one line of a message, including offset at, and
// the number of characters in front of at. What does not print becomes U+FFFD, a tab
// becomes a blank.
func excerpt(s string, at int) (shown string, caret int) {
	const width, before = 96, 64
	at = max(0, min(at, len(s)))
	first, last := 0, len(s)
	if len(s) > width {
		if at > before {
			first = at - before
		}
		last = min(len(s), first+width)
		for first > 0 && first > at-before-utf8.UTFMax && !utf8.RuneStart(s[first]) {
			first--
		}
		for n := 0; n < utf8.UTFMax && last < len(s) && !utf8.RuneStart(s[last]); n++ {
			last++
		}
	}
	var b strings.Builder
	if first > 0 {
		b.WriteString("…")
		caret++
	}
	for i := first; i < last; {
		r, n := utf8.DecodeRuneInString(s[i:last])
		switch {
		case r == '\t':
			r = ' '
		case !unicode.IsPrint(r):
			r = utf8.RuneError
		}
		b.WriteRune(r)
		if i += n; i <= at {
			caret++
		}
	}
	if last < len(s) {
		b.WriteString("…")
	}
	return b.String(), caret
}
