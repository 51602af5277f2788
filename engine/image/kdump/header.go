package kdump

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"vscan/engine/addr"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
)

// The header of a kdump is two structures of C as the machine lays them out that wrote it: with
// its byte order, its size of long, and its alignment.
//
//	0     signature (8), version (4), utsname (6 × 65), padding, timestamp (two longs)
//	      status (4), block size (4), blocks of the sub header (4), of the bitmaps (4),
//	      max_mapnr (4), …
//	1     of these blocks: phys_base (long), dump level (4), split (4), first page (long), page behind
//	      the last one (long), offset (8) and size (long) of VMCOREINFO, of the notes, of what was
//	      erased; the first page, the page behind the last one and max_mapnr again (8 each)
//
// Fields came with versions 1 to 6; those of earlier ones have no meaning there.

const (
	nameSize   = 65 // of a field of utsname
	nameAt     = 12
	leastBlock = 1 << 10
	mostBlock  = 1 << 20
	headerSize = 512 // of what is read of the first block, and of the second
)

// isDump matches the signatures of makedumpfile and QEMU, and of diskdump.
var isDump = magic.At(0, signature, "DISKDUMP")

const signature = "KDUMP   "

// header is what the header of one file says.
type header struct {
	order   addr.ByteOrder
	wide    bool // longs have 8 bytes
	version uint64

	uname     string // all fields of utsname, as they are
	nodename  string
	release   string
	machine   string
	seconds   uint64 // of the timestamp
	stamp     string // the timestamp as it is
	status    uint64
	block     uint64 // size of a block in bytes: a page of the machine, or what its writer takes for one
	sub       uint64 // blocks of the sub header
	bitmap    uint64 // blocks of the bitmaps
	pages     uint64 // that the bitmaps speak of, from page 0 on: max_mapnr
	legible   uint64 // pages of which that can be read: what follows is lost
	physBase  uint64
	level     uint64 // of makedumpfile -d
	hasLevel  bool
	split     bool
	first     uint64 // of a split set: the first page of this file
	end       uint64 // and the one behind its last
	info      place  // VMCOREINFO
	notes     place
	signature string
}

// place is where something lies in the file.
type place struct{ off, size uint64 }

// bitmapAt and descriptorsAt return file offsets. They stick at 2^64 − 1.
func (h *header) bitmapAt() uint64 { return input.MulSat(1+h.sub, h.block) }
func (h *header) descriptorsAt() uint64 {
	return input.MulSat(1+h.sub+h.bitmap, h.block)
}

// partial reports whether there are two bitmaps, of which the second one says what was dumped.
func (h *header) partial() bool { return h.pages <= input.MulSat(h.bitmap*4, h.block) }

// bitmapSize returns the size of one bitmap in bytes.
func (h *header) bitmapSize() uint64 {
	n := input.MulSat(h.bitmap, h.block)
	if h.partial() {
		n /= 2
	}
	return n
}

// readHeader reads the header of a file. What it cannot be read without is an error.
func readHeader(in input.Reader) (*header, error) {
	b := make([]byte, headerSize)
	n, err := in.Fill(b, 0)
	if err != nil {
		return nil, err
	}
	if !isDump(b) {
		return nil, fmt.Errorf("%s: not a kdump: its first bytes are %q", in.Path(), b[:min(n, 8)])
	}
	for _, l := range layouts(b) {
		if h := l.parse(b); h != nil {
			err := h.readSub(in)
			h.legible = h.pages
			return h, err
		}
	}
	return nil, fmt.Errorf("%s: a kdump whose header is damaged: no size of blocks, of the sub header and of the bitmaps makes sense in any layout (the header has %d bytes at %v)", in.Path(), n, in.Place(0))
}

// layout is how a machine lays the first structure out.
type layout struct {
	order addr.ByteOrder
	wide  bool // longs have 8 bytes
	time  int  // offset of the timestamp
	long  int  // size of one of its parts
}

// narrowMachines are what uname says of machines whose longs have 4 bytes, as it begins.
var narrowMachines = []string{"i386", "i486", "i586", "i686", "arm", "sh", "m68k", "riscv32"}

// narrow reports whether uname speaks of a machine whose longs have 4 bytes.
func narrow(machine string) bool {
	return slices.Contains([]string{"ppc", "powerpc", "mips", "s390", "parisc", "sparc"}, machine) ||
		slices.ContainsFunc(narrowMachines, func(p string) bool { return strings.HasPrefix(machine, p) }) && !strings.HasPrefix(machine, "arm64")
}

