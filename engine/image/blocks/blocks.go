// Package blocks is the source of memory that a file keeps as blocks, packed one by one. It is
// for packages that read such a format, for the engine, and may change.
//
//	Packing      what the reader of a format tells: where the blocks are, how one is unpacked
//	New          the engine.Source of that
//
// Blocks are unpacked by who views them, straight into the buffer of the view where the
// whole block is wanted. Of what is wanted in part, some blocks are kept for the next view:
//
//	view            |-----------------------------|
//	blocks     |--------|--------|--------|--------|--------|
//	             kept     straight straight  kept
//
// A block that cannot be read, or unpacked, is unreadable from its first byte on, and is
// that alone.
package blocks

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"vscan/engine"
	"vscan/engine/image"
	"vscan/engine/image/input"
)

// Block is where one block of memory is kept. Blocks lie side by side in the source, without
// gaps, ascending; they need not do so in the file.
type Block struct {
	Off  uint64 // the offset of its first byte in the source
	Size int    // bytes of it in the source, at least 1
	At   uint64 // the file offset of its packed bytes, which are not looked at where Zero or Err is set
	Held int    // packed bytes
	Kind uint8  // how it is packed, for Unpack; Stored: it is not
	Zero bool   // it consists of zeros, which is known without reading it
	Err  error  // why it cannot be read; nil where it can be tried
}

// Stored is the Kind of blocks whose bytes lie in the file as they are. One whose Held is not
// its Size is damaged.
const Stored uint8 = 0

// Packing is what the reader of a format tells of a file. Its methods are called by several
// goroutines at a time.
type Packing interface {
	// Find appends to dst the block that holds the byte at offset off and those behind it that
	// begin below end, ascending, as many of them as are easily told, and at least one. off
	// lies in the source.
	Find(dst []Block, off, end uint64) []Block

	// Unpack fills dst with what the packed bytes of a block are unpacked; the length of dst is
	// its Size. What yields fewer or more bytes is an error. It keeps neither slice.
	Unpack(dst, packed []byte, kind uint8) error
}

// ZeroFinder is a Packing that has a faster way to find blocks of zeros than Find.
type ZeroFinder interface {
	Packing

	// NextZeros is engine.HoleSource's NextHole.
	NextZeros(off, end, least uint64) (first, behind uint64)
}

// Source is the memory that blocks of a file hold: an [engine.Source] and an
// [engine.HoleSource].
type Source struct {
	file    input.Reader
	size    uint64
	packing Packing
	recent  recent
	desks   sync.Pool // of *desk
}

// New returns the source of size bytes that the blocks of a file hold. largest is the size of
// the largest block in bytes, of which some are kept in memory: one more than there are
// processors, and 1 MiB at least.
func New(file input.Reader, size uint64, largest int, packing Packing) *Source {
	return &Source{file: file, size: size, packing: packing, recent: newRecent(largest)}
}

// Name returns the path of the file.
func (s *Source) Name() string { return s.file.Path() }

// Size returns the number of bytes when they are unpacked, whether they can be read or not.
func (s *Source) Size() uint64 { return s.size }

// OnDisk returns how many bytes the file takes on disk, and whether that is known.
func (s *Source) OnDisk() (uint64, bool) { return s.file.OnDisk() }

// desk is what one view works with, and the next one again.
type desk struct {
	blocks []Block
	packed []byte
}

// Packed bytes are read readMost at a time where blocks lie side by side in the file; what lies
// between two of them, up to readGap bytes, is read with them.
const (
	readMost = 512 << 10
	readGap  = 4 << 10
)

// View does what the View of engine.Source does; all bytes are written to buf.
func (s *Source) View(buf []byte, off uint64, n int) ([]byte, error) {
	d, ok := s.desks.Get().(*desk)
	if !ok {
		d = new(desk)
	}
	defer s.desks.Put(d)
	for done := 0; done < n; {
		m, err := s.fill(d, buf[done:n], off+uint64(done))
		done += m
		if err != nil {
			return buf[:done], err
		}
	}
	return buf[:n], nil
}

// fill fills dst from offset off on, as far as Find tells blocks. It returns how many bytes it
// filled, and why the byte behind them cannot be read.
func (s *Source) fill(d *desk, dst []byte, off uint64) (int, error) {
	if off >= s.size {
		return 0, fmt.Errorf("%s: the memory that it holds ends before offset %#x", s.file.Path(), off)
	}
	end := min(s.size, off+uint64(len(dst)))
	d.blocks = s.packing.Find(d.blocks[:0], off, end)
	if err := s.check(d.blocks, off); err != nil {
		return 0, err
	}
	d.packed = d.packed[:0]
	f := filling{source: s, desk: d, dst: dst, off: off, end: end}
	for i := 0; i < len(d.blocks) && d.blocks[i].Off < end; {
		n, err := f.add(i)
		if err != nil {
			return f.done, err
		}
		i += n
	}
	return f.done, nil
}

