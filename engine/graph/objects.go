package graph

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/heap"
	"vscan/internal/outfile"
)

// Anchor says what keeps an object: the lowest class of root that reaches it.
type Anchor uint8

const (
	AnchorStatic      Anchor = iota // the data of a module, .bss included
	AnchorStack                     // the stack of a thread, from its stack pointer up
	AnchorRegister                  // a register of a thread
	AnchorThreadLocal               // the mapping with a thread's control block and thread-local memory
	AnchorOther                     // other memory that is not an object
	AnchorStale                     // a stack below its stack pointer: what calls that have returned left there
	AnchorNone                      // nothing outside of objects: the object is lost, if it is in use
	AnchorMalloc                    // the object is malloc's own
	anchorCount
)

// String returns "static", "stack", "register", "tls", "other", "stale", "none" or
// "malloc".
func (a Anchor) String() string {
	return []string{"static", "stack", "register", "tls", "other", "stale", "none", "malloc"}[min(a, AnchorMalloc)]
}

// Loss says whether the program can still reach an object in use. The classes are those
// of valgrind's leak check (memcheck/mc_leakcheck.c): an object is reachable if a chain
// of pointers to first bytes leads to it from a root. It is possibly lost if every chain
// has a pointer to the middle of an object, or begins below a stack pointer. Otherwise it
// is lost.
type Loss uint8

const (
	LossNone     Loss = iota // reachable
	LossPossible             // possibly lost
	LossIndirect             // lost, and another lost object refers to it
	LossDefinite             // lost, and a Head: no lost object refers to it, except ones that it leads to
	lossCount
)

// String returns "reachable", "possible", "indirect" or "definite".
func (l Loss) String() string {
	return []string{"reachable", "possible", "indirect", "definite"}[min(l, LossDefinite)]
}

// Thread is what is known of a thread besides memory.
type Thread struct {
	SP        addr.Addr // its stack pointer; 0 where it is not known
	Pointer   addr.Addr // its thread pointer; 0 where it is not known
	RedZone   uint64    // how many bytes below SP are in use
	Registers []uint64  // the values of its general registers
}

// ObjectOptions says what is to be found out of objects. The zero value works.
type ObjectOptions struct {
	// Threads are the threads of the process, of which image.Image.Threads tells the
	// same. Without them all of a stack counts as in use, and what only a register
	// refers to counts as lost.
	Threads []Thread

	// Retained says that the sizes which objects retain are to be computed. That
	// costs more than all the rest.
	Retained bool

	// Space, if not nil, is the memory that the graph was made of. With it, pointers
	// that compilers put into the middle of an object count as pointers to its first
	// byte: to elements of arrays with a count, characters of old strings, and second
	// bases of C++ objects, as valgrind's --leak-check-heuristics has them.
	Space *engine.Space

	// From are the files of the image, and Private is set of a live process, as in Options:
	// for Retention.Save.
	From    []fs.FileInfo
	Private bool

	// Workers is how many goroutines work; 0 is one for each processor.
	Workers int
}

// Head is a lost object that no other lost object refers to. Of lost objects that refer
// to one another in a circle, it is the one with the lowest address.
type Head struct {
	Object int    // its index, as for Retention.Object
	Blocks uint64 // lost objects that it leads to and no head before it does, itself included
	Bytes  uint64 // the bytes of these
}

// Retention says what keeps the objects of heaps, what they keep, and what is lost.
// Objects have indexes from 0 to Len − 1, by address.
//
// An edge that leads to any byte of an object refers to the object, and one from any of
// its bytes comes from it. Objects that are not in use refer to nothing, and neither do
// the words that malloc keeps for itself (heap.Heaps.Internal) and the heads of chunks.
//
// What refers to an object from memory that the image does not hold is not known. Where
// memory that the program could write is absent (Graph.Regions), or Graph.Complete is
// false, objects count as lost that are not: whoever reports losses reports that too.
type Retention struct {
	heaps   *heap.Heaps
	Anchors []Anchor // of each object; AnchorNone where it is not in use
	Losses  []Loss   // of each object; it says something of those in use only

	// retained is, of each object, the bytes that are reached by way of it alone, its
	// own included; 0 where nothing reaches it. It is nil unless it was asked for.
	retained []uint64

	Heads []Head // the heads of what is lost, by address
	Edges uint64 // pairs of objects in use of which the one refers to the other

	totals *Totals // nil until Totals is called
	from   outfile.Options
	saved  *savedObjects // not nil where all this comes from a file; then heaps is nil
}

var errObjects = errors.New("more than 2^30 objects: too many to follow")

const maxObjects = 1 << 30

// An object takes about objectBytes, and a reference pairBytes while references are read.
const (
	objectBytes = 30
	pairBytes   = 13
)

