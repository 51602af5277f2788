package image

import (
	"bytes"
	"slices"
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
		for _, space := range []string{"", Virtual, Physical} {
			img, err := finished(openELF(memInput(b), Options{Space: space}))
			if err == nil {
				checkImage(t, img, uint64(len(b)))
			}
		}
	})
}

func FuzzLiME(f *testing.F) {
	f.Add([]byte(rec(0x1000, 0x1003, "abcd") + rec(0, 1<<64-1, "ab")))
	f.Add([]byte(rec(0x1000, 0x1003, "abcd") + string(make([]byte, 40))))
	f.Add([]byte(rec(0x1000, 0x1003, "abcd") + string(make([]byte, 40)) + rec(0x2000, 0x2003, "efgh")))
	f.Add([]byte(rec(0x1000, 0xfff, "") + rec(0x1000, 0x1003, "abcd") + rec(3, 1, "x") + rec(5, 1<<40, "yy") + rec(7, 7, "z")))
	f.Add([]byte(beRec(0x1000, 0x1003, "abcd") + "damaged" + beRec(0x2000, 0x2003, "efgh")))
	f.Fuzz(func(t *testing.T, b []byte) {
		img, err := finished(openLiME(memInput(b), Options{}))
		if err != nil {
			return
		}
		checkImage(t, img, uint64(len(b)))
		// The records and what is missing of the last one account for the file.
		var held uint64
		for _, m := range img.Mappings {
			if m.Source != nil {
				held += m.Size()
			}
		}
		if held > uint64(len(b)) {
			t.Errorf("%d bytes in a file of %d", held, len(b))
		}
	})
}

func FuzzMaps(f *testing.F) {
	f.Add([]byte("00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus-daemon\n7f00aa000000-7f00aa001000 ---p 00000000 00:00 0 \n"))
	f.Add([]byte("ffffffffff600000-ffffffffff601000 --xs 00000000 00:00 0   [vsyscall]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		vmas, err := parseMaps(bytes.NewReader(b))
		if err != nil {
			return
		}
		for _, v := range vmas {
			if !v.Valid() || v.perm.String() == "" {
				t.Errorf("%+v", v)
			}
		}
	})
}

func FuzzIdentify(f *testing.F) {
	for _, h := range slices.Concat(heads, moreHeads) {
		f.Add([]byte(h.head))
	}
	for _, c := range tails {
		f.Add([]byte(c.tail))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		name := Identify(b)
		if k := identify(b, b); name != "" && k.name != name {
			t.Errorf("%q, and with its last bytes %q", name, k.name)
		}
		// What follows the first bytes that are looked at does not matter.
		if len(b) >= headSize && Identify(b[:headSize]) != name {
			t.Errorf("%q, and %q of its first bytes", name, Identify(b[:headSize]))
		}
	})
}
