package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/patterns"
)

// imageFlags say how an image is opened, and what else belongs to it.
type imageFlags struct {
	maps, unders []string
	format       string
	space        string
	word         int
	endian       string
	noMmap       bool
}

func (f *imageFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.maps, "map", nil, "lay `FILE@ADDR[+OFFSET[:LEN]]` over the image; repeatable, each on top of what came before")
	fs.StringArrayVar(&f.unders, "under", nil, "lay `FILE@ADDR[+OFFSET[:LEN]]` below everything: it shows through holes and bytes that were not saved")
	fs.StringVar(&f.format, "image-format", "", "read the image as `NAME`: "+strings.Join(image.Formats(), ", ")+" (default: what it is recognised as)")
	fs.StringVar(&f.space, "space", "", "address space of a machine dump: `virtual|physical` (default virtual where the image has it)")
	fs.IntVar(&f.word, "word", 0, "word size in bytes, `4|8`, where the image does not say")
	fs.StringVar(&f.endian, "endian", "", "byte order, `little|big`, where the image does not say")
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
func (f *imageFlags) open(arg string) (t *target, err error) {
	img, err := f.openImage(arg)
	if err != nil {
		return nil, err
	}
	t = &target{Image: img, arg: arg, close: []io.Closer{img}}
	defer func() {
		if err != nil {
			t.Close()
			t = nil
		}
	}()
	if err = f.applyArch(img, arg); err != nil {
		return t, err
	}
	if t.space, err = engine.NewSpace(img.Mappings...); err != nil {
		return t, fmt.Errorf("%s: %w", arg, err)
	}
	for _, l := range f.maps {
		if err = t.lay("--map", l, f, t.space.Add); err != nil {
			return t, err
		}
	}
	for _, l := range f.unders {
		if err = t.lay("--under", l, f, t.space.AddUnder); err != nil {
			return t, err
		}
	}
	return t, nil
}

func (t *target) lay(flag, arg string, f *imageFlags, add func(...engine.Mapping) (*engine.Space, error)) error {
	spec, err := parseLayer(arg)
	if err != nil {
		return fmt.Errorf("%s %s: %w", flag, arg, err)
	}
	m, closer, err := image.OpenLayer(spec, image.Options{Format: f.rawOnly(), NoMmap: f.noMmap})
	if err != nil {
		return fmt.Errorf("%s %s: %w", flag, arg, err)
	}
	t.close = append(t.close, closer)
	s, err := add(m)
	if err != nil {
		return fmt.Errorf("%s %s: %w", flag, arg, err)
	}
	t.space = s
	return nil
}

// rawOnly is the format for layers: --image-format raw speaks of them too.
func (f *imageFlags) rawOnly() string {
	if f.format == "raw" {
		return "raw"
	}
	return ""
}

func (f *imageFlags) openImage(arg string) (*image.Image, error) {
	opt := image.Options{Format: f.format, Space: f.space, NoMmap: f.noMmap}
	if arg == "-" {
		return nil, errors.New("-: an image is searched out of order and cannot come from a pipe; save it to a file first")
	}
	if n, ok := strings.CutPrefix(arg, "pid:"); ok {
		pid, err := strconv.Atoi(n)
		if err != nil || pid <= 0 {
			return nil, fmt.Errorf("%s: want pid:N with the number of a process (./%s is the file of that name)", arg, arg)
		}
		return image.OpenProcess(pid)
	}
	_, statErr := os.Stat(arg)
	if statErr != nil {
		if path, at, ok := cutAt(arg); ok {
			base, err := addr.Parse(at)
			if err == nil {
				opt.Base = &base
				return image.Open(path, opt)
			}
		}
	}
	return image.Open(arg, opt)
}

// cutAt splits FILE@ADDR at the last @ before an address.
func cutAt(arg string) (path, at string, ok bool) {
	i := strings.LastIndexByte(arg, '@')
	if i <= 0 || i == len(arg)-1 {
		return "", "", false
	}
	return arg[:i], arg[i+1:], true
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
		return spec, err
	}
	if !hasOffset {
		return spec, nil
	}
	off, length, hasLen := strings.Cut(rest, ":")
	if spec.Offset, err = addr.ParseUint(off); err != nil {
		return spec, fmt.Errorf("offset %w", err)
	}
	if hasLen {
		if spec.Len, err = addr.ParseUint(length); err != nil {
			return spec, fmt.Errorf("length %w", err)
		}
		if spec.Len == 0 {
			return spec, errors.New("a length of 0 lays nothing")
		}
	}
	return spec, nil
}

// applyArch puts what the flags say of word size and byte order into the
// image. A contradiction is an error.
func (f *imageFlags) applyArch(img *image.Image, arg string) error {
	switch {
	case f.word == 0:
	case f.word != 4 && f.word != 8:
		return fmt.Errorf("--word %d: want 4 or 8", f.word)
	case img.WordSize != 0 && img.WordSize != f.word && img.AltWordSize != f.word:
		return fmt.Errorf("%s: --word %d contradicts the image, whose words have %d bytes", arg, f.word, img.WordSize)
	default:
		img.WordSize = f.word
	}
	if f.endian == "" {
		return nil
	}
	order, err := addr.ParseByteOrder(f.endian)
	if err != nil {
		return fmt.Errorf("--endian: %w", err)
	}
	if img.OrderKnown && img.Order != order {
		return fmt.Errorf("%s: --endian %v contradicts the image, which is %v-endian", arg, order, img.Order)
	}
	img.Order, img.OrderKnown = order, true
	return nil
}

// patternTarget is what a set of patterns has to know of the image.
func (t *target) patternTarget(align uint64) patterns.Target {
	return patterns.Target{
		WordSize: t.WordSize, Order: t.Order, OrderKnown: t.OrderKnown, Align: align,
		Mapping: func(name string) ([]addr.Range, error) { return t.space.Named(name), nil },
	}
}

// needsArch is the architecture, for what cannot do without.
func (t *target) needsArch(what string) (addr.Arch, error) {
	switch {
	case t.WordSize == 0:
		return addr.Arch{}, fmt.Errorf("%s: the image does not say its word size, which %s needs: give --word 4|8", t.arg, what)
	case !t.OrderKnown:
		return addr.Arch{}, fmt.Errorf("%s: the image does not say its byte order, which %s needs: give --endian little|big", t.arg, what)
	}
	return addr.NewArch(t.WordSize, t.Order)
}
