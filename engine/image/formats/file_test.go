package formats_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
	"vscan/engine/image/layer"
)

func TestOpenRaw(t *testing.T) {
	path := imagetest.TempFile(t, "mem.bin", "some bytes")
	at := func(a addr.Addr) *addr.Addr { return &a }
	for name, c := range map[string]struct {
		o     image.Options
		want  string // mappings
		space image.AddressSpace
	}{
		"plain":         {image.Options{}, "0x0..0x9 present +0x0 mem.bin\n", image.Physical},
		"not mapped":    {image.Options{Mmap: image.MmapNever}, "0x0..0x9 present +0x0 mem.bin\n", image.Physical},
		"at an address": {image.Options{Base: at(0x1000)}, "0x1000..0x1009 present +0x0 mem.bin\n", image.Physical},
		"at the end":    {image.Options{Base: at(1<<64 - 10), Space: image.Virtual}, "0xfffffffffffffff6..0xffffffffffffffff present +0x0 mem.bin\n", image.Virtual},
	} {
		t.Run(name, func(t *testing.T) {
			img, err := formats.Open(t.Context(), path, c.o)
			if err != nil {
				t.Fatal(err)
			}
			defer img.Close()
			imagetest.CheckImage(t, img, 10)
			imagetest.CheckMappings(t, img, c.want)
			if img.Space != c.space || img.WordSize != 0 || img.OrderKnown || img.Path != path || img.Mappings[0].Source.Name() != path {
				t.Errorf("%+v", img)
			}
			checkView(t, img.Mappings[0].Source)
		})
	}
	for want, o := range map[string]image.Options{
		"run past the last address":                         {Base: at(1<<64 - 9)},
		"raw bytes have no virtual addresses":               {Space: image.Virtual},
		`space "cr3:0x1000": page tables are not read`:      {Space: "cr3:0x1000"},
		`space "kernel": want virtual or physical`:          {Space: "kernel"},
		`image format "gzip": want one of raw, `:            {Format: "gzip"},
		`want one of raw, lime, avml, elf; space "x": want`: {Format: "gzip", Space: "x"},
		`does not have the format "elf"`:                    {Format: "elf"},
		`does not have the format "lime"`:                   {Format: "lime"},
	} {
		_, err := formats.Open(t.Context(), path, o)
		imagetest.CheckError(t, err, want)
	}
}

// checkView reads a source of "some bytes" in every way.
func checkView(t *testing.T, s engine.Source) {
	t.Helper()
	if s.Size() != 10 {
		t.Errorf("size %d", s.Size())
	}
	buf := make([]byte, 20)
	for off := range uint64(12) {
		for n := range 12 {
			got, err := s.View(buf, off, n)
			want := "some bytes"[min(off, 10):min(off+uint64(n), 10)]
			if string(got) != want || (err != nil) != (len(want) < n) && n > 0 {
				t.Errorf("View(%d, %d) = %q, %v", off, n, got, err)
			}
			if err != nil && n > 0 && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Error(err)
			}
		}
	}
	for _, off := range []uint64{1 << 63, 1<<64 - 1} {
		if got, err := s.View(buf, off, 1); len(got) != 0 || err == nil {
			t.Errorf("View(%#x) = %q, %v", off, got, err)
		}
	}
}

// A dump with an address of its own is not placed anywhere else, a program is.
func TestOpenAtAddress(t *testing.T) {
	base := addr.Addr(0x400000)
	core := imagetest.TempFile(t, "core", string(imagetest.BuildELF(true, addr.Little, []imagetest.Segment{{Type: 1, Data: "abcd", Memsz: 4}}, nil)))
	prog := imagetest.TempFile(t, "prog", string(imagetest.BuildELF(true, addr.Little, nil, func(h []byte) { h[16] = 2 })))
	_, err := formats.Open(t.Context(), core, image.Options{Base: &base})
	imagetest.CheckError(t, err, "is an ELF core: leave out the address")
	_, err = formats.Open(t.Context(), core, image.Options{Base: &base, Format: "elf"})
	imagetest.CheckError(t, err, `the format "elf" has addresses of its own`)
	_, err = layer.Open(t.Context(), nil, image.LayerSpec{Path: core}, image.Options{})
	imagetest.CheckError(t, err, "is an ELF core: a layer is raw bytes")

	_, err = formats.Open(t.Context(), prog, image.Options{})
	imagetest.CheckError(t, err, "is an ELF executable, not a dump: lay it at")
	_, err = formats.Open(t.Context(), prog, image.Options{Format: "elf"})
	imagetest.CheckError(t, err, "is an ELF executable")
	img, err := formats.Open(t.Context(), prog, image.Options{Base: &base})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	imagetest.CheckMappings(t, img, "0x400000..0x40003f present +0x0 prog\n")
}

