package imagetest

import (
	"fmt"
	"io"
	"syscall"

	"vscan/engine/image/input"
)

// Failing is a file in memory of which stretches cannot be read, as of a disk with bad sectors.
type Failing struct {
	Data  []byte
	Bad   [][2]uint64 // stretches, from an offset up to another one, which is not in it
	Whole bool        // a read that touches one of them yields nothing, and not what lies before it
	Reads int         // how many there were
}

// Reader returns what the reader of a format gets of the file.
func (f *Failing) Reader() input.Reader {
	return input.Reader{ReaderAt: f, Size: uint64(len(f.Data)), Source: f}
}

func (f *Failing) Name() string              { return "test.img" }
func (f *Failing) PlaceOf(off uint64) string { return fmt.Sprintf("at file offset %#x", off) }
func (f *Failing) Size() uint64              { return uint64(len(f.Data)) }

func (f *Failing) ReadAt(b []byte, off int64) (int, error) {
	f.Reads++
	if off >= int64(len(f.Data)) {
		return 0, io.EOF
	}
	from, to := uint64(off), min(uint64(off)+uint64(len(b)), uint64(len(f.Data)))
	for _, bad := range f.Bad {
		if from < bad[1] && to > bad[0] {
			to = max(from, bad[0])
			if f.Whole {
				to = from
			}
		}
	}
	n := copy(b, f.Data[from:to])
	switch {
	case n == len(b):
		return n, nil
	case to == uint64(len(f.Data)):
		return n, io.EOF
	}
	return n, syscall.EIO
}

// View does what View of engine.Source does.
func (f *Failing) View(buf []byte, off uint64, n int) ([]byte, error) {
	m, err := f.ReadAt(buf[:n], int64(off))
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return buf[:m], err
}
