// Package wording writes numbers, names and places as people read them in every
// output of vscan.
package wording

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"vscan/engine/addr"
)

// Count returns a number with its noun: "1 byte", "3 bytes".
func Count(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.FormatUint(n, 10) + " " + noun + "s"
}

// Size returns a number of bytes in the largest unit, of 1024, of which there is one:
// "512 bytes", "1.5 GiB".
func Size(n uint64) string {
	if n < 1024 {
		return Count(n, "byte")
	}
	f, unit := float64(n), ""
	for _, unit = range []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"} {
		if f /= 1024; f < 1023.95 { // what is more would print as 1024.0
			break
		}
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}

// Offset returns an offset: "0x10", or "-0x10" before the beginning.
func Offset(v int64) string {
	if v < 0 {
		return "-0x" + strconv.FormatUint(uint64(-v), 16)
	}
	return "0x" + strconv.FormatUint(uint64(v), 16)
}

// Place returns a name and an offset in what it names: "[heap]+0x10", "[heap]-0x10".
func Place(name string, offset int64) string {
	if offset < 0 {
		return name + Offset(offset)
	}
	return name + "+" + Offset(offset)
}

// ShortName returns the last part of an absolute path, and any other name as it is.
func ShortName(name string) string {
	if path.IsAbs(name) {
		return path.Base(name)
	}
	return name
}

// OrList returns words as a list: "a, b or c".
func OrList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// AppendAddr appends an address as it is always written: 0x1f0.
func AppendAddr(dst []byte, a addr.Addr) []byte {
	return strconv.AppendUint(append(dst, "0x"...), uint64(a), 16)
}

// AppendOffset appends what Offset returns.
func AppendOffset(dst []byte, v int64) []byte {
	if v < 0 {
		return append(dst, Offset(v)...)
	}
	return AppendAddr(dst, addr.Addr(v))
}
