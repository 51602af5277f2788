package refused

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/bits"

	"vscan/engine/addr"
	"vscan/engine/image/magic"
)

// Magics of few bytes, and what else has to hold before memory that happens to
// begin with them is taken for something else. Memory begins with zeros, with a
// table of interrupt vectors, with pointers or with code; a wrong refusal costs
// an analyst a look at the manual, so each of these has to be next to
// impossible in that.

// isZlib decompresses the first bytes: the two of a zlib header are too common
// to say anything alone. A stream that ends there has to end well, with its
// checksum, and with the file or where another begins: memory is full of short
// ones, with something else behind. Of a long one, what there is has to
// decompress without an error, which a first block that is stored does too easily:
// no compressor leaves ones where the three bits of its head are filled up to a byte. So
// does a stored one behind few compressed bytes: a compressor stores what it cannot compress.
func isZlib(head []byte) bool {
	if len(head) > 2 && head[2]&6 == 0 && head[2]>>3 != 0 {
		return false
	}
	for in := bytes.NewReader(head); ; {
		blocks := deflateBlocks{Reader: in}
		r, err := zlib.NewReader(&blocks)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		switch {
		case blocks.storesOther():
			return false
		case errors.Is(err, io.ErrUnexpectedEOF):
			return len(head) >= 512
		case err != nil:
			return false
		case in.Len() == 0:
			return len(head) < magic.HeadSize // else more would follow
		}
	}
}

// deflateBlocks is what a zlib stream is read from, and looks at the blocks that are stored
// behind others that are not. Package flate reads one byte at a time but for the head of a
// stored block, of 4 bytes, and what is in it.
type deflateBlocks struct {
	*bytes.Reader
	single int    // bytes that were read one at a time
	heads  int    // heads of stored blocks that were read, each behind a byte that says so
	mixed  bool   // not all blocks up to the last head are stored
	left   int    // what is left of the stored block
	stored []byte // what was read of it
	other  bool   // one that ended was no noise
}

func (d *deflateBlocks) ReadByte() (byte, error) {
	d.single++
	return d.Reader.ReadByte()
}

func (d *deflateBlocks) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	switch {
	case d.left > 0:
		d.left -= n
		d.stored = append(d.stored, p[:n]...)
	case n == 4: // the head of a block: its size (2), and that with all bits turned (2); else the sum at the end
		d.other = d.storesOther()
		d.heads++
		d.mixed = d.single > d.heads
		d.left, d.stored = int(binary.LittleEndian.Uint16(p)), nil
	}
	return n, err
}

// storesOther reports whether a block stores what could be compressed, where not all are
// stored.
func (d *deflateBlocks) storesOther() bool {
	return d.other || d.mixed && !isNoise(d.stored)
}

// isLZMA looks at all that the header says: properties (1), size of the
// dictionary (4), size of what is compressed (8) or -1; and at the first byte of
// the range coder, which is 0. Sizes that encoders do not write are not taken.
// Where the size is known, the header says less: then only the properties that
// all programs write by default are taken, and what follows has to look like
// noise.
func isLZMA(head []byte) bool {
	if len(head) < 18 || head[13] != 0 || !lzmaProperties(head[0]) {
		return false
	}
	dict, size := binary.LittleEndian.Uint32(head[1:]), binary.LittleEndian.Uint64(head[5:])
	if !lzmaDictionary(dict) || head[14] >= 0x80 { // the first bit says that a literal follows
		return false
	}
	if size == ^uint64(0) {
		return true
	}
	return head[0] == 0x5d && dict >= 64<<10 && size > 0 && size < 1<<40 && isNoise(head[14:min(len(head), 4096)])
}

// isNoise reports whether no value is more than an eighth of the bytes, as it is
// in memory, where zeros are, and half of the values are there, as they are not
// in text. Of few bytes it cannot tell, and takes them for noise.
func isNoise(b []byte) bool {
	if len(b) < 512 {
		return true
	}
	var count [256]int
	values := 0
	for _, c := range b {
		if count[c]++; count[c] == 1 {
			values++
		}
		if count[c] > len(b)/8 {
			return false
		}
	}
	return values >= 128
}

// lzmaProperties reports whether liblzma would take them.
func lzmaProperties(b byte) bool {
	lc, lp := b%9, b/9%5
	return b < 9*5*5 && lc+lp <= 4
}

// lzmaDictionary reports whether n is 2^n or 2^n + 2^(n-1), of 4 KiB and more, or
// the largest there is.
func lzmaDictionary(n uint32) bool {
	if n == 1<<32-1 {
		return true
	}
	return n >= 4096 && (bits.OnesCount32(n) == 1 || bits.OnesCount32(n) == 2 && bits.OnesCount32(n&(n<<1)) == 1)
}

