package graph

import (
	"context"
	"errors"
	"runtime"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/heap"
)

// Anchor says what keeps an object: the lowest class of root that reaches it.
type Anchor uint8

const (
	AnchorStatic      Anchor = iota // the data of a module, .bss included
	AnchorStack                     // the stack of a thread, from its stack pointer up
	AnchorRegister                  // a register of a thread
	AnchorThreadLocal               // the mapping of a thread's control block and thread-local memory
	AnchorOther                     // other memory that is no object
	AnchorStale                     // a stack below the stack pointer: what calls that have returned have left there
	AnchorNone                      // nothing outside of objects: lost, if it is in use
	AnchorMalloc                    // it is malloc's own
	anchorCount
)

// String is "static", "stack", "register", "tls", "other", "stale", "none" or
// "malloc".
func (a Anchor) String() string {
	return []string{"static", "stack", "register", "tls", "other", "stale", "none", "malloc"}[min(a, AnchorMalloc)]
}

// Loss says whether an object in use can still be got at. It is what valgrind's
// leak check says of a block (memcheck/mc_leakcheck.c): a chain of pointers to
// first bytes leads from a root to what is reachable; pointers into the middle,
// and what lies below stack pointers, make an object possibly lost, and with it
// all that is reached by way of it alone.
type Loss uint8

const (
	LossNone     Loss = iota
	LossPossible      // only by a pointer to the middle of an object, or by a stale stack
	LossIndirect      // lost: only lost objects refer to it
	LossDefinite      // lost, and a head: no lost object refers to it but those that it leads to itself
	lossCount
)

// String is "reachable", "possible", "indirect" or "definite".
func (l Loss) String() string {
	return []string{"reachable", "possible", "indirect", "definite"}[min(l, LossDefinite)]
}

// Thread is what is known of a thread besides memory.
type Thread struct {
	SP        addr.Addr // its stack pointer; 0: not known
	Pointer   addr.Addr // its thread pointer; 0: not known
	RedZone   uint64    // bytes below SP that are in use
	Registers []uint64
}

// ObjectOptions says what is to be found out of objects.
type ObjectOptions struct {
	// Threads are those of the process. Without them all of a stack counts as in use, and
	// what only a register refers to as lost.
	Threads []Thread

	// Retained has the sizes computed that objects retain, which costs more than
	// all the rest.
	Retained bool

	// Space is the memory. With it pointers that compilers put into the middle of an
	// object count as pointers to it: see baseTeller. nil: none does.
	Space *engine.Space

	// Workers is how many goroutines work; 0 is as many as there are processors.
	Workers int
}

// Head is a lost object that no lost object refers to; of those that refer to one
// another in a circle, the one with the lowest address.
type Head struct {
	Object int    // index in Heaps.Objects
	Blocks uint64 // lost objects that it leads to and no head before it, itself included
	Bytes  uint64 // of these
}

// Retention is what keeps the objects of heaps, what they keep, and what is lost.
//
// An edge to any byte of an object refers to the object, and one from any of its
// bytes comes from it. Objects that are not in use refer to nothing, nor do the
// words that malloc keeps for itself (heap.Heaps.Own) and the heads of chunks.
type Retention struct {
	heaps   *heap.Heaps
	Anchors []Anchor // of each object; Nothing where it is not in use
	Losses  []Loss   // of each object in use

	// retained is, of each object, the bytes that are reached by way of it alone, its
	// own included; 0 where nothing reaches it. nil unless it was asked for; see
	// RetainedBy.
	retained []uint64

	Heads []Head // by address
	Edges uint64 // from an object in use to another, counted once

	totals *Totals       // nil until they are asked for
	saved  *savedObjects // where they come from a file, and Heaps is nil
}

var errObjects = errors.New("more than 2^30 objects: too many to follow")

const maxObjects = 1 << 30

// Objects finds out what keeps the objects of heaps, which have to be those of the
// image that the graph was made of. It costs O(objects + edges) in time,
// and some 40 bytes an object and 8 an edge. The error is that of reading the graph, or
// the cause of the context's end.
func (g *Graph) Objects(ctx context.Context, h *heap.Heaps, o ObjectOptions) (*Retention, error) {
	n := len(h.Objects())
	r := &Retention{heaps: h, Anchors: make([]Anchor, n), Losses: make([]Loss, n)}
	if n > maxObjects {
		return nil, errObjects
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
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
		r.retained = make([]uint64, n)
		og.retainedSizes(h.Objects(), r.retained)
	}
	return r, context.Cause(ctx)
}

// reach finds what roots reach: first by pointers to first bytes alone, class by
// class, then by any.
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

// What is marked of an object: from which classes of roots there are pointers to
// its first byte; from which to another of its bytes; and which reach, by first bytes
// alone, an object that points to another of its bytes.
func firstMark(class Anchor) uint32  { return 1 << class }
func insideMark(class Anchor) uint32 { return 1 << (class + anchorCount) }
func innerMark(class Anchor) uint32  { return 1 << (class + 2*anchorCount) }

const (
	markInternal = 1 << 31 // it is malloc's own
	markRoots    = 1<<(2*anchorCount) - 1
)

// Count is a number of objects, and of their bytes.
type Count struct{ N, Bytes uint64 }

func (c *Count) add(n uint64) { c.N, c.Bytes = c.N+1, c.Bytes+n }

// Totals is how much there is of what kind.
type Totals struct {
	States   [heap.Fastbin + 1]Count // by state; what is malloc's own is left out
	Internal Count                   // malloc's own
	Anchors  [anchorCount]Count      // of objects in use, by what keeps them
	Losses   [lossCount]Count        // of objects in use
}

// Totals is how much there is of what kind. It must not be changed.
func (r *Retention) Totals() *Totals {
	if r.totals == nil {
		r.totals = r.sum()
	}
	return r.totals
}

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

// Len is how many objects there are.
func (r *Retention) Len() int { return len(r.Anchors) }

// Object is the object of an index, by address.
func (r *Retention) Object(i int) heap.Object {
	if r.saved != nil {
		return r.saved.object(i)
	}
	return r.heaps.Objects()[i]
}

// HasRetained reports whether retained sizes are known.
func (r *Retention) HasRetained() bool { return r.saved != nil || r.retained != nil }

// RetainedBy is the retained size of an object; it has to be known.
func (r *Retention) RetainedBy(i int) uint64 {
	if r.saved != nil {
		return r.saved.retainedBy(i)
	}
	return r.retained[i]
}

// Account is what was recognised, and what was not.
func (r *Retention) Account() *heap.Account {
	if r.saved != nil {
		return &r.saved.Account
	}
	return r.heaps.Account()
}

// Close closes the file that it comes from, if it does.
func (r *Retention) Close() error {
	if r.saved == nil {
		return nil
	}
	return r.saved.close.Close()
}
