package minidump

import (
	"cmp"
	"encoding/binary"
	"fmt"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/input"
	"vscan/internal/interrupt"
)

// The modules: MINIDUMP_MODULE, and the identity of each in its CodeView record.

const (
	moduleSize   = 108
	maxModules   = 1 << 16    // more are not read
	maxID        = 64         // bytes of a build-id
	signaturePDB = 0x53445352 // "RSDS": a GUID, and its age: how often the PDB was written again
	signatureELF = 0x4270454c // of Breakpad: a build-id
)

// module is a file that was loaded, from its base on.
type module struct {
	addr.Range
	path string
	id   []byte
}

// readModules reads ModuleList.
func (d *reader) readModules() error {
	l, err := d.counted(moduleList, moduleSize)
	if err != nil {
		return err
	}
	l.count = d.capped(l.name(), l.At, l.count, maxModules)
	type entry struct {
		addr.Range
		index  uint64
		name   uint64 // file offset
		record stream
	}
	var all []entry
	err = d.each(l, func(i uint64, f input.Fields) {
		if r, _, ok := d.sized(f.U64(0), f.U32(8)); ok {
			all = append(all, entry{r, i, f.U32(20), stream{f.U32(80), f.U32(76)}})
		}
	})
	if err != nil {
		return err
	}
	for _, e := range all {
		if err := d.watch.Step(64); err != nil {
			return err
		}
		m := module{Range: e.Range}
		if m.path, err = d.stringAt(e.name); err != nil {
			return err
		}
		if m.path == "" {
			m.path = fmt.Sprintf("module[%d]", e.index)
		}
		if m.id, err = d.identity(e.record); err != nil {
			return err
		}
		d.modules = append(d.modules, m)
	}
	return d.tellModules()
}

// tellModules puts the modules in order, without those that overlap one before them, which
// cannot be, and tells them.
func (d *reader) tellModules() error {
	if err := interrupt.SortStableFunc(d.ctx, d.modules, func(a, b module) int { return cmp.Compare(a.First, b.First) }); err != nil {
		return err
	}
	kept := d.modules[:0]
	for _, m := range d.modules {
		if n := len(kept); n == 0 || m.First > kept[n-1].Last {
			kept = append(kept, m)
		}
	}
	d.modules = kept
	for _, m := range d.modules {
		d.img.Modules = append(d.img.Modules, image.Module{Path: m.path, Base: m.First, BuildID: m.id, Source: d.Source, Ranges: []image.FileRange{{Range: m.Range}}})
	}
	return nil
}

// identity reads a CodeView record. Of a PDB it is the GUID, in the order in which it is
// printed, and the age as 4 bytes if that is not 0; of an ELF file on Linux, whose first
// 16 bytes older versions of Breakpad took for a GUID, the build-id.
func (d *reader) identity(s stream) ([]byte, error) {
	const guid = 16
	b, err := d.take(s.off, min(s.size, 4+maxID))
	if err != nil || len(b) < 4 {
		return nil, err
	}
	signature, b := d.order.Uint(b[:4]), b[4:]
	switch {
	case signature == signatureELF && len(b) > 0:
		return b, nil
	case signature != signaturePDB || len(b) < guid+4 || input.AllZero(b[:guid]):
		return nil, nil
	case d.system.ofLinux():
		return b[:guid], nil
	}
	f := input.NewFields(b, d.order)
	id := binary.BigEndian.AppendUint32(nil, uint32(f.U32(0)))
	id = binary.BigEndian.AppendUint16(id, uint16(f.U16(4)))
	id = binary.BigEndian.AppendUint16(id, uint16(f.U16(6)))
	id = append(id, b[8:guid]...)
	if age := f.U32(guid); age != 0 {
		id = binary.BigEndian.AppendUint32(id, uint32(age))
	}
	return id, nil
}
