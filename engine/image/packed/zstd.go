package packed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/klauspost/compress/zstd"

	"vscan/engine/image/magic"
	"vscan/internal/interrupt"
)

var isZstd = magic.At(0, "\x28\xb5\x2f\xfd")

// isSkippable matches a frame that is to be passed over.
func isSkippable(h []byte) bool {
	return len(h) > 3 && h[0]&0xf0 == 0x50 && magic.At(1, "\x2a\x4d\x18")(h)
}

// openSkippable finds out what frames follow those that are to be passed over.
func openSkippable(u *unpacking) (*magic.Content, error) {
	watch := interrupt.New(u.ctx)
	for at := uint64(0); ; {
		if err := watch.Step(1); err != nil {
			return nil, err
		}
		var b [8]byte
		n, err := u.Fill(b[:], at)
		switch {
		case err != nil:
			return nil, err
		case isLz4(b[:n]):
			return openLz4(u)
		case n < len(b) || !isSkippable(b[:]):
			return openZstd(u)
		}
		at += 8 + uint64(binary.LittleEndian.Uint32(b[4:]))
	}
}

// A frame may ask for a window of any size, which is taken at once: one of more than leastWindow bytes only as
// large as its blocks can fill, and not beyond that of zstd --long=31.
const (
	leastWindow = 64 << 20
	maxWindow   = 1 << 31
)

// A frame of zstd is read by its heads alone, to find where it ends: the head of the frame, and
// those of its blocks (3), which tell their size.
// Source: RFC 8878, 3.1.1.

// frame is one frame of a zstd file.
type frame struct {
	at, held uint64 // file offset, bytes
	size     uint64 // bytes that it holds; unknown where it does not tell
	most     uint64 // that its blocks may hold
	window   uint64 // bytes that it asks for to be unpacked
}

const unknown = math.MaxUint64

// zstdBlock is the most bytes that a block of a frame holds.
const zstdBlock = 128 << 10

// openZstd reads zstd. Where it has several frames that all tell their size, it is read at random.
func openZstd(u *unpacking) (*magic.Content, error) {
	x := &index{unpack: unpackZstd}
	watch := interrupt.New(u.ctx)
	known, frames, at := true, 0, uint64(0)
	total := uint64(0)
	for at < u.Size && known {
		f, skip, err := u.zstdFrame(at, watch)
		if err != nil {
			return nil, err
		}
		if f == nil && skip == 0 { // damaged, cut, or no frame: the stream tells
			known = false
			break
		}
		at += skip
		if f == nil {
			continue
		}
		frames++
		at += f.held
		known = f.size <= f.most && f.size <= maxBlock && f.held <= maxBlock
		if f.size != unknown {
			total += f.size
		}
		if known && f.size > 0 {
			if err := x.add(u, f.at, f.held, int(f.size), kindS2); err != nil {
				return nil, err
			}
		}
	}
	if known && frames > 1 {
		return u.indexed(x)
	}
	if total > u.limit {
		return nil, u.tooLarge()
	}
	begins := func(h []byte) bool { return isZstd(h) || isSkippable(h) }
	return u.stream(begins, u.openZstdFrame)
}

