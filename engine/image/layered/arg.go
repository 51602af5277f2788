package layered

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/where"
)

// Arg is what an argument that names an image means.
type Arg struct {
	Text string // the argument as it was given
	Kind ArgKind

	PID   int             // the number of the process, if Kind is Process
	Place image.LayerSpec // the file and where it lies, if Kind is Placed
}

// ArgKind is what kind of image an argument names.
type ArgKind uint8

const (
	File      ArgKind = iota // a file, opened as the format that it is recognised as
	EmptyFile                // a file without a byte, which Options.Empty takes for an image
	Placed                   // bytes of a file, or a program, at an address
	Process                  // a live process
)

// Parse returns what an argument that names an image means. It depends on which files
// and processes there are. That a file is not there is no error of Parse, but of
// Arg.Open. Looking for a process by its name ends with ctx, with the error of that.
func Parse(ctx context.Context, arg string, o Options) (Arg, error) {
	a := Arg{Text: arg}
	if arg == "-" {
		return a, errors.New("-: an image is searched out of order and cannot come from a pipe; save it to a file first (./- is the file of that name)")
	}
	name, isProcess := strings.CutPrefix(arg, "pid:")
	if pid, err := strconv.Atoi(name); isProcess && err == nil {
		a.Kind, a.PID = Process, pid
		return a, nil
	}
	info, err := os.Stat(arg)
	if err == nil {
		if o.Empty && (o.Format == "" || o.Format == image.FormatRaw) && isEmptyFile(arg, info) {
			a.Kind = EmptyFile
		}
		return a, nil
	}
	if isProcess {
		a.Kind = Process
		a.PID, err = findProcess(ctx, arg, name)
		return a, err
	}
	if path, _, ok := cutAt(arg); ok {
		spec, err := parsePlaced(arg)
		if err == nil {
			a.Kind, a.Place = Placed, spec
			return a, nil
		}
		if _, statErr := os.Stat(path); statErr == nil {
			return a, fmt.Errorf("%s: there is no such file, and as FILE@ADDR: %w", arg, err)
		}
	}
	return a, nil // a file that is not there: opening it returns the error
}

// open opens the image without any layers.
func (a Arg) open(ctx context.Context, o Options) (*image.Image, error) {
	opt := image.Options{Format: o.Format, Space: o.Space, Mmap: o.Mmap, With: slices.Concat(o.With, o.Siblings), Sequential: o.Sequential, UnpackLimit: o.UnpackLimit, Known: o.Known, Unpacking: o.Unpacking, Budget: o.Budget}
	switch a.Kind {
	case Process:
		switch {
		case o.Format != "":
			return nil, fmt.Errorf("%s: %w", a.Text, &ProcessError{Arg: a.Text, Format: o.Format})
		case o.Space != "" && o.Space != image.Virtual:
			return nil, fmt.Errorf("%s: %w", a.Text, &ProcessError{Arg: a.Text, Space: o.Space})
		}
		return formats.OpenProcess(ctx, a.PID, image.Options{ProtNone: o.ProtNone, Resident: o.Resident})
	case EmptyFile:
		return &image.Image{Path: a.Text, Format: "raw", Detail: "an empty file"}, nil
	case Placed:
		opt.Base, opt.Offset, opt.Len, opt.Raw = &a.Place.At, a.Place.Offset, a.Place.Len, a.Place.Raw
		return formats.Open(ctx, a.Place.Path, opt)
	}
	return formats.Open(ctx, a.Text, opt)
}

// findProcess returns the number of the only process that has a name; the name self
// stands for this process.
func findProcess(ctx context.Context, arg, name string) (int, error) {
	if name == "self" {
		return os.Getpid(), nil
	}
	if name == "" {
		return 0, fmt.Errorf("%s: want pid:N with the number of a process, or pid:NAME with its name", arg)
	}
	var found []formats.ProcessInfo
	var err error
	for _, n := range where.Names(name) { // as it was printed, or as it stands
		if found, err = formats.FindProcesses(ctx, n); err != nil || len(found) > 0 {
			break
		}
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s: %w", arg, err)
	case len(found) == 0:
		return 0, fmt.Errorf("%s: there is no process of this name, and no such file", arg)
	case len(found) > 1:
		return 0, fmt.Errorf("%s: %d processes have this name: choose one by its number: %s", arg, len(found), listProcesses(found))
	}
	return found[0].PID, nil
}

// listProcesses returns a line that names processes, not more than ten. Characters that
// do not print are not escaped.
func listProcesses(all []formats.ProcessInfo) string {
	const most, longest = 10, 60
	var list []string
	for _, p := range all[:min(len(all), most)] {
		line := p.Name
		if len(line) > longest {
			n := longest
			for n > longest-utf8.UTFMax && !utf8.RuneStart(line[n]) {
				n--
			}
			line = line[:n] + "…"
		}
		list = append(list, fmt.Sprintf("pid:%d (%s)", p.PID, line))
	}
	if n := len(all) - most; n > 0 {
		list = append(list, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(list, ", ")
}

// cutAt splits FILE@ADDR at its last @, and reports whether arg has that form.
func cutAt(arg string) (path, at string, ok bool) {
	i := strings.LastIndexByte(arg, '@')
	if i <= 0 || i == len(arg)-1 {
		return "", "", false
	}
	return arg[:i], arg[i+1:], true
}

// LayerForm is the form of an argument that names a layer.
const LayerForm = "FILE@ADDR[+OFFSET[:LEN]]"

// parsePlaced reads FILE@ADDR[+OFFSET[:LEN]].
func parsePlaced(arg string) (image.LayerSpec, error) {
	path, at, ok := cutAt(arg)
	if !ok {
		return image.LayerSpec{}, errors.New("want " + LayerForm)
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
	spec.Raw = true
	off, length, hasLen := strings.Cut(rest, ":")
	if spec.Offset, err = addr.ParseSize(off); err != nil {
		return image.LayerSpec{}, fmt.Errorf("offset %w", err)
	}
	if hasLen {
		if spec.Len, err = addr.ParseSize(length); err != nil {
			return image.LayerSpec{}, fmt.Errorf("length %w", err)
		}
		if spec.Len == 0 {
			return image.LayerSpec{}, errors.New("a length of 0 lays nothing")
		}
	}
	return spec, nil
}

// Layer is a file that is laid over or under an image.
type Layer struct {
	Text string // the argument as it was given
	Spec image.LayerSpec
}

// ParseLayer reads an argument that names a layer. A path that exists always names that
// file.
func ParseLayer(arg string) (Layer, error) {
	_, missing := os.Stat(arg)
	if missing == nil {
		return Layer{arg, image.LayerSpec{Path: arg, Unplaced: true}}, nil
	}
	spec, err := parsePlaced(arg)
	if _, _, hasAddr := cutAt(arg); !hasAddr && err != nil {
		return Layer{}, fmt.Errorf("%s: %w, or a program or library that there is (%w)", arg, err, missing)
	} else if err != nil {
		return Layer{}, fmt.Errorf("%s: %w", arg, err)
	}
	return Layer{arg, spec}, nil
}
