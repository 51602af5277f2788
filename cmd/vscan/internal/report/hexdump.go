package report

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/internal/wording"
)

// Hexdump shows bytes, 16 on a line behind the address of the line:
//
//	0x0000000000401ff0  74 20 72 75 6e 20 74 69  6d 65 63 6f 72 72 65 63  |t run timecorrec|
//
// A byte that cannot be read shows as --, and a line without a byte is left out.
type Hexdump struct {
	First addr.Addr // the address of Bytes[0]
	Bytes []byte
	holes []addr.Range // where bytes could not be read, ascending
	match addr.Range   // the bytes that are coloured
	color bool         // whether they are
}

// BytesPerLine is the number of bytes on a line. The address of a line is a multiple of
// it.
const BytesPerLine = 16

// read fills the dump with the bytes of r that can be read.
func (d *Hexdump) read(s *engine.Space, r addr.Range) {
	d.First, d.Bytes = r.First, make([]byte, r.Size())
	d.holes = s.ReadAvailable(d.Bytes, r.First)
}

// Lines appends the lines of the dump to dst. A Hexdump is used for one call.
func (d *Hexdump) Lines(dst []byte) []byte {
	last := d.First + addr.Addr(len(d.Bytes)-1)
	for line := d.First.AlignDown(BytesPerLine); ; line += BytesPerLine {
		dst = d.appendLine(dst, line, last)
		if last-line < BytesPerLine {
			return dst
		}
	}
}

// appendLine appends the line that begins at address line; last is the last address of
// the dump.
func (d *Hexdump) appendLine(dst []byte, line, last addr.Addr) []byte {
	var have [BytesPerLine]bool
	some := false
	for len(d.holes) > 0 && d.holes[0].Last < line {
		d.holes = d.holes[1:]
	}
	for i := range have {
		a := line + addr.Addr(i)
		have[i] = a >= d.First && a <= last && !d.inHole(a)
		some = some || have[i]
	}
	if !some {
		return dst
	}
	at := func(i int) byte { return d.Bytes[line+addr.Addr(i)-d.First] }
	colored := func(i int) bool { return d.color && d.match.Contains(line+addr.Addr(i)) }
	var address [8]byte
	binary.BigEndian.PutUint64(address[:], uint64(line))
	dst = append(hex.AppendEncode(append(dst, "0x"...), address[:]), ' ')
	for i := range have {
		if i%8 == 0 {
			dst = append(dst, ' ')
		}
		switch {
		case !have[i]:
			dst = append(dst, "-- "...)
		case colored(i):
			dst = fmt.Appendf(dst, "%s%02x%s ", colorMatch, at(i), colorOff)
		default:
			dst = append(hex.AppendEncode(dst, []byte{at(i)}), ' ')
		}
	}
	dst = append(dst, " |"...)
	for i := range have {
		switch {
		case !have[i]:
			dst = append(dst, ' ')
		case colored(i):
			dst = fmt.Appendf(dst, "%s%c%s", colorMatch, wording.PrintByte(at(i)), colorOff)
		default:
			dst = append(dst, wording.PrintByte(at(i)))
		}
	}
	return append(dst, "|\n"...)
}

// inHole reports whether a lies in one of the holes. appendLine has dropped those
// before the line, and a line has few.
func (d *Hexdump) inHole(a addr.Addr) bool {
	for _, h := range d.holes {
		if h.First > a {
			return false
		}
		if h.Contains(a) {
			return true
		}
	}
	return false
}
