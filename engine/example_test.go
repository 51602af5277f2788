package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/patterns"
)

// This example looks for a text, and for words that point into a mapping, in
// memory that it makes itself. For a dump, the mappings and the target come
// from formats.Open.
func Example() {
	data, err := engine.BytesMapping("data", 0x1000, []byte("user=ann\x10\x20\x00\x00\x00\x00\x00\x00"))
	if err != nil {
		log.Fatal(err)
	}
	heap, err := engine.BytesMapping("[heap]", 0x2000, []byte("one user, another user"))
	if err != nil {
		log.Fatal(err)
	}
	space, err := engine.NewSpace(data, heap)
	if err != nil {
		log.Fatal(err)
	}

	user, pointer := patterns.Bytes([]byte("user")), patterns.Pointers(space.Named("[heap]")...)
	user.Name, pointer.Name = "user", "pointer"
	target := patterns.Target{WordSize: 8, Order: addr.Little, OrderKnown: true}
	set, err := patterns.Compile(context.Background(), []patterns.Pattern{user, pointer}, target)
	if err != nil {
		log.Fatal(err)
	}
	scanner, err := engine.Compile(context.Background(), space, set, engine.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for hit, err := range scanner.All(context.Background()) {
		if err != nil {
			log.Fatal(err) // not everything could be read
		}
		m := space.At(hit.Addr).Mapping
		value, ok := set.Value(hit.Pattern, hit.Bytes)
		if !ok { // neither a number nor a pointer
			value = string(hit.Bytes)
		}
		fmt.Printf("%v %s+%#x %s: %s\n", hit.Addr, m.Name, m.PlaceOf(hit.Addr), set.Patterns()[hit.Pattern].Name, value)
	}
	fmt.Println(scanner.Bytes(), "bytes looked at,", scanner.Absent(), "not saved")
	// Output:
	// 0x1000 data+0x0 user: user
	// 0x1008 data+0x8 pointer: 0x2010
	// 0x2004 [heap]+0x4 user: user
	// 0x2012 [heap]+0x12 user: user
	// 38 bytes looked at, 0 not saved
}

// This example lays a program under a core that saved no code, and a patch over
// both.
func ExampleSpace_AddUnder() {
	core, err := engine.NewSpace(engine.Mapping{
		Range: addr.Range{First: 0x1000, Last: 0x100f}, State: engine.Absent, Name: "prog",
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = core.Bytes(0x1004, 4)
	fmt.Println(err)
	var missing *engine.MemoryError
	fmt.Println(errors.As(err, &missing) && missing.State == engine.Absent)

	program, err := engine.BytesMapping("prog", 0x1000, []byte("the old program."))
	if err != nil {
		log.Fatal(err)
	}
	patch, err := engine.BytesMapping("patch", 0x1004, []byte("new"))
	if err != nil {
		log.Fatal(err)
	}
	space, err := core.AddUnder(program)
	if err != nil {
		log.Fatal(err)
	}
	if space, err = space.Add(patch); err != nil {
		log.Fatal(err)
	}
	b, err := space.Bytes(0x1000, 16) // across mappings
	fmt.Printf("%s %v\n", b, err)
	for v := range space.Intervals(addr.Range{First: 0x1000, Last: 0x101f}) {
		if v.State() == engine.Hole {
			fmt.Println(v.Range, "hole")
			continue
		}
		fmt.Println(v.Range, v.State(), v.Mapping.Name)
	}
	// Output:
	// address 0x1004: mapped (prog) but not saved in the image
	// true
	// the new program. <nil>
	// 0x1000..0x1003 present prog
	// 0x1004..0x1006 present patch
	// 0x1007..0x100f present prog
	// 0x1010..0x101f hole
}

// This example follows a list of nodes, each of a pointer to the next one and a
// number.
func ExampleSpace_For() {
	m, err := engine.BytesMapping("list", 0x1000, []byte{
		0x08, 0x10, 0, 0, 7, 0, 0, 0, // at 0x1000: next 0x1008, 7
		0x10, 0x10, 0, 0, 8, 0, 0, 0, // at 0x1008: next 0x1010, 8
		0x00, 0x00, 0, 0, 9, 0, 0, 0, // at 0x1010: the last one, 9
	})
	if err != nil {
		log.Fatal(err)
	}
	space, err := engine.NewSpace(m)
	if err != nil {
		log.Fatal(err)
	}
	memory := space.For(addr.LE32)
	for node := addr.Addr(0x1000); node != 0; {
		n, err := memory.CInt(node + 4)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(node, n)
		if node, err = memory.Pointer(node); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 0x1000 7
	// 0x1008 8
	// 0x1010 9
}

// This example counts hits without looking at each, and stops a scan early.
func ExampleScanner_ScanBatches() {
	memory, err := engine.BytesMapping("memory", 0x1000, []byte("a cat, a dog, a bird, a fish"))
	if err != nil {
		log.Fatal(err)
	}
	space, err := engine.NewSpace(memory)
	if err != nil {
		log.Fatal(err)
	}
	set, err := patterns.Compile(context.Background(), []patterns.Pattern{patterns.Bytes([]byte("a ")), patterns.Bytes([]byte("dog"))}, patterns.Target{})
	if err != nil {
		log.Fatal(err)
	}
	scanner, err := engine.Compile(context.Background(), space, set, engine.Options{})
	if err != nil {
		log.Fatal(err)
	}
	counts := make([]int, len(set.Patterns()))
	stats, err := scanner.ScanBatches(context.Background(), func(b *engine.Batch) bool {
		for hit := range b.Hits() {
			counts[hit.Pattern]++
		}
		return true
	})
	fmt.Println(stats.Hits, "hits:", counts, "complete:", stats.Complete(), err)

	stats, err = scanner.Scan(context.Background(), func(hit engine.Hit) bool {
		fmt.Printf("%v %q\n", hit.Addr, hit.Bytes) // the bytes are valid until the function returns
		return hit.Pattern != 1                    // stop at the first dog
	})
	fmt.Println("stopped:", stats.Stopped, err)
	// Output:
	// 5 hits: [4 1] complete: true <nil>
	// 0x1000 "a "
	// 0x1007 "a "
	// 0x1009 "dog"
	// stopped: true <nil>
}
