package graph_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/graph"
	"vscan/engine/heap"
	"vscan/engine/heap/heaptest"
)

// memory returns a program's data, which points at a heap:
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

// Build the graph of a space, and ask who points into a range: here an object of
// 16 bytes. The space of a dump, its word size and byte order (Image.Arch), and
// Options.Missing come from formats.Open.
func Example() {
	space, err := memory()
	if err != nil {
		log.Fatal(err)
	}
	g, _, err := graph.Build(context.Background(), space, addr.LE64, graph.Options{})
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
	// Output:
	// 3 references, complete: true
	// [heap]+0x10 refers to 0x10040
	// [heap]+0x18 refers to 0x10044
}

// Chains of pointers lead from roots, here the data of a program, to an object. A
// Forward is made once for all questions.
func ExampleForward_Chains() {
	ctx := context.Background()
	space, err := memory()
	if err != nil {
		log.Fatal(err)
	}
	g, _, err := graph.Build(ctx, space, addr.LE64, graph.Options{})
	if err != nil {
		log.Fatal(err)
	}
	forward, err := g.Forward(ctx, 0)
	if err != nil {
		log.Fatal(err)
	}
	object, _ := addr.Sized(0x10040, 16)
	chains, err := forward.Chains(graph.ChainOptions{
		Target: object,
		Window: &graph.Window{Low: 0, High: 15}, // objects have 16 bytes
	})
	if err != nil {
		log.Fatal(err)
	}
	var leftOut graph.LeftOut
	best, err := chains.Best(ctx, 10, &leftOut)
	if err != nil {
		log.Fatal(err)
	}
	for _, chain := range best {
		fmt.Println(chain.Class, chain)
	}
	fmt.Println(leftOut.Loops, "loops left out")
	// Output:
	// program /usr/bin/prog+0x8 -> +0x0 -> +0x0 = 0x10040
	// program /usr/bin/prog+0x8 -> +0x8 -> +0x0 = 0x10044
	// 0 loops left out
}

// What keeps the objects of a heap: the first is kept by the program's data and
// refers to the second. Nothing refers to the third, which refers to the fourth, so
// both are lost, and the third is the head.
func ExampleGraph_Objects() {
	ctx := context.Background()
	heapOf := heaptest.New(addr.LE64, 0x10000, 0x1000, 0, 0)
	first, second := heapOf.Add(6, true), heapOf.Add(4, true)
	third, fourth := heapOf.Add(8, true), heapOf.Add(4, true)
	heapOf.End()
	heapOf.Put(int(first-heapOf.Base), uint64(second))
	heapOf.Put(int(third-heapOf.Base), uint64(fourth))
	data := binary.LittleEndian.AppendUint64(nil, uint64(first))

	prog, err := engine.BytesMapping("/usr/bin/prog", 0x4000, data)
	if err != nil {
		log.Fatal(err)
	}
	rest, err := engine.BytesMapping("[heap]", heapOf.Base, heapOf.Bytes)
	if err != nil {
		log.Fatal(err)
	}
	space, err := engine.NewSpace(prog, rest)
	if err != nil {
		log.Fatal(err)
	}
	g, _, err := graph.Build(ctx, space, addr.LE64, graph.Options{})
	if err != nil {
		log.Fatal(err)
	}
	heaps, err := heap.Find(ctx, space, addr.LE64, heap.Options{})
	if err != nil {
		log.Fatal(err)
	}
	objects, err := g.Objects(ctx, heaps, graph.ObjectOptions{Retained: true, Space: space})
	if err != nil {
		log.Fatal(err)
	}
	for i := range objects.Len() {
		if o := objects.Object(i); o.State == heap.Used {
			fmt.Printf("%v is kept by %v (%v), and retains %d bytes\n", o.First, objects.Anchors[i], objects.Losses[i], objects.RetainedBy(i))
		}
	}
	for _, head := range objects.Heads {
		fmt.Printf("%v leads to %d lost objects of %d bytes\n", objects.Object(head.Object).First, head.Blocks, head.Bytes)
	}
	// Output:
	// 0x10010 is kept by static (reachable), and retains 64 bytes
	// 0x10040 is kept by static (reachable), and retains 24 bytes
	// 0x10060 is kept by none (definite), and retains 0 bytes
	// 0x100a0 is kept by none (indirect), and retains 0 bytes
	// 0x10060 leads to 2 lost objects of 80 bytes
}
