package imagetest

import (
	"strings"
	"unicode/utf16"

	"vscan/engine/addr"
)

// Minidump is a minidump while it is written: minidumpapiset.h. Its directory comes last, so
// that what is put has its place at once.
type Minidump struct {
	Order addr.ByteOrder
	body  string // from the end of the header on
	dir   string
	n     uint64
}

// Put appends bytes, and returns their file offset.
func (d *Minidump) Put(data string) uint64 {
	at := uint64(32 + len(d.body))
	d.body += data
	return at
}

// Stream appends a stream, and returns its file offset.
func (d *Minidump) Stream(kind uint64, data string) uint64 {
	at := d.Put(data)
	d.Entry(kind, uint64(len(data)), at)
	return at
}

// Entry appends an entry of the directory.
func (d *Minidump) Entry(kind, size, at uint64) {
	d.dir += Words(d.Order, 4, kind, size, at)
	d.n++
}

// Name appends a MINIDUMP_STRING, and returns its file offset.
func (d *Minidump) Name(s string) uint64 {
	text := ""
	for _, u := range utf16.Encode([]rune(s)) {
		text += Words(d.Order, 2, uint64(u))
	}
	return d.Put(Words(d.Order, 4, uint64(len(text))) + text + "\x00\x00")
}

// System appends SystemInfo: the processor architecture and the platform.
func (d *Minidump) System(arch, platform uint64) {
	d.Stream(7, Words(d.Order, 2, arch, 6, 0)+"\x04\x01"+Words(d.Order, 4, 10, 0, 19041, platform, 0)+Words(d.Order, 2, 0, 0)+Zeros(24))
}

// Memory appends MemoryList, with padding behind the count or without: of each range
// address, size and file offset.
func (d *Minidump) Memory(padding string, ranges ...[3]uint64) {
	var s strings.Builder
	s.WriteString(Words(d.Order, 4, uint64(len(ranges))) + padding)
	for _, r := range ranges {
		s.WriteString(Words(d.Order, 8, r[0]) + Words(d.Order, 4, r[1], r[2]))
	}
	d.Stream(5, s.String())
}

// Memory64 appends Memory64List: of each range address and size. The bytes begin at base.
func (d *Minidump) Memory64(base uint64, ranges ...[2]uint64) {
	s := Words(d.Order, 8, uint64(len(ranges)), base)
	for _, r := range ranges {
		s += Words(d.Order, 8, r[0], r[1])
	}
	d.Stream(9, s)
}

// Info appends MemoryInfoList: of each region address, size, state and protection.
func (d *Minidump) Info(regions ...[4]uint64) {
	s := Words(d.Order, 4, 16, 48) + Words(d.Order, 8, uint64(len(regions)))
	for _, r := range regions {
		s += Words(d.Order, 8, r[0], r[0]) + Words(d.Order, 4, 4, 0) + Words(d.Order, 8, r[1]) + Words(d.Order, 4, r[2], r[3], 0x20000, 0)
	}
	d.Stream(16, s)
}

// Module returns a MINIDUMP_MODULE: base, size, and the file offset of the name; size and
// file offset of the CodeView record.
func (d *Minidump) Module(base, size, name, recordSize, record uint64) string {
	return Words(d.Order, 8, base) + Words(d.Order, 4, size, 0, 0, name) + Zeros(52) + Words(d.Order, 4, recordSize, record, 0, 0) + Zeros(16)
}

// Thread returns a MINIDUMP_THREAD: number, TEB, address, size and file offset of the stack,
// size and file offset of the registers.
func (d *Minidump) Thread(id, teb, stack, stackSize, stackAt, size, registers uint64) string {
	return Words(d.Order, 4, id, 0, 0, 0) + Words(d.Order, 8, teb, stack) + Words(d.Order, 4, stackSize, stackAt, size, registers)
}

// List appends a stream that begins with the number of its entries.
func (d *Minidump) List(kind uint64, padding string, entries ...string) {
	d.Stream(kind, Words(d.Order, 4, uint64(len(entries)))+padding+strings.Join(entries, ""))
}

// String returns the file.
func (d *Minidump) String() string {
	signature := "MDMP"
	if d.Order == addr.Big {
		signature = "PMDM"
	}
	return signature + Words(d.Order, 4, 0x1234a793, d.n, uint64(32+len(d.body)), 0, 0x60000000) + Zeros(8) + d.body + d.dir
}