func TestOpenLayer(t *testing.T) {
	path := imagetest.TempFile(t, "lib.so", "some bytes")
	for name, c := range map[string]struct {
		spec image.LayerSpec
		want string // mapping, or error
	}{
		"whole":        {image.LayerSpec{At: 0x1000}, "0x1000..0x1009 present +0x0 lib.so\n"},
		"from":         {image.LayerSpec{At: 0x1000, Offset: 9}, "0x1000..0x1000 present +0x9 lib.so\n"},
		"from, length": {image.LayerSpec{At: 1<<64 - 3, Offset: 2, Len: 3}, "0xfffffffffffffffd..0xffffffffffffffff present +0x2 lib.so\n"},
		"offset":       {image.LayerSpec{Offset: 10}, "offset 0xa is at or beyond the end of the file, which has 0xa bytes"},
		"offset, huge": {image.LayerSpec{Offset: 1<<64 - 1, Len: 2}, "offset 0xffffffffffffffff is at or beyond"},
		"length":       {image.LayerSpec{Offset: 3, Len: 8}, "0x8 bytes from offset 0x3 run past the end of the file, which has 0xa bytes"},
		"length, huge": {image.LayerSpec{Offset: 3, Len: 1<<64 - 1}, "run past the end of the file"},
		"wraps round":  {image.LayerSpec{At: 1<<64 - 9}, "0xa bytes from address 0xfffffffffffffff7 run past the last address"},
		"no such file": {image.LayerSpec{Path: filepath.Join(t.TempDir(), "none")}, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.spec.Path == "" {
				c.spec.Path = path
			}
			for _, o := range []image.Options{{}, {Mmap: image.MmapAlways}, {Mmap: image.MmapNever}, {Format: "raw"}} {
				l, err := layer.Open(t.Context(), nil, c.spec, o)
				if !strings.HasSuffix(c.want, "\n") {
					imagetest.CheckError(t, err, c.want)
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := imagetest.Show(l.Mappings); got != c.want {
					t.Errorf("%swant %s", got, c.want)
				}
				checkView(t, l.Mappings[0].Source)
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	_, err := layer.Open(t.Context(), nil, image.LayerSpec{Path: path}, image.Options{Format: "elf"})
	imagetest.CheckError(t, err, "a layer is laid as raw bytes")
}

// A file that shrinks: the size tells at once.
func TestShrinkingFile(t *testing.T) {
	path := imagetest.TempFile(t, "mem.bin", strings.Repeat("some bytes", 1000))
	for _, o := range []image.Options{{}, {Mmap: image.MmapAlways}, {Mmap: image.MmapNever}} {
		img, err := formats.Open(t.Context(), path, o)
		if err != nil {
			t.Fatal(err)
		}
		s := img.Mappings[0].Source
		if err := os.Truncate(path, 10); err != nil {
			t.Fatal(err)
		}
		if s.Size() != 10 {
			t.Errorf("size %d", s.Size())
		}
		var got []byte
		buf := make([]byte, 4096)
		fault := engine.Guard(func() {
			got, err = s.View(buf, 4096, 4096)
			_ = append([]byte(nil), got...)
		})
		if fault == nil && (len(got) != 0 || err == nil) {
			t.Errorf("read %d bytes that are gone, %v", len(got), err)
		}
		if err := os.Truncate(path, 20000); err != nil {
			t.Fatal(err)
		}
		if n := s.Size(); n != 10000 && o.Mmap != image.MmapNever || n != 20000 && o.Mmap == image.MmapNever {
			t.Errorf("size %d after it has grown", n)
		}
		if err := os.Truncate(path, 10000); err != nil {
			t.Fatal(err)
		}
		if err := img.Close(); err != nil {
			t.Error(err)
		}
		if s.Size() != 0 {
			t.Error("a closed file has a size")
		}
	}
}

func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	_, err := formats.Open(t.Context(), "-", image.Options{})
	imagetest.CheckError(t, err, "standard input cannot be scanned")
	_, err = formats.Open(t.Context(), t.TempDir(), image.Options{})
	imagetest.CheckError(t, err, "is a directory")
	_, err = formats.Open(t.Context(), imagetest.TempFile(t, "empty", ""), image.Options{})
	imagetest.CheckError(t, err, "is empty")
	_, err = formats.Open(t.Context(), filepath.Join(t.TempDir(), "none"), image.Options{})
	if !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
