package image

import (
	"fmt"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/patterns"
)

// ArchError says that something cannot be done without what the image does not
// say of itself: its word size or its byte order. Who knows it sets it in the
// Image.
type ArchError struct {
	What patterns.Fact
}

func (e *ArchError) Error() string { return fmt.Sprintf("the image does not say its %s", e.What) }

// Arch returns the word size and byte order of the image's machine. The error is
// an *[ArchError] where the image does not say both.
func (img *Image) Arch() (addr.Arch, error) {
	switch {
	case img.WordSize == 0:
		return addr.Arch{}, &ArchError{patterns.FactWordSize}
	case !img.OrderKnown:
		return addr.Arch{}, &ArchError{patterns.FactByteOrder}
	}
	return addr.NewArch(img.WordSize, img.Order)
}

// Target returns what patterns have to know of the image: its word size and byte
// order, as far as it says them, and the ranges of mappings by their names, which
// are those of space, the space that was made of the image.
func (img *Image) Target(space *engine.Space) patterns.Target {
	return patterns.Target{
		WordSize: img.WordSize, Order: img.Order, OrderKnown: img.OrderKnown,
		Mapping: func(name string) ([]addr.Range, error) { return space.Named(name), nil },
	}
}
