package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/internal/wording"
	"vscan/patterns"
)

// ImageFlags are the flags that say how an image is opened, and what is laid over and
// under it.
type ImageFlags struct {
	layered.Options
	Word   string // "", "4" or "8"
	mmap   string // "" or "auto", "always" or "never"
	noMmap bool   // what --mmap never was called
	endian string // "", "little" or "big"
}

// Register adds the flags to a command.
func (f *ImageFlags) Register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.Var((*layerList)(&f.Over), "map", "lay `FILE[@ADDR[+OFFSET[:LEN]]]` over the image; repeatable, each on top of what came before. An ELF program or library lies where its program headers say, its first page at ADDR, or without ADDR where a core has it; with OFFSET, and any other file, the bytes lie as they are")
	fs.Var((*layerList)(&f.Under), "under", "lay `FILE[@ADDR[+OFFSET[:LEN]]]`, as --map has it, below everything: it shows through holes and bytes that were not saved; repeatable")
	fs.BoolVar(&f.Modules, "modules", false, "lay all files that a core names below everything, from their paths; those that are not the ones that were mapped are left out")
	fs.StringVar(&f.Sysroot, "sysroot", "", "as --modules, with the files of that machine below the folder `DIR`")
	fs.StringArrayVar(&f.With, "with", nil, "`FILE` that holds another part of an image of several files (a split kdump) and does not lie beside it; repeatable")
	ChoiceVar(cmd, (*string)(&f.Format), "image-format", "", "read the image as `NAME`: "+wording.OrList(formatNames())+" (default what it is recognised as)", formatNames()...)
	fs.StringVar((*string)(&f.Space), "space", "", "address `SPACE` of a machine dump, virtual or physical (default virtual where the image has it)")
	ChoiceVar(cmd, &f.Word, "word", "", "word size of `N` bytes, 4 or 8, where the image does not say", "4", "8")
	ChoiceVar(cmd, &f.endian, "endian", "", "byte `ORDER`, little or big, where the image does not say", "little", "big")
	fs.BoolVar(&f.ProtNone, "prot-none", false, "of a live process, also mappings without any permission, which are absent otherwise")
	fs.BoolVar(&f.Resident, "resident", false, "of a live process, only what is in memory: pages that are swapped out are absent")
	fs.Var(NewByteCount(&f.UnpackLimit, 1, math.MaxInt64), "unpack-limit", "of a compressed file (gzip, zstd, xz, bzip2, lz4, zip) that cannot be read in part, unpack at most `SIZE` bytes in memory, where they are kept compressed (default a quarter of the machine's memory)")
	ChoiceVar(cmd, &f.mmap, "mmap", "", "`WHEN` files are mapped into memory, instead of read call by call: always, where the system lets it, never, or auto, where what takes less time is found out on the way in files of 64 MiB and more, and others are read (default auto)", "auto", "always", "never")
	fs.BoolVar(&f.noMmap, "no-mmap", false, "as --mmap never")
	fs.MarkHidden("no-mmap")
	cmd.MarkFlagsMutuallyExclusive("mmap", "no-mmap")
}

// formatNames returns the formats that --image-format takes.
func formatNames() (names []string) {
	for _, n := range formats.Names() {
		names = append(names, string(n))
	}
	return names
}

// Layered returns what the flags say as plain values.
func (f *ImageFlags) Layered() (layered.Options, error) {
	o := f.Options
	if f.mmap != "" && f.mmap != "auto" {
		o.Mmap = image.Mmap(f.mmap)
	} else if f.noMmap {
		o.Mmap = image.MmapNever
	}
	if f.Word != "" {
		o.WordSize, _ = strconv.Atoi(f.Word)
	}
	if f.endian != "" {
		order, err := addr.ParseByteOrder(f.endian)
		if err != nil {
			return o, fmt.Errorf("--endian: %w", err)
		}
		o.ByteOrder = &order
	}
	return o, nil
}

// Check returns what is wrong with the flags whatever the image is.
func (f *ImageFlags) Check() error {
	if f.Sysroot != "" && f.Modules {
		return errors.New("--modules takes files from their paths, --sysroot from a folder: give one of them")
	}
	return nil
}

