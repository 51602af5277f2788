package imagetest

import (
	"strings"

	"vscan/engine/addr"
)

// WinHeader is the header of a Windows crash dump: DUMP_HEADER64 of 0x2000 bytes, or
// DUMP_HEADER of 0x1000 where it is not Wide. What is not set here is PAGE, over and over, as
// Windows leaves it.
type WinHeader struct {
	Wide  bool
	Kind  uint64      // DumpType
	Runs  [][2]uint64 // first page and number of pages; nil: unset
	Count uint64      // NumberOfRuns; 0: that of Runs
	Pages uint64      // NumberOfPages; 0: those of Runs
	Set   map[int]string
}

// String returns the header as a file has it.
func (h WinHeader) String() string {
	le := addr.Little
	size, word, kind, machine, runs := 0x1000, 4, 0xf88, 0x20, 0x64
	name, cpu := "PAGEDUMP", uint64(0x14c)
	if h.Wide {
		size, word, kind, machine, runs = 0x2000, 8, 0xf98, 0x30, 0x88
		name, cpu = "PAGEDU64", 0x8664
	}
	b := []byte(strings.Repeat("PAGE", size/4))
	put := func(off int, s string) { copy(b[off:], s) }
	put(0, name+Words(le, 4, 15, 19041))
	put(0x10, Words(le, word, 0x1ad000))
	put(machine, Words(le, 4, cpu, 2, 0xe2))
	put(kind, Words(le, 4, h.Kind))
	if h.Runs != nil {
		count, pages, table := h.Count, h.Pages, ""
		for _, r := range h.Runs {
			if h.Pages == 0 {
				pages += r[1]
			}
			table += Words(le, word, r[0], r[1])
		}
		if count == 0 {
			count = uint64(len(h.Runs))
		}
		put(runs, Words(le, word, count, pages)+table)
	}
	for off, s := range h.Set {
		put(off, s)
	}
	return string(b)
}

// WinBitmap returns what stands behind the header of a bitmap dump that has some bytes of
// header: the summary (magic, as SDMP) with a number of bits, the bits of pages, and padding up
// to where the first page stands, which is returned too.
func WinBitmap(header int, magic string, bits uint64, pages ...uint64) (summary string, first uint64) {
	b := make([]byte, (bits+7)/8)
	for _, p := range pages {
		b[p/8] |= 1 << (p % 8)
	}
	n := 0x38 + len(b)
	n += -n & 0xfff
	first = uint64(header + n)
	return Padded(magic+"DUMP"+Zeros(0x18)+Words(addr.Little, 8, first, uint64(len(pages)), bits)+string(b), n), first
}

// WinRanges returns what stands behind the header of a dump of kind 8, 9 (whole is false) or
// 10: pairs of a first page and a number of pages, and padding up to where the first page stands,
// which is returned too.
func WinRanges(whole bool, ranges ...[2]uint64) (table string, first uint64) {
	le := addr.Little
	n := 0x30 + 16*(len(ranges)+1)
	n += -n & 0xfff
	first = 0x2000 + uint64(n)
	var pairs strings.Builder
	pages := uint64(0)
	for _, r := range ranges {
		pairs.WriteString(Words(le, 8, r[0], r[1]))
		pages += r[1]
	}
	extra := Zeros(16)
	if whole {
		extra = Words(le, 4, uint64(len(ranges)), 0) + Words(le, 8, pages)
	}
	return Padded(Words(le, 4, 0x40)+"RDMPDUMP"+Zeros(4)+Words(le, 8, first-0x2040+0x20, first)+extra+pairs.String(), n), first
}

// WinPages returns pages that tell their number, of 4096 bytes each.
func WinPages(numbers ...uint64) string {
	var b strings.Builder
	for _, n := range numbers {
		b.WriteString(Padded("page "+addr.Addr(n).String()+" ", 4096))
	}
	return b.String()
}
