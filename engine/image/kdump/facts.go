package kdump

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"vscan/engine/image"
	"vscan/engine/image/input"
	"vscan/engine/image/vmcoreinfo"
)

// maxInfo is how many bytes of VMCOREINFO are read, and of notes.
const maxInfo = 1 << 20

// compression returns how the pages are packed.
func (d *dump) compression() string {
	kinds := uint8(0)
	for _, p := range d.parts {
		kinds |= p.kinds
	}
	var names []string
	for _, flag := range []uint8{flagZlib, flagLZO, flagSnappy, flagZstd} {
		if kinds&flag != 0 {
			names = append(names, unpackers[flag].name)
		}
	}
	if names == nil {
		return "not compressed"
	}
	return strings.Join(names, ", ")
}

// tellFacts keeps what the header and VMCOREINFO tell, the one that is more exact of both.
func (d *dump) tellFacts() {
	tell := d.img.Tell
	tell("machine", d.machine)
	tell("nodename", d.nodename)
	tell("compression", strings.ReplaceAll(d.compression(), "not compressed", "none"))
	tell("block_size", strconv.FormatUint(d.block, 10))
	if d.hasLevel {
		tell("dump_level", strconv.FormatUint(d.level, 10))
	}
	if d.seconds != 0 && d.seconds < 1<<40 {
		tell("time", time.Unix(int64(d.seconds), 0).UTC().Format(time.RFC3339))
	}
	vmcoreinfo.Tell(d.img, d.vmcoreinfo())
	if !d.told("kernel_release") {
		tell("kernel_release", d.release)
	}
	if d.physBase != 0 && !d.told("phys_base") {
		tell("phys_base", fmt.Sprintf("%#x", d.physBase))
	}
}

// told reports whether the image has a fact of a name.
func (d *dump) told(name string) bool {
	return slices.ContainsFunc(d.img.Facts, func(f image.Fact) bool { return f.Name == name })
}

// vmcoreinfo returns VMCOREINFO, which is told where it is, or lies among the notes; nil where there
// is none.
func (d *dump) vmcoreinfo() []byte {
	if b := d.readPlace(d.info); b != nil {
		return b
	}
	return vmcoreinfoNote(d.readPlace(d.notes), d.header)
}

// readPlace reads what lies at a place of the file, as far as the file has it; nil where
// there is nothing.
func (d *dump) readPlace(p place) []byte {
	if p.off == 0 || p.size == 0 || p.off >= d.in.Size {
		return nil
	}
	b := make([]byte, min(p.size, maxInfo, d.in.Size-p.off))
	n, err := d.in.Fill(b, p.off)
	if err != nil {
		d.img.Note("what the dump tells of the kernel cannot be read: %v", err)
	}
	return b[:n]
}

// vmcoreinfoNote returns the contents of the note VMCOREINFO; nil where there is none.
func vmcoreinfoNote(notes []byte, h *header) []byte {
	for len(notes) >= 12 {
		f := input.NewFields(notes, h.order)
		name, size := f.U32(0), f.U32(4)
		begin := input.AddSat(12, (name+3)&^3)
		end := input.AddSat(begin, size)
		if end > uint64(len(notes)) {
			break
		}
		if name := notes[12 : 12+name]; string(bytes.TrimRight(name, "\x00")) == "VMCOREINFO" {
			return notes[begin:end]
		}
		notes = notes[min(input.AddSat(end, 3)&^3, uint64(len(notes))):]
	}
	return nil
}
