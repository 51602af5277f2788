// Package packed has the bytes of files that are compressed: gzip, zstd, xz, bzip2, lz4, zlib where LiME
// writes it, and ZIP archives of one file. It is for the engine and may change.
//
// Where a container has blocks that can be unpacked one by one, and tells where they are,
// it is read at random, and each is unpacked when it is asked for (index.go):
//
//	bgzip          its blocks, of 64 KiB at most
//	zstd           frames that tell their size: what pzstd and programs for seekable files write
//	xz             blocks, of which its index tells: what xz -T writes
//	ZIP            one file that is stored as it is (a file is read that is deflated, or packed with bzip2, zstd or xz, too)
//
// Anything else is unpacked once, from beginning to end, when it is opened (stream.go), and kept
// in memory in pages that are compressed with s2 (pages.go): to compress them and to unpack them again
// takes less time of processors than the memory would that they take as they are, and a fraction
// of what it took to unpack them. So that is bounded: image.Options.UnpackLimit.
//
// What cannot be unpacked costs what is behind it, of a stream, or its block alone.
package packed

import (
	"context"
	"fmt"

	"vscan/engine/image"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
	"vscan/internal/memlimit"
)

// Formats are the lines of containers that are read in the table of detection, to be asked after dumps.
var Formats = []magic.Format{
	// RFC 1952: method 8, no reserved flag.
	container("gzip", "gzip-compressed", "decompress it first (gzip -dc < FILE > OUT)", isGzip, openGzip),
	// RFC 8878.
	container("zstd", "zstd-compressed", "decompress it first (zstd -dc --long=31 < FILE > OUT)", isZstd, openZstd),
	// xz file-format.txt, 2.1.1.1.
	container("xz", "xz-compressed", "decompress it first (xz -dc < FILE > OUT)", isXz, openXz),
	// bzip2: "BZh", the level, then the magic of a block or of the end.
	container("bzip2", "bzip2-compressed", "decompress it first (bzip2 -dc < FILE > OUT)", isBzip2, openBzip2),
	// lz4_Frame_format.md: the frame, and the legacy frame.
	container("lz4", "lz4-compressed", "decompress it first (lz4 -dc < FILE > OUT)", isLz4, openLz4),
	// LiME deflate.c: the whole file is one zlib stream (RFC 1950).
	container("zlib-compressed LiME", "compressed with zlib, by LiME", "decompress it first (zlib-flate -uncompress < FILE > OUT)", isZlibLiME, openZlibLiME),
	// RFC 8878, 3.1.2; lz4 has the same skippable frames.
	container("zstd or lz4", "compressed with zstd or lz4 (it begins with a skippable frame)", "decompress it first (zstd -dc --long=31 < FILE > OUT, or lz4 -dc < FILE > OUT)", isSkippable, openSkippable),
	// APPNOTE.TXT: a local file header, an empty archive, a spanned one.
	container("zip", "a zip archive", "unpack it first (unzip FILE)", magic.At(0, "PK\x03\x04", "PK\x05\x06", "PK\x07\x08PK\x03\x04", "PK00PK\x03\x04"), openZip),
}

// opener reads a container.
type opener func(*unpacking) (*magic.Content, error)

func container(name, what, advice string, match func([]byte) bool, open opener) magic.Format {
	k := magic.Format{Name: name, What: what, Advice: advice, Match: match, Holds: image.HoldsAnything, RawHelps: magic.ScanCompressed}
	k.Unpack = func(ctx context.Context, in input.Reader, o image.Options, look func(head []byte) error) (*magic.Content, error) {
		limit := o.UnpackLimit
		if limit == 0 {
			limit = memlimit.Machine() / 4
		}
		return open(&unpacking{Reader: in, ctx: ctx, format: &k, options: o, look: look, limit: limit})
	}
	return k
}

// unpacking is the opening of one container.
type unpacking struct {
	input.Reader // the file
	ctx          context.Context
	format       *magic.Format
	options      image.Options
	look         func(head []byte) error // is asked of the first bytes before more is unpacked
	limit        uint64                  // bytes that may be unpacked at once
	notes        []string
	lost         uint64 // bytes of the file that could not be unpacked
}

// note keeps what is odd about the container.
func (u *unpacking) note(format string, args ...any) {
	if len(u.notes) <= image.MaxNotes {
		u.notes = append(u.notes, fmt.Sprintf(format, args...))
	}
}

// lose counts bytes of the file that could not be unpacked, at least one.
func (u *unpacking) lose(n uint64) { u.lost = input.AddSat(u.lost, max(n, 1)) }

// content returns what was made of the container.
func (u *unpacking) content(in input.Reader) *magic.Content {
	return &magic.Content{Reader: in, Notes: u.notes, Lost: u.lost}
}

// tooLarge returns the error about what has more bytes than may be unpacked.
func (u *unpacking) tooLarge() error {
	e := u.format.Refuse(u.Path())
	e.What += fmt.Sprintf(", and has more than the %d bytes that are unpacked in memory at most", u.limit)
	e.UnpackLimit = u.limit
	return e
}

// refuse returns the error about a container that is not read, with what it is.
func (u *unpacking) refuse(what string) error {
	e := u.format.Refuse(u.Path())
	e.What += ", " + what
	return e
}