// check refuses blocks that do not lie side by side from off on, or in the source, which is a
// mistake of the packing: it would be called for ever.
func (s *Source) check(all []Block, off uint64) error {
	for i := range all {
		b := &all[i]
		if b.Size <= 0 || b.Held < 0 || b.Off > off || off-b.Off >= uint64(b.Size) || uint64(b.Size) > s.size-b.Off || i > 0 && b.Off != off {
			return s.fail(b, errors.New("blocks do not lie side by side"))
		}
		off = b.Off + uint64(b.Size)
	}
	if len(all) == 0 {
		return fmt.Errorf("%s: no block holds offset %#x", s.file.Path(), off)
	}
	return nil
}

// fail returns why a block cannot be read.
func (s *Source) fail(b *Block, err error) error {
	kept := s.kept(b)
	if kept != "" {
		kept = ", kept " + kept + ","
	}
	return fmt.Errorf("%s: the block of memory at offset %#x%s cannot be read: %w", s.file.Path(), b.Off, kept, err)
}

// kept returns where the packed bytes of a block are, in words; "" where it has none that are known.
func (s *Source) kept(b *Block) string {
	if b.Zero || b.Err != nil {
		return ""
	}
	return image.PlaceIn(s.file.Source, b.At)
}

// PlaceOf is that of image.Placer: where the block is kept that holds a byte.
func (s *Source) PlaceOf(off uint64) string {
	if off >= s.size {
		return ""
	}
	all := s.packing.Find(nil, off, off+1)
	if s.check(all, off) != nil {
		return ""
	}
	kept := s.kept(&all[0])
	if rest, ok := strings.CutPrefix(kept, "at "); ok {
		kept = "in the block at " + rest
	}
	return kept
}

// filling fills a part of one view.
type filling struct {
	source   *Source
	desk     *desk
	dst      []byte // from offset off up to end
	off, end uint64
	done     int // bytes that are filled

	read   uint64 // the file offset of the packed bytes in the desk
	same   *Block // the block that was unpacked last, whole
	sameAt int    // where its bytes lie in dst
}

// add fills what is wanted of block i, or of it and some behind it. It returns how many blocks
// that were.
func (f *filling) add(i int) (int, error) {
	if n, size := f.storedRun(i); n > 1 {
		m, _ := f.source.readAt(f.dst[f.done:f.done+size], f.desk.blocks[i].At)
		if n = m / f.desk.blocks[i].Size; n > 0 { // the one that cannot be read is told by its own reading
			f.done += n * f.desk.blocks[i].Size
			return n, nil
		}
	}
	b := &f.desk.blocks[i]
	from := max(b.Off, f.off)
	to := min(b.Off+uint64(b.Size), f.end)
	dst := f.dst[from-f.off : to-f.off]
	err := f.fillBlock(i, b, dst, int(from-b.Off))
	if err == nil {
		f.done += len(dst)
	}
	return 1, err
}

// storedRun returns how many blocks of one size lie side by side in the file as they are, from
// block i on, that are wanted whole, and the sum of their sizes.
func (f *filling) storedRun(i int) (n, size int) {
	first := &f.desk.blocks[i]
	for _, b := range f.desk.blocks[i:] {
		whole := b.Off >= f.off && b.Off+uint64(b.Size) <= f.end
		if !whole || b.Zero || b.Err != nil || b.Kind != Stored || b.Held != b.Size || b.Size != first.Size || b.At != first.At+uint64(size) {
			break
		}
		n, size = n+1, size+b.Size
	}
	return n, size
}

// fillBlock fills dst with the bytes of block i from skip on.
func (f *filling) fillBlock(i int, b *Block, dst []byte, skip int) error {
	s := f.source
	switch {
	case b.Err != nil:
		return s.fail(b, b.Err)
	case b.Zero:
		clear(dst)
		return nil
	case b.Kind == Stored:
		return f.readStored(b, dst, skip)
	case len(dst) < b.Size:
		return s.recent.fill(dst, b, skip, func(whole []byte) error { return f.unpack(i, b, whole) })
	case f.same != nil && f.same.At == b.At && f.same.Held == b.Held && f.same.Kind == b.Kind && f.same.Size == b.Size:
		copy(dst, f.dst[f.sameAt:f.sameAt+b.Size])
		return nil
	case i == 0 && s.recent.copy(dst, b.Off): // where the view before it ended
		return nil
	}
	if err := f.unpack(i, b, dst); err != nil {
		return err
	}
	f.same, f.sameAt = b, f.done
	return nil
}

