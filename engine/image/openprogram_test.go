package image

import (
	"testing"

	"vscan/engine/addr"
)

func TestProgramErrors(t *testing.T) {
	for name, c := range map[string]struct {
		segs []testSeg
		edit func(b []byte)
		base addr.Addr
		want string
	}{
		"object file":          {edit: func(b []byte) { b[16] = 1 }, want: "is an ELF object file: nothing says where it lies in memory: lay its bytes as they are"},
		"other type":           {edit: func(b []byte) { b[17] = 0xfe }, want: "is an ELF file of type "},
		"cut table":            {edit: func(b []byte) { b[33] = 0xff }, want: "the table of program headers at file offset 0xff40 is cut"},
		"phentsize":            {edit: func(b []byte) { b[54] = 8 }, want: "a program header of 8 bytes (e_phentsize)"},
		"more than in memory":  {segs: []testSeg{load(4, 0, 0, 8, 0), {typ: 1, filesz: num(9), memsz: 8}}, edit: func(b []byte) { b[64+56+40] = 8 }, want: "program header 1 at file offset 0x78: 0x9 bytes in the file for 0x8 in memory"},
		"huge":                 {segs: []testSeg{load(6, 0, 0, 8, 1<<63)}, want: "0x8000000000000000 bytes of memory, more than a process can have"},
		"wraps round":          {segs: []testSeg{load(6, 0, 1<<64-0x1000, 8, 0x1001)}, want: "run past the last address"},
		"not a page":           {base: 0x10010, want: "address 0x10010 is not that of a page, of 0x1000 bytes, and a program begins with a page: lay its bytes as they are"},
		"beyond the last page": {segs: []testSeg{load(4, 0, 0x1000, 8, 0), load(4, 0, 0x2000, 8, 0)}, base: 1<<64 - 0x1000, want: "0x2000 bytes of memory from address 0xfffffffffffff000 run past the last address"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.segs == nil {
				c.segs = []testSeg{load(4, 0, 0, 8, 0)}
			}
			b := buildProgram(true, addr.Little, SharedObject, 0x1000, c.segs...)
			if c.edit != nil {
				c.edit(b)
			}
			path := tempFile(t, "prog", string(b))
			_, err := Open(path, Options{Base: &c.base})
			checkError(t, err, c.want)
			_, err = OpenLayer(nil, LayerSpec{Path: path, At: c.base}, Options{})
			checkError(t, err, c.want)
			l, err := OpenLayer(nil, LayerSpec{Path: path, Raw: true}, Options{})
			if err != nil || len(l.Mappings) != 1 || l.Mappings[0].Size() != uint64(len(b)) {
				t.Fatalf("as raw bytes: %v, %v", l, err)
			}
			l.Close()
		})
	}
	narrow := tempFile(t, "narrow", string(buildProgram(false, addr.Little, SharedObject, 0x1000, load(4, 0, 0, 8, 0))))
	_, err := OpenLayer(nil, LayerSpec{Path: narrow, At: 1 << 32}, Options{})
	checkError(t, err, "run past the last address, 0xffffffff")
	core := tempFile(t, "core", string(buildELF(true, addr.Little, []testSeg{{typ: 1, data: "abcd", memsz: 4}}, nil)))
	_, err = OpenLayer(nil, LayerSpec{Path: core, At: 0x1000}, Options{})
	checkError(t, err, "is an ELF core: a layer is raw bytes")
}

// A program is an image of its own at an address, and says so.
func TestOpenProgram(t *testing.T) {
	path := tempFile(t, "prog", string(buildProgram(true, addr.Little, SharedObject, 0x1800, load(5, 0, 0x2000, 8, 0), load(6, 0x1000, 0x4000, 0x900, 0x1000))))
	base := addr.Addr(0x7000)
	img, err := Open(path, Options{Base: &base})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	checkMappings(t, img, `
		0x7000..0x7fff present +0x0 r-x prog
		0x9000..0x97ff present +0x1000 rw- prog
		0x9800..0x98ff zero rw- prog
		0x9900..0x9fff zero rw- prog
	`)
	checkNotes(t, img, "laid by its program headers from 0x7000, load bias 0x5000", "truncated: the file ends at offset 0x1800: 256 bytes of its segments are lost")
	if img.Format != "ELF program" || img.Space != Virtual || img.WordSize != 8 || !img.OrderKnown || img.Missing != 256 {
		t.Errorf("%+v", img)
	}
	_, err = Open(path, Options{Base: &base, Space: Physical})
	checkError(t, err, "a program has virtual addresses only")
	raw, err := Open(path, Options{Base: &base, Format: "raw"})
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	checkMappings(t, raw, "0x7000..0x87ff present +0x0 prog\n")
}
