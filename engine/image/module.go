package image

import (
	"cmp"
	"slices"

	"vscan/engine"
	"vscan/engine/addr"
)

// Module is a file that was mapped into the process of an image, at one place.
// A file that was loaded or mapped at several places is several modules.
type Module struct {
	Path   string      // as the image names it, perhaps with " (deleted)" behind it
	Ranges []FileRange // ascending and disjoint
	Base   addr.Addr   // where the first range begins: the load base of a program or library

	// Known says that the core holds the ELF header of the module. Bias is what
	// is added then to the addresses of the file for those of memory, modulo
	// 2^64, and BuildID is the file's build-id, nil where none was saved.
	Known   bool
	Bias    uint64
	BuildID []byte

	Source engine.Source // of the bytes that are shown of it
}

// FileRange is a range of addresses, both ends included, and the offset in the
// file, in bytes, of the byte at its first.
type FileRange struct {
	addr.Range
	Offset uint64
}

// byFirst orders ranges by their first addresses.
func byFirst(a, b FileRange) int { return cmp.Compare(a.First, b.First) }

// NewModule returns the module of a file that was laid: its name, its build-id or nil, the
// source of its bytes, and the mappings that show it.
func NewModule(name string, id []byte, src engine.Source, ms []engine.Mapping) Module {
	m := Module{Path: name, BuildID: id, Source: src}
	for i := range ms {
		m.Ranges = append(m.Ranges, FileRange{Range: ms[i].Range, Offset: ms[i].Offset})
	}
	slices.SortFunc(m.Ranges, byFirst)
	return m
}
