// Package formats opens memory dumps and live processes as images. It is for
// programs that use vscan as a library: see the image package for what an image is.
//
//	Open                  a file, in the format that it is recognised as
//	OpenProcess           a live process, on Linux; FindProcesses tells its number
//	Identify              the format of a file's first bytes
//	Names                 the formats that Open can be told to read a file as
package formats

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vscan/engine/image"
	"vscan/engine/image/elf"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
	"vscan/engine/image/raw"
	"vscan/engine/image/vmware"
)

// Open opens a file as an image. It needs a regular file or a block device:
// what can be read only once, such as a pipe, is refused and never waited for.
// An *[image.UnsupportedError] says that the file is something known that is not
// read; a *[image.SpaceError], a *[image.BaseError] and a *[image.PageError] that it has no such
// addresses as o asks for. Where ctx ends before the image is open, the error is an
// *[image.InterruptedError]; once it is open, ctx does not matter any more.
func Open(ctx context.Context, path string, o image.Options) (*image.Image, error) {
	if err := validate(o); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, image.Interrupted(err, path, "opening it")
	}
	f, err := input.Open(path)
	if err != nil {
		return nil, err
	}
	img, err := read(ctx, f.Reader(), o)
	if err == nil {
		err = ctx.Err() // what could not be read because of it may be missing
	}
	if err != nil {
		f.Close()
		return nil, image.Interrupted(err, path, "opening it")
	}
	f.Map(o)
	img.Path = path
	if !img.Live {
		img.FileSize = f.Reader().Size
	}
	img.Own(f)
	return img.Finish(), nil
}

// read finds the format of a file and has it read.
func read(ctx context.Context, in input.Reader, o image.Options) (*image.Draft, error) {
	if in.Live && (o.Format == image.FormatRaw || o.Base != nil) {
		return nil, fmt.Errorf("%s: the running kernel's memory has addresses of its own, and is not read as raw bytes", in.Path())
	}
	if o.Format == image.FormatRaw { // whatever its first bytes are, and whether they can be read or not
		return raw.Open(ctx, in, o)
	}
	head, tail, err := magic.Ends(in)
	if err != nil {
		return nil, err
	}
	k := Recognize(head, tail)
	if k != nil && k.Unpack != nil {
		return readPacked(ctx, in, k, o)
	}
	return readAs(ctx, in, head, k, o)
}

// readAs has a file read as the format that it is recognised as by its first bytes; nil: as none.
func readAs(ctx context.Context, in input.Reader, head []byte, k *magic.Format, o image.Options) (*image.Draft, error) {
	path := in.Path()
	if k == nil && o.Base == nil && vmware.IsMemory(path) && (o.Format == "" || o.Format == vmware.Format.Option) {
		return vmware.Open(ctx, in, o)
	}
	switch {
	case o.Format != "" && (k == nil || k.Option != o.Format):
		is := "its first bytes are of no format that is known"
		if k != nil {
			is = "it is " + k.What
		}
		return nil, fmt.Errorf("%s does not have the format %q: %s", path, o.Format, is)
	case o.Base != nil && !o.Raw && o.Offset == 0 && o.Len == 0 && elf.IsProgram(head):
		return elf.Open(ctx, in, o)
	case o.Format != "" && o.Base != nil:
		return nil, &image.BaseError{Path: path, Format: o.Format}
	case k == nil, o.Base != nil && k.Holds == image.HoldsProgram:
		return raw.Open(ctx, in, o)
	case k.Open == nil:
		return nil, k.Refuse(path)
	case o.Base != nil:
		return nil, &image.UnsupportedError{Path: path, Format: k.Name, What: k.What, Holds: k.Holds,
			Advice: "leave out the address", RawHelps: "place the bytes as they are"}
	}
	return k.Open(ctx, in, o)
}

// Names returns the formats that [image.Options] can name: image.FormatRaw and those
// that are read.
func Names() []image.FormatName {
	names := []image.FormatName{image.FormatRaw}
	for _, k := range table {
		if k.Option != "" && !slices.Contains(names, k.Option) {
			names = append(names, k.Option)
		}
	}
	return names
}

// validate names everything that is wrong, in one line.
func validate(o image.Options) error {
	var wrong []string
	if o.Format != "" && !slices.Contains(Names(), o.Format) {
		wrong = append(wrong, fmt.Sprintf("image format %q: want one of %s", o.Format, list(Names())))
	}
	switch {
	case strings.HasPrefix(string(o.Space), "cr3:"):
		wrong = append(wrong, fmt.Sprintf("space %q: page tables are not read yet: want virtual or physical", o.Space))
	case o.Space != "" && o.Space != image.Virtual && o.Space != image.Physical:
		wrong = append(wrong, fmt.Sprintf("space %q: want virtual or physical", o.Space))
	}
	if o.Base == nil && (o.Offset != 0 || o.Len != 0) {
		wrong = append(wrong, fmt.Sprintf("offset %#x, length %#x: a part of a file wants a base, the address of its first byte", o.Offset, o.Len))
	}
	if wrong == nil {
		return nil
	}
	return errors.New(strings.Join(wrong, "; "))
}

// list returns names with commas between.
func list(names []image.FormatName) string {
	var all []string
	for _, n := range names {
		all = append(all, string(n))
	}
	return strings.Join(all, ", ")
}