// Objects finds out what keeps the objects of heaps, which have to be those of the image
// that the graph was made of: ask Check before, since nothing can be seen of it here. It costs O(objects + edges) in time, and some 40 bytes for
// each object and 8 for each edge. The error is that of reading the graph, or the cause
// of the context's end.
func (g *Graph) Objects(ctx context.Context, h *heap.Heaps, o ObjectOptions) (*Retention, error) {
	n := len(h.Objects())
	if n > maxObjects {
		return nil, errObjects
	}
	if err := g.take(objectBytes*uint64(n), forObjects); err != nil {
		return nil, err
	}
	r := &Retention{heaps: h, from: outfile.Options{From: slices.Concat(g.from.From, o.From), Private: g.from.Private || o.Private}, Anchors: make([]Anchor, n), Losses: make([]Loss, n)}
	o.Workers = workersOr(o.Workers)
	og, err := g.objectGraph(ctx, h, &o)
	if err != nil {
		return nil, err
	}
	r.Edges = og.edges
	for i := range r.Anchors {
		r.Anchors[i] = AnchorNone
		if og.internal(i) {
			r.Anchors[i] = AnchorMalloc
		}
	}
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return og.reach(ctx, r) },
		func(ctx context.Context) error { return og.findHeads(ctx, r) },
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	if o.Retained {
		if err := g.take(uint64(8*n+24*og.reached), forObjects); err != nil {
			return nil, err
		}
		r.retained = make([]uint64, n)
		if err := og.retainedSizes(ctx, h.Objects(), r.retained); err != nil {
			return nil, context.Cause(ctx)
		}
	}
	return r, context.Cause(ctx)
}

// reach finds what roots reach: first by pointers to first bytes alone, class by class,
// then by any pointers.
//
//	for loss in LossNone, LossPossible:
//	    for each class of roots, the lowest first:
//	        for each object that such a root refers to, in a way that loss allows:
//	            mark it and all that it leads to, in a way that loss allows, unless it has a mark
func (og *objectGraph) reach(ctx context.Context, r *Retention) error {
	var todo []uint32
	visit := func(o uint32, class Anchor, loss Loss) {
		if r.Anchors[o] == AnchorNone {
			r.Anchors[o], r.Losses[o] = class, loss
			og.reached++
			todo = append(todo, o)
		}
	}
	steps := 0
	for _, loss := range []Loss{LossNone, LossPossible} {
		for class := AnchorStatic; class < AnchorNone; class++ {
			seeds := firstMark(class)
			if loss == LossPossible {
				seeds = insideMark(class) | innerMark(class)
			}
			for o, m := range og.marks {
				if m&seeds != 0 {
					visit(uint32(o), class, loss)
				}
				for len(todo) > 0 {
					at := todo[len(todo)-1]
					todo = todo[:len(todo)-1]
					for _, to := range og.to[og.toStart[at]:og.toStart[at+1]] {
						if to&edgeInside == 0 || loss == LossPossible {
							visit(to>>1, class, loss)
						} else {
							og.marks[to>>1] |= innerMark(class)
						}
					}
					if steps++; steps&0xffff == 0 && ctx.Err() != nil {
						return context.Cause(ctx)
					}
				}
			}
		}
	}
	return nil
}

// The marks of an object are three sets of classes of roots: firstMark, those with
// pointers to its first byte; insideMark, those with pointers to another of its bytes; and
// innerMark, those that reach, by first bytes alone, an object which points to another of
// its bytes.
func firstMark(class Anchor) uint32  { return 1 << class }
func insideMark(class Anchor) uint32 { return 1 << (class + anchorCount) }
func innerMark(class Anchor) uint32  { return 1 << (class + 2*anchorCount) }

const (
	markInternal = 1 << 31 // the object is malloc's own
	markRoots    = 1<<(2*anchorCount) - 1
)

// Count is a number of objects, and how many bytes they have together.
type Count struct{ N, Bytes uint64 }

// add counts an object of n bytes.
func (c *Count) add(n uint64) { c.N, c.Bytes = c.N+1, c.Bytes+n }

// Totals is how many objects there are of each kind.
type Totals struct {
	States   [heap.Fastbin + 1]Count // by state, without what is malloc's own
	Internal Count                   // what is malloc's own
	Anchors  [anchorCount]Count      // of objects in use, by what keeps them
	Losses   [lossCount]Count        // of objects in use
}

// Totals returns how many objects there are of each kind. The caller must not change it.
func (r *Retention) Totals() *Totals {
	if r.totals == nil {
		r.totals = r.sum()
	}
	return r.totals
}

// sum counts the objects of each kind.
func (r *Retention) sum() *Totals {
	t := &Totals{}
	for i := range r.Len() {
		o := r.Object(i)
		n := o.Size()
		if r.Anchors[i] == AnchorMalloc {
			t.Internal.add(n)
			continue
		}
		t.States[min(o.State, heap.Fastbin)].add(n)
		if o.State == heap.Used {
			t.Anchors[r.Anchors[i]].add(n)
			t.Losses[r.Losses[i]].add(n)
		}
	}
	return t
}

// Len returns how many objects there are.
func (r *Retention) Len() int { return len(r.Anchors) }

// Object returns the object with an index.
func (r *Retention) Object(i int) heap.Object {
	if r.saved != nil {
		return r.saved.object(i)
	}
	return r.heaps.Objects()[i]
}

// HasRetained reports whether retained sizes are known.
func (r *Retention) HasRetained() bool { return r.saved != nil || r.retained != nil }

// RetainedBy returns the retained size of an object in bytes: what is reached by way of it
// alone, its own bytes included, and 0 where nothing reaches it. It panics where HasRetained
// is false.
func (r *Retention) RetainedBy(i int) uint64 {
	if r.saved != nil {
		return r.saved.retainedBy(i)
	}
	return r.retained[i]
}

// Account returns what memory was recognised, and what was not.
func (r *Retention) Account() *heap.Account {
	if r.saved != nil {
		return &r.saved.Account
	}
	return r.heaps.Account()
}

// Close closes the file that was opened by OpenObjects. After Graph.Objects it does nothing.
func (r *Retention) Close() error {
	if r.saved == nil {
		return nil
	}
	return r.saved.close.Close()
}
