package formats_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
	"vscan/engine/image/layer"
)

// checkRaw checks what an error says of the file as raw memory.
func checkRaw(t *testing.T, err error, want string) {
	t.Helper()
	var un *image.UnsupportedError
	if !errors.As(err, &un) || un.RawHelps != want {
		t.Errorf("%v as raw memory: %+v, want %q", err, un, want)
	}
}

// withoutText returns an error without what is for people alone.
func withoutText(err error) error {
	switch e := err.(type) {
	case *image.UnsupportedError:
		c := *e
		c.What, c.Advice = "", ""
		return &c
	case *image.SpaceError:
		c := *e
		c.Why = ""
		return &c
	case *image.UnplacedError:
		c := *e
		c.Why, c.What = "", ""
		return &c
	}
	return err
}

// What a caller can do about an error is in its fields.
func TestErrorsTellWhatHelps(t *testing.T) {
	memory := imagetest.TempFile(t, "memory", "some bytes")
	lime := imagetest.TempFile(t, "lime", imagetest.Record(0x1000, 0x1003, "abcd"))
	process := imagetest.TempFile(t, "core", string(imagetest.BuildELF(true, addr.Little, []imagetest.Segment{{Type: 1, Vaddr: 0x1000, Data: "abcd", Memsz: 4}}, nil)))
	prog := imagetest.TempFile(t, "prog", string(imagetest.BuildProgram(true, addr.Little, imagetest.SharedObject, 0x1000, imagetest.Load(4, 0, 0, 8, 0))))
	bare := imagetest.TempFile(t, "bare", string(imagetest.BuildProgram(true, addr.Little, imagetest.SharedObject, 0x1000)))
	object := imagetest.TempFile(t, "prog.o", string(imagetest.BuildProgram(true, addr.Little, 1, 0x1000, imagetest.Load(4, 0, 0, 8, 0))))
	lzip := imagetest.TempFile(t, "lzip", "LZIP\x01\x0c")
	macho := imagetest.TempFile(t, "macho", "\xcf\xfa\xed\xfe"+imagetest.Zeros(60))
	dmtcp := imagetest.TempFile(t, "dmtcp", "DMTCP_CHECKPOINT_IMAGE")
	base, odd := addr.Addr(0x10000), addr.Addr(0x10010)
	open := func(path string, o image.Options) error {
		img, err := formats.Open(t.Context(), path, o)
		if err == nil {
			img.Close()
		}
		return err
	}
	lay := func(s image.LayerSpec) error {
		l, err := layer.Open(t.Context(), nil, s, image.Options{})
		if err == nil {
			l.Close()
		}
		return err
	}
	for name, c := range map[string]struct{ err, want error }{
		"raw, virtual":         {open(memory, image.Options{Space: image.Virtual}), &image.SpaceError{Path: memory, Want: image.Virtual, Have: []image.AddressSpace{image.Physical}, BaseHelps: true}},
		"LiME, virtual":        {open(lime, image.Options{Space: image.Virtual}), &image.SpaceError{Path: lime, Want: image.Virtual, Have: []image.AddressSpace{image.Physical}}},
		"core, physical":       {open(process, image.Options{Space: image.Physical}), &image.SpaceError{Path: process, Want: image.Physical, Have: []image.AddressSpace{image.Virtual}}},
		"program, physical":    {open(prog, image.Options{Space: image.Physical, Base: &base}), &image.SpaceError{Path: prog, Want: image.Physical, Have: []image.AddressSpace{image.Virtual}, RawHelps: true}},
		"core, placed":         {open(process, image.Options{Base: &base}), &image.UnsupportedError{Path: process, Format: "ELF core", RawHelps: "place the bytes as they are"}},
		"as elf, placed":       {open(process, image.Options{Base: &base, Format: "elf"}), &image.BaseError{Path: process, Format: "elf"}},
		"as lime, placed":      {open(lime, image.Options{Base: &base, Format: "lime"}), &image.BaseError{Path: lime, Format: "lime"}},
		"program":              {open(prog, image.Options{}), &image.UnsupportedError{Path: prog, Format: "ELF", Holds: image.HoldsProgram, RawHelps: "scan its bytes", Placeable: true}},
		"Mach-O":               {open(macho, image.Options{}), &image.UnsupportedError{Path: macho, Format: "Mach-O", Holds: image.HoldsProgram, RawHelps: "scan its bytes", Placeable: true}},
		"lzip":                 {open(lzip, image.Options{}), &image.UnsupportedError{Path: lzip, Format: "lzip", Holds: image.HoldsAnything, RawHelps: "scan the compressed bytes"}},
		"checkpoint":           {open(dmtcp, image.Options{}), &image.UnsupportedError{Path: dmtcp, Format: "DMTCP checkpoint", RawHelps: "scan its bytes", Live: true}},
		"off a page":           {open(prog, image.Options{Base: &odd}), &image.PageError{Path: prog, At: odd, Page: 0x1000}},
		"layer off a page":     {lay(image.LayerSpec{Path: prog, At: odd}), &image.PageError{Path: prog, At: odd, Page: 0x1000}},
		"object at":            {open(object, image.Options{Base: &base}), &image.UnsupportedError{Path: object, Format: "ELF", Holds: image.HoldsProgram, AsTheyAre: true}},
		"LiME as a layer":      {lay(image.LayerSpec{Path: lime, At: base}), &image.UnsupportedError{Path: lime, Format: "LiME", RawHelps: "lay its bytes as they are"}},
		"lzip as a layer":      {lay(image.LayerSpec{Path: lzip, At: base}), &image.UnsupportedError{Path: lzip, Format: "lzip", Holds: image.HoldsAnything, RawHelps: "scan the compressed bytes"}},
		"memory, unplaced":     {lay(image.LayerSpec{Path: memory, Unplaced: true}), &image.UnplacedError{Path: memory}},
		"raw, unplaced":        {lay(image.LayerSpec{Path: prog, Unplaced: true, Raw: true}), &image.UnplacedError{Path: prog}},
		"program, unplaced":    {lay(image.LayerSpec{Path: prog, Unplaced: true}), &image.UnplacedError{Path: prog, Program: true}},
		"no loads, unplaced":   {lay(image.LayerSpec{Path: bare, Unplaced: true}), &image.UnplacedError{Path: bare}},
		"modules of no core":   {modulesOf(&image.Image{}), image.ErrNoModules},
		"modules, with a tree": {modulesOf(&image.Image{Modules: []image.Module{{Path: "x"}}}), image.ErrNoModules},
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

// modulesOf returns the error of laying an image's modules.
func modulesOf(img *image.Image) error {
	_, err := layer.OpenModules(context.Background(), img, "", image.Options{})
	return err
}

// A note that the caller can do without says how, and only while it is kept.
func TestHints(t *testing.T) {
	img, err := formats.Open(t.Context(), imagetest.TempFile(t, "memory", "some bytes"), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	img.Close()
	imagetest.CheckHints(t, img, image.Hint{Format: "raw"})
	img, err = formats.Open(t.Context(), imagetest.TempFile(t, "memory", "some bytes"), image.Options{Format: "raw"})
	if err != nil {
		t.Fatal(err)
	}
	img.Close()
	imagetest.CheckHints(t, img)
}
