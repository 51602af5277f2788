package sweep

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"sync"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/search"
)

// This file has the form of a result. It is written, and read, from its beginning to its
// end, so that it can go through a pipe or to a store of objects:
//
//	magic       "vscan result\n"
//	header      a line of JSON: format, task, set, image, range
//	frames      each a length of 4 bytes, little-endian, from 1 to maxFrame, and so many bytes
//	            of a gzip stream
//	end         4 bytes, 0
//	account     a length of 4 bytes, little-endian, and JSON
//	checksum    SHA-256 of all before
//
// What the gzip stream holds is the matches, in order. Of each, as unsigned varints: its
// address less that of the match before; its pattern, times 4, plus 1 if an exception drops
// it, plus 2 if it may have been cut off; its length; its form; and how many bytes come with
// it, which follow.

const (
	magic      = "vscan result\n"
	maxFrame   = 1 << 16
	maxHeader  = 1 << 16
	maxAccount = 64 << 20
)

// header is what a result says of where it belongs.
type header struct {
	Format int    `json:"format"`
	Task   string `json:"task"`
	Set    string `json:"set"`
	Image  string `json:"image"`
	span
}

// resultWriter writes a result.
type resultWriter struct {
	to     io.Writer // the result, and sum
	sum    hash.Hash
	frames *bufio.Writer
	zip    *gzip.Writer
	last   addr.Addr
	n      uint64 // matches
	line   []byte
	err    error // the first one
}

func newResultWriter(w io.Writer, h header) (*resultWriter, error) {
	head, err := encode(h, "")
	if err != nil {
		return nil, err
	}
	r := &resultWriter{sum: sha256.New()}
	r.to = io.MultiWriter(w, r.sum)
	r.frames = bufio.NewWriterSize(frameWriter{r}, maxFrame)
	r.zip = zippers.Get().(*gzip.Writer)
	r.zip.Reset(r.frames)
	r.write([]byte(magic))
	r.write(append(head, '\n'))
	return r, r.err
}

// zippers has what compresses results, which is large, for the next result.
var zippers = sync.Pool{New: func() any {
	zip, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // there is no such level
	}
	return zip
}}

func (r *resultWriter) write(b []byte) {
	if r.err == nil {
		_, r.err = r.to.Write(b)
	}
}

// frameWriter writes frames, of which each has what one call writes.
type frameWriter struct{ r *resultWriter }

func (f frameWriter) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		n := min(len(rest), maxFrame)
		f.r.write(binary.LittleEndian.AppendUint32(nil, uint32(n)))
		f.r.write(rest[:n])
		rest = rest[n:]
	}
	return len(b), f.r.err
}

// match writes a match, and reports whether that could be done.
func (r *resultWriter) match(m search.Match) bool {
	flags := uint64(0)
	if m.Excepted {
		flags |= 1
	}
	if m.Cut {
		flags |= 2
	}
	b := binary.AppendUvarint(r.line[:0], uint64(m.Addr-r.last))
	b = binary.AppendUvarint(b, uint64(m.Pattern)<<2|flags)
	b = binary.AppendUvarint(b, uint64(m.Len))
	b = binary.AppendUvarint(b, uint64(m.Form))
	b = binary.AppendUvarint(b, uint64(len(m.Bytes)))
	r.line, r.last = append(b, m.Bytes...), m.Addr
	r.n++
	if _, err := r.zip.Write(r.line); err != nil && r.err == nil {
		r.err = err
	}
	return r.err == nil
}

// end writes what stands behind the matches.
func (r *resultWriter) end(a *Account) error {
	for _, err := range []error{r.zip.Close(), r.frames.Flush()} {
		if err != nil && r.err == nil {
			r.err = err
		}
	}
	zippers.Put(r.zip)
	r.zip = nil
	a.Matches = r.n
	account, err := a.encode()
	if err != nil {
		return err
	}
	if len(account) > maxAccount {
		return errors.New("more ranges cannot be read than a result can tell of")
	}
	r.write(make([]byte, 4))
	r.write(binary.LittleEndian.AppendUint32(nil, uint32(len(account))))
	r.write(account)
	r.write(r.sum.Sum(nil))
	return r.err
}

// errDamaged is the error of what no resultWriter has written, or not so.
var errDamaged = errors.New("it is damaged")

// damaged returns an errDamaged that says how.
func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDamaged, fmt.Sprintf(format, args...))
}

// endsEarly returns the error of a result that could not be read on.
func endsEarly(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("it ends in the middle")
	}
	return err
}

// resultReader reads a result.
type resultReader struct {
	r    *bufio.Reader
	sum  hash.Hash
	head header
	left int  // bytes of the frame in hand that were not read
	over bool // all frames were read
}

