package kdump

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/image/blocks"
	"vscan/engine/image/input"
)

// descriptorSize is the size of a page's descriptor in bytes: file offset (8), size (4), flags
// (4) of its packed bytes, flags of the page (8).
const descriptorSize = 24

// part is one file of a dump, most often the only one: pages of memory, in the order of their
// numbers, which have descriptors in that order. It is the packing of its source, in which pages
// lie side by side.
type part struct {
	*header
	in     input.Reader
	first  uint64 // pages that it can hold
	end    uint64 // the one behind the last
	count  uint64 // pages that it holds by the bitmap
	source *blocks.Source

	read    uint64                  // descriptors that the file has; those behind are lost
	zero    pageSet                 // pages that are known to be zeros, by the number of their descriptor
	lost    pageSet                 // pages whose descriptors lead nowhere
	kinds   uint8                   // flags of the pages, all together
	torn    func(at, n uint64) bool // whether bytes that a page should have are not there; nil: none is known to be
	next    uint64                  // the descriptor of the next page that is laid
	buffers sync.Pool
}

// pageSet is a set of pages, by the numbers of their descriptors.
type pageSet []uint64

// set adds a number below n, which is the same in all calls: room is made for so many at once.
func (b *pageSet) set(i, n uint64) {
	if *b == nil {
		*b = make(pageSet, (n+63)/64)
	}
	(*b)[i/64] |= 1 << (i % 64)
}

// setRange adds the numbers from i on, below end, as set does.
func (b *pageSet) setRange(i, end, n uint64) {
	for i < end {
		b.set(i, n)
		if i%64 == 0 && end-i >= 64 {
			(*b)[i/64] = ^uint64(0)
			i += 64
			continue
		}
		i++
	}
}

func (b pageSet) has(i uint64) bool { return i/64 < uint64(len(b)) && b[i/64]>>(i%64)&1 != 0 }

// until returns the first number from i on, below end, that is in the set if want is true, or is
// not in it; end where there is none.
func (b pageSet) until(i, end uint64, want bool) uint64 {
	for i < end {
		if i%64 == 0 && end-i >= 64 { // a word at a time
			word := uint64(0)
			if i/64 < uint64(len(b)) {
				word = b[i/64]
			}
			if want && word == 0 || !want && word == ^uint64(0) {
				i += 64
				continue
			}
		}
		if b.has(i) == want {
			return i
		}
		i++
	}
	return end
}

// descriptor is what the descriptor of a page says.
type descriptor struct {
	at    uint64
	size  uint64
	flags uint64
}

func (p *part) descriptor(b []byte) descriptor {
	if p.order == addr.Little { // there are millions
		b = b[:descriptorSize]
		return descriptor{binary.LittleEndian.Uint64(b), uint64(binary.LittleEndian.Uint32(b[8:])), uint64(binary.LittleEndian.Uint32(b[12:]))}
	}
	f := input.NewFields(b, p.order)
	return descriptor{f.U64(0), f.U32(8), f.U32(12)}
}

// kind returns how the page is packed, as blocks have it.
func (d descriptor) kind() uint8 {
	if d.flags == 0 {
		return blocks.Stored
	}
	for _, flag := range []uint8{flagZlib, flagLZO, flagSnappy, flagZstd} {
		if d.flags&uint64(flag) != 0 {
			return flag
		}
	}
	return blocks.Stored
}

// wrong returns why no page can be read by a descriptor; nil where it may be.
func (p *part) wrong(d descriptor) error {
	switch {
	case d.at == 0:
		return errors.New("the page was not written: the dump is incomplete")
	case d.size == 0:
		return errors.New("the descriptor of the page says that it has no bytes")
	case d.kind() == blocks.Stored && d.size != p.block:
		return fmt.Errorf("the descriptor of the page says that it is not packed and has %d bytes, not %d", d.size, p.block)
	case d.size > 2*p.block:
		return fmt.Errorf("the descriptor of the page says that it is packed to %d bytes, from %d", d.size, p.block)
	case d.at > p.in.Size || d.size > p.in.Size-d.at:
		return errCut
	case p.torn != nil && p.torn(d.at, d.size):
		return errTorn
	}
	return nil
}

var (
	errCut  = errors.New("the page lies behind the end of the file")
	errTorn = errors.New("bytes of the page are in no block of the flattened dump")
)

// blockAt returns the block of a page.
func (p *part) blockAt(i uint64, d descriptor) blocks.Block {
	b := blocks.Block{Off: i * p.block, Size: int(p.block)}
	if b.Err = p.wrong(d); b.Err == nil {
		b.At, b.Held, b.Kind = d.at, int(d.size), d.kind()
	}
	return b
}

// findMost is how many descriptors Find reads at most.
const findMost = 512

// Find is that of blocks.Packing.
func (p *part) Find(dst []blocks.Block, off, end uint64) []blocks.Block {
	i := off / p.block
	n := min((end-1)/p.block-i+1, p.count-i, findMost)
	if p.zero.until(i, i+n, false) == i+n {
		for k := range n {
			dst = append(dst, blocks.Block{Off: (i + k) * p.block, Size: int(p.block), Zero: true})
		}
		return dst
	}
	buf, ok := p.buffers.Get().(*[findMost * descriptorSize]byte)
	if !ok {
		buf = new([findMost * descriptorSize]byte)
	}
	defer p.buffers.Put(buf)
	b := buf[:n*descriptorSize]
	m, err := p.in.Fill(b, input.AddSat(p.descriptorsAt(), i*descriptorSize))
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	for k := range n {
		switch at := k * descriptorSize; {
		case p.zero.has(i + k):
			dst = append(dst, blocks.Block{Off: (i + k) * p.block, Size: int(p.block), Zero: true})
		case at+descriptorSize > uint64(m):
			return append(dst, blocks.Block{Off: (i + k) * p.block, Size: int(p.block), Err: fmt.Errorf("its descriptor at %v: %w", p.in.Place(p.descriptorsAt()+(i+k)*descriptorSize), err)})
		default:
			dst = append(dst, p.blockAt(i+k, p.descriptor(b[at:])))
		}
	}
	return dst
}

