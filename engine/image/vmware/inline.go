package vmware

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
)

// Format is the line of state files in the table of detection: those that have the memory
// inside are read. Those of the memory files, which have no magic, is [IsMemory].
var Format = magic.Format{Name: stateName, What: "a VMware state file (vmss, vmsn)", Match: isState, Option: "vmware", Open: openState}

const stateName = "VMware state"

// openState opens the memory in a state file.
func openState(ctx context.Context, in input.Reader, o image.Options) (*image.Draft, error) {
	if o.Space == image.Virtual {
		return nil, &image.SpaceError{Path: in.Path(), Want: o.Space, Have: []image.AddressSpace{image.Physical}, Why: "the memory of a VMware machine has physical addresses only"}
	}
	m, err := state{in}.read(ctx)
	if ctx.Err() != nil {
		return nil, image.Interrupted(ctx.Err(), in.Path(), "reading where its memory lies")
	}
	if err != nil || m.block == nil || m.block.packed {
		return nil, withoutMemory(in, m, err)
	}
	img := &image.Draft{Image: image.Image{Space: image.Physical, Spaces: []image.AddressSpace{image.Physical}}}
	m.describe(img)
	k := kept{Reader: in, begin: min(m.block.at, in.Size), end: min(input.AddSat(m.block.at, m.block.size), in.Size), state: "the state file"}
	if len(m.regions) > 0 {
		return img, image.Interrupted(k.lay(ctx, img, m.regions), in.Path(), "laying the parts of memory")
	}
	if m.partial {
		img.Note("the file ends in the memory, and does not say before that whether the machine's memory has gaps: it is taken for memory without")
	}
	k.layFlat(img, m)
	return img, nil
}

// layFlat makes the mappings of memory without gaps.
func (k *kept) layFlat(img *image.Draft, m *machine) {
	begin := addr.Addr(0)
	if m.isARM {
		begin = armBegins
	}
	img.Detail = fmt.Sprintf("%d bytes at %v", m.block.size, begin)
	all, ok := addr.Sized(begin, m.block.size)
	if !ok {
		all = addr.Range{First: begin, Last: addr.Max}
	}
	if held := k.end - k.begin; held > 0 {
		part := addr.Range{First: begin, Last: min(all.Last, begin+addr.Addr(held-1))}
		img.Mappings = append(img.Mappings, engine.Mapping{Range: part, Source: k.Source, Offset: k.begin, Name: input.BaseName(k.Path()), NameOffset: uint64(begin)})
		if part == all {
			return
		}
		all.First = part.Last + 1
	}
	k.lose(img, all)
}

// withoutMemory returns the error about a state file in which no memory is that can be read. m is
// nil where err says why the file is damaged.
func withoutMemory(in input.Reader, m *machine, err error) error {
	e := &image.UnsupportedError{Path: in.Path(), Format: stateName, What: "a VMware state file (vmss, vmsn) without the memory of its machine"}
	switch {
	case err != nil:
		e.What = fmt.Sprintf("a VMware state file (vmss, vmsn) that is damaged (%v)", err)
	case m.block != nil:
		e.What = "a VMware state file (vmss, vmsn) whose memory is compressed"
	}
	if found, _ := beside(in.Path(), memoryExt); len(found) > 0 {
		e.Holds = image.HoldsBeside
		e.Advice = fmt.Sprintf("scan %s beside it, which has the memory", image.ShellWord(filepath.Base(found[0])))
		return e
	}
	e.Advice = "it is not read: scan the .vmem file of its name, which has the memory and does not lie beside it"
	if m != nil && m.block != nil {
		e.Advice = "it is not read: resume the machine and take a snapshot of it, or dump its memory from inside"
	}
	return e
}

// isState looks at the number of groups behind magic and version: the magics
// are letters in UTF-8 too.
func isState(head []byte) bool {
	if !magic.At(0, "\xd0\xbe\xd2\xbe", "\xd0\xbe\xd0\xbe", "\xd2\xbe\xd2\xbe", "\xd3\xbe\xd3\xbe", "\xd1\xba\xd1\xba", "\xd2\xba\xd2\xba")(head) {
		return false
	}
	if len(head) < headerSize {
		return true // cut
	}
	groups := binary.LittleEndian.Uint32(head[8:])
	return groups > 0 && groups <= maxGroups
}
