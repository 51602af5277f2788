package heap

import (
	"slices"
	"testing"

	"vscan/engine/addr"
)

// A chunk range knows what a bin holds wherever its cursor stands.
func TestHolds(t *testing.T) {
	for n := range 8 {
		var binned []addr.Addr
		for i := range n {
			binned = append(binned, addr.Addr(16*(2*i+1)))
		}
		for cursor := range n + 1 {
			for at := addr.Addr(0); at < addr.Addr(16*(2*n+2)); at += 16 {
				g := chunkRange{binned: binned, cursor: cursor}
				if got, want := g.holds(at), slices.Contains(binned, at); got != want {
					t.Fatalf("%v, cursor %d: %v is held: %v", binned, cursor, at, got)
				}
			}
		}
	}
}
