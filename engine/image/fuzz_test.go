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
			img, err := openELF(memInput(b), Options{Space: space})
			if err == nil {
				checkImage(t, img.finish(), uint64(len(b)))
			}
		}
	})
}

func FuzzLiME(f *testing.F) {
	f.Add([]byte(rec(0x1000, 0x1003, "abcd") + rec(0, 1<<64-1, "ab")))
	f.Add([]byte(rec(0x1000, 0x1003, "abcd") + string(make([]byte, 40))))
	f.Fuzz(func(t *testing.T, b []byte) {
		img, err := openLiME(memInput(b), Options{})
		if err != nil {
			return
		}
		checkImage(t, img.finish(), uint64(len(b)))
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
		vmas, err := parseMaps(b)
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
	for _, h := range heads {
		f.Add([]byte(h.head))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		name := Identify(b)
		// What follows the first bytes that are looked at does not matter.
		if len(b) >= headSize && Identify(b[:headSize]) != name {
			t.Errorf("%q, and %q of its first bytes", name, Identify(b[:headSize]))
		}
	})
}
