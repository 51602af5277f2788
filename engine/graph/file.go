package graph

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"vscan/engine"
	"vscan/engine/addr"
)

// The file of a graph. All numbers are little-endian.
//
//	offset  bytes
//	0       16     magic
//	16      4      version: 1
//	20      4      flags: see flagBig and those after it
//	24      8      alignment of sources
//	32      8      edges
//	40      8      bytes looked at
//	48      8      bytes that could not be read
//	56      4×24   sections, in this order in the file, the first at headerSize:
//	               offset, bytes, CRC-32C of all of it and 4 zeros
//	152     100    zeros
//	252     4      CRC-32C of the bytes before
//	256            the sections
//
// The sections are groups, directory, memory and identity; the file ends with
// the last. Groups have no checksum of their own section (0): the directory has
// one for each group, which is verified when the group is first read. All else is verified when
// the file is opened. The directory has 32 bytes a group: page, offset in the
// file, edges before it (8 bytes each), CRC-32C, pages (4 bytes each).
const (
	magic      = "vscan graph\r\n\x1a\n\x00"
	version    = 1
	headerSize = 256
	flagBig    = 1 << 0 // byte order
	flagHalf   = 1 << 1 // words of 4 bytes
	flagSaved  = 1 << 2 // Options.PresentOnly
	flagPart   = 1 << 3 // sources or targets were restricted
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

// maxSection is the most bytes of a section but groups: a directory of 32
// million groups, which are 8 TiB of memory at least.
const maxSection = 1 << 30

type section struct {
	at, size uint64
	crc      uint32
}

// fileWriter writes a graph file under another name, and gives it its name when
// it is whole.
type fileWriter struct {
	path string
	f    *os.File
	end  uint64
	done bool
}

func createFile(path string) (*fileWriter, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file: a graph is not written there", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return nil, err
	}
	w := &fileWriter{path: path, f: f, end: headerSize}
	if _, err := f.Seek(headerSize, io.SeekStart); err != nil {
		w.abandon()
		return nil, err
	}
	return w, nil
}

func (w *fileWriter) base() uint64 { return headerSize }

func (w *fileWriter) append(b []byte) error {
	n, err := w.f.Write(b)
	w.end += uint64(n)
	if err != nil {
		return fmt.Errorf("%s: cannot write at file offset %#x: %w", w.path, w.end, err)
	}
	return nil
}

// abandon removes what was written, unless it has been finished.
func (w *fileWriter) abandon() {
	if !w.done {
		w.done = true
		w.f.Close()
		os.Remove(w.f.Name())
	}
}

// finish writes all but the groups, which are there, and names the file.
func (w *fileWriter) finish(g *Graph) error {
	sections := [sectionCount]section{{at: headerSize, size: w.end - headerSize}}
	add := func(i int, b []byte) error {
		sections[i] = section{w.end, uint64(len(b)), crc32.Checksum(b, castagnoli)}
		return w.append(b)
	}
	if err := add(sectionDirectory, g.groups.encode()); err != nil {
		return err
	}
	if err := add(sectionMemory, g.about.encode()); err != nil {
		return err
	}
	if err := add(sectionIdentity, g.identity.encode()); err != nil {
		return err
	}
	if _, err := w.f.WriteAt(g.header(sections), 0); err != nil {
		return fmt.Errorf("%s: cannot write at file offset 0: %w", w.path, err)
	}
	if err := w.f.Chmod(0o644); err != nil {
		return err
	}
	if err := w.f.Close(); err != nil {
		return err
	}
	if err := os.Rename(w.f.Name(), w.path); err != nil {
		return err
	}
	w.done = true
	return nil
}

