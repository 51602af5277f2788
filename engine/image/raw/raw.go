// Package raw opens files whose bytes are memory as it is. It is for the engine and
// may change.
package raw

import (
	"context"
	"fmt"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/input"
)

// Open opens a file as raw memory. Where neither o.Format nor o.Base says that
// it is raw, that is a guess, and a note says so.
func Open(_ context.Context, in input.Reader, o image.Options) (*image.Draft, error) {
	img, err := Place(in, o)
	if err == nil && o.Len == 0 {
		img.TellAppended(in.Appended)
	}
	if err == nil && o.Format == "" && o.Base == nil {
		img.NoteHint(image.Hint{Format: image.FormatRaw}, "raw bytes at 0x0: no known format was recognised")
	}
	return img, err
}

// Place places the bytes of a file as they are, the first one at o.Base, or
// those from o.Offset on.
//
// Raw memory is taken for physical memory from address 0. With a base it is
// whatever the caller says it is.
func Place(in input.Reader, o image.Options) (*image.Draft, error) {
	img := &image.Draft{Image: image.Image{Format: "raw", Space: image.Physical, Spaces: []image.AddressSpace{image.Physical}}}
	var base addr.Addr
	if o.Base != nil {
		base = *o.Base
		img.Spaces = []image.AddressSpace{image.Physical, image.Virtual}
		if o.Space != "" {
			img.Space = o.Space
		}
	} else if o.Space == image.Virtual {
		return nil, &image.SpaceError{Path: in.Path(), Want: o.Space, Have: []image.AddressSpace{image.Physical}, Why: "raw bytes have no virtual addresses but where they are placed at one", BaseHelps: true}
	}
	m, err := in.Run(image.LayerSpec{At: base, Offset: o.Offset, Len: o.Len})
	if err != nil {
		return nil, err
	}
	img.Detail = fmt.Sprintf("%d bytes at %v", m.Size(), base)
	img.Mappings = []engine.Mapping{m}
	return img, nil
}