// newResultReader reads the header of a result.
func newResultReader(r io.Reader) (*resultReader, error) {
	in := &resultReader{sum: sha256.New(), r: bufio.NewReaderSize(r, maxHeader)}
	b := make([]byte, len(magic))
	if _, err := io.ReadFull(in.r, b); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	if string(b) != magic {
		return nil, errors.New("it is no result of a task")
	}
	line, err := in.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, damaged("its header is too long")
	} else if err != nil {
		return nil, endsEarly(err)
	}
	in.sum.Write(b)
	in.sum.Write(line)
	if err := json.Unmarshal(line, &in.head); err != nil {
		return nil, damaged("its header: %v", err)
	}
	return in, nil
}

// full reads len(b) bytes, which count in the checksum.
func (in *resultReader) full(b []byte) error {
	_, err := io.ReadFull(in.r, b)
	in.sum.Write(b)
	return endsEarly(err)
}

// number reads a length.
func (in *resultReader) number() (int, error) {
	var b [4]byte
	err := in.full(b[:])
	return int(binary.LittleEndian.Uint32(b[:])), err
}

// Read reads from the frames.
func (in *resultReader) Read(b []byte) (int, error) {
	if in.left == 0 && !in.over {
		n, err := in.number()
		if err != nil {
			return 0, err
		}
		if n > maxFrame {
			return 0, damaged("a frame of %d bytes", n)
		}
		in.left, in.over = n, n == 0
	}
	if in.over {
		return 0, io.EOF
	}
	n, err := in.r.Read(b[:min(len(b), in.left)])
	in.sum.Write(b[:n])
	in.left -= n
	return n, endsEarly(err)
}

// rest reads the frames that are left, and returns the account, once the checksum is known
// to be right.
func (in *resultReader) rest() (*Account, error) {
	if _, err := io.Copy(io.Discard, in); err != nil {
		return nil, err
	}
	n, err := in.number()
	if err != nil {
		return nil, err
	}
	if n > maxAccount {
		return nil, damaged("an account of %d bytes", n)
	}
	var account bytes.Buffer // which takes no more memory than there are bytes
	if _, err := io.CopyN(io.MultiWriter(&account, in.sum), in.r, int64(n)); err != nil {
		return nil, endsEarly(err)
	}
	want, got := in.sum.Sum(nil), make([]byte, sha256.Size)
	if _, err := io.ReadFull(in.r, got); err != nil {
		return nil, endsEarly(err)
	}
	if !bytes.Equal(got, want) {
		return nil, damaged("its checksum is not that of its bytes")
	}
	if _, err := in.r.ReadByte(); err == nil {
		return nil, damaged("something stands behind its end")
	} else if err != io.EOF {
		return nil, err
	}
	a, err := decodeAccount(account.Bytes())
	if err != nil {
		return nil, damaged("its account: %v", err)
	}
	return a, nil
}

// matches yields the matches until yield returns false. A match is valid until yield
// returns. The error says that the matches, of which there are to be n, are damaged; what
// was yielded before may be of no use then.
func (in *resultReader) matches(n uint64, yield func(search.Match) bool) error {
	zip, err := gzip.NewReader(in)
	if err != nil {
		return unzipping(err)
	}
	zip.Multistream(false)
	r := bufio.NewReaderSize(zip, maxFrame)
	var room [engine.HitBytes]byte
	last := addr.Addr(0)
	for range n {
		var v [5]uint64
		for i := range v {
			if v[i], err = binary.ReadUvarint(r); err != nil {
				return unzipping(err)
			}
		}
		at, ok := last.Add(v[0])
		if !ok || v[1]>>2 > math.MaxInt32 || v[2] > math.MaxInt32 || v[3] > math.MaxInt32 || v[4] > engine.HitBytes || v[4] > v[2] {
			return damaged("a match that is none")
		}
		b := room[:v[4]]
		if _, err := io.ReadFull(r, b); err != nil {
			return unzipping(err)
		}
		last = at
		m := search.Match{Hit: engine.Hit{Addr: at, Pattern: int(v[1] >> 2), Len: int(v[2]), Form: int(v[3]), Bytes: b, Cut: v[1]&2 != 0}, Excepted: v[1]&1 != 0}
		if !yield(m) {
			return nil
		}
	}
	if _, err := r.ReadByte(); err == nil {
		return damaged("it has more matches than it says")
	} else if err != io.EOF {
		return unzipping(err)
	}
	return nil
}

// unzipping returns the error of matches that could not be read.
func unzipping(err error) error {
	if errors.Is(err, errDamaged) {
		return err
	}
	return damaged("its matches: %v", endsEarly(err))
}
