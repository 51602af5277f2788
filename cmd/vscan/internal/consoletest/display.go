// Package consoletest has a terminal for tests, and what its screen shows.
package consoletest

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Display is what a terminal shows, and all that has left it at the top. It knows what
// vscan writes: text, \r, \n, the escape sequences that erase what is below and that move the
// cursor up, and those of colours. A line that is longer than the screen is wide stands on several rows.
// Where the width changes, it is broken anew, and the cursor stays in front of the same
// character, as in today's terminals.
type Display struct {
	width      int
	lines      [][]rune
	line       int    // the line that the cursor is in
	col        int    // the column of that line that the cursor is in
	Unfinished []byte // the beginning of a character or sequence, whose rest is yet to come
	marks      string // the numbers that came in \x1b[…z, a sequence that terminals do not know
	Drawn      int    // how often the status was drawn or erased: each time erases what is below
}

// newDisplay returns an empty Display of so many columns.
func newDisplay(width int) *Display { return &Display{width: width, lines: [][]rune{nil}} }

// Write shows what is written. The error is nil.
func (s *Display) Write(p []byte) (int, error) {
	b := append(s.Unfinished, p...)
	for len(b) > 0 {
		n := s.next(b)
		if n == 0 {
			break
		}
		b = b[n:]
	}
	s.Unfinished = append([]byte(nil), b...)
	return len(p), nil
}

// next shows the first character or sequence of b and returns its length in bytes. It
// returns 0 where its rest is yet to come.
func (s *Display) next(b []byte) int {
	switch b[0] {
	case '\r':
		if s.col > 0 && s.col%s.width == 0 { // the cursor is behind the last column, and still on that row
			s.col--
		}
		s.col -= s.col % s.width
		return 1
	case '\n':
		s.down()
		return 1
	case '\x1b':
		return s.sequence(b)
	}
	if !utf8.FullRune(b) {
		return 0
	}
	r, n := utf8.DecodeRune(b)
	line := s.lines[s.line]
	for len(line) <= s.col {
		line = append(line, ' ')
	}
	line[s.col] = r
	s.lines[s.line] = line
	s.col++
	return n
}

// down moves the cursor to the next row, in the same column.
func (s *Display) down() {
	if s.col-s.col%s.width+s.width < len(s.lines[s.line]) {
		s.col += s.width
		return
	}
	if s.line++; s.line == len(s.lines) {
		s.lines = append(s.lines, nil)
	}
	s.col %= s.width
}

// up moves the cursor to the row above, in the same column.
func (s *Display) up() {
	switch {
	case s.col >= s.width:
		s.col -= s.width
	case s.line > 0:
		s.line--
		rows := max(len(s.lines[s.line])-1, 0) / s.width
		s.col += rows * s.width
	}
}

// sequence does what the escape sequence at the start of b asks for. It returns what
// next does.
func (s *Display) sequence(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	end := 2
	for end < len(b) && (b[end] < '@' || b[end] > '~') {
		end++
	}
	if b[1] != '[' || end == len(b) {
		return 0
	}
	switch arg := string(b[2:end]); {
	case b[end] == 'z':
		s.marks += arg + " "
	case b[end] == 'J' && arg == "":
		s.Drawn++
		s.lines = s.lines[:s.line+1]
		if line := s.lines[s.line]; s.col < len(line) {
			s.lines[s.line] = line[:s.col]
		}
	case b[end] == 'A':
		n, _ := strconv.Atoi(arg)
		for range max(n, 1) {
			s.up()
		}
	case b[end] == 'm':
	default:
		panic("the terminal of this test does not know " + string(b[:end+1]))
	}
	return end + 1
}

// Text returns all lines, without blanks and empty lines at the end.
func (s *Display) Text() string {
	var all []string
	for _, line := range s.lines {
		all = append(all, strings.TrimRight(string(line), " "))
	}
	return strings.TrimRight(strings.Join(all, "\n"), "\n")
}

// Below returns what stands from the cursor on: the rest of its line, and the lines below.
func (s *Display) Below() string {
	line := s.lines[s.line]
	all := []string{strings.TrimRight(string(line[min(s.col, len(line)):]), " ")}
	for _, line := range s.lines[s.line+1:] {
		all = append(all, strings.TrimRight(string(line), " "))
	}
	return strings.Join(all, "\n")
}
