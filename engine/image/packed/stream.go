package packed

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"vscan/engine/image"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
)

// A container of streams is one or several that follow one another, each with a magic. Behind them
// may be zeros, which files are padded with.

// member opens the stream that begins at the position of src, and reads no byte behind it.
// Where it can go on behind an error, that is a *sumError.
type member func(src *source) (io.Reader, error)

// sumError is the error of a stream that was read to its end and whose sum is not that of its
// bytes.
type sumError struct{ error }

// source is the bytes of a file, or of a part of it, from beginning to end.
type source struct {
	*bufio.Reader
	from *counted
}

// counted reads a file in order, as long as its context lets it.
type counted struct {
	u    *unpacking
	in   input.Reader
	at   uint64 // offset in it
	base uint64 // that of its first byte in the file
}

func (c *counted) Read(b []byte) (int, error) {
	if err := c.u.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.in.Fill(b, c.at)
	c.at += uint64(n)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// pos returns the file offset of the next byte.
func (s *source) pos() uint64 { return s.from.base + s.from.at - uint64(s.Buffered()) }

// end returns the file offset behind the last byte.
func (s *source) end() uint64 { return s.from.base + s.from.in.Size }

// readAtOnce is how many packed bytes are read at a time.
const readAtOnce = 256 << 10

// newSource returns the bytes of in, the first of which has a file offset.
func (u *unpacking) newSource(in input.Reader, base uint64) *source {
	from := &counted{u: u, in: in, base: base}
	return &source{bufio.NewReaderSize(from, readAtOnce), from}
}

// stream unpacks a file of streams into pages. begins tells their magic.
func (u *unpacking) stream(begins func([]byte) bool, open member) (*magic.Content, error) {
	if u.LastData() > input.AddSat(u.limit, u.limit/256) { // nothing gets much larger by being compressed
		return nil, u.tooLarge()
	}
	return u.unpackAll(u.newSource(u.Reader, 0), begins, open)
}

// unpackAll does what stream does, of a part of a file.
func (u *unpacking) unpackAll(src *source, begins func([]byte) bool, open member) (*magic.Content, error) {
	w := &writer{u: u, src: src, pages: pages{options: &u.options}, buf: make([]byte, pageSize)}
	for first := true; ; first = false {
		start := src.pos()
		head, err := src.Peek(8)
		if len(head) == 0 && errors.Is(err, io.EOF) {
			break
		}
		if err := u.ctx.Err(); err != nil {
			return nil, err
		}
		if !first && !begins(head) {
			if err := u.trailing(start, src.end()); err != nil {
				return nil, err
			}
			break
		}
		err = w.fillFrom(src, open)
		var stop *stopError
		if errors.As(err, &stop) {
			return nil, stop.error
		}
		if err == nil {
			continue
		}
		var sum *sumError
		if errors.As(err, &sum) {
			u.note("%s: from %v on: %v: some of the bytes up to %#x, unpacked, are wrong", u.format.What, u.Place(start), sum.error, w.total())
			u.lose(1)
			continue
		}
		at := src.pos()
		u.note("%s: it is damaged or truncated at %v or before: %v: what is unpacked ends at %#x", u.format.What, u.Place(at), err, w.total())
		u.lose(src.end() - min(src.end(), at))
		break
	}
	if err := w.flush(); err != nil {
		return nil, err
	}
	if w.pages.size == 0 {
		return nil, u.nothing()
	}
	return u.content(w.pages.reader(u.Reader)), nil
}

// nothing returns the error about a container of which no byte could be unpacked.
func (u *unpacking) nothing() error {
	if u.lost == 0 {
		return u.refuse("and holds nothing once it is unpacked")
	}
	return u.refuse("and not a byte of it can be unpacked (" + u.notes[len(u.notes)-1] + ")")
}

// trailing tells what follows the last stream, from a file offset on: zeros are padding.
func (u *unpacking) trailing(from, end uint64) error {
	zeros, err := u.allZero(from, end)
	if err != nil || zeros {
		return err
	}
	u.note("%s: the %d bytes from %v on are not: they are not read", u.format.What, end-from, u.Place(from))
	u.lose(end - from)
	return nil
}

// allZero reports whether there are only zeros between file offsets; holes are not read.
func (u *unpacking) allZero(from, end uint64) (bool, error) {
	b := make([]byte, min(readAtOnce, end-from))
	for from < end {
		if err := u.ctx.Err(); err != nil {
			return false, err
		}
		if to, hole := u.Extent(from); hole {
			from = to
			continue
		}
		n, err := u.Fill(b[:min(uint64(len(b)), end-from)], from)
		if err != nil || n == 0 {
			return false, nil // what cannot be read is told as what is not
		}
		if !input.AllZero(b[:n]) {
			return false, nil
		}
		from += uint64(n)
	}
	return true, nil
}

// stopError ends all, and is no damage of the container.
type stopError struct{ error }

// writer makes pages of what is unpacked.
type writer struct {
	u     *unpacking
	src   *source
	pages pages
	buf   []byte // the page that is filled
	n     int    // bytes in it
}

// total returns how many bytes were unpacked.
func (w *writer) total() uint64 { return w.pages.size + uint64(w.n) }

// fillFrom unpacks the stream at the position of src. What a decoder that panics was reading is
// damaged.
func (w *writer) fillFrom(src *source, open member) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the decoder gave up: %v", p)
		}
	}()
	r, err := open(src)
	if err == nil {
		err = w.readAll(r)
	}
	if c, ok := r.(io.Closer); ok {
		c.Close()
	}
	return err
}

// readAll reads a stream to its end.
func (w *writer) readAll(r io.Reader) error {
	for empty := 0; ; {
		n, err := r.Read(w.buf[w.n:])
		w.n += n
		if w.n == len(w.buf) {
			if err := w.flush(); err != nil {
				return &stopError{err}
			}
		}
		if ended := w.u.ctx.Err(); ended != nil {
			return &stopError{ended}
		}
		switch {
		case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		case n > 0:
			empty = 0
		default:
			if empty++; empty > 1000 {
				return io.ErrNoProgress
			}
		}
	}
}

// flush keeps the page that is filled.
func (w *writer) flush() error {
	if w.n == 0 {
		return nil
	}
	u := w.u
	if w.total() > u.limit {
		return u.tooLarge()
	}
	if w.pages.size == 0 {
		if err := u.look(w.buf[:w.n]); err != nil {
			return err
		}
	}
	if err := w.pages.add(w.buf[:w.n]); err != nil {
		return image.Interrupted(fmt.Errorf("%s: %w", u.Path(), err), u.Path(), "unpacking it")
	}
	w.n = 0
	if told := u.options.Unpacking; told != nil && len(w.pages.all)%tellEvery == 0 {
		told(w.src.pos(), u.Size)
	}
	return nil
}

// tellEvery is after how many pages it is told how far the unpacking is.
const tellEvery = 64
