// Package zdmp reads compressed dumps of DumpIt. It is for the engine and may change.
//
// A .zdmp file is a crash dump of Windows in blocks of one size, each packed by itself. All
// little-endian: ZDMP, version 0x100 (4), bytes of the dump (8), bytes of a block before it is
// packed (4), 1 where blocks are compressed, 2 where they are encrypted (2), the compression (2),
// of which 2 is LZNT1. Blocks follow from file offset 0x1000 on, side by side: ZBLK, number of bytes (4), their
// CRC-32 (4), bytes. A block that has as many bytes as it had before is not packed; the last one
// may be smaller. Where DumpIt was told to write raw memory, that is what is in the blocks. Sources: Magnet
// Forensics' own z2dmp-rust src/zdmp.rs, by which DumpIt's makers unpack it; volatility3#1325, with the log of a
// real file.
package zdmp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/image/blocks"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
	"vscan/engine/image/raw"
	"vscan/engine/image/windows"
	"vscan/internal/interrupt"
)

const (
	name         = "DumpIt zdmp"
	headerSize   = 24
	firstBlock   = 0x1000 // file offset
	blockHeader  = 12
	blockMagic   = "ZBLK"
	compressed   = 1
	lznt1        = 2
	largestBlock = 16 << 20 // DumpIt has blocks of 2 MiB; a block is unpacked as a whole
)

// Format is the format's line in the table of detection.
var Format = magic.Format{Name: name, What: "a compressed crash dump of DumpIt (zdmp)", Match: magic.At(0, "ZDMP"), Option: "zdmp", Open: open}

// open reads where the blocks are, and opens what they hold.
func open(ctx context.Context, in input.Reader, o image.Options) (*image.Draft, error) {
	p, err := readHeader(in)
	if err != nil {
		return nil, err
	}
	if err := p.index(ctx, o.Budget); err != nil {
		return nil, image.Interrupted(err, in.Path(), "reading where %d blocks are", len(p.found))
	}
	if len(p.found) == 0 {
		return nil, fmt.Errorf("%s: no block of the dump is at %v: %s", in.Path(), p.Place(firstBlock), p.stopped)
	}
	source := blocks.New(in, p.held(), int(p.block), p)
	inner := input.Reader{ReaderAt: readerAt{source}, Size: source.Size(), Source: source}
	img, err := openInner(ctx, inner, o)
	if err != nil {
		return nil, err
	}
	p.report(img)
	img.Detail = fmt.Sprintf("%s in %s of %#x bytes, LZNT1", img.Detail, input.Plural(len(p.found), "block"), p.block)
	img.Format = name
	img.Tell("compression", "lznt1")
	img.Tell("block_size", fmt.Sprint(p.block))
	return img, nil
}

// openInner opens what is in the blocks.
func openInner(ctx context.Context, in input.Reader, o image.Options) (*image.Draft, error) {
	b := make([]byte, 8)
	if _, err := in.Fill(b, 0); err != nil {
		return nil, err
	}
	o.Format = "" // it was that of the file
	if windows.Format.Match(b) {
		return windows.Open(ctx, in, o)
	}
	img, err := raw.Place(in, o)
	if err == nil {
		img.Note("raw bytes at 0x0: what is in the blocks is no crash dump")
	}
	return img, err
}

// packing is where the blocks of a file are.
type packing struct {
	input.Reader
	size  uint64 // bytes that the header says there are before they are packed
	block uint64 // bytes of a block before it is packed

	found   []place
	damage  []string // what is told of some of them, for a start
	stopped string   // why there are no further ones
}

// place is where a block is.
type place struct {
	at   uint64 // file offset of its header
	held uint32 // bytes behind that; 0: it is damaged
}

