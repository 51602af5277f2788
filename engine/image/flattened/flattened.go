// Package flattened reads dumps that makedumpfile or QEMU wrote to where nobody can seek: a pipe.
// It is for the engine and may change.
//
// Such a file is blocks of a dump, which is a kdump or an ELF core, each with the offset at which
// it belongs there. They come in any order, and a later one may lie on top of an earlier
// one. All numbers are big-endian.
//
//	"makedumpfile" and zeros (16), type 1 (8), version 1 (8), zeros up to 4096
//	offset in the dump (8), size (8), bytes; and so on
//	−1 (8), −1 (8)
//
// Source: makedumpfile makedumpfile.h, struct makedumpfile_header and makedumpfile_data_header;
// IMPLEMENTATION.
//
//	overlay.go   the dump as a source, over the file
package flattened

import (
	"context"
	"fmt"
	"slices"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/core"
	"vscan/engine/image/elf"
	"vscan/engine/image/input"
	"vscan/engine/image/kdump"
	"vscan/engine/image/magic"
	"vscan/internal/interrupt"
)

const (
	signature  = "makedumpfile\x00\x00\x00\x00"
	headerSize = 4096
	blockSize  = 16 // of the header of a block
)

// Format is the format's line in the table of detection.
var Format = magic.Format{Name: "makedumpfile flattened", What: "a flattened makedumpfile dump", Match: magic.At(0, signature), Option: "flattened", Open: open}

// open reads the dump that the blocks make.
func open(ctx context.Context, in input.Reader, o image.Options) (*image.Draft, error) {
	x, err := readIndex(ctx, in, o)
	if err != nil {
		return nil, image.Interrupted(err, in.Path(), "reading the blocks of a flattened dump")
	}
	if x.Size() == 0 {
		return nil, x.headless()
	}
	inner := x.reader()
	head, _, err := magic.Ends(inner)
	if err != nil {
		return nil, err
	}
	var img *image.Draft
	switch {
	case kdump.Format.Match(head):
		img, err = kdump.Open(ctx, inner, o, x.gone)
	case elf.IsCore(head):
		img, err = core.Open(ctx, inner, o)
	case !x.ended:
		return nil, x.headless()
	default:
		return nil, fmt.Errorf("%s: the dump that is flattened there is neither a kdump nor an ELF core: its first bytes are %q", in.Path(), head[:min(len(head), 8)])
	}
	if err != nil {
		return nil, err
	}
	img.Detail += fmt.Sprintf(", flattened in %s", input.Plural(x.blocks, "block"))
	img.Notes = slices.Insert(img.Notes, 0, x.notes...)
	for i := range img.Hints {
		img.Hints[i].Note += len(x.notes)
	}
	if !x.ended && img.Missing == 0 {
		img.Lose(1)
	}
	return img, nil
}

// headless returns the error of a file without the header of the dump in it.
func (x *overlay) headless() error {
	if x.ended {
		return fmt.Errorf("%s: a flattened dump without a block: it holds nothing", x.Name())
	}
	return fmt.Errorf("%s: a flattened dump that is cut or damaged before the header of the dump in it: %s", x.Name(), x.why)
}

// A block takes so much memory while the index is made of it.
const (
	extentBytes  = 24
	blockBytes   = 4 * extentBytes
	blocksAtOnce = 1 << 12
)

// readIndex reads the headers of all blocks. A file that ends without the last one, or in which
// the header of a block is damaged, is read up to there.
func readIndex(ctx context.Context, in input.Reader, o image.Options) (*overlay, error) {
	x := &overlay{file: in}
	watch := interrupt.New(ctx)
	var all []extent
	room := 0 // for how many of them the budget was asked
	b := make([]byte, blockSize)
	for at := uint64(headerSize); ; {
		if err := watch.Step(16); err != nil {
			return nil, err
		}
		n, err := in.Fill(b, at)
		if err != nil {
			return nil, err
		}
		if n < blockSize {
			x.cut("truncated: the file ends at offset %#x where the header of block %d should be", in.Size, x.blocks)
			break
		}
		f := input.NewFields(b, addr.Big)
		off, size := f.U64(0), f.U64(8)
		if off == 1<<64-1 {
			x.ended = true
			break
		}
		if off >= 1<<63 || size >= 1<<63 || off+size >= 1<<63 {
			x.cut("the header of block %d at file offset %#x is damaged: %#x bytes at offset %#x cannot be; what follows is not read", x.blocks, at, size, off)
			break
		}
		if off == 0 && size == 0 { // perhaps a hole of the file, with many more of them
			x.cut("the header of block %d at file offset %#x is zeros: what follows is not read", x.blocks, at)
			break
		}
		if err := x.tooSmall(at); err != nil {
			return nil, err
		}
		if len(all) >= room {
			room += blocksAtOnce
			if err := o.Budget.Take(blocksAtOnce*blockBytes, "the blocks of the flattened dump"); err != nil {
				return nil, fmt.Errorf("%s: block %d at file offset %#x: %w", in.Path(), x.blocks, at, err)
			}
		}
		at += blockSize
		held := min(size, in.Size-at)
		x.blocks++
		if held > 0 {
			all = append(all, extent{off: off, size: held, at: at})
		}
		if held < size {
			x.cut("truncated: block %d is cut at the end of the file at offset %#x: %d bytes of it are lost", x.blocks-1, in.Size, size-held)
			break
		}
		at += size
	}
	var err error
	x.extents, err = disjoint(ctx, all)
	return x, err
}

// Blocks take some memory each, so many that are smaller than that would take more than the file
// has. What writes such files writes blocks of some KiB.
const (
	fewBlocks  = 1 << 18 // blocks that may be as small as they like
	leastBytes = 256     // bytes that more blocks have on average
)

// tooSmall refuses a file whose blocks up to a file offset are too many and too small.
func (x *overlay) tooSmall(at uint64) error {
	n := uint64(x.blocks)
	if n <= fewBlocks || at/n >= leastBytes {
		return nil
	}
	return &image.UnsupportedError{
		Path: x.Name(), Format: "makedumpfile flattened", What: fmt.Sprintf("a flattened dump in %d blocks of %d bytes on average up to file offset %#x", n, at/n, at),
		Advice: "unflatten it first (makedumpfile -R), for so many pieces take more memory than the file has", RawHelps: magic.ScanBytes,
	}
}

// cut notes why the blocks are not all there.
func (x *overlay) cut(format string, args ...any) {
	x.why = fmt.Sprintf(format, args...)
	x.notes = append(x.notes, x.why)
}
