package state

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// What can be of any size is kept in pieces, so that nothing of it is in memory as a whole.

// PieceBytes is how many bytes a piece has before it is compressed.
const PieceBytes = 1 << 20

// Pieces writes what belongs to an image or a task. It is an io.Writer; Flush has to be
// called at the end.
type Pieces struct {
	db   *DB
	put  func(seq int, data []byte) func(*tx) error
	pack func(data []byte) []byte
	buf  []byte
	seq  int
}

// Lines returns what writes the lines of an image. They count once the image is settled.
func (db *DB) Lines(n int) *Pieces {
	return &Pieces{db: db, pack: compress, put: func(seq int, data []byte) func(*tx) error {
		return func(t *tx) error { return t.exec("INSERT INTO lines VALUES (?, ?, ?)", n, seq, data) }
	}}
}

// Result returns what writes the result of a task, which is compressed already. It counts
// once the task has ended.
func (db *DB) Result(n, k int) *Pieces {
	return &Pieces{db: db, pack: bytes.Clone, put: func(seq int, data []byte) func(*tx) error {
		return func(t *tx) error { return t.exec("INSERT INTO result VALUES (?, ?, ?, ?)", n, k, seq, data) }
	}}
}

// encoder compresses lines, for all goroutines.
var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(PieceBytes))
	if err != nil {
		panic(err) // the options are wrong
	}
	return e
})

func compress(data []byte) []byte { return encoder().EncodeAll(data, nil) }

// Write implements io.Writer.
func (p *Pieces) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		n := min(len(rest), PieceBytes-len(p.buf))
		p.buf, rest = append(p.buf, rest[:n]...), rest[n:]
		if len(p.buf) == PieceBytes {
			if err := p.Flush(); err != nil {
				return 0, err
			}
		}
	}
	return len(b), nil
}

// Flush hands on what is left of the last piece. The error is the first one of the state.
func (p *Pieces) Flush() error {
	if len(p.buf) == 0 {
		return nil
	}
	data := p.pack(p.buf)
	p.buf = p.buf[:0]
	p.seq++
	return p.db.writer.later(len(data), p.put(p.seq-1, data))
}

// pieceReader reads pieces, one after another.
type pieceReader struct {
	next   func(seq int) ([]byte, error) // sql.ErrNoRows: there is none
	unpack *zstd.Decoder                 // nil: the bytes are as they are
	seq    int
	buf    []byte
	room   []byte
	err    error
}

func (r *pieceReader) Read(b []byte) (int, error) {
	for len(r.buf) == 0 && r.err == nil {
		var data []byte
		if data, r.err = r.next(r.seq); errors.Is(r.err, sql.ErrNoRows) {
			r.err = io.EOF
		}
		r.seq++
		if r.err == nil && r.unpack != nil {
			r.room, r.err = r.unpack.DecodeAll(data, r.room[:0])
			data = r.room
		}
		r.buf = data
	}
	if len(r.buf) == 0 {
		return 0, r.err
	}
	n := copy(b, r.buf)
	r.buf = r.buf[n:]
	return n, nil
}

func (r *pieceReader) Close() error {
	if r.unpack != nil {
		r.unpack.Close()
	}
	r.err = errClosed
	return nil
}

// Lines implements Source.
func (r *Reader) Lines(ctx context.Context, n int) (io.ReadCloser, error) {
	var state string
	if err := r.db.QueryRowContext(ctx, "SELECT state FROM image WHERE n = ?", n).Scan(&state); err != nil {
		return nil, err
	}
	settled := state == Done || state == Partial
	unpack, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(4*PieceBytes))
	if err != nil {
		return nil, err
	}
	return &pieceReader{unpack: unpack, next: func(seq int) (data []byte, err error) {
		if !settled {
			return nil, io.EOF
		}
		err = r.db.QueryRowContext(ctx, "SELECT data FROM lines WHERE image = ? AND seq = ?", n, seq).Scan(&data)
		return data, err
	}}, nil
}

// OpenResult returns the result of a task that has ended.
func (db *DB) OpenResult(ctx context.Context, n, k int) io.ReadCloser {
	return &pieceReader{next: func(seq int) (data []byte, err error) {
		err = db.reads.QueryRowContext(ctx, "SELECT data FROM result WHERE image = ? AND k = ? AND seq = ?", n, k, seq).Scan(&data)
		return data, err
	}}
}
