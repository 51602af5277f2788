package core

import (
	"math"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
)

// liveKernel opens the headers of a /proc/kcore, as linux 6.1 writes them, with what
// /proc/vmallocinfo would say.
func liveKernel(t *testing.T, o image.Options, vmallocInfo string, segs ...imagetest.Segment) *image.Image {
	t.Helper()
	segs = append([]imagetest.Segment{{Type: 4, Data: imagetest.Note(addr.Little, 4, "VMCOREINFO", 0, "")}}, segs...)
	in := imagetest.Reader(imagetest.BuildELF(true, addr.Little, segs, nil))
	in.Live, in.Size = true, math.MaxInt64
	c := newReader(t.Context(), in)
	c.vmallocInfo = imagetest.TempFile(t, "vmallocinfo", vmallocInfo)
	img, err := imagetest.Finished(c.open(o))
	if err != nil {
		t.Fatal(err)
	}
	if img.Format != "live kernel" || !img.Live || img.Missing != 0 {
		t.Errorf("%+v", img)
	}
	return img
}

// kernelSegment is a PT_LOAD of which the file has as much as the memory.
func kernelSegment(off, vaddr, paddr, size uint64) imagetest.Segment {
	return imagetest.Segment{Type: 1, Flags: 7, At: off, Vaddr: vaddr, Paddr: paddr, Memsz: size, Filesz: imagetest.Num(size)}
}

const (
	vmalloc     = 0xffffc90000000000
	vmallocSize = 32 << 40
	unplaced    = math.MaxUint64 // p_paddr
)

func kernelSegments() []imagetest.Segment {
	return []imagetest.Segment{
		kernelSegment(0x7fff81003000, 0xffffffff81000000, 0x1000000, 0x2000),
		kernelSegment(0x490000003000, vmalloc, unplaced, vmallocSize-1),
		kernelSegment(0x7fffc0003000, 0xffffffffc0000000, unplaced, 0x3f000000),
		kernelSegment(0x88000003000, 0xffff888000001000, 0x1000, 0x9e000),
		kernelSegment(0x88000103000, 0xffff888000100000, 0x100000, 0x2000000),
	}
}

// Physical memory is the default: each page once, though the kernel lies in two segments.
func TestLivePhysical(t *testing.T) {
	img := liveKernel(t, image.Options{}, "", kernelSegments()...)
	if got := imagetest.JoinedSpaces(img.Spaces); got != "physical virtual" || img.Space != image.Physical {
		t.Errorf("spaces %q", got)
	}
	imagetest.CheckMappings(t, img, `
	0x1000000..0x1001fff present +0x7fff81003000 rwx load[1]
	0x1000..0x9efff present +0x88000003000 rwx load[4]
	0x100000..0x20fffff present +0x88000103000 rwx load[5]
	`)
	imagetest.CheckNotes(t, img, "2 load segments with 35185429053439 bytes have no physical address")
}

// Of vmalloc is shown what is in use, and nothing of it where that is not told.
func TestLiveVirtual(t *testing.T) {
	const told = `0xffffc90000000000-0xffffc90000005000   20480 kernel_clone+0xbf/0x430 pages=4 vmalloc N0=4
0xffffc90000005000-0xffffc90000007000    8192 acpi_os_map_iomem+0x1b6/0x1d0 phys=0x000000000bfe1000 ioremap
0xffffc90000010000-0xffffc90000011000    4096 vm_map_ram
damaged
0xffffc90000002000-0xffffc90000030000    4096 overlapping
0xffffffffc0000000-0xffffffffc0003000   12288 load_module+0x100/0x200 pages=2 vmalloc N0=2
`
	const hashed = `0x00000000d9fef5fe-0x0000000046377972   20480 kernel_clone+0xbf/0x430 pages=4 vmalloc N0=4
0x0000000046377972-0x00000000f22b1711    8192 acpi_os_map_iomem+0x1b6/0x1d0 phys=0x000000000bfe1000 ioremap
`
	virtual := image.Options{Space: image.Virtual}
	img := liveKernel(t, virtual, told, kernelSegments()...)
	imagetest.CheckMappings(t, img, `
	0xffffffff81000000..0xffffffff81001fff present +0x7fff81003000 rwx load[1]
	0xffffc90000000000..0xffffc90000003fff present +0x490000003000 rwx load[2]
	0xffffc90000005000..0xffffc90000006fff absent rwx load[2]
	0xffffc90000010000..0xffffc90000010fff absent rwx load[2]
	0xffffffffc0000000..0xffffffffc0001fff present +0x7fffc0003000 rwx load[3]
	0xffff888000001000..0xffff88800009efff present +0x88000003000 rwx load[4]
	0xffff888000100000..0xffff8880020fffff present +0x88000103000 rwx load[5]
	`)
	imagetest.CheckNotes(t, img)
	img = liveKernel(t, virtual, hashed, kernelSegments()...)
	imagetest.CheckMappings(t, img, `
	0xffffffff81000000..0xffffffff81001fff present +0x7fff81003000 rwx load[1]
	0xffffc90000000000..0xffffe8fffffffffe absent rwx load[2]
	0xffffffffc0000000..0xfffffffffeffffff present +0x7fffc0003000 rwx load[3]
	0xffff888000001000..0xffff88800009efff present +0x88000003000 rwx load[4]
	0xffff888000100000..0xffff8880020fffff present +0x88000103000 rwx load[5]
	`)
	imagetest.CheckNotes(t, img, "program header 2: of 0xffffc90000000000..0xffffe8fffffffffe, addresses of 32767 GiB that vmalloc gives memory at, it is not told")
}

// Before linux 4.11 no segment told a physical address.
func TestLiveWithoutPhysical(t *testing.T) {
	segs := kernelSegments()
	for i := range segs {
		segs[i].Paddr = 0
	}
	img := liveKernel(t, image.Options{}, "", segs...)
	if got := imagetest.JoinedSpaces(img.Spaces); got != "virtual" || len(img.Mappings) != 5 {
		t.Errorf("spaces %q, mappings\n%s", got, imagetest.Show(img.Mappings))
	}
}
