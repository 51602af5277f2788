package heap_test

import (
	"context"
	"fmt"
	"log"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/heap"
	"vscan/engine/heap/heaptest"
)

// The objects of a heap, and the account: how much of the memory that the program
// could write was understood. The space of a dump, and its word size and byte order
// (Image.Arch), come from formats.Open.
func ExampleFind() {
	made := heaptest.New(addr.LE64, 0x10000, 0x1000, 0, 0)
	made.Add(6, true)
	made.Add(8, false)
	made.Add(4, true)
	made.End()
	mapping, err := engine.BytesMapping("[heap]", made.Base, made.Bytes)
	if err != nil {
		log.Fatal(err)
	}
	space, err := engine.NewSpace(mapping)
	if err != nil {
		log.Fatal(err)
	}

	heaps, err := heap.Find(context.Background(), space, addr.LE64, heap.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range heaps.Objects() {
		fmt.Println(o.First, o.Size(), "bytes", o.State)
	}
	fmt.Println("0x10018 is in object", heaps.Index(0x10018))

	account := heaps.Account()
	fmt.Printf("%d of %d bytes understood, %d gaps\n", account.Understood, account.Writable, len(account.Gaps))
	for _, arena := range account.Arenas {
		fmt.Printf("%v arena of %d objects; refused: %q\n", arena.Kind, arena.Objects, arena.Refused)
	}
	// Output:
	// 0x10010 40 bytes used
	// 0x10040 56 bytes free
	// 0x10080 24 bytes used
	// 0x100a0 3936 bytes free
	// 0x10018 is in object 0
	// 4096 of 4096 bytes understood, 0 gaps
	// main arena of 4 objects; refused: ""
}
