// Package macho reads Mach-O cores: of processes, as macOS and LLDB write them, and of the
// kernel. It is for the engine and may change.
//
// A header of 28 bytes (32 where words have 64 bits): magic, CPU type and subtype, file type
// (4: a core), number of load commands, their size, flags. Each command is its type (4), its
// size (4), and what it says. Those of memory tell a range of addresses and where in the file
// its first bytes are, in no order. All numbers are in the byte order of the machine, which
// the magic tells. A fat file has several files of that kind, for different machines, with a
// big-endian table in front. Sources: Apple xnu EXTERNAL_HEADERS/mach-o/loader.h, fat.h,
// osfmk/kern/kern_core.c; LLVM lldb/source/Plugins/ObjectFile/Mach-O.
//
//	macho.go    the header, the load commands, fat files
//	memory.go   the segments, and where they lie in the file
//	threads.go  the threads and their registers
package macho

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
	"vscan/internal/interrupt"
)

// Format is the format's line in the table of detection.
var Format = magic.Format{Name: "Mach-O core", What: "a Mach-O core", Match: isCore, Option: "macho", Open: open}

// The load commands that are read.
const (
	loadSegment   = 0x1  // LC_SEGMENT
	loadThread    = 0x4  // LC_THREAD
	loadIdent     = 0x8  // LC_IDENT: of the kernel's, its version
	loadSegment64 = 0x19 // LC_SEGMENT_64
	loadUUID      = 0x1b // LC_UUID
	loadNote      = 0x31 // LC_NOTE

	maxThreads      = 1 << 16  // more are not read
	maxCommandBytes = 64 << 10 // of one command; of a thread's registers there are some KiB
)

// cpus are the CPU types: mach/machine.h. The highest byte tells how wide addresses are.
var cpus = map[uint64]string{
	7: "i386", 0x01000007: "x86-64", 12: "ARM", 0x0100000c: "AArch64", 0x0200000c: "AArch64 (ILP32)",
	18: "PowerPC", 0x01000012: "PowerPC64",
}

// header is the header of a Mach-O file, and where it lies.
type header struct {
	order    addr.ByteOrder
	wide     bool
	cpu      uint64
	fileType uint64
	commands uint64 // how many there are
	size     uint64 // of all of them in bytes
}

// headerSize is how many bytes of a header are looked at.
const headerSize = 28

// parseHeader reads a header; false where there is none.
func parseHeader(b []byte) (header, bool) {
	if len(b) < 4 {
		return header{}, false
	}
	var h header
	switch binary.BigEndian.Uint32(b) {
	case 0xfeedface:
		h.order = addr.Big
	case 0xfeedfacf:
		h.order, h.wide = addr.Big, true
	case 0xcefaedfe:
		h.order = addr.Little
	case 0xcffaedfe:
		h.order, h.wide = addr.Little, true
	default:
		return header{}, false
	}
	whole := make([]byte, headerSize)
	copy(whole, b)
	f := input.NewFields(whole, h.order)
	h.cpu, h.fileType, h.commands, h.size = f.U32(4), f.U32(12), f.U32(16), f.U32(20)
	return h, true
}

// first returns where the load commands begin.
func (h *header) first() uint64 {
	if h.wide {
		return 32
	}
	return 28
}

// isCore reports whether a file begins with the header of a core, or is a fat file with a
// core in it whose header is near enough to be seen.
func isCore(head []byte) bool {
	const core = 4
	if h, ok := parseHeader(head); ok {
		return h.fileType == core
	}
	for _, s := range slicesOf(head) {
		if s.off < uint64(len(head)) {
			if h, ok := parseHeader(head[s.off:]); ok && h.fileType == core {
				return true
			}
		}
	}
	return false
}

// slice is a file in a fat file.
type slice struct{ off, size uint64 }

// maxSlices is how many files a fat file has at most. Class files of Java begin alike, and
// have their version where the number is, which is 45 or more.
const maxSlices = 40

// slicesOf returns the files in a fat file, of which head has the table; none where it is no
// fat file.
func slicesOf(head []byte) []slice {
	if len(head) < 8 {
		return nil
	}
	f := input.NewFields(head, addr.Big)
	stride := 0
	switch f.U32(0) {
	case 0xcafebabe:
		stride = 20
	case 0xcafebabf:
		stride = 32
	}
	if n := f.U32(4); stride == 0 || n > maxSlices || len(head) < 8+int(n)*stride {
		return nil
	}
	var out []slice
	for i := range int(f.U32(4)) {
		at := 8 + i*stride
		if stride == 20 {
			out = append(out, slice{f.U32(at + 8), f.U32(at + 12)})
		} else {
			out = append(out, slice{f.U64(at + 8), f.U64(at + 16)})
		}
	}
	return out
}

