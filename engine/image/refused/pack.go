package refused

import "encoding/binary"

// A packed file (unpack.c of gzip, of the pack of System V):
//
//	0  magic, bytes as they were (4, big-endian), levels of the tree, at most 24
//	7  leaves of each level, less two for the last, then the values of the leaves but for one
//	   codes, most significant bit first; the leaf that has no value is the longest code of ones, and ends them
//
// In each level, smaller codes lead further and larger ones are leaves.

// isPack looks at the tree, which the leaves fill, each with another value, and at the codes: the end comes behind as many
// bytes as there were, and then the file has no more than zeros.
func isPack(head []byte) bool {
	if len(head) < 8 || string(head[:2]) != "\x1f\x1e" || binary.BigEndian.Uint32(head[2:]) == 0 {
		return false
	}
	levels := int(head[6])
	if levels < 1 || levels > 24 || len(head) < 7+levels {
		return false
	}
	room, values := 1, -1
	inner := make([]int, levels) // of each level, how many codes lead further
	for i, leaves := range head[7 : 7+levels] {
		n := int(leaves)
		if i == levels-1 {
			n += 2 // the last level has two more than it says
		}
		values += n
		if room = 2*room - n; room < 0 {
			return false
		}
		inner[i] = room
	}
	b := head[7+levels:]
	return room == 0 && len(b) >= values && differ(b[:values]) && isPacked(b[values:], inner, int(head[6+levels])+2, binary.BigEndian.Uint32(head[2:]))
}

// differ reports whether no two bytes are the same.
func differ(b []byte) bool {
	var seen [256]bool
	for _, c := range b {
		if seen[c] {
			return false
		}
		seen[c] = true
	}
	return true
}

// isPacked follows the codes of so many bytes, as far as b has them. inner has, for each level, how many codes lead
// further, and the last level has so many leaves.
func isPacked(b []byte, inner []int, leaves int, size uint32) bool {
	level, code, n := 0, 0, uint32(0)
	for i := range 8 * len(b) {
		code = code<<1 | int(b[i/8]>>(7-i%8)&1)
		if code < inner[level] {
			level++
			continue
		}
		if level == len(inner)-1 && code == leaves-1 {
			return n == size && zeros(b[i/8+1:])
		}
		if n++; n > size {
			return false
		}
		level, code = 0, 0
	}
	return true
}

// zeros reports whether b has nothing else.
func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