// isCompress looks at the flags of a .Z file (maximal width, block mode) and at
// its first codes, of 9 bits: each names a string that is there by then, and no
// two make the same string, since the compressor takes the longest.
func isCompress(head []byte) bool {
	if len(head) < 5 || string(head[:2]) != "\x1f\x9d" || head[2]&0x60 != 0 || head[2]&0x1f < 9 || head[2]&0x1f > 16 {
		return false
	}
	free := 256
	if head[2]&0x80 != 0 {
		free = 257 // 256 clears the table, which is not yet full
	}
	return lzwCodes(head[3:], free)
}

// lzwString is a string in the table: what it begins with, and its last byte.
type lzwString struct {
	prefix int
	last   byte
}

// lzwCodes follows the codes of 9 bits, least significant bit first, that come
// before the first of 10 bits. free is the first code that is not given.
func lzwCodes(b []byte, free int) bool {
	table, seen := make([]lzwString, 512), map[lzwString]bool{}
	first := func(code int) byte { // the first byte of a code's string
		for code >= 256 {
			code = table[code].prefix
		}
		return byte(code)
	}
	base, prev := free, -1
	for i := 0; free < 512 && i*9+9 <= len(b)*8; i++ {
		code := (int(b[i*9/8]) | int(b[i*9/8+1])<<8) >> (i * 9 % 8) & 0x1ff
		switch {
		case prev < 0 && code > 255, code > free, code >= 256 && code < base:
			return false
		case prev < 0:
			prev = code
			continue
		}
		s := lzwString{prev, first(prev)} // of the code that is being given
		if code < free {
			s.last = first(code)
		}
		if seen[s] {
			return false
		}
		seen[s] = true
		table[free], prev = s, code
		free++
	}
	return true
}

// isOldTar looks at the header of a tar archive without ustar in it: the sum of
// its bytes, with blanks in the place of the sum, as octal digits.
func isOldTar(head []byte) bool {
	if len(head) < 512 || head[0] == 0 {
		return false
	}
	want, ok := octal(bytes.Trim(head[148:156], " \x00"))
	sum := uint64(8 * ' ')
	for i, c := range head[:512] {
		if i < 148 || i >= 156 {
			sum += uint64(c)
		}
	}
	return ok && sum == want
}

// octal reads octal digits, at least one.
func octal(b []byte) (n uint64, ok bool) {
	for _, c := range b {
		if c < '0' || c > '7' || n >= 1<<60 {
			return 0, false
		}
		n = n<<3 | uint64(c-'0')
	}
	return n, len(b) > 0
}

// isArj looks at the CRC of the main header: magic (2), size (2), header, CRC (4).
func isArj(head []byte) bool {
	if !magic.At(0, "\x60\xea")(head) || len(head) < 8 {
		return false
	}
	n := int(binary.LittleEndian.Uint16(head[2:]))
	if n < 30 || n > 2600 || len(head) < 8+n {
		return false
	}
	return crc32.ChecksumIEEE(head[4:4+n]) == binary.LittleEndian.Uint32(head[4+n:])
}

// isVHD reports whether a VHD's footer begins b, by the sum of its bytes.
func isVHD(b []byte) bool {
	if len(b) < 511 || !magic.At(0, "conectix")(b) {
		return false
	}
	var sum uint32
	for i, c := range b[:min(len(b), 512)] {
		if i < 64 || i >= 68 {
			sum += uint32(c)
		}
	}
	return ^sum == binary.BigEndian.Uint32(b[64:])
}

// isVHDTail looks for the footer in the last 512 bytes, or 511, as the first
// Virtual PC had it.
func isVHDTail(tail []byte) bool {
	return len(tail) == magic.TailSize && (isVHD(tail) || isVHD(tail[1:]))
}

// isUDIFTail looks for the trailer of an Apple disk image: magic, version 4, its
// own size; big-endian.
func isUDIFTail(tail []byte) bool {
	return len(tail) == magic.TailSize && magic.At(0, "koly\x00\x00\x00\x04\x00\x00\x02\x00")(tail)
}

// isEncryptedDMGTail looks for what ends an encrypted disk image of version 1.
func isEncryptedDMGTail(tail []byte) bool { return bytes.HasSuffix(tail, []byte("cdsaencr")) }

// isGhost looks at the type of an image, which is 0 to 9.
func isGhost(head []byte) bool {
	return magic.At(0, "\xfe\xef\x01")(head) && len(head) > 3 && head[3] < 10
}

// isSquashfs looks at the versions that there are, 1.0 to 4.0 and some .1.
func isSquashfs(head []byte) bool {
	if len(head) < 96 {
		return false
	}
	little := magic.At(0, "hsqs")(head) && head[28] >= 1 && head[28] <= 4 && head[29] == 0 && head[30] <= 1 && head[31] == 0
	big := magic.At(0, "sqsh")(head) && head[29] >= 1 && head[29] <= 4 && head[28] == 0 && head[31] <= 1 && head[30] == 0
	return little || big
}

