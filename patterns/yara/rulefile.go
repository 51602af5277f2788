package yara

import (
	"fmt"
	"strings"

	"vscan/patterns"
)

// A position is where something stands in a rule file.
type position struct {
	file   string
	line   int // from 1
	column int // in bytes, from 1; 0 where it is not known
}

// A ruleFile is the text of one rule file.
type ruleFile struct {
	name  string
	text  string
	lines []int32 // offsets of the first bytes of the lines

	// Messages have text of the file only if shown is set. It is set for the files that the
	// caller names. For one that is included it is set once the head of a rule was read in
	// it, rule NAME {, which no other file has: what an include of a stranger's rules names
	// may be anything that the user can read, and messages may go where the file must not.
	shown bool
}

func newRuleFile(name, text string, shown bool) *ruleFile {
	s := &ruleFile{name: name, text: text, shown: shown}
	s.lines = append(make([]int32, 0, strings.Count(text, "\n")+1), 0)
	for i := 0; ; {
		n := strings.IndexByte(text[i:], '\n')
		if n < 0 {
			return s
		}
		i += n + 1
		s.lines = append(s.lines, int32(i)) // a file has at most maxFile bytes
	}
}

// line returns the number of the line that offset at is in, from 1, and the offset of its
// first byte.
func (s *ruleFile) line(at int) (n, start int) {
	lo, hi := 0, len(s.lines)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; int(s.lines[mid]) <= at {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo + 1, int(s.lines[lo])
}

func (s *ruleFile) position(at int) position {
	n, start := s.line(at)
	return position{s.name, n, at - start + 1}
}

// notShown stands in place of a message about a file whose text is not shown.
const notShown = "no rule can be read here; the text is not shown, since the file is included and no rule begins in front of it"

// fault returns an error about the byte at offset at. Its message may have text of the
// file.
func (s *ruleFile) fault(at int, format string, args ...any) *patterns.Error {
	if !s.shown {
		return s.faultWithout(at, notShown)
	}
	e := s.faultWithout(at, format, args...)
	_, start := s.line(at)
	end := len(s.text)
	if e.Line < len(s.lines) {
		end = int(s.lines[e.Line]) - 1 // its \n is not looked for, since there may be thousands of mistakes in a line of megabytes
	}
	e.Pattern = strings.TrimSuffix(s.text[start:end], "\r")
	return e
}

// faultWithout is fault for a message that has no text of the file, or what may be shown
// of any. It does not quote the line.
func (s *ruleFile) faultWithout(at int, format string, args ...any) *patterns.Error {
	n, start := s.line(at)
	return &patterns.Error{File: s.name, Line: n, Column: at - start + 1, Msg: fmt.Sprintf(format, args...)}
}