// layouts returns the layouts that a header can have, the likely one first. On machines
// with longs of 4 bytes the timestamp has 8 bytes a part where the C library says so.
func layouts(b []byte) []layout {
	order := addr.Little
	if v := input.NewFields(b, addr.Big).U32(8); v < 1<<16 && input.NewFields(b, addr.Little).U32(8) >= 1<<16 {
		order = addr.Big
	}
	other := addr.Big
	if order == addr.Big {
		other = addr.Little
	}
	var all []layout
	for _, order := range []addr.ByteOrder{order, other} {
		long := layout{order, true, 408, 8}
		short := []layout{{order, false, 404, 4}, {order, false, 408, 8}, {order, false, 404, 8}}
		if narrow(name(b, 4)) {
			all = append(append(all, short...), long)
		} else {
			all = append(append(all, long), short...)
		}
	}
	return all
}

// name returns a field of utsname.
func name(b []byte, i int) string {
	field, _, _ := bytes.Cut(b[nameAt+i*nameSize:][:nameSize], []byte{0})
	return string(field)
}

// parse reads a header in a layout; nil where that makes no sense.
func (l layout) parse(b []byte) *header {
	f := input.NewFields(b, l.order)
	at := l.time + 2*l.long
	h := &header{
		order: l.order, wide: l.wide, version: f.U32(8), signature: string(b[:8]),
		uname: string(b[nameAt:][:6*nameSize]), nodename: name(b, 1), release: name(b, 2), machine: name(b, 4),
		stamp:  string(b[l.time:at]),
		status: f.U32(at), block: f.U32(at + 4), sub: f.U32(at + 8), bitmap: f.U32(at + 12), pages: f.U32(at + 16),
	}
	h.seconds = f.U32(l.time)
	if l.long == 8 {
		h.seconds = f.U64(l.time)
	}
	if h.block < leastBlock || h.block > mostBlock || h.block&(h.block-1) != 0 || h.sub >= 1<<31 || h.bitmap == 0 || h.bitmap >= 1<<31 {
		return nil
	}
	return h
}

// readSub reads the sub header. Where the file ends before, nothing of it is known.
func (h *header) readSub(in input.Reader) error {
	if h.signature != signature || h.sub == 0 {
		return nil
	}
	b := make([]byte, headerSize)
	if _, err := in.Fill(b, h.block); err != nil {
		return err
	}
	f := input.NewFields(b, h.order)
	var at int // of the offset of VMCOREINFO
	if h.wide {
		h.physBase, h.level, h.split, h.first, h.end, at = f.U64(0), f.U32(8), f.U32(12) != 0, f.U64(16), f.U64(24), 32
	} else {
		h.physBase, h.level, h.split, h.first, h.end, at = f.U32(0), f.U32(4), f.U32(8) != 0, f.U32(12), f.U32(16), 20
	}
	long, gap := 4, 0 // of sizes; bytes of padding behind them
	switch {
	case h.wide:
		long = 8
	case h.padded(f):
		at, gap = 24, 4
	}
	step := 8 + long + gap
	h.info = place{f.U64(at), h.long(f, at+8)}
	h.notes = place{f.U64(at + step), h.long(f, at+step+8)}
	last := at + 3*step // the last three fields
	if h.version >= 6 {
		if h.split {
			h.first, h.end = f.U64(last), f.U64(last+8)
		}
		if pages := f.U64(last + 16); pages != 0 {
			h.pages = pages
		}
	}
	h.dropLater()
	return nil
}

// long reads a number of the size of a long.
func (h *header) long(f input.Fields, off int) uint64 {
	if h.wide {
		return f.U64(off)
	}
	return f.U32(off)
}

// dropLater forgets fields that the version of the header does not have.
func (h *header) dropLater() {
	h.hasLevel = h.version >= 1
	if h.version < 2 {
		h.split = false
	}
	if h.version < 3 {
		h.info = place{}
	}
	if h.version < 4 {
		h.notes = place{}
	}
}

// padded reports whether a machine with longs of 4 bytes aligns numbers of 8 bytes to 8, by
// whether VMCOREINFO lies between the sub header and the bitmaps where it does not.
func (h *header) padded(f input.Fields) bool {
	if h.version < 3 {
		return false
	}
	fits := func(p place) bool {
		return p.off > h.block && p.size < h.bitmapAt() && p.off <= h.bitmapAt()-p.size
	}
	packed, padded := place{f.U64(20), f.U32(28)}, place{f.U64(24), f.U32(32)}
	switch {
	case fits(packed):
		return false
	case fits(padded):
		return true
	case h.version >= 6: // neither is there: by max_mapnr, which stands there twice
		return f.U64(72)&0xffffffff != h.pages && f.U64(88)&0xffffffff == h.pages
	}
	return strings.HasPrefix(h.machine, "arm")
}
