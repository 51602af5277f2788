package graph_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/graph"
)

// memory is a program's data, which points at a heap:
//
//	/usr/bin/prog  0x4008: 0x10010 ──► [heap] 0x10010: 0x10040 ──► 0x10040
//	                                          0x10018: 0x10044 ──► (inside)
func memory() (*engine.Space, error) {
	data, heap := make([]byte, 0x20), make([]byte, 0x100)
	binary.LittleEndian.PutUint64(data[0x08:], 0x10010)
	binary.LittleEndian.PutUint64(heap[0x10:], 0x10040)
	binary.LittleEndian.PutUint64(heap[0x18:], 0x10044)
	prog, err := engine.BytesMapping("/usr/bin/prog", 0x4000, data)
	if err != nil {
		return nil, err
	}
	rest, err := engine.BytesMapping("[heap]", 0x10000, heap)
	if err != nil {
		return nil, err
	}
	return engine.NewSpace(prog, rest)
}

// Who refers to an object of 16 bytes, and by which chains of pointers the data
// of a program leads to it. Of a dump, the space, the word size and byte order
// (Image.Arch) and Options.Missing come from formats.Open.
func Example() {
	ctx := context.Background()
	space, err := memory()
	if err != nil {
		log.Fatal(err)
	}
	g, _, err := graph.Build(ctx, space, addr.LE64, graph.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d references, complete: %v\n", g.Edges(), g.Complete())

	object, _ := addr.Sized(0x10040, 16)
	for edge, err := range g.To(object) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(g.Place(edge.Source), "refers to", edge.Target)
	}

	forward, err := g.Forward(ctx, 0)
	if err != nil {
		log.Fatal(err)
	}
	chains, err := forward.Chains(graph.ChainOptions{
		Target: object,
		Window: &graph.Window{Low: 0, High: 15},
	})
	if err != nil {
		log.Fatal(err)
	}
	best, err := chains.Best(ctx, 10, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, chain := range best {
		fmt.Println(chain.Class, chain)
	}
	// Output:
	// 3 references, complete: true
	// [heap]+0x10 refers to 0x10040
	// [heap]+0x18 refers to 0x10044
	// program /usr/bin/prog+0x8 -> +0x0 -> +0x0 = 0x10040
	// program /usr/bin/prog+0x8 -> +0x8 -> +0x0 = 0x10044
}
