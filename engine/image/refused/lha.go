package refused

import (
	"bytes"
	"encoding/binary"
)

// The header of a file in an lha archive (header.doc.sjis of LHA for UNIX), in the levels that there are:
//
//	level  0, 1                          2                          3
//	0      size of what is behind 1 (1)  size of the header (2)     size of a word, 4 (2)
//	1      sum of the bytes behind (1)
//	2      method, -lh5- and its like (5), bytes as packed (4), bytes as they were (4), time (4), attribute (1), level (1)
//	21     length of the name, name      CRC (2), system (1)        CRC (2), system (1)
//	       CRC (2), system (1)           size of the next part (2)  size of the header (4), of the next part (4)
//	       level 1: size of the next part (2)
//
// A part has a type (1), what it says, and the size of the next one, which is 0 behind the last. A part of
// type 0 begins with the CRC of the header. The data comes behind the parts, and then the next header, or a zero.
//
// Memory may hold anything behind the method, or a method as text. So all of these have to agree.

// lhaHeader is what is needed of a header.
type lhaHeader struct {
	end   uint64 // the offset of what comes behind the header
	next  uint64 // the offset behind the data
	large bool   // sizes of 8 bytes are in a part
	named bool   // a part is the name, or the file ends before its first part
}

// isLHA looks at the header of the first file, and at what follows its data.
func isLHA(head []byte) bool {
	if len(head) < 22 || !lhaMethodAt(head, 0) {
		return false
	}
	packed := uint64(binary.LittleEndian.Uint32(head[7:]))
	bytes := uint64(binary.LittleEndian.Uint32(head[11:]))
	var h lhaHeader
	var ok bool
	switch level := head[20]; level {
	case 0, 1:
		if h, ok = lhaOldHeader(head, level); ok {
			h.next = uint64(head[0]) + 2 + packed
			ok = h.end <= h.next
		}
	case 2:
		h, ok = lhaParts(head, 24, 2, uint64(binary.LittleEndian.Uint16(head)))
		h.next = h.end + packed
	case 3:
		if binary.LittleEndian.Uint16(head) != 4 || len(head) < 28 || head[26] > 0 || head[27] > 0 { // no header is so large
			return false
		}
		h, ok = lhaParts(head, 28, 4, uint64(binary.LittleEndian.Uint32(head[24:])))
		h.next = h.end + packed
	}
	if !ok || head[19]&^0x3f != 0 { // MS-DOS has no more attributes
		return false
	}
	if h.large {
		return true
	}
	return lhaSizes(string(head[3:6]), h.next-h.end, bytes) && lhaFollows(head, h.next)
}

// lhaSizes reports whether so many bytes can be packed into a number of them: a folder has none, what is only
// stored has as many, and no method makes much more of them.
func lhaSizes(method string, packed, bytes uint64) bool {
	switch method {
	case "lhd":
		return packed == 0
	case "lh0", "lz4", "pm0":
		return packed == bytes
	}
	return packed <= bytes+bytes/8+1<<10
}

// lhaMethodAt reports whether the method of a header stands where one begins at an offset.
func lhaMethodAt(head []byte, off uint64) bool {
	if off+7 > uint64(len(head)) {
		return false
	}
	h := head[off:]
	return h[2] == '-' && h[6] == '-' && lhaMethod(string(h[3:6]))
}

func lhaMethod(m string) bool {
	last := map[string]string{"lh": "01234567dx", "lz": "s45", "pm": "012"}[m[:2]]
	return last != "" && bytes.IndexByte([]byte(last), m[2]) >= 0
}

// lhaFollows reports whether the data of a file may end at an offset: with the archive, or with what was
// read of it, or before the next header, a zero, or what CP/M fills with.
func lhaFollows(head []byte, off uint64) bool {
	return off >= uint64(len(head)) || head[off] == 0 || head[off] == 0x1a || lhaMethodAt(head, off)
}

