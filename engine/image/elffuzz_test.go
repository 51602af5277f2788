package image

import (
	"testing"

	"vscan/engine/addr"
)

func FuzzELF(f *testing.F) {
	for _, wide := range []bool{true, false} {
		for _, order := range []addr.ByteOrder{addr.Little, addr.Big} {
			base := uint64(0x80000000)
			f.Add(buildELF(wide, order, []testSeg{
				{typ: 4, data: namedNotes(wide, order, base)},
				{typ: 1, flags: 5, vaddr: base, data: "abcdefgh", memsz: 16},
				{typ: 1, flags: 6, vaddr: base + 0x1000, data: "abcdefgh", memsz: 8},
			}, nil))
			f.Add(buildELF(wide, order, []testSeg{
				{typ: 4, data: testInfo(wide, order, 7, "prog") + testThread(wide, order, 8, base+0x1008) + testThread(wide, order, 7, base+8) +
					testFiles(wide, order, []uint64{base - 8, base + 4, base + 6, base + 0x2000}, "/a", "/b")},
				{typ: 1, flags: 6, vaddr: base, data: "abcdefgh", memsz: 16},
				{typ: 1, flags: 6, vaddr: base + 0x1000, data: "abcdefgh", memsz: 8},
			}, nil))
			heap := testSeg{typ: 1, flags: 6, vaddr: 0x1811000, data: chunks(wide, order, 0, 0x41, 0x41), memsz: 0x1000}
			f.Add(heapCore(wide, order, 0x400000, []uint64{atBase, 1}, []uint64{0x1812000}, heap))
			f.Add(heapCore(wide, order, 0x1000, nil, []uint64{0x1812000}, heap))
			f.Add(buildELF(wide, order, []testSeg{
				{typ: 4, data: testNote(order, 8, "QEMU", 0, "x") + testNote(order, 8, "VMCOREINFO", 0, "y"), align: 8},
				{typ: 1, vaddr: base, paddr: 0x1000, data: "abcdefgh", memsz: 16},
				{typ: 1, vaddr: base + 0x1000, paddr: 0xffffffff, data: "abcdefgh", memsz: 8},
			}, func(h []byte) {
				if wide {
					h[56], h[57] = 0xff, 0xff
				}
			}))
		}
	}
	f.Add(buildELF(true, addr.Little, []testSeg{
		{typ: 4, data: qemuState(0x6b0)},
		{typ: 1, vaddr: 0xffff7ffffffffffd, paddr: 0x1000, data: "abcdefgh", memsz: 16},
		{typ: 1, vaddr: 0xfe00000000400000, paddr: 0x2000, data: "abcdefgh", memsz: 8},
	}, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, space := range []AddressSpace{"", Virtual, Physical} {
			img, err := finished(openELF(memInput(b), Options{Space: space}))
			if err == nil {
				checkImage(t, img, uint64(len(b)))
			}
		}
	})
}
