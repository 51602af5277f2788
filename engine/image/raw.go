package image

import (
	"fmt"
	"path/filepath"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
)

// openRaw places the bytes of a file as they are, the first one at o.Base.
//
// Raw memory is taken for physical memory from address 0. With a base it is
// whatever the caller says it is.
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
		return nil, fmt.Errorf("%s: raw bytes have no virtual addresses: place them with FILE@ADDR, or use --space physical", in.path())
	}
	r, ok := addr.Sized(base, in.size)
	if !ok {
		return nil, fmt.Errorf("%s: %#x bytes from address %v run past the last address, %v", in.path(), in.size, base, addr.Max)
	}
	img.Detail = fmt.Sprintf("%d bytes at %v", in.size, base)
	img.Mappings = []engine.Mapping{{Range: r, Source: in.src, Name: filepath.Base(in.path())}}

	// VMware keeps guest memory above the PCI hole right behind that below
	// it; the addresses are in the .vmss or .vmsn file. The hole begins at
	// 3 GiB or higher.
	if strings.EqualFold(filepath.Ext(in.path()), ".vmem") && o.Base == nil && in.size > 3<<30 {
		img.note("a .vmem file of more than 3 GiB: bytes above the PCI hole are shown at their offset in the file, below their physical address; the .vmss or .vmsn file that tells is not read yet")
	}
	return img, nil
}