// reader is a core while it is read.
type reader struct {
	input.Reader // of the core alone where the file is a fat one
	header
	ctx    context.Context // of the opening
	watch  *interrupt.Watch
	budget *budget.Budget
	img    *image.Draft
	near   []byte // bytes of the file from nearAt on
	nearAt uint64

	base     uint64 // file offset of the core
	segments []segment
	room     int // for how many the budget was asked
	threads  []image.Thread
	left     int // threads beyond maxThreads
}

// open reads a core.
func open(ctx context.Context, in input.Reader, o image.Options) (*image.Draft, error) {
	if o.Space == image.Physical {
		return nil, &image.SpaceError{Path: in.Path(), Want: o.Space, Have: []image.AddressSpace{image.Virtual}, Why: "no physical addresses: a Mach-O core has virtual addresses only"}
	}
	c := &reader{Reader: in, ctx: ctx, watch: interrupt.New(ctx), budget: o.Budget}
	c.img = &image.Draft{Image: image.Image{Format: Name, Space: image.Virtual, Spaces: []image.AddressSpace{image.Virtual}, OrderKnown: true}}
	if err := c.readHeader(); err != nil {
		return nil, err
	}
	if err := c.readCommands(); err != nil {
		return nil, image.Interrupted(err, in.Path(), "reading load commands, of which %d are of segments", len(c.segments))
	}
	if len(c.segments) == 0 && c.img.Missing == 0 {
		return nil, fmt.Errorf("%s: a Mach-O core that holds no memory: none of its %d load commands is of a segment", in.Path(), c.commands)
	}
	if err := c.layOut(); err != nil {
		return nil, image.Interrupted(err, in.Path(), "laying out %d segments", len(c.segments))
	}
	c.describe()
	return c.img, nil
}

// Name is what images of the format are called.
const Name = "Mach-O core"

// readHeader reads the header, of a fat file that of the first core in it.
func (c *reader) readHeader() error {
	b := make([]byte, 8+maxSlices*32)
	n, err := c.Fill(b, 0)
	if err != nil {
		return err
	}
	h, ok := parseHeader(b[:n])
	if !ok {
		if h, err = c.findSlice(slicesOf(b[:n])); err != nil {
			return err
		}
	} else if n < headerSize {
		return fmt.Errorf("%s: truncated: the header of the Mach-O core is cut at the end of the file after %d of %d bytes", c.Path(), n, headerSize)
	}
	c.header = h
	c.img.Order = h.order
	c.img.WordSize = 4
	if h.wide {
		c.img.WordSize = 8
	}
	return nil
}

// findSlice goes to the first core of a fat file.
func (c *reader) findSlice(all []slice) (header, error) {
	var found header
	cores := 0
	whole := c.Reader
	for _, s := range all {
		b := make([]byte, headerSize)
		n, err := whole.Fill(b, s.off)
		if err != nil {
			return found, err
		}
		if h, ok := parseHeader(b[:n]); ok && n == headerSize && h.fileType == 4 {
			if cores++; cores == 1 {
				found = h
				c.base, c.Reader = s.off, whole.Prefix(s.off, s.size)
			}
		}
	}
	if cores == 0 {
		return found, fmt.Errorf("%s: a fat Mach-O file without a core", c.Path())
	}
	c.img.Note("a fat file: of %s in it the first one that is a core, %s at %v, is read", input.Plural(len(all), "file"), found.cpuName(), c.Place(0))
	if cores > 1 {
		c.img.Note("%d files in it are cores: to read another one, take it out (lipo -thin ARCH FILE -output OUT)", cores)
	}
	return found, nil
}

// cpuName returns the CPU type in words.
func (h *header) cpuName() string {
	if name, ok := cpus[h.cpu]; ok {
		return name
	}
	return fmt.Sprintf("CPU type %#x", h.cpu)
}