// zstdFrame reads the heads of the frame at a file offset. It returns nil and how many bytes are to
// be passed over where the frame is one for that, and 0 where there is no whole frame.
func (u *unpacking) zstdFrame(at uint64, watch *interrupt.Watch) (f *frame, skip uint64, err error) {
	var b [18]byte
	n, err := u.Fill(b[:], at)
	switch {
	case err != nil || n < 8:
		return nil, 0, u.ctx.Err()
	case isSkippable(b[:]):
		skip = 8 + uint64(binary.LittleEndian.Uint32(b[4:]))
		if skip > u.Size-at {
			skip = 0
		}
		return nil, skip, nil
	case !isZstd(b[:]):
		return nil, 0, nil
	}
	var head zstd.Header
	if head.Decode(b[:n]) != nil {
		return nil, 0, nil
	}
	f = &frame{at: at, size: unknown, window: head.WindowSize}
	if head.HasFCS {
		f.size = head.FrameContentSize
	}
	pos := at + uint64(head.HeaderSize)
	for last := false; !last; {
		if err := watch.Step(1); err != nil {
			return nil, 0, err
		}
		n, err := u.Fill(b[:3], pos)
		if err != nil || n < 3 {
			return nil, 0, u.ctx.Err()
		}
		block := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16
		size, kind := block>>3, block>>1&3
		last = block&1 != 0
		if kind == 3 || size > zstdBlock {
			return nil, 0, nil
		}
		f.most += zstdBlock
		if kind == 1 { // one byte, so many times
			size = 1
		}
		pos += 3 + size
	}
	if head.HasCheckSum {
		pos += 4
	}
	if pos > u.Size {
		return nil, 0, nil
	}
	f.held = pos - at
	return f, 0, nil
}

// openZstdFrame opens the frame at the position of src; what is behind it is left.
func (u *unpacking) openZstdFrame(src *source) (io.Reader, error) {
	head, _ := src.Peek(8)
	if len(head) < 8 {
		return nil, io.ErrUnexpectedEOF
	}
	if isSkippable(head) {
		_, err := src.Discard(4)
		if err == nil {
			_, err = src.Discard(4)
		}
		if err == nil {
			_, err = io.CopyN(io.Discard, src, int64(binary.LittleEndian.Uint32(head[4:])))
		}
		return emptyReader{}, unexpectedOr(err)
	}
	r, window := io.Reader(src), uint64(leastWindow)
	f, _, err := u.zstdFrame(src.pos(), interrupt.New(u.ctx))
	if err != nil {
		return nil, err
	}
	if f != nil {
		r, window = io.LimitReader(src, int64(f.held)), min(max(f.most, leastWindow), maxWindow)
	}
	taken := uint64(0)
	if f != nil && f.window > leastWindow && f.window <= window {
		taken = f.window
		if err := u.options.Budget.Take(taken, "the window of a zstd frame"); err != nil {
			return nil, &stopError{fmt.Errorf("%s: %w", u.Path(), err)}
		}
	}
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window), zstd.WithDecoderMaxMemory(math.MaxInt64))
	if err != nil {
		u.options.Budget.Give(taken)
		return nil, unexpected(err)
	}
	return &zstdReader{z.IOReadCloser(), r, f != nil, func() { u.options.Budget.Give(taken) }}, nil
}

// zstdReader reads one frame.
type zstdReader struct {
	io.ReadCloser
	from  io.Reader
	known bool   // that from ends with the frame
	done  func() // gives the window back
}

func (r *zstdReader) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b)
	if r.known && errors.Is(err, zstd.ErrCRCMismatch) {
		err = &sumError{err}
	}
	return n, err
}

// Close leaves what is read at the next frame.
func (r *zstdReader) Close() error {
	err := r.ReadCloser.Close()
	r.done()
	if r.known {
		_, err = io.Copy(io.Discard, r.from)
	}
	return err
}

// unexpectedOr is unexpected of an error that may be nil.
func unexpectedOr(err error) error {
	if err == nil {
		return nil
	}
	return unexpected(err)
}

type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, io.EOF }

// zstdDecoders unpack whole frames.
var zstdDecoders = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxBlock+1))
	if err != nil {
		return err
	}
	return d
}}

// unpackZstd fills dst with a frame.
func unpackZstd(dst, packed []byte, _ uint8) error {
	d, ok := zstdDecoders.Get().(*zstd.Decoder)
	if !ok {
		return errors.New("no decoder")
	}
	defer zstdDecoders.Put(d)
	got, err := d.DecodeAll(packed, dst[:0:len(dst)])
	switch {
	case err != nil:
		return err
	case len(got) != len(dst):
		return fmt.Errorf("it has %d bytes, not %d", len(got), len(dst))
	case &got[0] != &dst[0]:
		copy(dst, got)
	}
	return nil
}
