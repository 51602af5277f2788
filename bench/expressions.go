package main

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"strings"
)

// expression returns the expression that a literal is a part of, in RE2's syntax; "" where it
// is a literal and nothing else.
func (l literal) expression() string {
	switch {
	case l.shape != "":
		return strings.ReplaceAll(l.shape, "#", string(l.bytes))
	case l.digits:
		return string(l.bytes) + "[0-9]{2,4}"
	}
	return ""
}

// countShaped returns how many matches expressions with literals in them have in memory, those of each
// without overlaps. It looks up which literals a line has, in lower case, by their first four bytes, and asks
// Go's regexp for the matches of these in the line.
func countShaped(lits []literal, memory []byte) (n uint64) {
	const head = 4
	byHead := map[uint32][]int{}
	compiled := make([]*regexp.Regexp, len(lits))
	for i, l := range lits {
		key := binary.LittleEndian.Uint32(l.bytes)
		byHead[key] = append(byHead[key], i)
		compiled[i] = regexp.MustCompile(l.expression())
	}
	asked := make([]int, len(lits)) // the number of the line in which an expression was asked for last
	number := 0
	for line := range bytes.Lines(memory) {
		number++
		lower := bytes.ToLower(line)
		for at := 0; at+head <= len(lower); at++ {
			for _, i := range byHead[binary.LittleEndian.Uint32(lower[at:])] {
				if asked[i] < number && bytes.HasPrefix(lower[at:], lits[i].bytes) {
					asked[i] = number
					n += uint64(len(compiled[i].FindAllIndex(line, -1)))
				}
			}
		}
	}
	return n
}
