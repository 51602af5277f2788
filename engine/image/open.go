package image

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Open opens a file as an image. It needs a regular file or a block device:
// what can be read only once, such as a pipe, is refused and never waited for.
// An *[UnsupportedError] says that the file is something known that is not
// read; a *[SpaceError], a *[BaseError] and a *[PageError] that it has no such
// addresses as o asks for.
func Open(path string, o Options) (*Image, error) {
	if err := validate(o); err != nil {
		return nil, err
	}
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	img, err := read(f, o)
	if err != nil {
		f.Close()
		return nil, err
	}
	f.mapMemory(o)
	img.Path, img.FileSize = path, f.input().size
	img.Own(f)
	return img.Finish(), nil
}

// read finds the format of a file and has it read.
func read(f *fileSource, o Options) (*Draft, error) {
	in := f.input()
	head, tail, err := ends(in)
	if err != nil {
		return nil, err
	}
	if o.Format == FormatRaw {
		return openRaw(in, o)
	}
	k := identify(head, tail)
	switch {
	case o.Format != "" && (k == nil || k.flag != o.Format):
		is := "its first bytes are of no format that is known"
		if k != nil {
			is = "it is " + k.what
		}
		return nil, fmt.Errorf("%s does not have the format %q: %s", f.Name(), o.Format, is)
	case o.Base != nil && !o.Raw && o.Offset == 0 && o.Len == 0 && isProgram(head):
		return openProgram(in, o)
	case o.Format != "" && o.Base != nil:
		return nil, &BaseError{Path: f.Name(), Format: o.Format}
	case k == nil && o.Base == nil && isVMEM(f.Name()):
		return openVMEM(in, o)
	case k == nil, o.Base != nil && k.holds == HoldsProgram:
		return openRaw(in, o)
	case k.open == nil:
		return nil, k.refuse(f.Name())
	case o.Base != nil:
		return nil, &UnsupportedError{Path: f.Name(), Format: k.name, What: k.what, Holds: k.holds,
			Advice: "leave out the address", RawHelps: "place the bytes as they are"}
	}
	return k.open(in, o)
}

// Formats are the names that [Options.Format] knows: "raw" and those that are
// read.
func Formats() []FormatName {
	names := []FormatName{FormatRaw}
	for _, k := range formats {
		if k.flag != "" && !slices.Contains(names, k.flag) {
			names = append(names, k.flag)
		}
	}
	return names
}

// validate names everything that is wrong, in one line.
func validate(o Options) error {
	var wrong []string
	if o.Format != "" && !slices.Contains(Formats(), o.Format) {
		wrong = append(wrong, fmt.Sprintf("image format %q: want one of %s", o.Format, list(Formats())))
	}
	switch {
	case strings.HasPrefix(string(o.Space), "cr3:"):
		wrong = append(wrong, fmt.Sprintf("space %q: page tables are not read yet: want virtual or physical", o.Space))
	case o.Space != "" && o.Space != Virtual && o.Space != Physical:
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
func list(names []FormatName) string {
	var all []string
	for _, n := range names {
		all = append(all, string(n))
	}
	return strings.Join(all, ", ")
}
