package packed

import (
	"archive/zip"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/klauspost/compress/flate"

	"vscan/engine"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
)

// An archive is read where it has one file. Others beside it that are together less than a sixteenth of
// it are notes about it: they are told, and not read.
const noteShare = 16

// aff4 are files that only an archive of Advanced Forensic Format 4 has, whose other files are parts of
// memory in a form of its own.
var aff4 = []string{"container.description", "information.turtle"}

// openZip reads an archive of one file.
func openZip(u *unpacking) (*magic.Content, error) {
	z, err := zip.NewReader(u.Reader, int64(u.Size))
	if err != nil {
		return nil, u.refuse(fmt.Sprintf("of which the directory cannot be read (%v)", err))
	}
	one, err := u.onlyFile(z.File)
	if err != nil {
		return nil, err
	}
	at, err := one.DataOffset()
	if err != nil {
		return nil, u.refuse(fmt.Sprintf("of which the head of %q cannot be read (%v)", one.Name, err))
	}
	end := at + int64(min(one.CompressedSize64, u.Size))
	if uint64(end) > u.Size {
		u.note("a zip archive: truncated: %q is to have %d bytes", one.Name, one.CompressedSize64)
		u.lose(uint64(end) - u.Size)
		end = int64(u.Size)
	}
	in := u.Prefix(uint64(at), uint64(end-at))
	switch {
	case one.Flags&1 != 0:
		return nil, u.refuse(fmt.Sprintf("of which %q is encrypted", one.Name))
	case one.Method == zip.Store:
		return u.storedFile(in, uint64(at))
	}
	open, again, ok := u.method(one.Method)
	switch {
	case !ok:
		return nil, u.refuseMethod(one)
	case one.UncompressedSize64 > u.limit:
		return nil, u.tooLarge()
	}
	sum := &sum{want: one.CRC32, size: one.UncompressedSize64}
	return u.unpackAll(u.newSource(in, uint64(at)), again, func(src *source) (io.Reader, error) {
		r, err := open(src)
		return &checked{r, sum, src}, err
	})
}

// Methods of compression besides those of archive/zip. APPNOTE.TXT, 4.4.5.
const (
	methodDeflate64 = 9
	methodBzip2     = 12
	methodZstd      = 93
	methodXz        = 95
)

// method returns what opens the bytes of a file that are compressed by a method, and what tells that another stream
// follows the first one; ok is false where the method is not read.
func (u *unpacking) method(method uint16) (open member, again func([]byte) bool, ok bool) {
	never := func([]byte) bool { return false }
	switch method {
	case zip.Deflate:
		return func(src *source) (io.Reader, error) { return flate.NewReader(src), nil }, never, true
	case methodBzip2:
		return openBzip2Stream, isBzip2Stream, true
	case methodZstd:
		return u.openZstdFrame, magic.Either(isZstd, isSkippable), true
	case methodXz:
		return func(src *source) (io.Reader, error) { return newXzReader(src, u.dict()) }, isXz, true
	}
	return nil, nil, false
}

// refuseMethod returns the error about a file that is compressed by a method that is not read: unzip knows
// those up to 9, 7-Zip the others.
func (u *unpacking) refuseMethod(f *zip.File) error {
	k := *u.format
	if f.Method > methodDeflate64 {
		k.Advice = "unpack it first (7z x FILE, or 7zz x FILE)"
	}
	e := k.Refuse(u.Path())
	e.What += fmt.Sprintf(", of which %q is compressed by method %d", f.Name, f.Method)
	return e
}

// onlyFile returns the file of an archive that is read.
func (u *unpacking) onlyFile(all []*zip.File) (*zip.File, error) {
	var one *zip.File
	files, sum := 0, uint64(0)
	for _, f := range all {
		for _, name := range aff4 {
			if f.Name == name || strings.HasSuffix(f.Name, "/"+name) {
				return nil, u.refuse("an Advanced Forensic Format (AFF4) image, whose memory is in a form of its own")
			}
		}
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		files++
		sum = input.AddSat(sum, f.UncompressedSize64)
		if one == nil || f.UncompressedSize64 > one.UncompressedSize64 {
			one = f
		}
	}
	switch {
	case one == nil:
		return nil, u.refuse("without a file")
	case files > 1 && (sum-one.UncompressedSize64) > one.UncompressedSize64/noteShare:
		return nil, u.refuse(fmt.Sprintf("of %d files", files))
	case files > 1:
		u.note("a zip archive: %q is read, and %s of %d bytes in all beside it not", one.Name, input.Plural(files-1, "file"), sum-one.UncompressedSize64)
	}
	return one, nil
}

// storedFile returns the content of a file that lies in the archive as it is, from a file offset on.
func (u *unpacking) storedFile(in input.Reader, at uint64) (*magic.Content, error) {
	if in.Size == 0 {
		return nil, u.nothing()
	}
	head := make([]byte, min(magic.HeadSize, in.Size))
	if n, err := in.Fill(head, 0); err == nil {
		if err := u.look(head[:n]); err != nil {
			return nil, err
		}
	}
	return u.content(in.Of(&part{u.Source, at, in.Size})), nil
}

// part is a part of a file as a source of its own.
type part struct {
	engine.Source
	at, size uint64
}

func (p *part) Size() uint64 {
	return min(p.size, max(p.Source.Size(), p.at)-p.at)
}

// OnDisk returns how many bytes the file takes on disk, and whether that is known.
func (p *part) OnDisk() (uint64, bool) {
	return input.Reader{Source: p.Source}.OnDisk()
}

func (p *part) View(buf []byte, off uint64, n int) ([]byte, error) {
	if off >= p.size {
		return nil, fmt.Errorf("%s: it ends before offset %#x: %w", p.Name(), off, io.ErrUnexpectedEOF)
	}
	m := int(min(uint64(n), p.size-off))
	b, err := p.Source.View(buf, p.at+off, m)
	if err == nil && m < n {
		err = fmt.Errorf("%s: it ends at offset %#x: %w", p.Name(), p.size, io.ErrUnexpectedEOF)
	}
	return b, err
}

// PlaceOf is that of image.Placer.
func (p *part) PlaceOf(off uint64) string { return unpackedAt(off) }

// NextHole is that of engine.HoleSource.
func (p *part) NextHole(off, end, least uint64) (first, behind uint64) {
	h, ok := p.Source.(engine.HoleSource)
	if !ok {
		return end, end
	}
	first, behind = h.NextHole(p.at+off, p.at+end, least)
	return first - p.at, behind - p.at
}

// sum is what the archive tells of the bytes of a file, and what was read of them.
type sum struct {
	want uint32
	size uint64
	have uint32
	read uint64
}

// checked compares what streams have, when the last one has ended, with their size and sum.
type checked struct {
	io.Reader
	*sum
	src *source
}

func (c *checked) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.have = crc32.Update(c.have, crc32.IEEETable, b[:n])
	c.read += uint64(n)
	if err == io.EOF && (c.have != c.want || c.read != c.size) && c.ended() {
		err = &sumError{fmt.Errorf("%d bytes with the sum %#08x, not %d with %#08x", c.read, c.have, c.size, c.want)}
	}
	return n, err
}

// ended reports whether no other stream follows.
func (c *checked) ended() bool {
	_, err := c.src.Peek(1)
	return err != nil
}

// Close closes the stream, where it can be.
func (c *checked) Close() error {
	if r, ok := c.Reader.(io.Closer); ok {
		return r.Close()
	}
	return nil
}
