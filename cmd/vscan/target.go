package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/patterns"
)

// imageFlags say how an image is opened, and what else belongs to it.
type imageFlags struct {
	maps, unders layerList
	format       string
	space        string
	word         string // "", "4" or "8"
	endian       string // "", "little" or "big"
	noMmap       bool

	once bool // no flag: whether the command goes through the image once
}

func (f *imageFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.Var(&f.maps, "map", "lay `FILE@ADDR[+OFFSET[:LEN]]` over the image; repeatable, each on top of what came before")
	fs.Var(&f.unders, "under", "lay `FILE@ADDR[+OFFSET[:LEN]]` below everything: it shows through holes and bytes that were not saved; repeatable")
	choiceVar(cmd, &f.format, "image-format", "", "read the image as `NAME`: "+orList(image.Formats())+" (default what it is recognised as)", image.Formats()...)
	fs.StringVar(&f.space, "space", "", "address `SPACE` of a machine dump, virtual or physical (default virtual where the image has it)")
	choiceVar(cmd, &f.word, "word", "", "word size of `N` bytes, 4 or 8, where the image does not say", "4", "8")
	choiceVar(cmd, &f.endian, "endian", "", "byte `ORDER`, little or big, where the image does not say", "little", "big")
	fs.BoolVar(&f.noMmap, "no-mmap", false, "read files call by call instead of mapping them into memory")
}

// target is an opened image with all that was laid over and under it.
type target struct {
	*image.Image
	arg   string // as given
	space *engine.Space
	close []io.Closer
}

// Close closes the image and its layers.
func (t *target) Close() {
	for _, c := range t.close {
		c.Close()
	}
}