// isSolarisDump looks at version and word size as well.
func isSolarisDump(head []byte) bool {
	if len(head) < 16 || !magic.At(0, "\xed\xc8\xfe\xde", "\xde\xfe\xc8\xed")(head) {
		return false
	}
	order := addr.Little
	if head[0] == 0xde {
		order = addr.Big
	}
	word := order.Uint(head[12:16])
	return order.Uint(head[4:8]) < 256 && (word == 32 || word == 64)
}

// isKcore looks at the magic of a kernel core, in network byte order below flags
// and machine, and at that of its first segment, where the header ends.
func isKcore(head []byte) bool {
	if len(head) < 12 || string(head[2:4]) != "\x8f\xca" {
		return false
	}
	for _, order := range []addr.ByteOrder{addr.Little, addr.Big} {
		if n := int(order.Uint(head[4:6])); n >= 12 && n <= 64 && magic.At(n+2, "\x8f\xac")(head) {
			return true
		}
	}
	return false
}

// isWindowsHibernation looks at what follows the signature, which is in capital or
// in small letters and a word of text as well: the type of the image or a version
// (4), a checksum (4), the size of the header (4), which is less than a page.
func isWindowsHibernation(head []byte) bool {
	if !magic.At(0, "HIBR", "WAKE", "RSTR", "hibr", "wake", "rstr")(head) {
		return false
	}
	var b [16]byte
	copy(b[:], head)
	return binary.LittleEndian.Uint32(b[4:]) < 256 && binary.LittleEndian.Uint32(b[12:]) < 4096
}

// isOpenPGP looks for what an encrypted message is of: packets with the session
// key, encrypted to a key (1) or a passphrase (3), and then the data (18, 20).
func isOpenPGP(head []byte) bool {
	for keys := 0; ; keys++ {
		tag, n, body, ok := openPGPPacket(head)
		if !ok || len(body) < 2 {
			return false
		}
		version := body[0]
		switch tag {
		case 1: // version, key (8), algorithm
			ok = version == 3 && len(body) > 9 && bytes.IndexByte([]byte("\x01\x02\x10\x12\x19\x1a"), body[9]) >= 0 || version == 6
		case 3: // version, cipher, in version 4 how the passphrase makes a key and with which hash
			ok = version >= 4 && version <= 6 && (version == 6 || body[1] >= 1 && body[1] <= 13)
			if version == 4 && len(body) > 3 {
				ok = ok && (body[2] <= 1 || body[2] == 3 || body[2] == 4) && (body[2] == 4 || body[3] >= 1 && body[3] <= 14)
			}
		case 18, 20: // version, in version 2 cipher, mode and size of the chunks
			return keys > 0 && (version == 1 || tag == 18 && version == 2 && (len(body) < 4 || body[1] >= 1 && body[1] <= 13 && body[2] >= 1 && body[2] <= 3 && body[3] <= 16))
		default:
			return false
		}
		if !ok || n < 0 || n > len(body) {
			return false
		}
		head = body[n:]
	}
}

// openPGPPacket reads the tag and the length of a packet, the size in bytes of its
// body, which begins at body. n is 0 where the body comes in parts or has no end.
func openPGPPacket(b []byte) (tag byte, n int, body []byte, ok bool) {
	if len(b) < 6 || b[0]&0x80 == 0 {
		return 0, 0, nil, false
	}
	if b[0]&0x40 == 0 { // the old form
		size := 1 << (b[0] & 3)
		if size == 8 {
			size = 0
		}
		var wide [4]byte
		copy(wide[4-size:], b[1:1+size])
		return b[0] >> 2 & 15, int(binary.BigEndian.Uint32(wide[:])), b[1+size:], true
	}
	tag = b[0] & 0x3f
	switch first := b[1]; {
	case first < 192:
		return tag, int(first), b[2:], true
	case first < 224:
		return tag, int(first-192)<<8 + int(b[2]) + 192, b[3:], true
	case first < 255:
		return tag, 0, b[2:], true
	}
	return tag, int(binary.BigEndian.Uint32(b[2:])), b[6:], true
}

// isLinuxHibernation looks where a first page can end: pages have 4 to 64 KiB.
func isLinuxHibernation(head []byte) bool {
	for end := 4 << 10; end <= 64<<10; end *= 2 {
		if magic.At(end-10, "S1SUSPEND\x00", "S2SUSPEND\x00", "ULSUSPEND\x00", "LINHIB0001", "\xed\xc3\x02\xe9\x98\x56\xe5\x0c")(head) {
			return true
		}
	}
	return false
}

// isGoHeapDump looks for the first line, "go1.7 heap dump".
func isGoHeapDump(head []byte) bool {
	line, _, ok := bytes.Cut(head[:min(len(head), 32)], []byte("\n"))
	return ok && bytes.HasPrefix(line, []byte("go1.")) && bytes.HasSuffix(line, []byte(" heap dump"))
}
