package formats_test

import (
	"bytes"
	"os"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
)

// One machine in four containers: what the ELF dump shows is what the raw one
// holds, and the others are refused by name.
func TestSampleGuest(t *testing.T) {
	elfDump, err := imagetest.Unpack(imagetest.Sample(t, "qemu-bios16m/dump.elf.gz"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := imagetest.Unpack(imagetest.Sample(t, "qemu-bios16m/dump.raw.gz"))
	if err != nil {
		t.Fatal(err)
	}
	img, err := formats.Open(t.Context(), imagetest.TempFile(t, "dump.elf", string(elfDump)), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	imagetest.CheckImage(t, img, uint64(len(elfDump)))
	if img.Format != "ELF machine dump" || img.Space != image.Physical || len(img.Mappings) != 2 || img.Missing != 0 {
		t.Errorf("%+v", img)
	}
	m := img.Mappings[0]
	got, err := m.Source.View(nil, m.Offset, int(m.Size()))
	if err != nil || m.First != 0 || !bytes.Equal(got, raw) {
		t.Errorf("memory of %v differs from the raw dump's: %v", m.Range, err)
	}
	for _, file := range []string{"dump.kdump-zlib", "dump.kdump-zlib.flat"} {
		t.Run(file, func(t *testing.T) { checkSameMemory(t, img, imagetest.Sample(t, "qemu-bios16m/"+file)) })
	}
	checkSameMemory(t, img, imagetest.Sample(t, "qemu-bios16m/dump.elf.gz"), img.Notes...)
}

// checkSameMemory opens a file, which holds the same memory as an image.
func checkSameMemory(t *testing.T, want *image.Image, path string, notes ...string) {
	t.Helper()
	img, err := formats.Open(t.Context(), path, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	imagetest.CheckImage(t, img, uint64(info.Size()))
	imagetest.CheckNotes(t, img, notes...)
	if img.Missing != 0 {
		t.Errorf("%d bytes missing", img.Missing)
	}
	a, b := space(t, want), space(t, img)
	for v := range a.Intervals(addr.All) {
		got, ok := b.At(v.First), v.Mapping != nil
		if (got.Mapping != nil) != ok || !ok {
			if (got.Mapping != nil) != ok {
				t.Errorf("%v: is there in one of the two alone", v.Range)
			}
			continue
		}
		x, err1 := a.Bytes(v.First, int(v.Size()))
		y, err2 := b.Bytes(v.First, int(v.Size()))
		if err1 != nil || err2 != nil || !bytes.Equal(x, y) {
			t.Errorf("%v: %d and %d bytes differ (%v, %v)", v.Range, len(x), len(y), err1, err2)
		}
	}
}

func space(t *testing.T, img *image.Image) *engine.Space {
	t.Helper()
	s, err := engine.NewSpace(img.Mappings...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A core whose file is on disk, through every way of reading it.
func TestSampleOpen(t *testing.T) {
	path := imagetest.Sample(t, "eliben/pyelftools/test/testfiles_for_unittests/core_linux64.elf")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []image.Options{{}, {Mmap: image.MmapNever}, {Format: "elf", Space: image.Virtual}} {
		img, err := formats.Open(t.Context(), path, o)
		if err != nil {
			t.Fatal(err)
		}
		if img.WordSize != 8 || img.Order != addr.Little || img.Missing != 0 {
			t.Errorf("%+v", img)
		}
		buf := make([]byte, 1<<20)
		for _, m := range img.Mappings {
			if m.State != engine.Present {
				continue
			}
			n := min(len(buf), int(m.Size()))
			var got []byte
			if err := engine.Guard(func() { got, err = m.Source.View(buf, m.Offset, n); got = bytes.Clone(got) }); err != nil {
				t.Fatal(err)
			}
			if err != nil || !bytes.Equal(got, b[m.Offset:][:n]) {
				t.Errorf("%v of %v: %v", o, m.Range, err)
			}
		}
		if err := img.Close(); err != nil {
			t.Error(err)
		}
	}
}
