package image

import (
	"fmt"

	"vscan/engine"
)

// A Placer is a source whose offsets are not those of the file that its Name is the path of: of memory
// that the file keeps packed, or of a process.
type Placer interface {
	engine.Source

	// PlaceOf returns where the file has the byte at an offset of the source, in words that follow a verb:
	// "at file offset 0x10", "in the block at file offset 0x200"; "" where that is not known, or an address
	// tells it.
	PlaceOf(off uint64) string
}

// PlaceIn returns in words where the byte at an offset of a source lies in the file that the source is
// named for, as [Placer] has it. Of a source that tells nothing of that, the offset is called one of the source.
func PlaceIn(s engine.Source, off uint64) string {
	if p, ok := s.(Placer); ok {
		return p.PlaceOf(off)
	}
	return fmt.Sprintf("at offset %#x", off)
}
