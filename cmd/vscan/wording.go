package main

import (
	"strconv"
	"strings"

	"vscan/engine/addr"
	"vscan/engine/wording"
)

// plural is a number with its noun.
func plural(n uint64, noun string) string { return wording.Count(n, noun) }

// size is a number of bytes for people.
func size(n uint64) string { return wording.Size(n) }

// orList is "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// signedHex is an offset: 0x10 or -0x10.
func signedHex(v int64) string { return wording.Offset(v) }

// appendAddr appends an address as it is always written.
func appendAddr(dst []byte, a addr.Addr) []byte {
	return strconv.AppendUint(append(dst, "0x"...), uint64(a), 16)
}

// appendSigned appends an offset: 0x10 or -0x10.
func appendSigned(dst []byte, v int64) []byte {
	if v < 0 {
		return append(dst, signedHex(v)...)
	}
	return appendAddr(dst, addr.Addr(v))
}