// Unpack is that of blocks.Packing.
func (p *part) Unpack(dst, packed []byte, kind uint8) error { return unpack(dst, packed, kind) }

// NextZeros is that of blocks.ZeroFinder.
func (p *part) NextZeros(off, end, least uint64) (first, behind uint64) {
	for off < end {
		last := (end-1)/p.block + 1
		i := p.zero.until(off/p.block, last, true)
		if i == last {
			break
		}
		j := p.zero.until(i, last, false)
		first, behind = max(off, i*p.block), min(end, j*p.block)
		if behind-first >= least {
			return first, behind
		}
		off = behind
	}
	return end, end
}

// readDescriptors looks at the descriptors of all pages, once: which are lost, which are known
// to be zeros. The error is that of ctx, or of a budget.
func (p *part) readDescriptors(ctx context.Context, o image.Options, img *image.Draft) error {
	if err := o.Budget.Take(budget.Product(min(p.count, p.in.Size/descriptorSize), 1)/4, "what is known of the pages of the image"); err != nil {
		return fmt.Errorf("%s: %d pages: %w", p.in.Path(), p.count, err)
	}
	table := input.Records{At: p.descriptorsAt(), Stride: descriptorSize, Size: descriptorSize}
	shared := sharing{part: p, front: input.AddSat(p.descriptorsAt(), input.MulSat(p.count, descriptorSize)), buf: make([]byte, p.block), packed: make([]byte, 2*p.block)}
	var first struct { // of what is wrong
		i   uint64
		err error
	}
	damaged, next := uint64(0), uint64(0)
	lose := func(i, n uint64, err error) {
		if p.lost.setRange(i, i+n, p.count); first.err == nil {
			first.i, first.err = i, err
		}
		damaged += n
	}
	pass := func(i uint64) { // over descriptors in a hole of the file
		if i > next {
			lose(next, i-next, p.wrong(descriptor{}))
		}
		next = i
	}
	read, _, err := p.in.Each(ctx, table, func() uint64 { return p.count }, func(i uint64, b []byte) {
		pass(i)
		next = i + 1
		d := p.descriptor(b)
		if err := p.wrong(d); err != nil {
			lose(i, 1, err)
			return
		}
		p.kinds |= d.kind()
		if shared.isZero(d) {
			p.zero.set(i, p.count)
		}
	})
	if err != nil && ctx.Err() != nil {
		return err
	}
	pass(read)
	p.read = read
	if first.err != nil {
		img.Note("%s cannot be read, the first by its descriptor at %v%s: %v", input.Plural(int(damaged), "page"), p.in.Place(p.descriptorsAt()+first.i*descriptorSize), p.of(), first.err)
	}
	if read < p.count {
		img.Note("truncated: the descriptors of %s are behind the end of the file at offset %#x%s", input.Plural(int(p.count-read), "page"), p.in.Size, p.of())
		if err != nil {
			img.Note("the descriptors of pages cannot be read: %v", err)
		}
	}
	return nil
}

// of names the file where it is one of several.
func (p *part) of() string {
	if p.split {
		return " of " + input.BaseName(p.in.Path())
	}
	return ""
}

// held returns how many of the n pages from descriptor i on are alike, lost or not, and whether
// they are held.
func (p *part) held(i, n uint64) (alike uint64, held bool) {
	switch {
	case i >= p.read:
		return n, false
	case p.lost.has(i):
		return p.lost.until(i, min(i+n, p.read), false) - i, false
	}
	return p.lost.until(i, min(i+n, p.read), true) - i, true
}

// sharing finds out which blocks of the file are shown by many pages and consist of zeros. What
// writes kdumps writes one such block for all of them: makedumpfile and QEMU in front of
// all others.
type sharing struct {
	*part
	front       uint64 // where the first block of a page may be
	top         uint64 // the highest file offset of a page so far
	zero        []descriptor
	other       []descriptor // that are shared, or in front, and no zeros
	buf, packed []byte
}

// maxShared is how many shared blocks are looked at.
const maxShared = 64

// isZero reports whether a page is known to consist of zeros.
func (s *sharing) isZero(d descriptor) bool {
	again := d.at <= s.top && s.top > 0
	s.top = max(s.top, d.at)
	if !again && d.at != s.front {
		return false
	}
	if slices.Contains(s.zero, d) {
		return true
	}
	if len(s.other)+len(s.zero) >= maxShared || slices.Contains(s.other, d) {
		return false
	}
	if !s.readsZeros(d) {
		s.other = append(s.other, d)
		return false
	}
	s.zero = append(s.zero, d)
	return true
}

// readsZeros reports whether a block consists of zeros.
func (s *sharing) readsZeros(d descriptor) bool {
	packed := s.packed[:d.size]
	if n, err := s.in.Fill(packed, d.at); err != nil || n < len(packed) {
		return false
	}
	if kind := d.kind(); kind != blocks.Stored {
		return unpack(s.buf, packed, kind) == nil && input.AllZero(s.buf)
	}
	return input.AllZero(packed)
}

// pageRange returns the addresses of n pages.
func (h *header) pageRange(page, n uint64) addr.Range {
	return addr.Range{First: addr.Addr(page * h.block), Last: addr.Addr((page+n)*h.block - 1)}
}
