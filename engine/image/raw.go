package image

import (
	"fmt"

	"vscan/engine"
	"vscan/engine/addr"
)

// openRaw places the bytes of a file as they are, the first one at o.Base, or
// those from o.Offset on.
//
// Raw memory is taken for physical memory from address 0. With a base it is
// whatever the caller says it is. Where nobody said that the file is raw, that
// is a guess, and a note says so.
func openRaw(in input, o Options) (*Image, error) {
	img := &Image{Format: "raw", Space: Physical, Spaces: []string{Physical}}
	var base addr.Addr
	if o.Base != nil {
		base = *o.Base
		img.Spaces = []string{Physical, Virtual}
		if o.Space != "" {
			img.Space = o.Space
		}
	} else if o.Space == Virtual {
		return nil, &SpaceError{Path: in.path(), Want: o.Space, Have: []string{Physical}, Why: "raw bytes have no virtual addresses but where they are placed at one", BaseHelps: true}
	}
	m, err := in.run(LayerSpec{At: base, Offset: o.Offset, Len: o.Len})
	if err != nil {
		return nil, err
	}
	img.Detail = fmt.Sprintf("%d bytes at %v", m.Size(), base)
	img.Mappings = []engine.Mapping{m}
	if o.Format == "" && o.Base == nil {
		if err := img.guess(in); err != nil {
			return nil, err
		}
	}
	return img, nil
}

// guess notes that a file is taken for raw memory because it is nothing else
// that is known. What is so by its name is asked where its bytes lie.
func (img *Image) guess(in input) error {
	if isVMEM(in.path()) {
		return img.checkVMEM(in)
	}
	img.noteHint(Hint{Format: "raw"}, "raw bytes at 0x0: no known format was recognised")
	return nil
}
