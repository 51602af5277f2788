package core

import (
	"testing"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
)

func FuzzELF(f *testing.F) {
	for _, wide := range []bool{true, false} {
		for _, order := range []addr.ByteOrder{addr.Little, addr.Big} {
			base := uint64(0x80000000)
			f.Add(imagetest.BuildELF(wide, order, []imagetest.Segment{
				{Type: 4, Data: namedNotes(wide, order, base)},
				{Type: 1, Flags: 5, Vaddr: base, Data: "abcdefgh", Memsz: 16},
				{Type: 1, Flags: 6, Vaddr: base + 0x1000, Data: "abcdefgh", Memsz: 8},
			}, nil))
			f.Add(imagetest.BuildELF(wide, order, []imagetest.Segment{
				{Type: 4, Data: imagetest.InfoNote(wide, order, 7, "prog") + imagetest.ThreadNote(wide, order, 8, base+0x1008) + imagetest.ThreadNote(wide, order, 7, base+8) +
					imagetest.FilesNote(wide, order, []uint64{base - 8, base + 4, base + 6, base + 0x2000}, "/a", "/b")},
				{Type: 1, Flags: 6, Vaddr: base, Data: "abcdefgh", Memsz: 16},
				{Type: 1, Flags: 6, Vaddr: base + 0x1000, Data: "abcdefgh", Memsz: 8},
			}, nil))
			heap := imagetest.Segment{Type: 1, Flags: 6, Vaddr: 0x1811000, Data: chunks(wide, order, 0, 0x41, 0x41), Memsz: 0x1000}
			f.Add(heapCore(wide, order, 0x400000, []uint64{atBase, 1}, []uint64{0x1812000}, heap))
			f.Add(heapCore(wide, order, 0x1000, nil, []uint64{0x1812000}, heap))
			f.Add(imagetest.BuildELF(wide, order, []imagetest.Segment{
				{Type: 4, Data: imagetest.Note(order, 8, "QEMU", 0, "x") + imagetest.Note(order, 8, "VMCOREINFO", 0, "y"), Align: 8},
				{Type: 1, Vaddr: base, Paddr: 0x1000, Data: "abcdefgh", Memsz: 16},
				{Type: 1, Vaddr: base + 0x1000, Paddr: 0xffffffff, Data: "abcdefgh", Memsz: 8},
			}, func(h []byte) {
				if wide {
					h[56], h[57] = 0xff, 0xff
				}
			}))
		}
	}
	f.Add(imagetest.BuildELF(true, addr.Little, []imagetest.Segment{
		{Type: 4, Data: qemuState(0x6b0)},
		{Type: 1, Vaddr: 0xffff7ffffffffffd, Paddr: 0x1000, Data: "abcdefgh", Memsz: 16},
		{Type: 1, Vaddr: 0xfe00000000400000, Paddr: 0x2000, Data: "abcdefgh", Memsz: 8},
	}, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, space := range []image.AddressSpace{"", image.Virtual, image.Physical} {
			img, err := imagetest.Finished(Open(t.Context(), imagetest.Reader(b), image.Options{Space: space}))
			if err == nil {
				imagetest.CheckImage(t, img, uint64(len(b)))
			}
		}
	})
}