// readHeader reads the header of a file.
func readHeader(in input.Reader) (*packing, error) {
	b := make([]byte, headerSize)
	switch n, err := in.Fill(b, 0); {
	case err != nil:
		return nil, err
	case n < len(b):
		return nil, fmt.Errorf("%s: truncated: the header is cut at the end of the file after %d of %d bytes", in.Path(), n, len(b))
	}
	f := input.NewFields(b, addr.Little)
	p := &packing{Reader: in, size: f.U64(8), block: f.U32(16)}
	if kind, how := f.U16(20), f.U16(22); kind != compressed || how != lznt1 {
		return nil, &image.UnsupportedError{Path: in.Path(), Format: name, What: fmt.Sprintf("a compressed crash dump of DumpIt (zdmp) of kind %d with compression %d", kind, how),
			Advice: "only LZNT1 is read, which is compression 2 of kind 1: uncompress it with Z2Dmp, of the Comae toolkit"}
	}
	if p.block == 0 || p.block > largestBlock || p.size == 0 {
		return nil, fmt.Errorf("%s: at %v: %#x bytes in blocks of %#x, which are 1 to %#x bytes", in.Path(), in.Place(8), p.size, p.block, uint64(largestBlock))
	}
	return p, nil
}

const (
	atOnce  = 1 << 12 // blocks for which the budget is asked at a time
	perWay  = 4 << 10 // bytes that are read to find the header of a block
	perItem = 2 * 16  // bytes that a block takes, with what append leaves behind
)

// index finds the blocks. Of one whose header is damaged the next one is looked for; where there is
// none, those behind it are not found. The error is that of ctx, of a read or of the budget.
func (p *packing) index(ctx context.Context, limit *budget.Budget) error {
	watch := interrupt.New(ctx)
	buf := make([]byte, perWay)
	var window []byte // of the file, from offset at on
	at := uint64(0)
	for off := uint64(firstBlock); p.held() < p.size; {
		if err := watch.Step(16); err != nil {
			return err
		}
		if len(p.found)%atOnce == 0 {
			if err := limit.Take(atOnce*perItem, "the blocks of the image"); err != nil {
				return fmt.Errorf("%s: block %d at %v: %w", p.Path(), len(p.found), p.Place(off), err)
			}
		}
		if off < at || off+blockHeader > at+uint64(len(window)) {
			n, err := p.Fill(buf, off)
			if err != nil {
				return err
			}
			window, at = buf[:n], off
		}
		held, wrong := p.blockHeader(window[off-at:])
		if wrong != "" {
			next, err := p.next(watch, off)
			if err != nil {
				return err
			}
			if next == 0 {
				p.stopped = wrong
				return nil
			}
			p.damage = append(p.damage, fmt.Sprintf("block %d at %v is damaged and cannot be read: %s", len(p.found), p.Place(off), wrong))
			p.found = append(p.found, place{at: off})
			off = next
			continue
		}
		end := off + blockHeader + uint64(held)
		if end > p.Size {
			p.stopped = "the file ends in the next one"
			return nil
		}
		p.found = append(p.found, place{off, held})
		off = end
	}
	return nil
}

// Of a file that is damaged at more places no further block is looked for, nor at more of them
// than there are by chance between two.
const (
	mostDamage = 256
	mostTries  = 256
)

// next returns the file offset of the header behind that of a block whose own is damaged, which is
// less than a block away: one behind which another one or the end of the file stands. Where there is
// none it returns 0.
func (p *packing) next(watch *interrupt.Watch, off uint64) (uint64, error) {
	if len(p.damage) == mostDamage {
		return 0, nil
	}
	end := min(off+p.block+2*blockHeader, p.Size)
	buf := make([]byte, 64<<10)
	tries := 0
	for at := off + 1; at+blockHeader <= end; { // a step begins with what the one before could not look at
		if err := watch.Step(1 << 10); err != nil {
			return 0, err
		}
		n, err := p.Fill(buf[:min(uint64(len(buf)), end-at)], at)
		if err != nil || n < blockHeader {
			return 0, err
		}
		i := bytes.Index(buf[:n], []byte(blockMagic))
		if i < 0 || i > n-blockHeader {
			at += uint64(n - blockHeader + 1)
			continue
		}
		if at += uint64(i); tries == mostTries {
			return 0, nil
		}
		tries++
		good, err := p.leadsOn(at, buf[i:n])
		if err != nil || good {
			return at, err
		}
		at++
	}
	return 0, nil
}

