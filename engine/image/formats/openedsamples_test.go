package formats_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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
	for file, want := range map[string]string{
		"dump.kdump-zlib":      "kdump",
		"dump.kdump-zlib.flat": "makedumpfile flattened",
	} {
		_, err := formats.Open(t.Context(), imagetest.Sample(t, "qemu-bios16m/"+file), image.Options{})
		var un *image.UnsupportedError
		if !errors.As(err, &un) || un.Format != want {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestSampleMinidumps(t *testing.T) {
	root := imagetest.Sample(t, ".")
	count := map[string]int{}
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".dmp" {
			_, err := formats.Open(t.Context(), path, image.Options{})
			var un *image.UnsupportedError
			if !errors.As(err, &un) {
				t.Errorf("%s: %v", path, err)
				return nil
			}
			count[un.Format]++
			if micro := strings.HasPrefix(filepath.Base(path), "microdump"); (un.Format == "microdump") != micro || !micro && un.Format != "minidump" {
				t.Errorf("%s: %s", path, un.Format)
			}
		}
		return nil
	})
	t.Log(count)
	if count["minidump"] == 0 || count["microdump"] == 0 {
		t.Errorf("%v", count)
	}
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