// Open opens the image that an argument names. Errors name the flags that they are
// about. Where ctx ends before the image is open, the error wraps that of ctx.
func (f *ImageFlags) Open(ctx context.Context, arg string) (*layered.Image, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	o, err := f.Layered()
	if err != nil {
		return nil, err
	}
	img, err := layered.Open(ctx, arg, o)
	if err != nil {
		return nil, NameFlags(err)
	}
	if IsOutput(img.Files()...) {
		img.Close()
		return nil, OutputError(arg)
	}
	return img, nil
}

// Assume returns an image without a byte, of which the flags alone say what it is.
func (f *ImageFlags) Assume() (*layered.Image, error) {
	o, err := f.Layered()
	if err != nil {
		return nil, err
	}
	img, err := layered.Assume(o)
	return img, NameFlags(err)
}

// TakesEmpty reports whether a file without a byte that is found below a folder is taken
// for an image.
func (f *ImageFlags) TakesEmpty() bool { return f.Empty && f.Format == image.FormatRaw }

// ArchOf returns the architecture of an image. An error begins with what, which is what
// cannot do without an architecture.
func ArchOf(img *layered.Image, what string) (addr.Arch, error) {
	arch, err := img.Image.Arch()
	if err != nil {
		err = fmt.Errorf("%s: %w", what, err)
	}
	return arch, err
}

// layerList collects the layers that a repeatable flag gives.
type layerList []layered.Layer

func (l *layerList) String() string { return "" }
func (l *layerList) Type() string   { return "layer" }

func (l *layerList) Set(s string) error {
	layer, err := layered.ParseLayer(s)
	if err == nil {
		*l = append(*l, layer)
	}
	return err
}

// A flaggedError is an error of a library whose text names the flags that it is about.
type flaggedError struct {
	text  string
	cause error
}

func (e *flaggedError) Error() string { return e.text }
func (e *flaggedError) Unwrap() error { return e.cause }

// NameFlags returns an error whose text names the flags that err is about; other errors
// it returns as they are.
func NameFlags(err error) error {
	var (
		step     *layered.StepError
		conflict *layered.ConflictError
		process  *layered.ProcessError
		ranges   *search.RangeError
		choice   *search.ChoiceError
	)
	in := func(part error, format string, args ...any) error {
		return &flaggedError{strings.Replace(err.Error(), part.Error(), fmt.Sprintf(format, args...), 1), err}
	}
	switch {
	case errors.Is(err, search.ErrNoWord):
		return in(search.ErrNoWord, "the image does not say its word size, which --align word needs")
	case errors.As(err, &step):
		return in(step, "%s", stepText(step))
	case errors.As(err, &conflict):
		flag := map[patterns.Fact]string{patterns.FactWordSize: "--word", patterns.FactByteOrder: "--endian"}[conflict.Fact]
		return in(conflict, "%s %s contradicts the image, %s", flag, conflict.Given, conflict.Is)
	case errors.As(err, &process) && process.Format != "":
		return in(process, "--image-format %s: a live process has no format (./%s is the file of that name)", process.Format, process.Arg)
	case errors.As(err, &process):
		return in(process, "--space %s: a live process has virtual addresses only", process.Space)
	case errors.As(err, &ranges):
		return in(ranges, "--range: %v", ranges.Err)
	case errors.As(err, &choice):
		return in(choice, "--in %v; vscan map lists them", choice)
	}
	return err
}

// stepText returns what could not be laid and why, with the flag that asked for it.
func stepText(e *layered.StepError) string {
	flag := "--map"
	switch {
	case e.Step == layered.LayModules && e.Sysroot != "":
		return fmt.Sprintf("--sysroot %s: %v", e.Sysroot, e.Err)
	case e.Step == layered.LayModules:
		return fmt.Sprintf("--modules: %v", e.Err)
	case e.Step == layered.LayUnder:
		flag = "--under"
	}
	var unplaced *image.UnplacedError
	switch {
	case errors.As(e.Err, &unplaced) && !unplaced.Program:
		return fmt.Sprintf("%s: %s: want %s for %s", flag, e.Layer.Text, layered.LayerForm, unplaced.What)
	case e.Layer.Spec.Unplaced: // the layer is a file without an address
		return fmt.Sprintf("%s: %s: %v", flag, e.Layer.Text, e.Err)
	}
	return fmt.Sprintf("%s %s: %v", flag, e.Layer.Text, e.Err)
}
