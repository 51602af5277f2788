package sets_test

import (
	"context"
	"fmt"
	"log"

	"vscan/engine/simd"
	"vscan/engine/simd/sets"
)

// This example looks for several literals at once. Several may stand at one
// offset, and all of them have to fit into dst, so the least size of dst depends
// on the set.
func ExampleNew() {
	b := []byte("the needle, the hay, the other needle")
	lits := simd.Plain([]byte("needle"), []byte("hay"), []byte("need"))
	set, err := sets.New(context.Background(), simd.Auto, lits)
	if err != nil {
		log.Fatal(err)
	}
	matches := make([]sets.Match, max(4096, set.MinMatches()))
	var scratch sets.Scratch // one a goroutine
	for from := 0; from < len(b); {
		n, next := set.Scan(matches, b, from, len(b), &scratch)
		for _, m := range matches[:n] {
			fmt.Printf("%d %s\n", m.Off, lits[m.Lit].Bytes)
		}
		from = next
	}
	// Output:
	// 4 needle
	// 4 need
	// 16 hay
	// 31 needle
	// 31 need
}
