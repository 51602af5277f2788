// Package magic says what a line in the table of detection is, and has the matches
// that lines are made of. It is for the engine and may change. The table is in the
// formats package.
package magic

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"vscan/engine/image"
	"vscan/engine/image/input"
)

// HeadSize is how many of a file's first bytes detection looks at, TailSize how
// many of its last ones. A swap area with pages of 64 KiB has its magic at the
// end of its first page, a disk image in the last sector.
const (
	HeadSize = 64 << 10
	TailSize = 512
)

// Format is a format that is recognised by a file's first bytes or, where these
// tell nothing, its last ones.
type Format struct {
	Name   string                                                                   // as Identify gives it
	What   string                                                                   // to follow "is"
	Match  func(head []byte) bool                                                   // of up to HeadSize bytes
	Tail   func(tail []byte) bool                                                   // of up to TailSize bytes; nil: the head alone tells
	Option image.FormatName                                                         // as Options.Format names it, where it is read
	Open   func(context.Context, input.Reader, image.Options) (*image.Draft, error) // nil: not read
	// Unpack has the bytes of a container that can be read; nil: it is none, or cannot. look is asked
	// of the first ones, up to HeadSize, and ends it with its error.
	Unpack   func(ctx context.Context, in input.Reader, o image.Options, look func(head []byte) error) (*Content, error)
	Holds    image.Holding
	Advice   string // where it is not read; FILE stands for the path
	RawHelps string // as UnsupportedError.RawHelps
	Live     bool   // as UnsupportedError.Live
}

// Content is what a container holds.
type Content struct {
	input.Reader
	Notes []string // what is odd about the container
	Lost  uint64   // bytes of its file that could not be unpacked, at least; 0: all is there
}

// Refuse returns the error about a file of a format that is not read.
func (k *Format) Refuse(path string) *image.UnsupportedError {
	return &image.UnsupportedError{
		Path: path, Format: k.Name, What: k.What, Advice: k.Advise(path),
		RawHelps: k.RawHelps, Holds: k.Holds, Placeable: k.Holds == image.HoldsProgram, Live: k.Live,
	}
}

// Advise returns the advice with the path filled in, as a shell takes it.
func (k *Format) Advise(path string) string {
	return strings.ReplaceAll(k.Advice, "FILE", image.ShellWord(asOperand(path)))
}

// asOperand returns a path as other programs take it: one that begins with - is no
// option, and what ends with a colon is no protocol (qemu-img) or machine (tar).
func asOperand(path string) string {
	colon := strings.IndexByte(path, ':')
	if strings.HasPrefix(path, "-") || colon >= 0 && !strings.ContainsRune(path[:colon], '/') {
		return "./" + path
	}
	return path
}

// At matches any of the strings at an offset.
func At(off int, magics ...string) func([]byte) bool {
	return func(head []byte) bool {
		for _, m := range magics {
			if len(head) >= off && bytes.HasPrefix(head[off:], []byte(m)) {
				return true
			}
		}
		return false
	}
}

// Either matches where one of the two does.
func Either(a, b func([]byte) bool) func([]byte) bool {
	return func(head []byte) bool { return a(head) || b(head) }
}

// Both matches where the two do.
func Both(a, b func([]byte) bool) func([]byte) bool {
	return func(head []byte) bool { return a(head) && b(head) }
}

// Never is for what only the last bytes of a file tell.
func Never([]byte) bool { return false }

// IsText reports whether the first 512 bytes are printable ASCII or UTF-8.
func IsText(head []byte) bool {
	for _, c := range head[:min(len(head), 512)] {
		if (c < ' ' && c != '\n' && c != '\r' && c != '\t') || c == 0x7f {
			return false
		}
	}
	return true
}

// Text matches text that begins with one of the strings.
func Text(starts ...string) func([]byte) bool {
	return func(head []byte) bool { return At(0, starts...)(head) && IsText(head) }
}

// PlaceAdvice is for programs and libraries.
const PlaceAdvice = "lay it at the address where it was loaded"

// What a file gives as raw memory, as UnsupportedError.RawHelps has it: one that is
// text, one that is compressed, or any other.
const (
	ScanText       = "scan the text"
	ScanCompressed = "scan the compressed bytes"
	ScanBytes      = "scan its bytes"
)

// leastHead is how many bytes tell what a file is where those behind them cannot be read.
const leastHead = 4 << 10

// Ends reads the first and the last bytes of a file, for detection. Where the last ones
// cannot be read, or the first ones not to HeadSize, what there is has to do, but for the first 4 KiB.
func Ends(in input.Reader) (head, tail []byte, err error) {
	head = make([]byte, min(HeadSize, in.Size))
	n, err := in.Fill(head, 0)
	if n == 0 && err == nil {
		err = fmt.Errorf("%s is empty: there is nothing to scan", in.Path())
	}
	if err != nil && n < leastHead {
		return nil, nil, err
	}
	tail = make([]byte, min(TailSize, in.Size))
	m, _ := in.Fill(tail, in.Size-uint64(len(tail))) // what cannot be read is told when it is searched
	return head[:n], tail[:m], nil
}
