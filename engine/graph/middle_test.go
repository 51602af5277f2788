package graph

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/heap"
	"vscan/engine/heap/heaptest"
	"vscan/internal/testenv"
)

// askedByAll is a context that ends with its question number left + 1, whoever asks.
type askedByAll struct {
	context.Context
	left  int64
	count atomic.Int64
	ended chan struct{}
}

func endingAfter(t *testing.T, left int64) *askedByAll {
	return &askedByAll{Context: t.Context(), left: left, ended: make(chan struct{})}
}

func (c *askedByAll) Err() error {
	n := c.count.Add(1)
	if n == c.left+1 {
		close(c.ended)
	}
	if n > c.left {
		return context.Canceled
	}
	return nil
}

func (c *askedByAll) Done() <-chan struct{} { return c.ended }

// endsInTheMiddle calls f with contexts that end at about so many of its questions, and
// checks that it ends soon then.
func endsInTheMiddle(t *testing.T, what string, least, soon int64, f func(context.Context) error) {
	t.Helper()
	whole := endingAfter(t, math.MaxInt64-1)
	if err := f(whole); err != nil {
		t.Fatal(what, err)
	}
	asks := whole.count.Load()
	if asks < least {
		t.Errorf("%s: asked %d times, want %d or more", what, asks, least)
	}
	places := int64(testenv.Rounds(10, 15, 40))
	for left := int64(0); left < asks; left += max(1, asks/places) {
		ctx := endingAfter(t, left)
		err := f(ctx)
		if err == nil && left+soon < asks {
			t.Errorf("%s: went on after question %d of %d", what, left+1, asks)
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: ended at question %d of %d: %v", what, left+1, asks, err)
		}
		if more := ctx.count.Load() - left; more > soon {
			t.Errorf("%s: ended at question %d of %d, and asked %d more", what, left+1, asks, more)
		}
	}
}

// chainedHeap returns the memory of a heap whose objects refer to those behind them, and
// the heap.
func chainedHeap(t *testing.T, objects int) (*engine.Space, *heap.Heaps) {
	t.Helper()
	h := heaptest.New(addr.LE64, 0x100000, objects*32+0x1000, 0, 0)
	var at []addr.Addr
	for range objects {
		at = append(at, h.Add(4, true))
	}
	h.End()
	for i, o := range at[:len(at)-1] {
		h.Put(int(o-h.Base), uint64(at[i+1]))
		h.Put(int(o-h.Base)+8, uint64(at[min(2*i+1, len(at)-1)]))
	}
	root := make([]byte, 64)
	addr.Little.PutUint(root[:8], uint64(at[0]))
	m, err := engine.BytesMapping("/bin/prog", 0x1000, root)
	if err != nil {
		t.Fatal(err)
	}
	m.Perm = engine.PermKnown | engine.PermWrite
	space := mustSpace(t, m, h.Mapping(t, "[heap]"))
	heaps, err := heap.Find(t.Context(), space, addr.LE64, heap.Options{})
	if err != nil || len(heaps.Objects()) < objects {
		t.Fatalf("%d objects, want %d; %v", len(heaps.Objects()), objects, err)
	}
	return space, heaps
}

// What keeps objects, and what they retain, ends in the middle of each of its steps.
func TestObjectsInterrupted(t *testing.T) {
	const objects = 1 << 16
	space, heaps := chainedHeap(t, objects)
	g := mustBuild(t, space, addr.LE64, Options{})
	for name, o := range map[string]ObjectOptions{
		"what keeps objects": {Workers: 2}, "what they retain": {Workers: 2, Retained: true},
	} {
		endsInTheMiddle(t, name, 5*objects>>13, 40, func(ctx context.Context) error {
			_, err := g.Objects(ctx, heaps, o)
			return err
		})
	}
	var og *objectGraph
	again := func() []uint64 {
		var err error
		if og, err = g.objectGraph(t.Context(), heaps, &ObjectOptions{Workers: 1}); err != nil {
			t.Fatal(err)
		}
		r := &Retention{heaps: heaps, Anchors: slices.Repeat([]Anchor{AnchorNone}, len(og.marks)), Losses: make([]Loss, len(og.marks))}
		if err := og.reach(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		return make([]uint64, len(og.marks))
	}
	endsInTheMiddle(t, "sizes", 4*objects>>13, 2, func(ctx context.Context) error {
		sizes := again()
		return og.retainedSizes(ctx, heaps.Objects(), sizes)
	})
}

// A build of memory with many mappings ends in the middle of what it prepares.
func TestPreparingInterrupted(t *testing.T) {
	const many = 1 << 16
	mappings := make([]engine.Mapping, many)
	for i := range mappings {
		first := addr.Addr(0x10000 + 0x10000*i)
		mappings[i] = engine.Mapping{Range: addr.Range{First: first, Last: first + 15}, State: engine.Absent}
	}
	space := mustSpace(t, mappings...)
	if err := space.Index(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := Options{Workers: 1}
	o.fillDefaults(addr.LE64)
	endsInTheMiddle(t, "preparing", 4*many>>13, 4, func(ctx context.Context) error {
		_, err := newSweep(ctx, space, addr.LE64, &o)
		return err
	})
}
