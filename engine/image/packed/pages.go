package packed

import (
	"fmt"
	"io"

	"github.com/klauspost/compress/s2"

	"vscan/engine/image"
	"vscan/engine/image/blocks"
	"vscan/engine/image/input"
)

// Pages are compressed with s2, those of zeros are not kept, and those that do not get smaller
// stay as they are. They lie one behind the other in slabs, which a page may begin in one of
// and end in the next.
const (
	pageSize = 64 << 10
	slabSize = 1 << 20
)

// pages is bytes that were unpacked, as they are kept: a blocks.Packing, and an io.ReaderAt of
// the bytes that it has in its slabs.
type pages struct {
	all   []page
	size  uint64 // bytes, unpacked
	slabs [][]byte
	held  uint64 // bytes of the slabs that are used

	room    int // for how many pages the budget was asked
	options *image.Options
	packed  []byte // of the page that is added
}

// page is where one is kept.
type page struct {
	at   uint64 // in the slabs
	held uint32 // bytes; 0: it is zeros
	kind uint8
}

const kindS2 uint8 = 1 + blocks.Stored

const (
	pageBytes   = 40 // that a page takes besides, with what append leaves behind
	pagesAtOnce = 1 << 10
)

// add keeps the next page: pageSize bytes, or fewer of the last one.
func (p *pages) add(b []byte) error {
	if len(p.all) == p.room {
		if err := p.take(pagesAtOnce * pageBytes); err != nil {
			return err
		}
		p.room += pagesAtOnce
	}
	one := page{at: p.held}
	if !input.AllZero(b) {
		if p.packed == nil {
			p.packed = make([]byte, s2.MaxEncodedLen(pageSize))
		}
		keep, kind := s2.Encode(p.packed, b), kindS2
		if len(keep) > len(b)-len(b)/8 {
			keep, kind = b, blocks.Stored
		}
		one.held, one.kind = uint32(len(keep)), kind
		if err := p.keep(keep); err != nil {
			return err
		}
	}
	p.all = append(p.all, one)
	p.size += uint64(len(b))
	return nil
}

// keep copies bytes into the slabs.
func (p *pages) keep(b []byte) error {
	for len(b) > 0 {
		used := p.held % slabSize
		if used == 0 {
			if err := p.take(slabSize); err != nil {
				return err
			}
			p.slabs = append(p.slabs, make([]byte, slabSize))
		}
		n := copy(p.slabs[len(p.slabs)-1][used:], b)
		p.held += uint64(n)
		b = b[n:]
	}
	return nil
}

func (p *pages) take(n uint64) error {
	if err := p.options.Budget.Take(n, "what is unpacked"); err != nil {
		return fmt.Errorf("%d bytes are unpacked: %w", p.size, err)
	}
	return nil
}

// reader returns the bytes as an input of their own, for the file that they are of.
func (p *pages) reader(file input.Reader) input.Reader {
	p.packed = nil
	held := input.Reader{ReaderAt: p, Size: p.held, Source: file.Source}
	source := &unpacked{blocks.New(held, p.size, pageSize, p)}
	return input.Reader{ReaderAt: readerOf{source}, Size: p.size, Source: source}
}

// ReadAt reads from the slabs.
func (p *pages) ReadAt(b []byte, off int64) (int, error) {
	n := 0
	for n < len(b) && uint64(off)+uint64(n) < p.held {
		at := uint64(off) + uint64(n)
		slab := p.slabs[at/slabSize]
		n += copy(b[n:], slab[at%slabSize:])
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// Find is that of blocks.Packing.
func (p *pages) Find(dst []blocks.Block, off, end uint64) []blocks.Block {
	for i := off / pageSize; i < uint64(len(p.all)) && i*pageSize < end; i++ {
		one := &p.all[i]
		dst = append(dst, blocks.Block{
			Off: i * pageSize, Size: int(min(pageSize, p.size-i*pageSize)),
			At: one.at, Held: int(one.held), Kind: one.kind, Zero: one.held == 0,
		})
	}
	return dst
}

// Unpack fills dst with a page.
func (p *pages) Unpack(dst, packed []byte, _ uint8) error {
	if n, err := s2.DecodedLen(packed); err != nil || n != len(dst) {
		return fmt.Errorf("a page of %d bytes, not %d (%v)", n, len(dst), err)
	}
	_, err := s2.Decode(dst, packed)
	return err
}

// unpacked is what a container holds, unpacked, as a source.
type unpacked struct{ *blocks.Source }

// PlaceOf is that of image.Placer. What is said of what a container holds speaks of offsets in
// that, so this does, too.
func (u *unpacked) PlaceOf(off uint64) string { return unpackedAt(off) }

// unpackedAt calls an offset in what a container holds by its name.
func unpackedAt(off uint64) string { return fmt.Sprintf("at unpacked offset %#x", off) }

// readerOf is a source as an io.ReaderAt.
type readerOf struct{ *unpacked }

func (r readerOf) ReadAt(b []byte, off int64) (int, error) {
	if uint64(off) >= r.Size() {
		return 0, io.EOF
	}
	n := min(uint64(len(b)), r.Size()-uint64(off))
	got, err := r.View(b, uint64(off), int(n))
	switch {
	case err != nil && uint64(len(got)) < n:
		return len(got), err
	case n < uint64(len(b)):
		return int(n), io.EOF
	}
	return int(n), nil
}