// readCommands reads the load commands, until one is damaged.
func (c *reader) readCommands() error {
	off, end := c.first(), input.AddSat(c.first(), c.size)
	for i := range c.commands {
		if err := c.watch.Step(1); err != nil {
			return err
		}
		b, err := c.bytes(off, 8)
		if err != nil {
			return err
		}
		if len(b) < 8 {
			c.img.Note("truncated: the file ends within the load commands at %v: %d of %d were read", c.Place(off), i, c.commands)
			c.img.Lose(1)
			return nil
		}
		f := input.NewFields(b, c.order)
		kind, size := f.U32(0), f.U32(4)
		if size < 8 || size > end-min(off, end) {
			c.img.Note("load command %d at %v: %d bytes, which cannot be: it and those behind it are not read", i, c.Place(off), size)
			c.img.Lose(1)
			return nil
		}
		if err := c.take(i, kind, off, size); err != nil {
			return err
		}
		off += size
	}
	return nil
}

// bytes returns n bytes at an offset, fewer where the file ends before. They hold until the
// next call.
func (c *reader) bytes(off uint64, n int) ([]byte, error) {
	if off < c.nearAt || off-c.nearAt > uint64(len(c.near)) || uint64(len(c.near))-(off-c.nearAt) < uint64(n) {
		const ahead = 64 << 10
		if cap(c.near) < max(n, ahead) {
			c.near = make([]byte, max(n, ahead))
		}
		got, err := c.Fill(c.near[:cap(c.near)], off)
		if err != nil {
			return nil, err
		}
		c.near, c.nearAt = c.near[:got], off
	}
	b := c.near[off-c.nearAt:]
	return b[:min(n, len(b))], nil
}

// leastSizes are the bytes that commands must have which are read.
var leastSizes = map[uint64]uint64{loadSegment: 56, loadSegment64: 72, loadUUID: 24, loadNote: 40, loadThread: 16, loadIdent: 9}

// take keeps what a load command of size bytes says.
func (c *reader) take(i, kind, off, size uint64) error {
	least, read := leastSizes[kind]
	if !read {
		return nil
	}
	if size < least {
		c.img.Note("load command %d at %v: %d bytes, less than the %d that it must have: left out", i, c.Place(off), size, least)
		c.img.Lose(1)
		return nil
	}
	b, err := c.bytes(off, int(min(size, maxCommandBytes)))
	if err != nil || uint64(len(b)) < least {
		return err // where the file ends, the next command tells so
	}
	f := input.NewFields(b, c.order)
	switch kind {
	case loadSegment, loadSegment64:
		return c.takeSegment(i, kind == loadSegment64, b)
	case loadThread:
		c.takeThread(b[8:])
	case loadUUID:
		c.img.Tell("uuid", fmt.Sprintf("%x-%x-%x-%x-%x", b[8:12], b[12:14], b[14:16], b[16:18], b[18:24]))
	case loadIdent:
		c.img.Tell("kernel_version", text(b[8:]))
	case loadNote:
		return c.takeNote(text(b[8:24]), f.U64(24), f.U64(32))
	}
	return nil
}

// text returns what stands before the first zero.
func text(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return strings.TrimSpace(s)
}

// takeNote reads a note of LLDB's or the kernel's, by who it is for: the version of the
// kernel, and how many bits of an address count.
func (c *reader) takeNote(owner string, off, size uint64) error {
	if !slices.Contains([]string{"kern ver str", "addrable bits"}, owner) {
		return nil
	}
	b := make([]byte, min(size, 1<<10))
	n, err := c.Fill(b, off)
	if err != nil || n < 8 {
		return err
	}
	if owner == "kern ver str" { // its version (4), the text
		c.img.Tell("kernel_version", text(b[4:n]))
		return nil
	}
	if bits := input.NewFields(b, c.order).U32(4); bits > 0 && bits <= 64 { // its version (4), bits (4)
		c.img.Tell("address_bits", strconv.FormatUint(bits, 10))
	}
	return nil
}

// describe fills in what the image says of itself.
func (c *reader) describe() {
	c.img.Tell("machine", c.cpuName())
	c.img.Detail = fmt.Sprintf("%d-bit %s-endian %s, %s, %s", 8*c.img.WordSize, c.order, c.cpuName(), input.Plural(len(c.segments), "segment"), input.Plural(len(c.threads), "thread"))
	if c.left > 0 {
		c.img.Note("%d threads beyond %d are not read", c.left, maxThreads)
	}
	threads := c.threads
	c.img.TellThreads(func(context.Context) ([]image.Thread, error) { return threads, nil })
}
