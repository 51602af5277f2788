// Package lines reads the lines of hits that a sweep keeps of an image: those of jsonl, as
// docs/output.md has them. There are as many as hits, so they are taken apart where they lie,
// without what a reader of any JSON needs.
package lines

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"vscan/engine/sweep/state"
	"vscan/internal/interrupt"
	"vscan/internal/wording"
)

// MaxLine is the most bytes that a line may have. That of a hit of which most is shown has
// fewer.
const MaxLine = 64 << 20

// Error says which line of an image is wrong.
type Error struct {
	Image string
	Line  uint64 // counted from 1
	Err   error
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: line %d of its results: %v: the results are damaged, sweep the image again", e.Image, e.Line, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Reader reads the lines of an image, in their order.
type Reader struct {
	from  io.ReadCloser
	r     *bufio.Reader
	image string
	n     uint64 // lines so far
	hits  uint64 // of these, hits
	want  uint64 // how many hits the record of the image has
	long  []byte // a line that is longer than the buffer of r; its memory is used again
	watch *interrupt.Watch
}

// Open opens the lines of an image. The caller closes the Reader.
func Open(ctx context.Context, src state.Source, img *state.Image) (*Reader, error) {
	from, err := src.Lines(ctx, img.N)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", img.Arg, err)
	}
	return &Reader{from: from, r: bufio.NewReaderSize(from, 1<<18), image: img.Arg, want: img.Hits, watch: interrupt.New(ctx)}, nil
}

// Close ends the reading.
func (r *Reader) Close() error { return r.from.Close() }

// Next returns the next line without its line feed, valid until the next call, or io.EOF
// behind the last one. A line that is cut off is an *Error, and so is an end behind more or fewer
// hits than the record of the image has: a database that is damaged may lack some of them.
func (r *Reader) Next() ([]byte, error) {
	if err := r.watch.Step(1); err != nil {
		return nil, err
	}
	line, err := r.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line, err = r.longLine(line)
	}
	switch {
	case err == nil:
		r.n++
		if bytes.HasPrefix(line, hitLine) {
			r.hits++
		}
		return line[:len(line)-1], nil
	case !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s: %w", r.image, err)
	case len(line) > 0:
		r.n++
		return nil, r.Fail(errors.New("it is cut off"))
	case r.hits != r.want:
		return nil, r.Fail(fmt.Errorf("the last one, behind %s of %d", wording.Count(r.hits, "hit"), r.want))
	}
	return nil, io.EOF
}

// hitLine is what the line of a hit begins with.
var hitLine = []byte(`{"type":"hit"`)

// longLine returns the line that begins with what fills the buffer.
func (r *Reader) longLine(begin []byte) ([]byte, error) {
	r.long = append(r.long[:0], begin...)
	for {
		more, err := r.r.ReadSlice('\n')
		r.long = append(r.long, more...)
		if len(r.long) > MaxLine {
			r.n++
			return nil, r.Fail(fmt.Errorf("it has more than %d bytes", MaxLine))
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return r.long, err
		}
	}
}

// Fail returns an error about the line that Next has returned last, as an *Error.
func (r *Reader) Fail(err error) error { return &Error{r.image, r.n, err} }
