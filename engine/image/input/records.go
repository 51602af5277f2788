package input

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math"

	"vscan/internal/interrupt"
)

// Records are records of one size that follow one another in a file, of which zeros say
// nothing, as the tables of ELF files are.
type Records struct {
	At     uint64 // file offset of the first
	Stride uint64 // bytes from one to the next, from 1 to 2^16
	Size   int    // bytes of one that are looked at, at most Stride
}

// MaxZeroRecords is how many bytes of zeros in a row are read of a thin file: what comes
// behind them is taken for a hole.
const MaxZeroRecords = 1 << 20

// Count returns how many records the file has room for, its holes included.
func (in Reader) Count(t Records) uint64 {
	if t.At >= in.Size {
		return 0
	}
	return (in.Size - t.At) / t.Stride
}

// Each calls f with the records and their indexes, ascending, as long as want returns more
// than an index. Those that lie in holes are passed over, and their number is returned as
// empty. read is the number of records that were read or passed over: fewer than wanted
// where the file ends, and in a thin file behind MaxZeroRecords of zeros. So the time
// that it takes is bounded by the data of the file. The error is that of ctx, or of a
// read, which is at record read.
func (in Reader) Each(ctx context.Context, t Records, want func() uint64, f func(i uint64, record []byte)) (read, empty uint64, err error) {
	held := in.Count(t)
	r := bufio.NewReaderSize(nil, int(max(16, min(1<<16, MulSat(min(want(), held), t.Stride)))))
	watch := interrupt.New(ctx)
	zeros, end := uint64(0), uint64(0) // bytes of zeros that were just read, and where data end that r reads
	for read < min(want(), held) {
		if err := watch.Step(1); err != nil {
			return read, empty, err
		}
		at := t.At + read*t.Stride // does not wrap, since the file has it
		if at >= end {
			stop, hole := in.Extent(at)
			if n := (stop - at) / t.Stride; hole && n > 0 {
				n = min(n, min(want(), held)-read)
				read, empty = read+n, empty+n
				continue
			}
			end = stop
			r.Reset(io.NewSectionReader(in, int64(at), math.MaxInt64-int64(at)))
		}
		b, err := r.Peek(t.Size)
		if errors.Is(err, io.EOF) {
			break // the file has just been cut
		} else if err != nil {
			return read, empty, err
		}
		if zeros += t.Stride; !AllZero(b) {
			zeros = 0
		}
		f(read, b)
		if read++; zeros >= MaxZeroRecords && in.Thin() {
			break
		}
		r.Discard(int(t.Stride)) // what it cannot skip, the next read cannot have
	}
	return read, empty, nil
}
