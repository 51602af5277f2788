package image

import (
	"vscan/engine/addr"
)

// LayerSpec is a file, or a part of one, and where it is laid.
type LayerSpec struct {
	Path string

	// At is the address of the first byte, or, for an ELF program or library that
	// is not Raw, of the page of its lowest segment.
	At addr.Addr

	// Unplaced says that At is not given: the image has to tell where the file
	// was loaded.
	Unplaced bool

	// Raw lays the bytes as they are, whatever the file is. It is implied by an
	// Offset or a Len.
	Raw    bool
	Offset uint64 // in the file, of the first byte
	Len    uint64 // in bytes; 0 is to the end of the file
}
