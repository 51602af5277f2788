package elf

import (
	"fmt"
	"strings"
	"testing"

	"vscan/engine/addr"
)

// Where modules begin, by their pieces: FIRST:OFFSET of /a in pages, /b and so on
// where it is another file. Behind = is what the program asks for that begins at
// a piece, in pages, or d: it is none.
func TestLoadBases(t *testing.T) {
	for name, c := range map[string]struct{ pieces, want string }{
		"one":                                 {"10:0 11:1 12:2", "10 10 10"},
		"twice":                               {"10:0 11:1 20:0 21:1", "10 10 20 20"},
		"others between":                      {"10:0 11:1 15:0b 20:2 21:0 22:1", "10 10 15 10 21 21"},
		"the header's page as data":           {"10:0 20:0 21:1", "10 10 10"},
		"the header's page, twice":            {"10:0 20:0 21:1 30:0 40:0 41:1", "10 10 10 30 30 30"},
		"a program and its end":               {"10:0=4 11:0 13:1 14:0 15:1", "10 10 10 14 14"},
		"a program, mapped as a file behind":  {"10:0=4 11:1 15:1", "10 10 15"},
		"data, each from its beginning":       {"10:0=d 11:0=d 12:1", "10 11 11"},
		"begins late":                         {"10:1 12:2 20:0 21:1", "10 10 20 20"},
		"never begins":                        {"10:5 12:2 20:9", "10 10 10"},
		"two side by side, with no one's eye": {"10:0 11:2 12:0 13:2", "10 10 12 12"},
	} {
		var pieces []Piece
		heads := map[int]string{}
		for i, f := range strings.Fields(c.pieces) {
			f, head, _ := strings.Cut(f, "=")
			heads[i] = head
			f, other := strings.CutSuffix(f, "b")
			var first, offset uint64
			fmt.Sscanf(f, "%d:%d", &first, &offset)
			pieces = append(pieces, Piece{Range: addr.Range{First: addr.Addr(first << 12), Last: addr.Addr(first<<12 | 0xfff)}, Offset: offset << 12, Name: map[bool]string{true: "/b", false: "/a"}[other]})
		}
		bases, err := LoadBases(t.Context(), pieces, func(i int) (uint64, bool) {
			var span uint64
			fmt.Sscanf(heads[i], "%d", &span)
			return span << 12, heads[i] == "d"
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, b := range bases {
			got = append(got, fmt.Sprint(uint64(b>>12)))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %s, want %s", name, strings.Join(got, " "), c.want)
		}
	}
}
