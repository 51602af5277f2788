package graph

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync/atomic"

	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/internal/mmap"
	"vscan/internal/outfile"
)

// The file of a graph. All numbers are little-endian.
//
//	offset  bytes
//	0       16     magic
//	16      4      version: 2, since regions have offsets in what they name
//	20      4      flags: see flagBig and those after it
//	24      8      alignment of sources
//	32      8      edges
//	40      8      bytes that were looked at
//	48      8      bytes that could not be read
//	56      4×24   sections, in this order in the file, the first at headerSize:
//	               offset, bytes, CRC-32C of the section and 4 zeros
//	152     100    zeros
//	252     4      CRC-32C of the bytes before
//	256            the sections
//
// The sections are groups, directory, memory and identity, and the file ends with
// the last. Identity is layout, sizes and samples of the image (package identity); that a graph is
// of an image is proven by all of its edges, which need no sum in the file (edgesum.go). The directory has 32 bytes for each group: page, offset in the file,
// edges before it (8 bytes each), CRC-32C, pages (4 bytes each). The section of
// groups has no checksum of its own (0): the directory has one for each group, which
// is verified when the group is first read. Everything else is verified when the
// file is opened.
const (
	magic      = "vscan graph\r\n\x1a\n\x00"
	version    = 2
	headerSize = 256
	flagBig    = 1 << 0 // words are big-endian
	flagHalf   = 1 << 1 // words have 4 bytes
	flagSaved  = 1 << 2 // Options.PresentOnly
	flagPart   = 1 << 3 // Options restricted sources or targets
	flagsKnown = 1<<4 - 1
)

const (
	sectionGroups = iota
	sectionDirectory
	sectionMemory
	sectionIdentity
	sectionCount
)

var sectionNames = [sectionCount]string{"groups", "directory", "memory", "identity"}

// maxSection is the most bytes of a section other than groups. A directory of that
// size has 32 million groups, which are 8 TiB of memory at least.
const maxSection = 1 << 30

// section is where a part of the file lies, and its CRC-32C.
type section struct {
	at, size uint64
	crc      uint32
}

// Open opens the file of a graph. A group is read when it is first asked for. The
// error of a file that is damaged, or of another version, says where; that of a
// file which is no graph at all is [ErrNotGraph]. Where ctx ends before the graph is
// open, the error wraps that of ctx.
func Open(ctx context.Context, path string) (*Graph, error) { return OpenWithin(ctx, path, nil) }

// OpenWithin does what Open does, and asks a budget for the memory of the regions and of the
// directory before it is spent: then the error is a *budget.Error. It is given back when the
// graph is closed. Questions ask the same budget, unless SetBudget gives another one.
func OpenWithin(ctx context.Context, path string, b *budget.Budget) (*Graph, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file: the file of a graph is wanted", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if info, err = outfile.Stat(f); err != nil {
		f.Close()
		return nil, err
	}
	share := b.Share()
	g, err := read(ctx, path, f, uint64(info.Size()), share)
	if err != nil {
		f.Close()
		share.Release()
		return nil, err
	}
	g.budget = b
	c := &closer{f: f, taken: share}
	g.close = c
	g.from.From = []fs.FileInfo{info}
	if b, err := mmap.Map(f, uint64(info.Size())); err == nil {
		c.b = b
		g.data = &mappedBlob{path, b}
	}
	return g, nil
}

// closer closes the file of a graph, and unmaps it where it is mapped.
type closer struct {
	f     *os.File
	b     []byte
	taken *budget.Budget // what the open file has of a budget
}

// Close unmaps and closes the file. Both are tried, and the first error is returned.
func (c *closer) Close() error {
	var err error
	if c.b != nil {
		err = mmap.Unmap(c.b)
		c.b = nil
	}
	c.taken.Release()
	if e := c.f.Close(); err == nil {
		err = e
	}
	return err
}

// Files returns what the system tells of the files that the graph was made of, or is read from:
// what is made of it has to be written over none of them, and to be readable by nobody who
// cannot read them. Where there are none, it is its owner's alone.
func (g *Graph) Files() []fs.FileInfo { return g.from.From }

// ErrNotGraph is the error of a file that is not the file of a graph.
var ErrNotGraph = errors.New("not the file of a graph")