func (g *Graph) header(sections [sectionCount]section) []byte {
	flags := uint32(0)
	for _, f := range []struct {
		set bool
		bit uint32
	}{{g.arch.Order() == addr.Big, flagBig}, {g.arch.WordSize() == 4, flagHalf}, {g.presentOnly, flagSaved}, {g.filtered, flagPart}} {
		if f.set {
			flags |= f.bit
		}
	}
	le := binary.LittleEndian
	b := append(make([]byte, 0, headerSize), magic...)
	b = le.AppendUint32(b, version)
	b = le.AppendUint32(b, flags)
	for _, v := range []uint64{g.align, g.edges, g.scanned, g.unreadable} {
		b = le.AppendUint64(b, v)
	}
	for _, s := range sections {
		b = le.AppendUint64(b, s.at)
		b = le.AppendUint64(b, s.size)
		b = le.AppendUint64(b, uint64(s.crc))
	}
	b = append(b, make([]byte, headerSize-4-len(b))...)
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// Save writes a graph to a file as BuildFile does.
func (g *Graph) Save(path string) error {
	w, err := createFile(path)
	if err != nil {
		return err
	}
	defer w.abandon()
	saved := *g.shallow()
	saved.groups.lines = append([]groupLine(nil), g.groups.lines...)
	saved.groups.end = headerSize
	err = g.guard(func() error {
		var buf []byte
		for i := range g.groups.lines {
			b, err := g.bytesOf(buf, i)
			if err != nil {
				return err
			}
			saved.groups.lines[i].at = saved.groups.end
			saved.groups.end += uint64(len(b))
			if err := w.append(b); err != nil {
				return err
			}
			buf = b
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.finish(&saved)
}

// shallow is a graph that shares what g knows, but not its groups.
func (g *Graph) shallow() *Graph { return &Graph{about: g.about, groups: directory{edges: g.edges}} }

// Open opens the file of a graph. Its groups are read when they are asked for.
// A file that is damaged, or of another version, is an error that says where.
func Open(path string) (*Graph, error) {
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
	if info, err = f.Stat(); err != nil {
		f.Close()
		return nil, err
	}
	g, err := read(path, f, uint64(info.Size()))
	if err != nil {
		f.Close()
		return nil, err
	}
	c := &closer{f: f}
	g.close = c
	if b, err := mapFile(f, uint64(info.Size())); err == nil {
		c.b = b
		g.data = &mapped{path, b}
	}
	return g, nil
}

type closer struct {
	f *os.File
	b []byte
}

func (c *closer) Close() error {
	var err error
	if c.b != nil {
		err = unmapFile(c.b)
		c.b = nil
	}
	if e := c.f.Close(); err == nil {
		err = e
	}
	return err
}

// read reads all but the groups.
func read(path string, r io.ReaderAt, size uint64) (*Graph, error) {
	fail := func(at uint64, format string, args ...any) error {
		return fmt.Errorf("%s: file offset %#x: %s", path, at, fmt.Sprintf(format, args...))
	}
	b := make([]byte, headerSize)
	if n, err := r.ReadAt(b, 0); n < headerSize {
		if n < len(magic) || string(b[:len(magic)]) != magic {
			return nil, fmt.Errorf("%s is not the file of a graph: its first bytes are not those that vscan graph build writes", path)
		}
		return nil, fail(uint64(n), "the header ends here: %v: the file is truncated; build the graph again", err)
	}
	le := binary.LittleEndian
	if string(b[:len(magic)]) != magic {
		return nil, fmt.Errorf("%s is not the file of a graph: its first bytes are not those that vscan graph build writes", path)
	}
	if v := le.Uint32(b[16:]); v != version {
		return nil, fail(16, "version %d, and this program reads version %d: build the graph again", v, version)
	}
	if sum := crc32.Checksum(b[:headerSize-4], castagnoli); sum != le.Uint32(b[headerSize-4:]) {
		return nil, fail(headerSize-4, "the header has the checksum %#08x instead of %#08x: the file is damaged; build the graph again", sum, le.Uint32(b[headerSize-4:]))
	}
	flags := le.Uint32(b[20:])
	if flags&^flagsKnown != 0 {
		return nil, fail(20, "flags %#x are not known", flags)
	}
	g := &Graph{data: &reader{path, r}}
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
		b := make([]byte, s.size) // no more than the file has
		if n, err := r.ReadAt(b, int64(s.at)); n < len(b) {
			return nil, fail(s.at+uint64(n), "the section of %s cannot be read: %v", sectionNames[i], err)
		}
		if sum := crc32.Checksum(b, castagnoli); sum != s.crc {
			return nil, fail(s.at, "the section of %s has the checksum %#08x instead of %#08x: the file is damaged; build the graph again", sectionNames[i], sum, s.crc)
		}
		return b, nil
	}
	for _, part := range []struct {
		section int
		decode  func([]byte) error
	}{
		{sectionMemory, g.about.decode},
		{sectionIdentity, g.identity.decode},
		{sectionDirectory, func(b []byte) error { return g.groups.decode(b, sections[sectionGroups], g.edges, g.targets.count) }},
	} {
		b, err := load(part.section)
		if err != nil {
			return nil, err
		}
		if err := part.decode(b); err != nil {
			return nil, fail(sections[part.section].at, "the section of %s is wrong: %v: the file is damaged; build the graph again", sectionNames[part.section], err)
		}
	}
	g.verified = make([]atomic.Uint32, len(g.groups.lines)/32+1)
	return g, nil
}

func (d *directory) encode() []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, groupLineSize*len(d.lines))
	for _, l := range d.lines {
		b = le.AppendUint64(b, l.page)
		b = le.AppendUint64(b, l.at)
		b = le.AppendUint64(b, l.edges)
		b = le.AppendUint32(b, l.crc)
		b = le.AppendUint32(b, l.pages)
	}
	return b
}

func (d *directory) decode(b []byte, groups section, edges, pages uint64) error {
	if len(b)%groupLineSize != 0 {
		return fmt.Errorf("%d bytes are no whole number of lines", len(b))
	}
	le := binary.LittleEndian
	d.lines = make([]groupLine, len(b)/groupLineSize)
	d.end, d.edges = groups.at+groups.size, edges
	if len(b) == 0 && (groups.size > 0 || edges > 0) {
		return fmt.Errorf("no line for %d edges", edges)
	}
	for i := range d.lines {
		p := b[i*groupLineSize:]
		l := groupLine{le.Uint64(p), le.Uint64(p[8:]), le.Uint64(p[16:]), le.Uint32(p[24:]), le.Uint32(p[28:])}
		d.lines[i] = l
		before := groupLine{at: groups.at}
		if i > 0 {
			before = d.lines[i-1]
		}
		if i == 0 && (l.at != groups.at || l.edges != 0) || i > 0 && (l.page <= before.page || l.at <= before.at || l.edges <= before.edges) ||
			l.at >= d.end || l.edges >= edges || l.pages == 0 || l.pages > groupPages || l.page >= pages {
			return fmt.Errorf("line %d does not follow the one before", i)
		}
	}
	return nil
}

// encode writes what was mapped, and what sources and targets are: ranges as
// distances from the end of the one before, names as numbers of their first
// appearance.
func (a *about) encode() []byte {
	var b []byte
	names := map[string]uint64{}
	var text []byte
	var regions []byte
	at := uint64(0)
	for _, r := range a.regions {
		n, known := names[r.Name]
		if !known {
			n = uint64(len(names))
			names[r.Name] = n
			text = binary.AppendUvarint(text, uint64(len(r.Name)))
			text = append(text, r.Name...)
		}
		regions = binary.AppendUvarint(regions, uint64(r.First)-at)
		regions = binary.AppendUvarint(regions, uint64(r.Last-r.First))
		regions = append(regions, byte(r.State), byte(r.Perm))
		regions = binary.AppendUvarint(regions, n)
		at = uint64(r.Last)
	}
	b = binary.AppendUvarint(b, uint64(len(names)))
	b = append(b, text...)
	b = binary.AppendUvarint(b, uint64(len(a.regions)))
	b = append(b, regions...)
	for _, n := range []numbering{a.sources, a.targets} {
		b = binary.AppendUvarint(b, uint64(len(n.ranges)))
		at = 0
		for _, r := range n.ranges {
			b = binary.AppendUvarint(b, uint64(r.First)-at)
			b = binary.AppendUvarint(b, uint64(r.Last-r.First))
			at = uint64(r.Last)
		}
	}
	return b
}

func (a *about) decode(b []byte) error {
	c := cursor{b: b}
	count := func() uint64 { // of things of a byte at least
		n := c.uvarint()
		if n > uint64(len(c.b)) {
			c.bad, n = true, 0
		}
		return n
	}
	names := make([]string, count())
	for i := range names {
		names[i] = string(c.take(c.uvarint()))
	}
	at, first := uint64(0), true
	next := func() addr.Range {
		gap, size := c.uvarint(), c.uvarint()
		lo := at + gap
		hi := lo + size
		if lo < at || hi < lo || !first && gap == 0 {
			c.bad = true
		}
		at, first = hi, false
		return addr.Range{First: addr.Addr(lo), Last: addr.Addr(hi)}
	}
	n := count()
	a.regions = make([]Region, 0, n/4)
	for range n {
		r := Region{Range: next()}
		if flags := c.take(2); !c.bad {
			r.State, r.Perm = engine.State(flags[0]), engine.Perm(flags[1])
		}
		name := c.uvarint()
		if c.bad || name >= uint64(len(names)) || r.State >= engine.Hole {
			return fmt.Errorf("region %d of %d makes no sense", len(a.regions), n)
		}
		r.Name = names[name]
		a.regions = append(a.regions, r)
	}
	for _, to := range []struct {
		*numbering
		shift uint
	}{{&a.sources, log2(a.align)}, {&a.targets, pageShift}} {
		at, first = 0, true
		n := count()
		ranges := make([]addr.Range, 0, n)
		for range n {
			ranges = append(ranges, next())
		}
		var err error
		if *to.numbering, err = newNumbering(to.shift, ranges); err != nil || c.bad {
			return fmt.Errorf("ranges of addresses make no sense")
		}
	}
	if c.bad || len(c.b) > 0 {
		return errors.New("it does not end where it should")
	}
	return nil
}
