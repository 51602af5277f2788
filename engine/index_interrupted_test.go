package engine

import (
	"context"
	"errors"
	"math"
	"testing"

	"vscan/engine/addr"
	"vscan/patterns"
)

// askedContext ends with its question number left + 1.
type askedContext struct {
	context.Context
	left, asked int
}

func (c *askedContext) Err() error {
	if c.asked++; c.asked > c.left {
		return context.Canceled
	}
	return nil
}

// manyMappings returns mappings with gaps between them, every other one of zeros.
func manyMappings(t *testing.T, n int) []Mapping {
	t.Helper()
	word, err := BytesMapping("word", 0, make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	all := make([]Mapping, n)
	for i := range all {
		all[i] = word
		first := addr.Addr(0x10000 + 32*i)
		all[i].Range = addr.Range{First: first, Last: first + 15}
		if i%2 > 0 {
			all[i].State, all[i].Source = Zero, nil
		}
	}
	return all
}

// endsAnywhere calls f with contexts that end at one of its questions after another, and
// checks that it ends then, and asks in proportion to the work.
func endsAnywhere(t *testing.T, what string, least int, f func(context.Context) error) {
	t.Helper()
	whole := &askedContext{Context: t.Context(), left: math.MaxInt}
	if err := f(whole); err != nil {
		t.Fatal(what, err)
	}
	if whole.asked < least {
		t.Errorf("%s: asked %d times, want %d or more", what, whole.asked, least)
	}
	for left := range whole.asked {
		ctx := &askedContext{Context: t.Context(), left: left}
		if err := f(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: ended at question %d of %d: %v", what, left+1, whole.asked, err)
		}
		if more := ctx.asked - left; more > 4 {
			t.Errorf("%s: ended at question %d, and asked %d more", what, left+1, more)
		}
	}
}

// Laying out many mappings, and planning and cutting what is searched of them, ends
// where its context does.
func TestManyMappingsInterrupted(t *testing.T) {
	const many = 100_000
	all := manyMappings(t, many)
	endsAnywhere(t, "a space", many>>13, func(ctx context.Context) error {
		_, err := NewSpaceOf(ctx, all)
		return err
	})
	space, err := NewSpaceOf(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	if err := space.Index(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := patterns.Parse("xyz")
	if err != nil {
		t.Fatal(err)
	}
	set, err := patterns.Compile(t.Context(), []patterns.Pattern{text}, patterns.Target{})
	if err != nil {
		t.Fatal(err)
	}
	endsAnywhere(t, "a plan", 2*many>>13, func(ctx context.Context) error {
		_, err := newPlan(ctx, space, Options{})
		return err
	})
	sc, err := Compile(t.Context(), space, set, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if size := uint64(16 * many); sc.Bytes() != size {
		t.Errorf("%d bytes are searched, want %d", sc.Bytes(), size)
	}
	endsAnywhere(t, "stretches", 2*many>>13, sc.cutUp)
	endsAnywhere(t, "compiling", 4*many>>13, func(ctx context.Context) error {
		_, err := Compile(ctx, space, set, Options{})
		return err
	})
}

// A space of a slice that is kept shows what one of a copy does, and refuses what is not
// valid in the same words.
func TestNewSpaceOf(t *testing.T) {
	all := manyMappings(t, 10)
	all[7].Range = addr.Range{First: 0x10000, Last: 0x10007}
	copied, err := NewSpace(all...)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := NewSpaceOf(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	for a := addr.Addr(0xfff0); a < 0x10200; a++ {
		if v, w := copied.At(a), kept.At(a); v.Range != w.Range || v.Layer != w.Layer || v.State() != w.State() {
			t.Fatalf("at %v: %v and %v", a, v, w)
		}
	}
	all = manyMappings(t, 3)
	all[1].State = Hole
	_, want := NewSpace(all...)
	if _, err := NewSpaceOf(t.Context(), all); want == nil || err == nil || err.Error() != want.Error() {
		t.Errorf("%v, want %v", err, want)
	}
}
