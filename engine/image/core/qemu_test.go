package core

import (
	"fmt"
	"slices"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
	"vscan/engine/image/input"
)

// qemuState is QEMU's note of a CPU in long mode with paging; cr4 is its CR4.
func qemuState(cr4 uint64) string {
	b := make([]byte, 440)
	le := addr.Little
	le.PutUint(b[0:4], 1)
	le.PutUint(b[4:8], 440)
	le.PutUint(b[392:400], 0x80050033) // CR0
	le.PutUint(b[416:424], 0x53d2000)  // CR3
	le.PutUint(b[424:432], cr4)
	return imagetest.Note(le, 4, "CORE", 1, "registers") + imagetest.Note(le, 4, "QEMU", 0, string(b))
}

// How QEMU makes addresses of page tables with four and with five levels:
// target/i386/arch_memory_mapping.c.
func qemuFour(a uint64) uint64 { return a&(1<<48-1) | 0xffff<<48 }
func qemuFive(a uint64) uint64 { return a&(1<<57-1) | 0x7f<<57 }

func TestQEMUUserMemory(t *testing.T) {
	const four, five = 0x6b0, 0x751eb0 // CR4
	type at struct{ file, guest uint64 }
	through := func(f func(uint64) uint64, guest ...uint64) (all []at) {
		for _, a := range guest {
			all = append(all, at{f(a), a})
		}
		return all
	}
	same := func(as ...uint64) (all []at) { return through(func(a uint64) uint64 { return a }, as...) }
	kernel4 := []uint64{0xffff800000000000, 0xffff888000001000, 0xffffffff81000000, 0xfffffffffffff000}
	kernel5 := []uint64{0xff00000000000000, 0xff11000000001000, 0xffa0000000000000, 0xffff000000400000, 0xffff7ffffffff000, 0xffff888000001000, 0xffffffff81000000}
	user4 := []uint64{0, 0x1000, 0x400000, 0x7ffff7ffd000, 0x7ffffffff000}
	user5 := append([]uint64{0x800000000000, 0xffff00000000, 0x00f0000000000000, 0x00fffffffffff000}, user4...)
	for name, c := range map[string]struct {
		notes string
		at    []at
	}{
		"four levels":                    {qemuState(four), append(through(qemuFour, user4...), through(qemuFour, kernel4...)...)},
		"five levels":                    {qemuState(five), append(through(qemuFive, user5...), through(qemuFive, kernel5...)...)},
		"five levels, user memory only":  {qemuState(five), through(qemuFive, user5...)},
		"four levels, kernel only":       {qemuState(four), same(kernel4...)},
		"five levels, kernel only":       {qemuState(five), same(kernel5...)},
		"one of two CPUs has five":       {qemuState(four) + qemuState(five), same(0xffff000000400000)},
		"no state, four":                 {imagetest.Note(addr.Little, 4, "QEMU", 0, "x"), append(through(qemuFour, user4...), through(qemuFour, kernel4...)...)},
		"no state, five by kernel":       {imagetest.Note(addr.Little, 4, "QEMU", 0, ""), same(0xff11000000001000, 0xffff000000400000)},
		"no state, five by user memory":  {imagetest.Note(addr.Little, 4, "QEMU", 0, ""), append(through(qemuFive, 0x400000), same(0xffff000000400000)...)},
		"as QEMU should":                 {qemuState(four), append(same(user4[1:]...), same(kernel4...)...)},
		"non-canonical, others' bits":    {qemuState(four), same(0xfffe000000400000, 0x8000000000000000, 0x0001000000400000)},
		"another's":                      {imagetest.Note(addr.Little, 4, "VMCOREINFO", 0, qemuState(four)), same(0xffff000000400000, 0xfe00000000400000)},
		"process":                        {imagetest.Note(addr.Little, 4, "CORE", ntAuxv, ""), same(0xffff000000400000, 0xfe00000000400000)},
		"VirtualBox":                     {imagetest.Note(addr.Little, 4, "VBCORE", 0, ""), same(0xffff000000400000)},
		"QEMU's and VMCOREINFO, in turn": {imagetest.Note(addr.Little, 4, "VMCOREINFO", 0, "") + qemuState(four), through(qemuFour, user4...)},
	} {
		t.Run(name, func(t *testing.T) {
			segs := []imagetest.Segment{{Type: 4, Data: c.notes}}
			wrong := 0
			for i, a := range c.at {
				segs = append(segs, imagetest.Segment{Type: 1, Vaddr: a.file, Paddr: uint64(0x10_0000 + 0x1000*i), Data: "abcd", Memsz: 4})
				if a.file != a.guest {
					wrong++
				}
			}
			b := imagetest.BuildELF(true, addr.Little, segs, nil)
			img := openTestELF(t, b, image.Options{})
			if len(img.Mappings) != len(c.at) {
				t.Fatalf("%d mappings, want %d", len(img.Mappings), len(c.at))
			}
			for i, a := range c.at {
				if m := img.Mappings[i]; m.First != addr.Addr(a.guest) || m.Size() != 4 || m.Name != fmt.Sprintf("load[%d]", i+1) {
					t.Errorf("%#x in the file: %v %s, want %#x", a.file, m.Range, m.Name, a.guest)
				}
			}
			if wrong == 0 {
				imagetest.CheckNotes(t, img)
			} else {
				imagetest.CheckNotes(t, img, input.Plural(wrong, "load segment")+" of user memory")
			}
			if slices.Contains(img.Spaces, image.Physical) {
				img = openTestELF(t, b, image.Options{Space: image.Physical})
				imagetest.CheckNotes(t, img)
				if m := img.Mappings[0]; m.First != 0x10_0000 {
					t.Errorf("physical: %v", m.Range)
				}
			}
		})
	}
}

