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
	lines []int // offsets of the first bytes of the lines
}

func newRuleFile(name, text string) *ruleFile {
	s := &ruleFile{name: name, text: text, lines: []int{0}}
	for i := 0; i < len(text); i++ {
		if text[i] == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// line returns the number of the line that offset at is in, from 1, and the offset of its
// first byte.
func (s *ruleFile) line(at int) (n, start int) {
	lo, hi := 0, len(s.lines)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; s.lines[mid] <= at {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo + 1, s.lines[lo]
}

func (s *ruleFile) position(at int) position {
	n, start := s.line(at)
	return position{s.name, n, at - start + 1}
}

// fault returns an error about the byte at offset at.
func (s *ruleFile) fault(at int, format string, args ...any) *patterns.Error {
	n, start := s.line(at)
	text, _, _ := strings.Cut(s.text[start:], "\n")
	return &patterns.Error{
		File: s.name, Line: n, Column: at - start + 1,
		Pattern: strings.TrimSuffix(text, "\r"), Msg: fmt.Sprintf(format, args...),
	}
}
