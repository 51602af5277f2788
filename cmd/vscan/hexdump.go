package main

import (
	"fmt"

	"vscan/engine"
	"vscan/engine/addr"
)

// appendHexdump appends the bytes of r, 16 a line with their addresses, to
// dst. What cannot be read shows as -- and lines without a byte are left out.
// The bytes of match are coloured.
func appendHexdump(dst []byte, s *engine.Space, r, match addr.Range, color bool) []byte {
	for line := r.First.AlignDown(16); ; {
		var b [16]byte
		var have [16]bool
		any := false
		for i := range b {
			a := line + addr.Addr(i)
			if !r.Contains(a) {
				continue
			}
			if n, _ := s.Read(b[i:i+1], a); n == 1 {
				have[i], any = true, true
			}
		}
		if any {
			dst = appendLine(dst, line, b, have, match, color)
		}
		next, ok := line.Add(16)
		if !ok || next > r.Last {
			return dst
		}
		line = next
	}
}

func appendLine(dst []byte, line addr.Addr, b [16]byte, have [16]bool, match addr.Range, color bool) []byte {
	on := func(i int) bool { return color && have[i] && match.Contains(line+addr.Addr(i)) }
	dst = fmt.Appendf(dst, "%#016x ", uint64(line))
	for i := range b {
		if i%8 == 0 {
			dst = append(dst, ' ')
		}
		cell := "-- "
		if have[i] {
			cell = fmt.Sprintf("%02x ", b[i])
		}
		if on(i) {
			cell = colorMatch + cell[:2] + colorOff + " "
		}
		dst = append(dst, cell...)
	}
	dst = append(dst, " |"...)
	for i := range b {
		switch {
		case !have[i]:
			dst = append(dst, ' ')
		case on(i):
			dst = append(append(append(dst, colorMatch...), printByte(b[i])), colorOff...)
		default:
			dst = append(dst, printByte(b[i]))
		}
	}
	return append(dst, "|\n"...)
}
