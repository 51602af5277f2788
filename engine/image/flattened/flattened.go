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
//	sync.go      where the next block is, behind a header that is damaged or cannot be read
package flattened

import (
	"context"
	"fmt"

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
		img, err = kdump.Open(ctx, inner, o, &kdump.Losses{Lost: x.gone, Torn: x.torn})
	case elf.IsCore(head):
		img, err = core.Open(ctx, inner, o)
	case !x.whole():
		return nil, x.headless()
	default:
		return nil, fmt.Errorf("%s: the dump that is flattened there is neither a kdump nor an ELF core: its first bytes are %q", in.Path(), head[:min(len(head), 8)])
	}
	if err != nil {
		return nil, err
	}
	img.Detail += fmt.Sprintf(", flattened in %s", input.Plural(x.blocks, "block"))
	img.NoteFirst(x.notes)
	if !x.whole() && img.Missing == 0 {
		img.Lose(1)
	}
	return img, nil
}

// headless returns the error of a file without the header of the dump in it.
func (x *overlay) headless() error {
	if x.whole() {
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

// indexer reads the headers of all blocks.
type indexer struct {
	*input.Patient
	ctx   context.Context
	x     *overlay
	o     image.Options
	watch *interrupt.Watch
	all   []extent
	room  int       // for how many of them the budget was asked
	ends  []openEnd // of one search for a header, kept for the next
	tries int       // how often the next header may still be sought in what may be one (sync.go)
}

// readIndex reads the headers of all blocks. A file that ends without the last one is read
// up to there. Where the header of a block is damaged or cannot be read, the next one is looked for.
func readIndex(ctx context.Context, in input.Reader, o image.Options) (*overlay, error) {
	r := &indexer{Patient: input.NewPatient(ctx, in), ctx: ctx, x: &overlay{file: in}, o: o, watch: interrupt.New(ctx), tries: maxTries}
	for at := uint64(headerSize); at != 0; {
		if err := r.watch.Step(16); err != nil {
			return nil, err
		}
		var err error
		if at, err = r.step(at); err != nil {
			return nil, err
		}
	}
	var err error
	r.x.extents, err = disjoint(ctx, r.all)
	r.x.findGaps()
	return r.x, err
}

// step reads the header of a block at a file offset, and returns that of the next one; 0 where there
// is none.
func (r *indexer) step(at uint64) (next uint64, err error) {
	x := r.x
	h, err := r.header(at)
	switch {
	case err != nil:
		return 0, err
	case h.cut:
		x.cut("truncated: the file ends at offset %#x where the header of block %d should be", r.Size, x.blocks)
		return 0, nil
	case h.last:
		x.ended = true
		return 0, nil
	case h.why != "":
		return r.skip(at, h.why)
	}
	if err := x.tooSmall(at); err != nil {
		return 0, err
	}
	if len(r.all) >= r.room {
		r.room += blocksAtOnce
		if err := r.o.Budget.Take(blocksAtOnce*blockBytes, "the blocks of the flattened dump"); err != nil {
			return 0, fmt.Errorf("%s: block %d at %v: %w", r.Path(), x.blocks, x.file.Place(at), err)
		}
	}
	at += blockSize
	held := min(h.size, r.Size-at)
	x.blocks++
	if held > 0 {
		r.all = append(r.all, extent{off: h.off, size: held, at: at})
	}
	if held < h.size {
		x.cut("truncated: block %d is cut at the end of the file at offset %#x: %d bytes of it are lost", x.blocks-1, r.Size, h.size-held)
		return 0, nil
	}
	return at + h.size, nil
}

// blockHeader is what stands at the head of a block.
type blockHeader struct {
	off, size uint64
	last      bool   // it ends the dump
	cut       bool   // the file ends in it
	why       string // it is none, and why
}

// header reads the header at a file offset.
func (r *indexer) header(at uint64) (h blockHeader, err error) {
	var b [blockSize]byte
	n, bad, err := r.Fill(b[:], at)
	switch {
	case err != nil:
		return h, err
	case n < blockSize:
		return blockHeader{cut: true}, nil
	case len(bad) > 0:
		return blockHeader{why: fmt.Sprintf("cannot be read: %v", bad[0].Err)}, nil
	}
	return parseHeader(b[:]), nil
}

// parseHeader takes a header apart.
func parseHeader(b []byte) (h blockHeader) {
	f := input.NewFields(b, addr.Big)
	h.off, h.size = f.U64(0), f.U64(8)
	switch {
	case h.off == 1<<64-1:
		h.last = true
	case h.off >= 1<<63 || h.size >= 1<<63 || h.off+h.size >= 1<<63:
		h.why = fmt.Sprintf("is damaged: %#x bytes at offset %#x cannot be", h.size, h.off)
	case h.off == 0 && h.size == 0: // perhaps a hole of the file, with many more of them
		h.why = "is zeros"
	}
	return h
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
		Path: x.Name(), Format: "makedumpfile flattened", What: fmt.Sprintf("a flattened dump in %d blocks of %d bytes on average up to %v", n, at/n, x.file.Place(at)),
		Advice: "unflatten it first (makedumpfile -R), for so many pieces take more memory than the file has", RawHelps: magic.ScanBytes,
	}
}

// maxNotes is how many notes are kept of damage: there may be some in the dump, too.
const maxNotes = image.MaxNotes / 2

// cut notes why the blocks are not all there.
func (x *overlay) cut(format string, args ...any) {
	x.why = fmt.Sprintf(format, args...)
	if len(x.notes) < maxNotes {
		x.notes = append(x.notes, x.why)
	}
}
