package simd_test

import (
	"fmt"
	"log"

	"vscan/engine/simd"
)

// In this example, a kernel of the best level that this machine can run and
// one of a level that every machine can run find the same.
func Example() {
	b := []byte("the needle, the hay, the other needle")
	for _, level := range []simd.Level{simd.Auto, simd.Generic} {
		if err := level.Check(); err != nil {
			log.Fatal(err) // a level that this machine lacks
		}
		kernel, err := simd.NewLiteral(level, []byte("needle"))
		if err != nil {
			log.Fatal(err)
		}
		offsets := make([]uint32, 4096)
		for from := 0; from < len(b); {
			n, next := kernel.Scan(offsets, b, from, len(b))
			fmt.Println(offsets[:n])
			from = next
		}
	}
	// Output:
	// [4 31]
	// [4 31]
}

// This example finds aligned words of 4 bytes from 0x100 to 0x1ff. Places are
// counted from from: in memory whose address is no multiple of 4, a scan has
// to begin at the first offset whose address is one.
func ExampleNewWords() {
	b := []byte{0x10, 0, 0, 0, 0x10, 1, 0, 0, 0x34, 0x12, 0, 0, 0xff, 1, 0, 0}
	kernel, err := simd.NewWords(simd.Auto, simd.WordSpec{
		Size:   4,
		Stride: 4,
		Ranges: []simd.WordRange{{Lo: 0x100, Hi: 0x1ff}},
	})
	if err != nil {
		log.Fatal(err)
	}
	offsets := make([]uint32, 4096)
	for from := 0; from < len(b); {
		n, next := kernel.Scan(offsets, b, from, len(b))
		fmt.Println(offsets[:n])
		from = next
	}
	// Output:
	// [4 12]
}
