package graphcmd

import (
	"testing"

	"vscan/engine/heap"
)

// An arena that was refused lacks objects, unless nothing speaks for its being an arena but
// the place where it lies.
func TestLacks(t *testing.T) {
	for _, c := range []struct {
		name  string
		arena heap.Arena
		want  bool
	}{
		{"recognised", heap.Arena{Kind: heap.ArenaMain, At: 0x1000, Objects: 3}, false},
		{"with a state", heap.Arena{Kind: heap.ArenaMain, At: 0x1000, Refused: "x"}, true},
		{"in part", heap.Arena{Kind: heap.ArenaMain, Objects: 3, Refused: "x"}, true},
		{"what brk gave", heap.Arena{Kind: heap.ArenaMain, Refused: "x"}, false},
		{"some mapped chunks", heap.Arena{Kind: heap.ArenaMapped, Objects: 1, Refused: "x"}, true},
		{"no mapped chunk of those counted", heap.Arena{Kind: heap.ArenaMapped, Refused: "x"}, true},
	} {
		if got := lacksObjects(c.arena); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