// unpack fills dst with the whole of block i.
func (f *filling) unpack(i int, b *Block, dst []byte) error {
	packed, err := f.packed(i, b)
	if err == nil {
		err = f.source.packing.Unpack(dst, packed, b.Kind)
	}
	if err != nil {
		return f.source.fail(b, err)
	}
	return nil
}

// readStored fills dst with the bytes from skip on of a block that is not packed.
func (f *filling) readStored(b *Block, dst []byte, skip int) error {
	if b.Held != b.Size {
		return f.source.fail(b, fmt.Errorf("it is not packed and has %d bytes, not %d", b.Held, b.Size))
	}
	if held := f.held(b); held != nil {
		copy(dst, held[skip:])
		return nil
	}
	if _, err := f.source.readAt(dst, input.AddSat(b.At, uint64(skip))); err != nil {
		return f.source.fail(b, err)
	}
	return nil
}

// held returns the packed bytes of a block that were read with those of one before it; nil
// where they were not.
func (f *filling) held(b *Block) []byte {
	have := f.desk.packed
	if b.At < f.read || b.At-f.read > uint64(len(have)) {
		return nil
	}
	rest := have[b.At-f.read:]
	if len(rest) < b.Held || b.Held == 0 {
		return nil
	}
	return rest[:b.Held:b.Held]
}

// packed returns the packed bytes of block i, and reads those of the blocks behind it with
// them that lie behind them in the file.
func (f *filling) packed(i int, b *Block) ([]byte, error) {
	if held := f.held(b); held != nil {
		return held, nil
	}
	end := input.AddSat(b.At, uint64(b.Held))
	if end > f.source.file.Size {
		return nil, f.source.ends()
	}
	for _, next := range f.desk.blocks[i+1:] {
		if next.Zero || next.Err != nil || next.At < end && next.At >= b.At {
			continue
		}
		to := input.AddSat(next.At, uint64(next.Held))
		if next.At < end || next.At-end > readGap || to-b.At > readMost || to > f.source.file.Size {
			break
		}
		end = to
	}
	return f.readPacked(b, int(end-b.At))
}

// ends returns the error of reading behind the end of the file.
func (s *Source) ends() error {
	return fmt.Errorf("the file ends at offset %#x: %w", s.file.Size, io.ErrUnexpectedEOF)
}

// readPacked reads n bytes from the first packed one of a block on into the desk, as many of
// them as the file has, and returns those of the block.
func (f *filling) readPacked(b *Block, n int) ([]byte, error) {
	d := f.desk
	if cap(d.packed) < n {
		d.packed = make([]byte, n)
	}
	m, err := f.source.readAt(d.packed[:n], b.At)
	d.packed, f.read = d.packed[:m], b.At
	if m < b.Held {
		return nil, err
	}
	return d.packed[:b.Held:b.Held], nil
}

// readAt fills p from a file offset on. An error comes with a short count.
func (s *Source) readAt(p []byte, at uint64) (int, error) {
	if at >= s.file.Size {
		return 0, s.ends()
	}
	n, err := s.file.ReadAt(p, int64(at))
	switch {
	case n == len(p):
		return n, nil
	case err == nil || errors.Is(err, io.EOF):
		err = s.ends()
	}
	return n, err
}

// holeLooks is how many blocks NextHole asks for in one call.
const holeLooks = 1 << 10

// NextHole is that of engine.HoleSource: holes are blocks that are known to be zeros.
func (s *Source) NextHole(off, end, least uint64) (first, behind uint64) {
	if end = min(end, s.size); off >= end {
		return end, end
	}
	if z, ok := s.packing.(ZeroFinder); ok {
		return z.NextZeros(off, end, least)
	}
	first, to := off, off // the zeros in hand
	for looked := 0; looked < holeLooks && to < end; {
		all := s.packing.Find(nil, to, end)
		if s.check(all, to) != nil {
			return end, end
		}
		looked += len(all)
		for i := range all {
			behind := min(all[i].Off+uint64(all[i].Size), end)
			switch {
			case all[i].Zero:
			case to-first >= least:
				return first, to
			default:
				first = behind
			}
			to = behind
		}
	}
	if to-first >= least {
		return first, to
	}
	if first > off && to < end {
		return first, first // the zeros in hand may go on
	}
	return to, to
}

var _ engine.HoleSource = (*Source)(nil)