// leadsOn reports whether a header, which stands at a file offset, is good and another one or the end of
// the file follows its block.
func (p *packing) leadsOn(off uint64, b []byte) (bool, error) {
	held, wrong := p.blockHeader(b)
	if wrong != "" {
		return false, nil
	}
	behind := off + blockHeader + uint64(held)
	head := make([]byte, blockHeader)
	n, err := p.Fill(head, behind)
	if err != nil {
		return false, err
	}
	_, wrong = p.blockHeader(head[:n])
	return wrong == "" || behind == p.Size, nil
}

// blockHeader returns how many bytes a block has behind its header, or what is wrong with that.
func (p *packing) blockHeader(b []byte) (held uint32, wrong string) {
	if len(b) < blockHeader {
		return 0, "the file ends there"
	}
	n := input.NewFields(b, addr.Little).U32(4)
	switch {
	case string(b[:4]) != blockMagic:
		return 0, fmt.Sprintf("%q stands there, and not %s", b[:4], blockMagic)
	case n == 0 || n > p.block:
		return 0, fmt.Sprintf("a block of %#x bytes stands there, which has 1 to %#x", n, p.block)
	}
	return uint32(n), ""
}

// held returns how many bytes of the dump are in the blocks that were found.
func (p *packing) held() uint64 { return min(p.size, input.MulSat(uint64(len(p.found)), p.block)) }

// report tells what was not found.
func (p *packing) report(img *image.Draft) {
	for _, what := range p.damage {
		img.Note("%s", what)
	}
	if p.stopped == "" {
		return
	}
	last := p.found[len(p.found)-1]
	img.Note("truncated or damaged: behind block %d at %v: %s: %#x of %#x bytes of the dump are there", len(p.found)-1, p.Place(last.at), p.stopped, p.held(), p.size)
	if img.Missing == 0 {
		img.Lose(max(1, p.size-p.held())) // the dump inside has told what it misses, if it misses any
	}
}

// The kinds of blocks: how many bytes one unpacks to is known of all but the last, which may
// have been filled up.
const (
	whole uint8 = 1 + iota
	last
)

var errDamaged = errors.New("its header is damaged")

// Find is that of blocks.Packing.
func (p *packing) Find(dst []blocks.Block, off, end uint64) []blocks.Block {
	for i := off / p.block; i < uint64(len(p.found)) && i*p.block < end; i++ {
		b := blocks.Block{Off: i * p.block, Size: int(min(p.block, p.held()-i*p.block)), At: p.found[i].at, Held: blockHeader + int(p.found[i].held), Kind: whole}
		if i == uint64(len(p.found))-1 {
			b.Kind = last
		}
		if p.found[i].held == 0 {
			b.Err = errDamaged
		}
		dst = append(dst, b)
	}
	return dst
}

// Unpack is that of blocks.Packing; the header of the block is among its packed bytes.
func (p *packing) Unpack(dst, packed []byte, kind uint8) error {
	want := uint32(input.NewFields(packed, addr.Little).U32(8))
	data := packed[blockHeader:]
	if sum := crc32.ChecksumIEEE(data); sum != want {
		return fmt.Errorf("its CRC-32 is %#08x, and not %#08x", sum, want)
	}
	if uint64(len(data)) == p.block {
		copy(dst, data)
		return nil
	}
	n, err := unpack(dst, data)
	switch {
	case kind == last && errors.Is(err, errBeyond):
		err = nil
	case kind == last && err != nil && len(data) == len(dst): // it is smaller than others, and not packed
		n, err = copy(dst, data), nil
	}
	clear(dst[n:]) // DumpIt's own program has zeros there
	return err
}

// readerAt reads bytes of a source at an offset.
type readerAt struct{ source *blocks.Source }

// ReadAt is that of io.ReaderAt.
func (r readerAt) ReadAt(b []byte, off int64) (int, error) {
	size := r.source.Size()
	if off < 0 || uint64(off) >= size {
		return 0, io.EOF
	}
	n := int(min(uint64(len(b)), size-uint64(off)))
	if n == 0 {
		return 0, nil
	}
	got, err := r.source.View(b, uint64(off), n)
	if err == nil && n < len(b) {
		err = io.EOF
	}
	return len(got), err
}
