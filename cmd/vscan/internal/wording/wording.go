// Package wording has the words of what the command prints: numbers and sizes with their
// nouns, offsets, lists, and text that comes out of images, made safe to print.
package wording

import (
	"fmt"
	"strconv"
	"strings"

	"vscan/engine/addr"
)

// Plural is a number with its noun.
func Plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.FormatUint(n, 10) + " " + noun + "s"
}

// Size is a number of bytes for people.
func Size(n uint64) string {
	if n < 1024 {
		return Plural(n, "byte")
	}
	f, unit := float64(n), ""
	for _, unit = range []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"} {
		if f /= 1024; f < 1023.95 { // what is more would print as 1024.0
			break
		}
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}

// OrList is "a, b or c".
func OrList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// SignedHex is an offset: 0x10 or -0x10.
func SignedHex(v int64) string {
	if v < 0 {
		return "-0x" + strconv.FormatUint(uint64(-v), 16)
	}
	return "0x" + strconv.FormatUint(uint64(v), 16)
}

// AppendAddr appends an address as it is always written.
func AppendAddr(dst []byte, a addr.Addr) []byte {
	return strconv.AppendUint(append(dst, "0x"...), uint64(a), 16)
}

// AppendSigned appends an offset: 0x10 or -0x10.
func AppendSigned(dst []byte, v int64) []byte {
	if v < 0 {
		return append(dst, SignedHex(v)...)
	}
	return AppendAddr(dst, addr.Addr(v))
}