// lhaOldHeader looks at a header of level 0 or 1: at its sum and time, at its name, which is not longer than the header,
// and, in level 1, at its parts, which count as data. CP/M, where -pm1- and its like are from, has no time.
func lhaOldHeader(head []byte, level byte) (h lhaHeader, ok bool) {
	n := int(head[0])
	name := 22 + int(head[21])
	if n < 20 || len(head) < 2+n || name > n || head[3] != 'p' && !lhaTime(binary.LittleEndian.Uint32(head[15:])) {
		return h, false
	}
	var sum byte
	for _, c := range head[2 : 2+n] {
		sum += c
	}
	if sum != head[1] {
		return h, false
	}
	more := n - name // behind the CRC
	h.end = uint64(2 + n)
	switch {
	case more > 0 && !lhaSystem(head[name+2]):
		return h, false
	case level == 0:
		return h, head[21] > 0 || more > 0 && string(head[3:6]) == "lhd" // the folder itself
	case more < 3: // no room for the size of a part
		return h, true
	}
	h, ok = lhaParts(head, n, 2, 0)
	return h, ok && (head[21] > 0 || h.named) // the name may be in a part
}

// lhaTime reports whether there is such a time of MS-DOS, or none is given: seconds in twos (5 bits), minutes (6), hours (5),
// day (5), month (4), year.
func lhaTime(t uint32) bool {
	day, month := t>>16&31, t>>21&15
	return t == 0 || t&31 < 30 && t>>5&63 < 60 && t>>11&31 < 24 && day >= 1 && month >= 1 && month <= 12
}

// lhaSystem reports whether c names an operating system, which letters and digits do.
func lhaSystem(c byte) bool { return c == 0 || c >= ' ' && c < 0x7f }

// lhaParts follows the parts of a header, whose sizes have so many bytes, the first of them at the offset at.
// They have to end with the header, which has total bytes, and one has to be the name; total is 0 where the parts
// count as data, and the name may be elsewhere. Of a file that ends before its first part, that is taken as right.
func lhaParts(head []byte, at int, word int, total uint64) (h lhaHeader, ok bool) {
	if total > 0 && len(head) > 23 && head[23] == 'K' && word == 2 {
		total += 2 // LHA of OS-9/68000 does not count the size itself
	}
	off := uint64(at + word) // of the part
	switch whole := uint64(len(head)); {
	case total > 0 && (total < off || whole > 23 && !lhaSystem(head[23])):
		return h, false
	case whole < off:
		h.end, h.named = max(off, total), true
		return h, true
	case whole < total:
		return h, false
	}
	sum := 0 // the offset of the CRC of the header
	for off <= uint64(len(head)) {
		size := uint64(binary.LittleEndian.Uint16(head[off-uint64(word):]))
		if word == 4 {
			size = uint64(binary.LittleEndian.Uint32(head[off-uint64(word):]))
		}
		if size == 0 {
			break
		}
		if size < uint64(1+word) || total > 0 && size > total-min(total, off) {
			return h, false
		}
		if off < uint64(len(head)) {
			switch kind := head[off]; {
			case kind == 0 && size >= uint64(3+word):
				sum = int(off) + 1
			case kind == 0x42:
				h.large = true
			case !lhaPart(kind):
				return h, false
			}
			h.named = h.named || head[off] == 1 || head[off] == 2
		}
		off += size
	}
	h.end = max(off, total)
	if total == 0 {
		return h, true
	}
	return h, h.named && total-off <= 1 && (sum == 0 || lhaSum(head[:total], sum)) // one byte fills up, for no size ends with a zero
}

// lhaPart reports whether there are parts of a type: of name and folder, of volumes, of comments and of what
// operating systems have.
func lhaPart(kind byte) bool {
	return kind <= 2 || kind == 0x39 || kind >= 0x3f && kind <= 0x7f || kind >= 0xc4 && kind <= 0xcc || kind == 0xff
}

// lhaSum compares the CRC-16 of a header with the one at an offset in it, which counts as zero.
func lhaSum(header []byte, at int) bool {
	if at+2 > len(header) {
		return false
	}
	crc := uint16(0)
	for i, c := range header {
		if i == at || i == at+1 {
			c = 0
		}
		crc ^= uint16(c)
		for range 8 {
			crc = crc>>1 ^ 0xa001&-(crc&1)
		}
	}
	return crc == binary.LittleEndian.Uint16(header[at:])
}
