package report

import (
	"fmt"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/internal/testenv"
	"vscan/internal/wording"
)

// slowHexdump returns what a dump of the bytes of r has to be, made byte by byte.
func slowHexdump(s *engine.Space, r addr.Range) string {
	var out strings.Builder
	for line := r.First.AlignDown(BytesPerLine); ; line += BytesPerLine {
		var digits, text strings.Builder
		some := false
		for i := range addr.Addr(BytesPerLine) {
			if i%8 == 0 {
				digits.WriteByte(' ')
			}
			b, err := s.Byte(line + i)
			if !r.Contains(line+i) || err != nil {
				digits.WriteString("-- ")
				text.WriteByte(' ')
				continue
			}
			some = true
			fmt.Fprintf(&digits, "%02x ", b)
			text.WriteByte(wording.PrintByte(b))
		}
		if some {
			fmt.Fprintf(&out, "0x%016x %s |%s|\n", uint64(line), digits.String(), text.String())
		}
		if r.Last-line < BytesPerLine {
			return out.String()
		}
	}
}

// Dumps of small spaces with holes, absent and zero bytes, at both ends of the address
// space, are the same as dumps that are made byte by byte.
func TestHexdump(t *testing.T) {
	rnd := testenv.Rand(t)
	const reach = 160
	for range 300 {
		base := []addr.Addr{0, 0x1000, addr.Max - reach + 1}[rnd.IntN(3)]
		draw := func() addr.Range {
			a, b := rnd.IntN(reach), rnd.IntN(reach)
			return addr.Range{First: base + addr.Addr(min(a, b)), Last: base + addr.Addr(max(a, b))}
		}
		var mappings []engine.Mapping
		for range rnd.IntN(6) {
			m := engine.Mapping{Range: draw(), State: engine.State(rnd.IntN(3))}
			if m.State == engine.Present {
				b := make([]byte, m.Size())
				for i := range b {
					b[i] = byte(rnd.Uint32())
				}
				if rnd.IntN(3) == 0 {
					b = b[:len(b)/2] // the source is shorter than it should be
				}
				m.Source = engine.BytesSource("b", b)
			}
			mappings = append(mappings, m)
		}
		space, err := engine.NewSpace(mappings...)
		if err != nil {
			t.Fatal(err)
		}
		r := draw()
		var d Hexdump
		d.read(space, r)
		if got, want := string(d.Lines(nil)), slowHexdump(space, r); got != want {
			t.Fatalf("%v of %v:\n%swant\n%s", r, mappings, got, want)
		}
	}
}

// The colours stand around the digits and the text of the match, and around nothing else.
func TestHexdumpColors(t *testing.T) {
	d := Hexdump{First: 0x10, Bytes: []byte("abcd"), match: addr.Range{First: 0x11, Last: 0x12}, color: true}
	got := string(d.Lines(nil))
	on := func(s string) string { return colorMatch + s + colorOff }
	want := "0x0000000000000010  61 " + on("62") + " " + on("63") + " 64 " + strings.Repeat("-- ", 4) + " " + strings.Repeat("-- ", 8) +
		" |a" + on("b") + on("c") + "d" + strings.Repeat(" ", 12) + "|\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