// open opens the image that an argument names.
func (f *imageFlags) open(arg string) (*target, error) {
	img, err := f.openImage(arg)
	if err != nil {
		return nil, err
	}
	t := &target{Image: img, arg: arg, close: []io.Closer{img}}
	if err := t.fill(f); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// fill puts into the target what the flags say, and builds its space.
func (t *target) fill(f *imageFlags) error {
	if err := t.setArch(f); err != nil {
		return err
	}
	var err error
	if t.space, err = engine.NewSpace(t.Mappings...); err != nil {
		return fmt.Errorf("%s: %w", t.arg, err)
	}
	for _, l := range f.maps {
		if err := t.lay(f, "--map", l, (*engine.Space).Add); err != nil {
			return err
		}
	}
	for _, l := range f.unders {
		if err := t.lay(f, "--under", l, (*engine.Space).AddUnder); err != nil {
			return err
		}
	}
	return nil
}

// setArch puts what the flags say of word size and byte order into the image.
// A contradiction is an error.
func (t *target) setArch(f *imageFlags) error {
	if f.word != "" {
		n, _ := strconv.Atoi(f.word)
		if t.WordSize != 0 && n != t.WordSize && n != t.AltWordSize {
			return fmt.Errorf("%s: --word %d contradicts the image, whose words have %d bytes", t.arg, n, t.WordSize)
		}
		t.WordSize = n
	}
	if f.endian != "" {
		order, err := addr.ParseByteOrder(f.endian)
		if err != nil {
			return fmt.Errorf("--endian: %w", err)
		}
		if t.OrderKnown && t.Order != order {
			return fmt.Errorf("%s: --endian %v contradicts the image, which is %v-endian", t.arg, order, t.Order)
		}
		t.Order, t.OrderKnown = order, true
	}
	return nil
}

// assume makes the target one without an image, of which the flags alone say
// what it is.
func (t *target) assume(f *imageFlags) error {
	t.Image = &image.Image{}
	return t.setArch(f)
}

// lay opens a layer and adds it to the space.
func (t *target) lay(f *imageFlags, flag string, l layer, add func(*engine.Space, ...engine.Mapping) (*engine.Space, error)) error {
	opt := image.Options{NoMmap: f.noMmap, Once: f.once}
	if f.format == "raw" {
		opt.Format = "raw" // it speaks of the layers too
	}
	m, closer, err := image.OpenLayer(l.spec, opt)
	if err != nil {
		return fmt.Errorf("%s %s: %w", flag, l.arg, err)
	}
	t.close = append(t.close, closer)
	s, err := add(t.space, m)
	if err != nil {
		return fmt.Errorf("%s %s: %w", flag, l.arg, err)
	}
	t.space = s
	return nil
}

func (f *imageFlags) openImage(arg string) (*image.Image, error) {
	opt := image.Options{Format: f.format, Space: f.space, NoMmap: f.noMmap, Once: f.once}
	if arg == "-" {
		return nil, errors.New("-: an image is searched out of order and cannot come from a pipe; save it to a file first (./- is the file of that name)")
	}
	if n, ok := strings.CutPrefix(arg, "pid:"); ok {
		if pid, err := strconv.Atoi(n); err == nil {
			return f.openProcess(arg, pid)
		}
	}
	_, err := os.Stat(arg)
	if err == nil {
		return image.Open(arg, opt)
	}
	if strings.HasPrefix(arg, "pid:") {
		return nil, fmt.Errorf("%s: want pid:N with the number of a process", arg)
	}
	if path, _, ok := cutAt(arg); ok {
		spec, err := parseLayer(arg)
		if err == nil {
			opt.Base, opt.Offset, opt.Len = &spec.At, spec.Offset, spec.Len
			return image.Open(path, opt)
		}
		if _, statErr := os.Stat(path); statErr == nil {
			return nil, fmt.Errorf("%s: there is no such file, and as FILE@ADDR: %w", arg, err)
		}
	}
	return image.Open(arg, opt) // for its error
}

// openProcess opens a live process, which is what it is whatever the flags.
func (f *imageFlags) openProcess(arg string, pid int) (*image.Image, error) {
	switch {
	case f.format != "":
		return nil, fmt.Errorf("%s: --image-format %s: a live process has no format (./%s is the file of that name)", arg, f.format, arg)
	case f.space != "" && f.space != image.Virtual:
		return nil, fmt.Errorf("%s: --space %s: a live process has virtual addresses only", arg, f.space)
	}
	return image.OpenProcess(pid)
}

// cutAt splits FILE@ADDR at its last @.
func cutAt(arg string) (path, at string, ok bool) {
	i := strings.LastIndexByte(arg, '@')
	if i <= 0 || i == len(arg)-1 {
		return "", "", false
	}
	return arg[:i], arg[i+1:], true
}

// layer is a file's bytes to lay over or under an image.
type layer struct {
	arg  string // as given
	spec image.LayerSpec
}

// parseLayer reads FILE@ADDR[+OFFSET[:LEN]].
func parseLayer(arg string) (image.LayerSpec, error) {
	path, at, ok := cutAt(arg)
	if !ok {
		return image.LayerSpec{}, errors.New("want FILE@ADDR[+OFFSET[:LEN]]")
	}
	spec := image.LayerSpec{Path: path}
	at, rest, hasOffset := strings.Cut(at, "+")
	var err error
	if spec.At, err = addr.Parse(at); err != nil {
		return image.LayerSpec{}, err
	}
	if !hasOffset {
		return spec, nil
	}
	off, length, hasLen := strings.Cut(rest, ":")
	if spec.Offset, err = addr.ParseUint(off); err != nil {
		return image.LayerSpec{}, fmt.Errorf("offset %w", err)
	}
	if hasLen {
		if spec.Len, err = addr.ParseUint(length); err != nil {
			return image.LayerSpec{}, fmt.Errorf("length %w", err)
		}
		if spec.Len == 0 {
			return image.LayerSpec{}, errors.New("a length of 0 lays nothing")
		}
	}
	return spec, nil
}

// patternTarget is what a set of patterns has to know of the image.
func (t *target) patternTarget(align uint64) patterns.Target {
	return patterns.Target{
		WordSize: t.WordSize, Order: t.Order, OrderKnown: t.OrderKnown, Align: align,
		Mapping: func(name string) ([]addr.Range, error) { return t.named(name), nil },
	}
}

// named is the ranges of the mappings that have a name; where there is none, of
// those that have it as the last part of a path.
func (t *target) named(name string) []addr.Range {
	if ranges := t.space.Named(name); len(ranges) > 0 {
		return ranges
	}
	var ranges []addr.Range
	for _, m := range t.space.Mappings() {
		if isNamed(m, name) {
			ranges = append(ranges, m.Range)
		}
	}
	return ranges
}

// arch is the architecture, for what cannot do without.
func (t *target) arch(what string) (addr.Arch, error) {
	switch {
	case t.WordSize == 0:
		return addr.Arch{}, fmt.Errorf("the image does not say its word size, which %s needs: give --word 4|8", what)
	case !t.OrderKnown:
		return addr.Arch{}, fmt.Errorf("the image does not say its byte order, which %s needs: give --endian little|big", what)
	}
	return addr.NewArch(t.WordSize, t.Order)
}
