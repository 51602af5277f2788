package elf_test

import (
	"testing"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
	"vscan/engine/image/layer"
)

func TestProgramErrors(t *testing.T) {
	for name, c := range map[string]struct {
		segs []imagetest.Segment
		edit func(b []byte)
		base addr.Addr
		want string
	}{
		"object file":          {edit: func(b []byte) { b[16] = 1 }, want: "is an ELF object file: nothing says where it lies in memory: lay its bytes as they are"},
		"other type":           {edit: func(b []byte) { b[17] = 0xfe }, want: "is an ELF file of type "},
		"cut table":            {edit: func(b []byte) { b[33] = 0xff }, want: "the table of program headers at file offset 0xff40 is cut"},
		"phentsize":            {edit: func(b []byte) { b[54] = 8 }, want: "a program header of 8 bytes (e_phentsize)"},
		"more than in memory":  {segs: []imagetest.Segment{imagetest.Load(4, 0, 0, 8, 0), {Type: 1, Filesz: imagetest.Num(9), Memsz: 8}}, edit: func(b []byte) { b[64+56+40] = 8 }, want: "program header 1 at file offset 0x78: 0x9 bytes in the file for 0x8 in memory"},
		"huge":                 {segs: []imagetest.Segment{imagetest.Load(6, 0, 0, 8, 1<<63)}, want: "0x8000000000000000 bytes of memory, more than a process can have"},
		"wraps round":          {segs: []imagetest.Segment{imagetest.Load(6, 0, 1<<64-0x1000, 8, 0x1001)}, want: "run past the last address"},
		"not a page":           {base: 0x10010, want: "address 0x10010 is not that of a page, of 0x1000 bytes, and a program begins with a page: lay its bytes as they are"},
		"beyond the last page": {segs: []imagetest.Segment{imagetest.Load(4, 0, 0x1000, 8, 0), imagetest.Load(4, 0, 0x2000, 8, 0)}, base: 1<<64 - 0x1000, want: "0x2000 bytes of memory from address 0xfffffffffffff000 run past the last address"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.segs == nil {
				c.segs = []imagetest.Segment{imagetest.Load(4, 0, 0, 8, 0)}
			}
			b := imagetest.BuildProgram(true, addr.Little, imagetest.SharedObject, 0x1000, c.segs...)
			if c.edit != nil {
				c.edit(b)
			}
			path := imagetest.TempFile(t, "prog", string(b))
			_, err := formats.Open(t.Context(), path, image.Options{Base: &c.base})
			imagetest.CheckError(t, err, c.want)
			_, err = layer.Open(t.Context(), nil, image.LayerSpec{Path: path, At: c.base}, image.Options{})
			imagetest.CheckError(t, err, c.want)
			l, err := layer.Open(t.Context(), nil, image.LayerSpec{Path: path, Raw: true}, image.Options{})
			if err != nil || len(l.Mappings) != 1 || l.Mappings[0].Size() != uint64(len(b)) {
				t.Fatalf("as raw bytes: %v, %v", l, err)
			}
			l.Close()
		})
	}
	narrow := imagetest.TempFile(t, "narrow", string(imagetest.BuildProgram(false, addr.Little, imagetest.SharedObject, 0x1000, imagetest.Load(4, 0, 0, 8, 0))))
	_, err := layer.Open(t.Context(), nil, image.LayerSpec{Path: narrow, At: 1 << 32}, image.Options{})
	imagetest.CheckError(t, err, "run past the last address, 0xffffffff")
	core := imagetest.TempFile(t, "core", string(imagetest.BuildELF(true, addr.Little, []imagetest.Segment{{Type: 1, Data: "abcd", Memsz: 4}}, nil)))
	_, err = layer.Open(t.Context(), nil, image.LayerSpec{Path: core, At: 0x1000}, image.Options{})
	imagetest.CheckError(t, err, "is an ELF core: a layer is raw bytes")
}

// A program is an image of its own at an address, and says so.
func TestOpenProgram(t *testing.T) {
	path := imagetest.TempFile(t, "prog", string(imagetest.BuildProgram(true, addr.Little, imagetest.SharedObject, 0x1800, imagetest.Load(5, 0, 0x2000, 8, 0), imagetest.Load(6, 0x1000, 0x4000, 0x900, 0x1000))))
	base := addr.Addr(0x7000)
	img, err := formats.Open(t.Context(), path, image.Options{Base: &base})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	imagetest.CheckMappings(t, img, `
		0x7000..0x7fff present +0x0 r-x prog
		0x9000..0x97ff present +0x1000 rw- prog
		0x9800..0x98ff zero rw- prog
		0x9900..0x9fff zero rw- prog
	`)
	imagetest.CheckNotes(t, img, "laid by its program headers from 0x7000, load bias 0x5000", "truncated: the file ends at offset 0x1800: 256 bytes of its segments are lost")
	if img.Format != "ELF program" || img.Space != image.Virtual || img.WordSize != 8 || !img.OrderKnown || img.Missing != 256 {
		t.Errorf("%+v", img)
	}
	_, err = formats.Open(t.Context(), path, image.Options{Base: &base, Space: image.Physical})
	imagetest.CheckError(t, err, "a program has virtual addresses only")
	raw, err := formats.Open(t.Context(), path, image.Options{Base: &base, Format: "raw"})
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	imagetest.CheckMappings(t, raw, "0x7000..0x87ff present +0x0 prog\n")
}