// read reads all of a graph's file but the groups.
func read(ctx context.Context, path string, r io.ReaderAt, size uint64, memory *budget.Budget) (*Graph, error) {
	fail := func(at uint64, format string, args ...any) error {
		return fmt.Errorf("%s: file offset %#x: %s", path, at, fmt.Sprintf(format, args...))
	}
	b := make([]byte, headerSize)
	if n, err := r.ReadAt(b, 0); n < headerSize {
		if n < len(magic) || string(b[:len(magic)]) != magic {
			return nil, fmt.Errorf("%s is %w: its first bytes are not those of one", path, ErrNotGraph)
		}
		return nil, fail(uint64(n), "the header ends here: %v: the file is truncated; build the graph again", err)
	}
	le := binary.LittleEndian
	if string(b[:len(magic)]) != magic {
		return nil, fmt.Errorf("%s is %w: its first bytes are not those of one", path, ErrNotGraph)
	}
	if v := le.Uint32(b[16:]); v != version {
		return nil, fail(16, "version %d, and this program reads version %d: build the graph again", v, version)
	}
	if sum := crc32.Checksum(b[:headerSize-4], castagnoli()); sum != le.Uint32(b[headerSize-4:]) {
		return nil, fail(headerSize-4, "the header has the checksum %#08x instead of %#08x: the file is damaged; build the graph again", sum, le.Uint32(b[headerSize-4:]))
	}
	flags := le.Uint32(b[20:])
	if flags&^flagsKnown != 0 {
		return nil, fail(20, "flags %#x are not known", flags)
	}
	g := &Graph{data: &fileBlob{path, r}}
	g.align, g.edges, g.scanned, g.unreadable = le.Uint64(b[24:]), le.Uint64(b[32:]), le.Uint64(b[40:]), le.Uint64(b[48:])
	if (&Options{Align: g.align}).Validate() != nil || g.align == 0 {
		return nil, fail(24, "alignment %d: want 1, 2, 4 or 8", g.align)
	}
	wordSize, order := 8, addr.Little
	if flags&flagHalf != 0 {
		wordSize = 4
	}
	if flags&flagBig != 0 {
		order = addr.Big
	}
	g.arch, _ = addr.NewArch(wordSize, order)
	g.presentOnly, g.filtered = flags&flagSaved != 0, flags&flagPart != 0
	var sections [sectionCount]section
	at := uint64(headerSize)
	for i := range sections {
		p := uint64(56 + 24*i)
		s := section{le.Uint64(b[p:]), le.Uint64(b[p+8:]), le.Uint32(b[p+16:])}
		if s.at != at || s.size > size-min(at, size) {
			return nil, fail(p, "the section of %s, %#x bytes at %#x, does not lie in the file's %#x bytes: the file is truncated or damaged; build the graph again", sectionNames[i], s.size, s.at, size)
		}
		at += s.size
		sections[i] = s
	}
	if at != size {
		return nil, fail(at, "the file should end here, and has %#x bytes: it is damaged; build the graph again", size)
	}
	load := func(i int) ([]byte, error) {
		s := sections[i]
		if s.size > maxSection {
			return nil, fail(s.at, "the section of %s has %#x bytes, more than any that vscan writes", sectionNames[i], s.size)
		}
		b, sum, err := readSection(ctx, r, s)
		if ended := ctx.Err(); ended != nil && err != nil {
			return nil, interrupted(path, "reading the section of "+sectionNames[i], ended)
		}
		if err != nil {
			return nil, fail(s.at+uint64(len(b)), "the section of %s cannot be read: %v", sectionNames[i], err)
		}
		if sum != s.crc {
			return nil, fail(s.at, "the section of %s has the checksum %#08x instead of %#08x: the file is damaged; build the graph again", sectionNames[i], sum, s.crc)
		}
		return b, nil
	}
	for _, part := range []struct {
		section int
		decode  func(context.Context, []byte) error
	}{
		{sectionMemory, func(ctx context.Context, b []byte) error { return g.metadata.decode(ctx, b, memory) }},
		{sectionIdentity, g.identity.decode},
		{sectionDirectory, func(ctx context.Context, b []byte) error {
			if err := memory.Take(uint64(len(b)), forRegions); err != nil {
				return err
			}
			return g.groups.decode(ctx, b, sections[sectionGroups], g.edges, g.targets.count)
		}},
	} {
		need := budget.Product(sections[part.section].size, 4) // with what is left behind while it grows, and what the runtime has not collected
		if err := memory.Take(need, "reading the graph"); err != nil {
			return nil, fmt.Errorf("%s: the section of %s: %w", path, sectionNames[part.section], err)
		}
		b, err := load(part.section)
		if err != nil {
			return nil, err
		}
		err = part.decode(ctx, b)
		memory.Give(need)
		if over := (*budget.Error)(nil); errors.As(err, &over) {
			return nil, fmt.Errorf("%s: the section of %s: %w", path, sectionNames[part.section], err)
		}
		if ended := ctx.Err(); ended != nil {
			return nil, interrupted(path, "reading the section of "+sectionNames[part.section], ended)
		}
		if err != nil {
			return nil, fail(sections[part.section].at, "the section of %s is wrong: %v: the file is damaged; build the graph again", sectionNames[part.section], err)
		}
	}
	g.verified = make([]atomic.Uint32, len(g.groups.lines)/32+1)
	return g, nil
}

// interrupted returns the error of a context that ended before something was done with
// the file of a graph.
func interrupted(path, doing string, err error) error {
	return fmt.Errorf("%s: interrupted while %s: %w", path, doing, err)
}

// zeroPart is more zeros in a row than a section other than groups has: regions, ranges and
// lines of a directory each have a byte that is not 0, and names are names.
var zeroPart [64 << 10]byte

var errZeros = errors.New("nothing but zeros, as in a hole of the file: it is damaged; build the graph again")

// readSection reads a section and its CRC-32C. Where it cannot be read to its end, or ctx
// ends, it returns what was read with the error. What is read is made room for step by
// step, and ends at zeros that no section has, since the file may have a hole for most of it.
func readSection(ctx context.Context, r io.ReaderAt, s section) (b []byte, sum uint32, err error) {
	const step = 4 << 20
	for uint64(len(b)) < s.size {
		if err := ctx.Err(); err != nil {
			return b, sum, err
		}
		from, n := len(b), int(min(step, s.size-uint64(len(b))))
		if cap(b) < from+n { // twice as much: of smaller steps more is left behind
			b = slices.Grow(b, int(min(uint64(max(n, from)), s.size-uint64(from))))
		}
		b = b[:from+n]
		if got, err := r.ReadAt(b[from:], int64(s.at)+int64(from)); got < n {
			return b[:from+got], sum, err
		}
		for part := range slices.Chunk(b[from:], len(zeroPart)) {
			if bytes.Equal(part, zeroPart[:]) {
				return b[:from], sum, errZeros
			}
		}
		sum = crc32.Update(sum, castagnoli(), b[from:])
	}
	return b, sum, nil
}
