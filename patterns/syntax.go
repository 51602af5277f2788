package patterns

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Parse reads one pattern as it stands on a command line; the package comment has the
// language. Blanks count: a pattern with a blank in front is literal text. The error is an
// *Error, whose Column counts in s.
func Parse(s string) (Pattern, error) { return parse(s, "", 0) }

// asLiteral is the advice to those whose text happens to look like a pattern.
const asLiteral = "; if it is meant literally, put text: in front of it all"

// parse reads a pattern from a command line (line 0) or from a line of a file, where blanks
// in front of a kind and around the = of a name do not count.
func parse(s, file string, line int) (Pattern, error) {
	in := input{text: s, end: len(s), file: file, line: line}
	p := Pattern{File: file, Line: line, origin: originRead, text: s}
	name, start, h := splitHead(s, line > 0)
	if h.kind == nil {
		return literalOf(s, file, line)
	}
	p.Written, p.Kind = s[start:], h.kind.kind
	if p.Name = name; name == "" {
		p.Name = p.Written
	}
	flags, err := h.checkFlags(&in)
	if err != nil {
		return Pattern{}, err
	}
	in.pos = h.body
	p.body, err = h.kind.parse(in, h.keyword, flags)
	if err != nil {
		return Pattern{}, err
	}
	return p, nil
}

// A head is what stands in front of a body: KIND[/FLAGS]:
type head struct {
	kind    *kind // nil where no known kind stands there
	keyword string
	flags   string
	flagsAt int  // offset of the flags in the pattern
	slash   bool // whether there was a /
	body    int  // offset of the body in the pattern
}

// splitHead finds the kind of a pattern and the name in front of it, if any. start is the
// offset of the kind. If there is no kind, s is literal text. layout tells whether blanks
// in front of the kind and around the = are skipped.
func splitHead(s string, layout bool) (name string, start int, h head) {
	i := 0
	if layout {
		i = skipBlanks(s, i)
	}
	if h = headAt(s, i); h.kind != nil {
		return "", i, h
	}
	n := i
	for n < len(s) && isNameByte(s[n], n == i) {
		n++
	}
	if n == i {
		return "", 0, head{}
	}
	name = s[i:n]
	if layout {
		n = skipBlanks(s, n)
	}
	if n == len(s) || s[n] != '=' {
		return "", 0, head{}
	}
	n++
	if layout {
		n = skipBlanks(s, n)
	}
	if h = headAt(s, n); h.kind == nil {
		return "", 0, head{}
	}
	return name, n, h
}

// headAt reads KIND: or KIND/FLAGS: at offset i. All up to the first colon is FLAGS, so
// that a wrong flag is an error and does not silently make the pattern a literal.
func headAt(s string, i int) head {
	n := i
	for n < len(s) && (s[n] >= 'a' && s[n] <= 'z' || s[n] >= '0' && s[n] <= '9') {
		n++
	}
	if n == len(s) || s[n] != ':' && s[n] != '/' {
		return head{}
	}
	k := kindOf[s[i:n]]
	if k == nil {
		return head{}
	}
	if s[n] == ':' {
		return head{kind: k, keyword: s[i:n], body: n + 1}
	}
	colon := strings.IndexByte(s[n:], ':')
	if colon < 0 {
		return head{}
	}
	return head{kind: k, keyword: s[i:n], slash: true, flags: s[n+1 : n+colon], flagsAt: n + 1, body: n + colon + 1}
}

// checkFlags returns the flags that were given, if the kind takes all of them. What stands
// in parentheses behind a flag is left out, and stored in in.
func (h head) checkFlags(in *input) (flags string, err error) {
	if h.slash && h.flags == "" {
		return "", in.fault(h.flagsAt, "no flag after the /: %s", h.kind.takes(h.keyword))
	}
	for i := 0; i < len(h.flags); i++ {
		f, at := h.flags[i], h.flagsAt+i
		switch {
		case strings.IndexByte(h.kind.flags, f) >= 0:
			if strings.IndexByte(flags, f) >= 0 {
				return "", in.fault(at, "flag %c given twice", f)
			}
		case h.kind.flags == "":
			return "", in.fault(at, "%s%s", h.kind.takes(h.keyword), asLiteral)
		default:
			return "", in.fault(at, "unknown flag %s: %s%s", in.found(at), h.kind.takes(h.keyword), asLiteral)
		}
		flags += string(f)
		if strings.IndexByte(h.kind.arg, f) < 0 || !strings.HasPrefix(h.flags[i+1:], "(") {
			continue
		}
		n := strings.IndexByte(h.flags[i+1:], ')')
		if n < 0 {
			return "", in.fault(at+1, "want a ) to this (, found the colon")
		}
		in.arg, in.argAt = h.flags[i+2:i+1+n], at+2
		i += 1 + n
	}
	return flags, nil
}

// takes returns a message that lists the flags that a kind takes.
func (k *kind) takes(keyword string) string {
	if k.flags == "" {
		return keyword + " takes no flags"
	}
	return keyword + " takes " + letters(k.flags)
}

// letters returns the letters of s as a list: "w, W".
func letters(s string) string { return strings.Join(strings.Split(s, ""), ", ") }

// An input is a body that is being read: text[pos:end]. Offsets count in text, the whole
// pattern as it was given, so that errors find their column.
type input struct {
	text     string
	pos, end int
	file     string
	line     int

	arg   string // what stands in parentheses behind a flag
	argAt int    // its offset in text; 0 where there is nothing
}

// body returns the text that is left to read.
func (in input) body() string { return in.text[in.pos:in.end] }

// trim returns the input without the blanks at its ends.
func (in input) trim() input {
	for in.pos < in.end && isBlank(in.text[in.pos]) {
		in.pos++
	}
	for in.pos < in.end && isBlank(in.text[in.end-1]) {
		in.end--
	}
	return in
}

// fault returns an error about the byte at offset at, or about the end of the pattern.
func (in input) fault(at int, format string, args ...any) *Error {
	return &Error{File: in.file, Line: in.line, Pattern: in.text, Column: at + 1, Msg: fmt.Sprintf(format, args...)}
}

// tooLong returns the error of a needle of n bytes.
func (in input) tooLong(n int) *Error {
	return in.fault(in.pos, "%d bytes to look for: at most %d", n, MaxBytes)
}

// found describes the character at offset at, for messages such as "want X, found Y".
func (in input) found(at int) string {
	if at >= in.end {
		return "the end"
	}
	r, n := utf8.DecodeRuneInString(in.text[at:in.end])
	if r == utf8.RuneError && n == 1 {
		return fmt.Sprintf("the byte %#02x", in.text[at])
	}
	return fmt.Sprintf("%q", r)
}

func skipBlanks(s string, i int) int {
	for i < len(s) && isBlank(s[i]) {
		i++
	}
	return i
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func isNameByte(c byte, first bool) bool {
	switch {
	case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c == '_':
		return true
	case c >= '0' && c <= '9', c == '.', c == '$', c == '-':
		return !first
	}
	return false
}