// A machine of 32 bits has no such addresses to mend.
func TestQEMUUserMemoryElsewhere(t *testing.T) {
	segs := []imagetest.Segment{{Type: 4, Data: qemuState(0x6b0)}, {Type: 1, Vaddr: 0xffff000000400000, Paddr: 0x1000, Data: "abcd", Memsz: 4}}
	for _, machine := range []byte{3, 183, 243} {
		img := openTestELF(t, imagetest.BuildELF(true, addr.Little, segs, func(h []byte) { h[18] = machine }), image.Options{})
		if img.Mappings[0].First != 0xffff000000400000 {
			t.Errorf("machine %d: %v", machine, img.Mappings[0].Range)
		}
	}
}

// A segment may go on from the last address of user memory to the first of the
// kernel, where these are side by side in physical memory.
func TestQEMUUserMemoryMeetsKernel(t *testing.T) {
	open := func(cr4, vaddr, memsz uint64, data string) *image.Image {
		return openTestELF(t, imagetest.BuildELF(true, addr.Little, []imagetest.Segment{{Type: 4, Data: qemuState(cr4)}, {Type: 1, Vaddr: vaddr, Paddr: 0x1000, Data: data, Memsz: memsz}}, nil), image.Options{})
	}
	img := open(0x6b0, 0xffff7ffffffffffd, 10, "abcdefgh")
	imagetest.CheckMappings(t, img, `
	0x7ffffffffffd..0x7fffffffffff present +0x29c load[1]
	0xffff800000000000..0xffff800000000004 present +0x29f load[1]
	0xffff800000000005..0xffff800000000006 absent load[1]
	`)
	imagetest.CheckNotes(t, img, "1 load segment of user memory at addresses that no machine has, as QEMU sets the sign bits of every one: shown where the guest had them, the first at 0x7ffffffffffd instead of 0xffff7ffffffffffd")
	imagetest.CheckMappings(t, open(0x751eb0, 0xfeffffffffffffff, 2, "a"), `
	0xffffffffffffff..0xffffffffffffff present +0x29c load[1]
	0xff00000000000000..0xff00000000000000 absent load[1]
	`)
	// As long as there are addresses.
	img = open(0x6b0, 0xffff000000000000, 1<<48, "ab")
	imagetest.CheckMappings(t, img, `
	0x0..0x1 present +0x29c load[1]
	0x2..0x7fffffffffff absent load[1]
	0xffff800000000000..0xffffffffffffffff absent load[1]
	`)
	img = open(0x6b0, 0xffff000000000001, 1<<64-1, "ab")
	imagetest.CheckMappings(t, img, `
	0x1..0x2 present +0x29c load[1]
	0x3..0x7fffffffffff absent load[1]
	0xffff800000000000..0xffffffffffffffff absent load[1]
	`)
	imagetest.CheckNotes(t, img, "run past the last address", "1 load segment of user memory")
}
