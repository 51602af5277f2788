package kdump

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"vscan/engine/image/input"
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

// tellFacts keeps what the header and VMCOREINFO tell.
func (d *dump) tellFacts() {
	info := d.vmcoreinfo()
	tell := d.img.Tell
	tell("kernel_release", d.release)
	tell("machine", d.machine)
	tell("nodename", d.nodename)
	tell("compression", strings.ReplaceAll(d.compression(), "not compressed", "none"))
	tell("block_size", strconv.FormatUint(d.block, 10))
	if d.hasLevel {
		tell("dump_level", strconv.FormatUint(d.level, 10))
	}
	tell("osrelease", info["OSRELEASE"])
	if d.seconds != 0 && d.seconds < 1<<40 {
		tell("time", time.Unix(int64(d.seconds), 0).UTC().Format(time.RFC3339))
	}
	if s, err := strconv.ParseInt(info["CRASHTIME"], 10, 64); err == nil && s > 0 && s < 1<<40 {
		tell("crashtime", time.Unix(s, 0).UTC().Format(time.RFC3339))
	}
	for _, key := range []string{"PAGESIZE", "BUILD-ID", "KERNELOFFSET", "SYMBOL(swapper_pg_dir)", "SYMBOL(init_top_pgt)", "NUMBER(phys_base)", "NUMBER(pgtable_l5_enabled)"} {
		if value := info[key]; value != "" {
			tell(factName(key), value)
		}
	}
	if d.physBase != 0 {
		tell("phys_base", fmt.Sprintf("%#x", d.physBase))
	}
}

// factName returns the name of a fact for a key of VMCOREINFO.
func factName(key string) string {
	key = strings.NewReplacer("SYMBOL(", "", "NUMBER(", "", ")", "", "-", "_").Replace(key)
	return "vmcoreinfo_" + strings.ToLower(key)
}

// vmcoreinfo returns the keys of VMCOREINFO, which is told where it is, or lies among the notes.
func (d *dump) vmcoreinfo() map[string]string {
	b := d.readPlace(d.info)
	if b == nil {
		b = vmcoreinfoNote(d.readPlace(d.notes), d.header)
	}
	keys := map[string]string{}
	for line := range bytes.Lines(b) {
		if key, value, ok := strings.Cut(strings.TrimRight(string(line), "\r\n\x00"), "="); ok && len(keys) < 1<<12 {
			keys[key] = value
		}
	}
	return keys
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
