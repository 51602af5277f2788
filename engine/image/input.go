package image

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"

	"vscan/engine"
	"vscan/engine/addr"
)

// input is what the reader of a format gets: the bytes of the file for its
// headers, which are always read by ReadAt since mapped memory may fault, and
// the source that its mappings name.
type input struct {
	io.ReaderAt
	size uint64 // of the file in bytes, below 2^63
	src  engine.Source
}

// path is the path of the file, as it was opened.
func (in input) path() string { return in.src.Name() }

// read fills b from file offset off as far as the file goes, and returns how many
// bytes that is. A short count without an error is the end of the file.
func (in input) read(b []byte, off uint64) (int, error) {
	if off >= in.size {
		return 0, nil
	}
	b = b[:min(uint64(len(b)), in.size-off)]
	n, err := in.ReadAt(b, int64(off))
	if n == len(b) || errors.Is(err, io.EOF) {
		return n, nil
	}
	return n, fmt.Errorf("%s: cannot read at file offset %#x: %w", in.path(), off+uint64(n), err)
}

// prefix returns n bytes from file offset off on as an input of their own, fewer
// where the file ends before.
func (in input) prefix(off, n uint64) input {
	if off >= in.size {
		return input{bytes.NewReader(nil), 0, in.src}
	}
	n = min(n, in.size-off, math.MaxInt64)
	return input{io.NewSectionReader(in.ReaderAt, int64(off), int64(n)), n, in.src}
}

// run returns the mapping of a run of the file's bytes as they are, where spec
// lays them; spec.Path is not looked at. A run that does not lie in the file, or
// not below the last address, is an error.
func (in input) run(spec LayerSpec) (engine.Mapping, error) {
	var none engine.Mapping
	if spec.Offset >= in.size {
		return none, fmt.Errorf("%s: offset %#x is at or beyond the end of the file, which has %#x bytes", in.path(), spec.Offset, in.size)
	}
	n := spec.Len
	switch rest := in.size - spec.Offset; {
	case n == 0:
		n = rest
	case n > rest:
		return none, fmt.Errorf("%s: %#x bytes from offset %#x run past the end of the file, which has %#x bytes", in.path(), n, spec.Offset, in.size)
	}
	r, ok := addr.Sized(spec.At, n)
	if !ok {
		return none, fmt.Errorf("%s: %#x bytes from address %v run past the last address, %v", in.path(), n, spec.At, addr.Max)
	}
	return engine.Mapping{Range: r, Source: in.src, Offset: spec.Offset, Name: baseName(in.path())}, nil
}

// baseName is the name of a mapping of a file.
func baseName(path string) string { return filepath.Base(path) }
