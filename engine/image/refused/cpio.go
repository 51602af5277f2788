package refused

import (
	"bytes"
	"strings"
	"unicode"

	"vscan/engine/addr"
	"vscan/engine/image/magic"
)

// isCpio looks at the first headers of an archive.
func isCpio(head []byte) bool {
	switch {
	case magic.At(0, "070707")(head):
		_, ok := octal(head[6:min(len(head), 26)])
		return ok && len(head) >= 76
	case magic.At(0, "070701", "070702")(head):
		return len(head) >= 110 && allHex(head[6:110])
	case magic.At(0, "\xc7\x71")(head):
		return isBinaryCpio(head, addr.Little)
	case magic.At(0, "\x71\xc7")(head):
		return isBinaryCpio(head, addr.Big)
	}
	return false
}

func allHex(b []byte) bool {
	for _, c := range b {
		if !bytes.ContainsRune([]byte("0123456789abcdefABCDEF"), rune(c)) {
			return false
		}
	}
	return true
}

// The header of a file in a binary archive (cpio(5) of libarchive) is words of 2 bytes:
//
//	0   magic, device, inode, mode, user, group, links, device that it is
//	16  time (2 words), length of the name, bytes (2 words)
//	26  name, a zero, data: each of an even length
//
// Numbers of two words have the high one first, in either byte order. The last file is called TRAILER!!!.
// Where the bytes of an archive are swapped, those of names are too.

// isBinaryCpio looks at the first two files, or at the one that is the last. Where the data of the first goes
// beyond what was read, it has to be a regular file, for no other has data to speak of, and its name text.
func isBinaryCpio(head []byte, order addr.ByteOrder) bool {
	first, next, ok := cpioMember(head, order)
	switch {
	case !ok:
		return false
	case first.last:
		return true
	case next < uint64(len(head)):
		_, _, ok = cpioMember(head[next:], order)
		return ok
	}
	return first.regular && first.text
}

// cpioFile is what is needed of a file in a binary archive.
type cpioFile struct {
	regular bool // it can have data, has links, and is no device
	text    bool // there are no control characters in its name
	last    bool // nothing follows
}

// cpioMember reads the header of a file, and returns the offset of the next one. It reports whether the header makes
// sense: the type is one, and the name has its length and ends with its only zero.
func cpioMember(head []byte, order addr.ByteOrder) (f cpioFile, next uint64, ok bool) {
	const size = 26
	if len(head) < size+2 || order.Uint(head[:2]) != 0o070707 {
		return f, 0, false
	}
	word := func(at int) uint64 { return order.Uint(head[at : at+2]) }
	mode, name, bytes := word(6)>>12, word(20), word(22)<<16|word(24)
	if name < 2 || name > 4096 {
		return f, 0, false
	}
	even := func(n uint64) uint64 { return n + n&1 }
	text, known := cpioName(head[size:min(uint64(len(head)), size+even(name))], int(name))
	f.last = mode == 0 && text == "TRAILER!!!"
	f.text = strings.IndexFunc(text, unicode.IsControl) < 0
	switch mode {
	case 1, 2, 4, 6: // pipes, devices and folders have no data
		known = known && bytes == 0
	case 8:
		device := word(14)
		f.regular = word(12) > 0 && (device == 0 || device == 0xffff)
	case 10, 12:
	default:
		known = f.last
	}
	return f, size + even(name) + even(bytes), known
}

// cpioName returns a name of n bytes with its zero, and reports whether b holds one, as it is or with its bytes swapped.
func cpioName(b []byte, n int) (string, bool) {
	if len(b) < n {
		return "", false
	}
	swapped := make([]byte, len(b))
	for i := range b {
		if i^1 < len(b) {
			swapped[i] = b[i^1]
		}
	}
	for _, name := range [][]byte{b, swapped} {
		if bytes.IndexByte(name[:n], 0) == n-1 {
			return string(name[:n-1]), true
		}
	}
	return "", false
}
