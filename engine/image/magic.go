package image

import (
	"bytes"
	"fmt"
	"strings"
)

// headSize is how many of a file's first bytes detection looks at, tailSize how
// many of its last ones. A swap area with pages of 64 KiB has its magic at the
// end of its first page, a disk image in the last sector.
const (
	headSize = 64 << 10
	tailSize = 512
)

// known is a format that is recognised by a file's first bytes or, where these
// tell nothing, its last ones.
type known struct {
	name   string                               // as Identify gives it
	what   string                               // to follow "is"
	match  func(head []byte) bool               // of up to headSize bytes
	tail   func(tail []byte) bool               // of up to tailSize bytes; nil: the head alone tells
	flag   FormatName                           // as Options.Format names it, where it is read
	open   func(input, Options) (*Draft, error) // nil: not read
	holds  Holding
	advice string // where it is not read; FILE stands for the path
	raw    string // as UnsupportedError.RawHelps
	live   bool   // as UnsupportedError.Live
}

// refuse is the error about a file that is not read.
func (k *known) refuse(path string) *UnsupportedError {
	return &UnsupportedError{
		Path: path, Format: k.name, What: k.what, Advice: k.advise(path),
		RawHelps: k.raw, Holds: k.holds, Placeable: k.holds == HoldsProgram, Live: k.live,
	}
}

// advise fills the path into the advice.
func (k *known) advise(path string) string {
	return strings.ReplaceAll(k.advice, "FILE", ShellWord(asOperand(path)))
}

// asOperand is a path as other programs take it: one that begins with - is no
// option, and what ends with a colon is no protocol (qemu-img) or machine (tar).
func asOperand(path string) string {
	colon := strings.IndexByte(path, ':')
	if strings.HasPrefix(path, "-") || colon >= 0 && !strings.ContainsRune(path[:colon], '/') {
		return "./" + path
	}
	return path
}

// at matches any of the strings at an offset.
func at(off int, magics ...string) func([]byte) bool {
	return func(head []byte) bool {
		for _, m := range magics {
			if len(head) >= off && bytes.HasPrefix(head[off:], []byte(m)) {
				return true
			}
		}
		return false
	}
}

// either matches where one of the two does.
func either(a, b func([]byte) bool) func([]byte) bool {
	return func(head []byte) bool { return a(head) || b(head) }
}

// both matches where the two do.
func both(a, b func([]byte) bool) func([]byte) bool {
	return func(head []byte) bool { return a(head) && b(head) }
}

// never is for what only the last bytes of a file tell.
func never([]byte) bool { return false }

// isText reports whether the first 512 bytes are printable ASCII or UTF-8.
func isText(head []byte) bool {
	for _, c := range head[:min(len(head), 512)] {
		if (c < ' ' && c != '\n' && c != '\r' && c != '\t') || c == 0x7f {
			return false
		}
	}
	return true
}

// text matches text that begins with one of the strings.
func text(starts ...string) func([]byte) bool {
	return func(head []byte) bool { return at(0, starts...)(head) && isText(head) }
}

// programAdvice is for programs and libraries.
const programAdvice = "lay it at the address where it was loaded"

// What a file gives as raw memory, as UnsupportedError.RawHelps has it: one that is
// text, one that is compressed, or any other.
const (
	scanText       = "scan the text"
	scanCompressed = "scan the compressed bytes"
	scanBytes      = "scan its bytes"
)

// ends reads the first and the last bytes of a file, for detection.
func ends(in input) (head, tail []byte, err error) {
	head = make([]byte, min(headSize, in.size))
	n, err := in.read(head, 0)
	if n == 0 && err == nil {
		err = fmt.Errorf("%s is empty: there is nothing to scan", in.path())
	}
	if err != nil {
		return nil, nil, err
	}
	tail = make([]byte, min(tailSize, in.size))
	m, err := in.read(tail, in.size-uint64(len(tail)))
	return head[:n], tail[:m], err
}
