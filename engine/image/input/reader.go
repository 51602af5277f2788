// Package input is the ground that packages stand on which read a format: the opened
// file, checked reads of its headers, and arithmetic that does not wrap. It is for the
// engine and may change.
//
//	File        an opened file: a Source of bytes, mapped into memory where that can be had
//	Reader      what the reader of a format gets of it
//	Place       where a byte of it lies, as messages tell it
//	Extent, …   where it has holes, so that what a header says is bounded by data
//	Fields      the numbers of a header
//	AddSat, …   sums and products that stick at 2^64 − 1
package input

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
)

// Reader is what the reader of a format gets: the bytes of the file for its headers, and
// the source that its mappings name. Headers are always read by ReadAt, for mapped
// memory may fault.
type Reader struct {
	io.ReaderAt
	Size   uint64 // of the file in bytes, below 2^63
	Source engine.Source
	Live   bool   // it is /proc/kcore, whose size no number of the system tells: its headers do
	holes  *holes // nil: it has none that are known
	base   uint64 // the offset in Source of the first byte

	extent func(off uint64) (end uint64, hole bool) // does what Extent does; nil: holes tell
}

// WithExtents returns the reader with a function that does what Extent does, of offsets below
// Size: for a source that knows its holes without asking the system.
func (in Reader) WithExtents(extent func(off uint64) (end uint64, hole bool)) Reader {
	in.extent = extent
	return in
}

// OnDisk returns how many bytes the file takes on disk, and whether that is known: less than its size where
// it has holes. Of what a container holds it is what the container takes.
func (in Reader) OnDisk() (uint64, bool) {
	if f, ok := in.Source.(interface{ OnDisk() (uint64, bool) }); ok {
		return f.OnDisk()
	}
	return 0, false
}

// Path returns the path of the file, as it was opened.
func (in Reader) Path() string { return in.Source.Name() }

// Fill fills b from file offset off as far as the file goes, and returns how many
// bytes that is. A short count without an error is the end of the file. An error says where in the file
// that Source is named for the byte is that cannot be read.
func (in Reader) Fill(b []byte, off uint64) (int, error) {
	if off >= in.Size {
		return 0, nil
	}
	b = b[:min(uint64(len(b)), in.Size-off)]
	n, err := in.ReadAt(b, int64(off))
	if n == len(b) || errors.Is(err, io.EOF) {
		return n, nil
	}
	return n, fmt.Errorf("%s: cannot read%s: %w", in.Path(), after(image.PlaceIn(in.Source, in.base+off+uint64(n))), err)
}

// Place returns where the byte at an offset of the input lies, for messages.
func (in Reader) Place(off uint64) Place { return Place{in.Source, in.base + off} }

// Place is where a byte lies in the file that a source is named for. It is put into words when a message needs them.
type Place struct {
	source engine.Source
	off    uint64 // in the source
}

// String returns the place in words that follow "at", "from" or "to": "file offset 0x10", "unpacked offset 0x10",
// "offset 0x10 (in the block at file offset 0x200)"; "offset 0x10" where the source does not tell more.
func (p Place) String() string {
	told := image.PlaceIn(p.source, p.off)
	if rest, ok := strings.CutPrefix(told, "at "); ok {
		return rest
	}
	own := fmt.Sprintf("offset %#x", p.off)
	if told != "" {
		own += " (" + told + ")"
	}
	return own
}

// Prefix returns n bytes from file offset off on as an input of their own, fewer
// where the file ends before.
func (in Reader) Prefix(off, n uint64) Reader {
	if off >= in.Size {
		return Reader{ReaderAt: bytes.NewReader(nil), Source: in.Source, base: in.base + off}
	}
	n = min(n, in.Size-off, math.MaxInt64)
	return Reader{ReaderAt: io.NewSectionReader(in.ReaderAt, int64(off), int64(n)), Size: n, Source: in.Source, base: in.base + off}
}

// Of returns the input with another source, whose first byte is that of the input.
func (in Reader) Of(s engine.Source) Reader {
	in.Source, in.base = s, 0
	return in
}

// after returns words with a blank in front, where there are any.
func after(words string) string {
	if words == "" {
		return ""
	}
	return " " + words
}

// Run returns the mapping of a run of the file's bytes as they are, where spec
// lays them; spec.Path is not looked at. A run that does not lie in the file, or
// not below the last address, is an error.
func (in Reader) Run(spec image.LayerSpec) (engine.Mapping, error) {
	var none engine.Mapping
	if spec.Offset >= in.Size {
		return none, fmt.Errorf("%s: offset %#x is at or beyond the end of the file, which has %#x bytes", in.Path(), spec.Offset, in.Size)
	}
	n := spec.Len
	switch rest := in.Size - spec.Offset; {
	case n == 0:
		n = rest
	case n > rest:
		return none, fmt.Errorf("%s: %#x bytes from offset %#x run past the end of the file, which has %#x bytes", in.Path(), n, spec.Offset, in.Size)
	}
	r, ok := addr.Sized(spec.At, n)
	if !ok {
		return none, fmt.Errorf("%s: %#x bytes from address %v run past the last address, %v", in.Path(), n, spec.At, addr.Max)
	}
	return engine.Mapping{Range: r, Source: in.Source, Offset: spec.Offset, Name: BaseName(in.Path())}, nil
}

// Appended returns the mapping of what was appended to the file behind last, a mapping that
// ends with the file as it was then, and whether there is anything. It goes on where last
// ends.
func (in Reader) Appended(last engine.Mapping) (engine.Mapping, bool) {
	var none engine.Mapping
	f, ok := in.Source.(*File)
	if !ok {
		return none, false
	}
	end := last.OffsetOf(last.Last) + 1
	tail, ok := f.tail(end)
	if !ok {
		return none, false
	}
	first, ok := last.Last.Add(1)
	if !ok {
		return none, false
	}
	r, ok := addr.Sized(first, tail.size-end)
	if !ok {
		return none, false
	}
	return engine.Mapping{
		Range: r, Source: tail, Offset: end, Perm: last.Perm,
		Name: last.Name, File: last.File, NameOffset: last.PlaceOf(last.Last) + 1, Continuation: true,
	}, true
}

// BaseName returns the name that a mapping of a file has: the last part of its path.
func BaseName(path string) string { return filepath.Base(path) }
