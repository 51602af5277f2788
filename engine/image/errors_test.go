package image

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"vscan/engine/addr"
)

// checkRaw checks what an error says of the file as raw memory.
func checkRaw(t *testing.T, err error, want string) {
	t.Helper()
	var un *UnsupportedError
	if !errors.As(err, &un) || un.RawHelps != want {
		t.Errorf("%v as raw memory: %+v, want %q", err, un, want)
	}
}

// withoutText is an error without what is for people alone.
func withoutText(err error) error {
	switch e := err.(type) {
	case *UnsupportedError:
		c := *e
		c.What, c.Advice = "", ""
		return &c
	case *SpaceError:
		c := *e
		c.Why = ""
		return &c
	case *UnplacedError:
		c := *e
		c.Why, c.What = "", ""
		return &c
	}
	return err
}

// What a caller can do about an error is in its fields.
func TestErrorsTellWhatHelps(t *testing.T) {
	memory := tempFile(t, "memory", "some bytes")
	lime := tempFile(t, "lime", rec(0x1000, 0x1003, "abcd"))
	process := tempFile(t, "core", string(buildELF(true, addr.Little, []testSeg{{typ: 1, vaddr: 0x1000, data: "abcd", memsz: 4}}, nil)))
	prog := tempFile(t, "prog", string(buildProgram(true, addr.Little, SharedObject, 0x1000, load(4, 0, 0, 8, 0))))
	bare := tempFile(t, "bare", string(buildProgram(true, addr.Little, SharedObject, 0x1000)))
	object := tempFile(t, "prog.o", string(buildProgram(true, addr.Little, 1, 0x1000, load(4, 0, 0, 8, 0))))
	gzip := tempFile(t, "gzip", gzipBytes("x"))
	macho := tempFile(t, "macho", "\xcf\xfa\xed\xfe"+zeros(60))
	dmtcp := tempFile(t, "dmtcp", "DMTCP_CHECKPOINT_IMAGE")
	base, odd := addr.Addr(0x10000), addr.Addr(0x10010)
	open := func(path string, o Options) error {
		img, err := Open(path, o)
		if err == nil {
			img.Close()
		}
		return err
	}
	lay := func(s LayerSpec) error {
		l, err := OpenLayer(nil, s, Options{})
		if err == nil {
			l.Close()
		}
		return err
	}
	for name, c := range map[string]struct{ err, want error }{
		"raw, virtual":         {open(memory, Options{Space: Virtual}), &SpaceError{Path: memory, Want: Virtual, Have: []AddressSpace{Physical}, BaseHelps: true}},
		"LiME, virtual":        {open(lime, Options{Space: Virtual}), &SpaceError{Path: lime, Want: Virtual, Have: []AddressSpace{Physical}}},
		"core, physical":       {open(process, Options{Space: Physical}), &SpaceError{Path: process, Want: Physical, Have: []AddressSpace{Virtual}}},
		"program, physical":    {open(prog, Options{Space: Physical, Base: &base}), &SpaceError{Path: prog, Want: Physical, Have: []AddressSpace{Virtual}, RawHelps: true}},
		"core, placed":         {open(process, Options{Base: &base}), &UnsupportedError{Path: process, Format: "ELF core", RawHelps: "place the bytes as they are"}},
		"as elf, placed":       {open(process, Options{Base: &base, Format: "elf"}), &BaseError{Path: process, Format: "elf"}},
		"as lime, placed":      {open(lime, Options{Base: &base, Format: "lime"}), &BaseError{Path: lime, Format: "lime"}},
		"program":              {open(prog, Options{}), &UnsupportedError{Path: prog, Format: "ELF", Holds: HoldsProgram, RawHelps: "scan its bytes", Placeable: true}},
		"Mach-O":               {open(macho, Options{}), &UnsupportedError{Path: macho, Format: "Mach-O", Holds: HoldsProgram, RawHelps: "scan its bytes", Placeable: true}},
		"gzip":                 {open(gzip, Options{}), &UnsupportedError{Path: gzip, Format: "gzip", Holds: HoldsAnything, RawHelps: "scan the compressed bytes"}},
		"checkpoint":           {open(dmtcp, Options{}), &UnsupportedError{Path: dmtcp, Format: "DMTCP checkpoint", RawHelps: "scan its bytes", Live: true}},
		"off a page":           {open(prog, Options{Base: &odd}), &PageError{Path: prog, At: odd, Page: 0x1000}},
		"layer off a page":     {lay(LayerSpec{Path: prog, At: odd}), &PageError{Path: prog, At: odd, Page: 0x1000}},
		"object at":            {open(object, Options{Base: &base}), &UnsupportedError{Path: object, Format: "ELF", Holds: HoldsProgram, AsTheyAre: true}},
		"LiME as a layer":      {lay(LayerSpec{Path: lime, At: base}), &UnsupportedError{Path: lime, Format: "LiME", RawHelps: "lay its bytes as they are"}},
		"gzip as a layer":      {lay(LayerSpec{Path: gzip, At: base}), &UnsupportedError{Path: gzip, Format: "gzip", Holds: HoldsAnything, RawHelps: "scan the compressed bytes"}},
		"memory, unplaced":     {lay(LayerSpec{Path: memory, Unplaced: true}), &UnplacedError{Path: memory}},
		"raw, unplaced":        {lay(LayerSpec{Path: prog, Unplaced: true, Raw: true}), &UnplacedError{Path: prog}},
		"program, unplaced":    {lay(LayerSpec{Path: prog, Unplaced: true}), &UnplacedError{Path: prog, Program: true}},
		"no loads, unplaced":   {lay(LayerSpec{Path: bare, Unplaced: true}), &UnplacedError{Path: bare}},
		"modules of no core":   {modulesOf(&Image{}), ErrNoModules},
		"modules, with a tree": {modulesOf(&Image{Modules: []Module{{Path: "x"}}}), ErrNoModules},
	} {
		if c.err == nil || !reflect.DeepEqual(withoutText(c.err), c.want) {
			t.Errorf("%s: %#v, want %#v", name, c.err, c.want)
			continue
		}
		if text := c.err.Error(); strings.ContainsAny(text, "\n") || strings.Contains(text, "@") || strings.HasSuffix(text, ": ") {
			t.Errorf("%s: %q", name, text)
		}
	}
}

// modulesOf is the error of laying an image's modules.
func modulesOf(img *Image) error {
	_, err := OpenModules(img, "", Options{})
	return err
}

// A note that the caller can do without says how, and only while it is kept.
func TestHints(t *testing.T) {
	img, err := Open(tempFile(t, "memory", "some bytes"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	img.Close()
	checkHints(t, img, Hint{Format: "raw"})
	img, err = Open(tempFile(t, "memory", "some bytes"), Options{Format: "raw"})
	if err != nil {
		t.Fatal(err)
	}
	img.Close()
	checkHints(t, img)
}
