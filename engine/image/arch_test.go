package image

import (
	"context"
	"errors"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/patterns"
)

func TestArch(t *testing.T) {
	for _, c := range []struct {
		img  Image
		want patterns.Fact
	}{
		{Image{}, patterns.FactWordSize},
		{Image{OrderKnown: true}, patterns.FactWordSize},
		{Image{WordSize: 8}, patterns.FactByteOrder},
		{Image{WordSize: 4, Order: addr.Big, OrderKnown: true}, ""},
	} {
		arch, err := c.img.Arch()
		var missing *ArchError
		if c.want == "" {
			if err != nil || arch.WordSize() != 4 || arch.Order() != addr.Big {
				t.Errorf("%v, %v", arch, err)
			}
		} else if !errors.As(err, &missing) || missing.What != c.want {
			t.Errorf("%+v: %v", c.img, err)
		}
	}
}

// Patterns are told all that the image says: words and order, and where names are.
func TestTarget(t *testing.T) {
	at := func(first, last addr.Addr, name string) engine.Mapping {
		return engine.Mapping{Range: addr.Range{First: first, Last: last}, State: engine.Zero, Name: name}
	}
	space, err := engine.NewSpace(at(0x1000, 0x1fff, "/lib/libc.so.6"), at(0x3000, 0x3fff, "libm"), at(0x5000, 0x5fff, "/usr/libm"))
	if err != nil {
		t.Fatal(err)
	}
	img := Image{WordSize: 8, OrderKnown: true}
	target := img.Target(space)
	for name, want := range map[string]addr.Range{
		"libc.so.6": {First: 0x1000, Last: 0x1fff}, "/lib/libc.so.6": {First: 0x1000, Last: 0x1fff},
		"libm": {First: 0x3000, Last: 0x3fff}, "/usr/libm": {First: 0x5000, Last: 0x5fff},
	} {
		got, err := target.Mapping(name)
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	set, err := patterns.Compile(context.Background(), []patterns.Pattern{patterns.Pointers(addr.Range{First: 0x1000, Last: 0x1fff})}, target)
	if err != nil || set.MaxLen() != 8 {
		t.Errorf("%v, %v", set, err)
	}
}
