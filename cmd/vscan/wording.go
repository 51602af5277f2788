package main

import (
	"fmt"
	"strconv"
	"strings"

	"vscan/engine/addr"
)

// plural is a number with its noun.
func plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.FormatUint(n, 10) + " " + noun + "s"
}

// size is a number of bytes for people.
func size(n uint64) string {
	if n < 1024 {
		return plural(n, "byte")
	}
	f, unit := float64(n), ""
	for _, unit = range []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"} {
		if f /= 1024; f < 1023.95 { // what is more would print as 1024.0
			break
		}
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}

// orList is "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// signedHex is an offset: 0x10 or -0x10.
func signedHex(v int64) string {
	if v < 0 {
		return "-0x" + strconv.FormatUint(uint64(-v), 16)
	}
	return "0x" + strconv.FormatUint(uint64(v), 16)
}

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
