// Package minidump reads minidumps of processes, as Windows, Breakpad, Crashpad and LLDB
// write them. It is for the engine and may change.
//
// A header of 32 bytes: magic "MDMP", version (4, of which the lower half is 0xa793),
// number of streams (4), file offset of their directory (4), and a time. The directory
// has 12 bytes a stream: type, size, file offset. All numbers are in the byte order of
// the machine that wrote them: the magic of a big-endian one is "PMDM". Sources:
// Microsoft minidumpapiset.h; Breakpad google_breakpad/common/minidump_format.h.
//
//	minidump.go   the header, the directory, the lists that streams are
//	system.go     the machine, the system and the process
//	modules.go    the files that were loaded
//	areas.go      what was mapped, with which permissions, under which name
//	threads.go    the threads and their registers
//	memory.go     the memory that was saved, and where it lies in the file
package minidump

import (
	"context"
	"fmt"
	"math"

	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
	"vscan/internal/interrupt"
)

// Format is the format's line in the table of detection.
var Format = magic.Format{Name: "minidump", What: "a minidump", Match: magic.At(0, "MDMP", "PMDM"), Option: "minidump", Open: open}

const (
	headerSize = 32
	entrySize  = 12 // of the directory
)

// The types of the streams that are read: MINIDUMP_STREAM_TYPE, and those of Breakpad
// for Linux, which have the files of /proc in them.
const (
	threadList     = 3
	moduleList     = 4
	memoryList     = 5
	exceptionInfo  = 6
	systemInfo     = 7
	threadExList   = 8
	memory64List   = 9
	miscInfo       = 15
	memoryInfoList = 16
	threadNames    = 24
	linuxStatus    = 0x47670004
	linuxCommand   = 0x47670006
	linuxMaps      = 0x47670009
)

// streamNames are what messages call them.
var streamNames = map[uint64]string{
	threadList: "ThreadList", moduleList: "ModuleList", memoryList: "MemoryList", exceptionInfo: "Exception",
	systemInfo: "SystemInfo", threadExList: "ThreadExList", memory64List: "Memory64List", miscInfo: "MiscInfo",
	memoryInfoList: "MemoryInfoList", threadNames: "ThreadNames", linuxStatus: "the process's status", linuxCommand: "the command line", linuxMaps: "the process's maps",
}

// stream is where a stream lies in the file.
type stream struct{ off, size uint64 }

// reader is a minidump while it is read.
type reader struct {
	input.Reader
	ctx    context.Context // of the opening
	watch  *interrupt.Watch
	budget *budget.Budget
	order  addr.ByteOrder
	img    *image.Draft

	streams map[uint64]stream // by type, of those that are known here
	ends    map[uint64]bool   // the file offsets at which streams end
	left    uint64            // entries of lists that may still be read, besides those of memory
	text    uint64            // bytes of text that may still be read: names may all lie at one place

	system  system
	modules []module // ascending, disjoint
	areas   []area   // ascending, disjoint
	threads []thread
	ranges  []saved
}

// open reads a minidump.
func open(ctx context.Context, in input.Reader, o image.Options) (*image.Draft, error) {
	if o.Space == image.Physical {
		return nil, &image.SpaceError{Path: in.Path(), Want: o.Space, Have: []image.AddressSpace{image.Virtual}, Why: "no physical addresses: a minidump of a process has virtual addresses only"}
	}
	d := &reader{Reader: in, ctx: ctx, watch: interrupt.New(ctx), budget: o.Budget, text: in.Size}
	d.img = &image.Draft{Image: image.Image{Format: "minidump", Space: image.Virtual, Spaces: []image.AddressSpace{image.Virtual}, OrderKnown: true}}
	for _, step := range []struct {
		doing string
		read  func() error
	}{
		{"reading its directory", d.readDirectory},
		{"looking how many ranges it has", d.reserve},
		{"reading what it tells of the system", d.readSystem},
		{"reading its modules", d.readModules},
		{"reading its threads", d.readThreads},
		{"reading what was mapped", d.readAreas},
		{"reading which memory it has", d.readRanges},
		{"laying out its memory", d.layOut},
	} {
		if err := step.read(); err != nil {
			return nil, image.Interrupted(err, in.Path(), "%s", step.doing)
		}
	}
	if len(d.ranges) == 0 && d.img.Missing == 0 {
		return nil, fmt.Errorf("%s: a minidump that holds no memory: none of its %d streams that are known has any", in.Path(), len(d.streams))
	}
	d.describe()
	return d.img, nil
}

// readDirectory reads the header and the directory. Of two streams of one type the
// first counts.
func (d *reader) readDirectory() error {
	var b [headerSize]byte
	n, err := d.Fill(b[:], 0)
	if err != nil {
		return err
	}
	if n < headerSize {
		return fmt.Errorf("%s: truncated: the header of the minidump is cut at the end of the file after %d of %d bytes", d.Path(), n, headerSize)
	}
	d.order = addr.Little
	if b[0] == 'P' {
		d.order = addr.Big
	}
	d.img.Order = d.order
	f := input.NewFields(b[:], d.order)
	if version := f.U32(4); version&0xffff != 0xa793 {
		d.img.Note("version %#x of the minidump, of which the lower half should be 0xa793: read all the same", version)
	}
	d.tellTime(f.U32(20))
	d.streams, d.ends = map[uint64]stream{}, map[uint64]bool{}
	at, count := f.U32(12), f.U32(8)
	read, _, err := d.Each(d.ctx, input.Records{At: at, Stride: entrySize, Size: entrySize}, func() uint64 { return count }, func(_ uint64, b []byte) {
		f := input.NewFields(b, d.order)
		d.takeStream(f.U32(0), stream{f.U32(8), f.U32(4)})
	})
	if err != nil {
		return d.at(err, "the directory", at+read*entrySize)
	}
	if read < count {
		d.img.Note("truncated: the file ends within the directory at %v: %d of %d streams were read", d.Place(at), read, count)
		d.img.Lose((count - read) * entrySize)
	}
	return nil
}

// takeStream keeps an entry of the directory.
func (d *reader) takeStream(kind uint64, s stream) {
	name, known := streamNames[kind]
	if !known {
		return
	}
	if _, twice := d.streams[kind]; twice {
		d.img.Note("%s comes more than once: that at %v is not read", name, d.Place(s.off))
		return
	}
	d.streams[kind] = s
	d.ends[s.off+s.size] = true
}

// at returns an error with what was read and where, unless it says so.
func (d *reader) at(err error, what string, off uint64) error {
	if ended := d.ctx.Err(); ended != nil {
		return ended
	}
	return fmt.Errorf("%s: %s at %v: %w", d.Path(), what, d.Place(off), err)
}

// begin returns the first bytes of a stream, all zeros where it is shorter, and whether the
// minidump has it and the file holds so much of it.
func (d *reader) begin(kind uint64, n int) (input.Fields, bool, error) {
	b := make([]byte, n)
	s, ok := d.streams[kind]
	if !ok {
		return input.NewFields(b, d.order), false, nil
	}
	got, err := d.Fill(b[:min(uint64(n), s.size)], s.off)
	if err != nil {
		return input.NewFields(b, d.order), false, err
	}
	if got < n {
		d.img.Note("%s at %v: truncated: %d of the %d bytes that it has at least are there", streamNames[kind], d.Place(s.off), got, n)
		d.img.Lose(uint64(n - got))
	}
	return input.NewFields(b, d.order), got == n, nil
}

// list is the entries of a stream that is a list.
type list struct {
	kind uint64
	input.Records
	count uint64 // that the stream has room for
}

// name returns what messages call the list.
func (l *list) name() string { return streamNames[l.kind] }

// counted returns the list of a stream that has the number of its entries (4 bytes) in
// front, and then its entries or, as Breakpad on macOS writes them, 4 bytes of padding
// first: which of the two the size of the stream tells.
func (d *reader) counted(kind, stride uint64) (list, error) {
	l := list{kind: kind, Records: input.Records{Stride: stride, Size: int(stride)}}
	f, ok, err := d.begin(kind, 4)
	if !ok {
		return l, err
	}
	s, count, head := d.streams[kind], f.U32(0), uint64(4)
	if s.size == 8+count*stride {
		head = 8
	}
	l.At = s.off + head
	l.count = d.inRoom(l, count, (s.size-head)/stride)
	return l, nil
}

// inRoom returns how many entries of a list are read, of as many as it counts and its
// stream has room for.
func (d *reader) inRoom(l list, count, room uint64) uint64 {
	if count > room {
		d.img.Note("%s at %v: it counts %d entries and has room for %d", l.name(), d.Place(d.streams[l.kind].off), count, room)
		d.img.Lose(1)
	}
	return min(count, room)
}

// Entries of lists are small, so that a hostile file could have so many that what is kept
// of them takes more memory than the file has: what writes minidumps has some thousand,
// or one for some pages.
const (
	fewEntries = 100_000 // entries, of all lists together, that may be as small as they like
	leastBytes = 1 << 10 // bytes of the file for each, where there are more
)

// most is how many entries are read, of all lists together.
func (d *reader) most() uint64 { return max(fewEntries, d.Size/leastBytes) }

// reserve keeps room for the entries of the lists of memory, so that other lists, which are read before, have
// what is left.
func (d *reader) reserve() error {
	d.left = d.most()
	for _, kind := range []uint64{memory64List, memoryList} {
		s := d.streams[kind]
		var b [8]byte
		if _, err := d.Fill(b[:min(8, s.size)], s.off); err != nil {
			return d.at(err, streamNames[kind], s.off)
		}
		f := input.NewFields(b[:], d.order)
		count := f.U32(0)
		if kind == memory64List {
			count = f.U64(0)
		}
		count = min(count, s.size/rangeSize, d.Size/rangeSize)
		if count > d.left {
			return d.tooMany(streamNames[kind], s.off, count)
		}
		d.left -= count
	}
	return nil
}

// capped returns how many of count entries at a file offset are read, where those beyond most, or beyond what is left,
// tell of no memory that was saved.
func (d *reader) capped(what string, off, count, most uint64) uint64 {
	most = min(most, d.left)
	d.left -= min(count, most)
	if count > most {
		d.img.Note("%s at %v: %d entries: those beyond %d are not read", what, d.Place(off), count, most)
	}
	return min(count, most)
}

// An entry takes about entryBytes: as what was read, as mappings and while they are sorted.
const (
	entryBytes    = 500
	entriesAtOnce = 1 << 12
)

// each calls f with the entries of a list, and takes the memory for what is kept of them.
func (d *reader) each(l list, f func(i uint64, e input.Fields)) error {
	if l.count > d.most() {
		return d.tooMany(l.name(), l.At, l.count)
	}
	var over error // the budget has no more
	read, _, err := d.Each(d.ctx, l.Records, func() uint64 {
		if over != nil {
			return 0
		}
		return l.count
	}, func(i uint64, b []byte) {
		if i%entriesAtOnce == 0 && over == nil {
			over = d.budget.Take(min(l.count-i, entriesAtOnce)*entryBytes, "the lists of the image")
		}
		f(i, input.NewFields(b, d.order))
	})
	switch at := l.At + read*l.Stride; {
	case err != nil:
		return d.at(err, l.name(), at)
	case over != nil:
		return d.at(over, l.name(), at)
	}
	if read < l.count {
		d.img.Note("truncated: the file ends within %s at %v: %d of %d entries were read", l.name(), d.Place(l.At), read, l.count)
		d.img.Lose(input.MulSat(l.count-read, l.Stride))
	}
	return nil
}

// tooMany refuses a minidump with a list that has too many entries.
func (d *reader) tooMany(what string, off, count uint64) error {
	return &image.UnsupportedError{
		Path: d.Path(), Format: "minidump",
		What:     fmt.Sprintf("a minidump of %d bytes with %d entries in %s at %v", d.Size, count, what, d.Place(off)),
		Advice:   "no program writes so many pieces, which take more memory than the file has: look at how it was made",
		RawHelps: magic.ScanBytes,
	}
}

// sized returns a range of a first address and a size, cut at the last address. Windows
// writes addresses of 32 bits with their sign in the upper half. It is false where the size
// is 0.
func (d *reader) sized(first, size uint64) (r addr.Range, cut bool, ok bool) {
	if d.img.WordSize == 4 && first>>32 == math.MaxUint32 {
		first &= math.MaxUint32
	}
	if size == 0 {
		return r, false, false
	}
	a := addr.Addr(first)
	if r, ok = addr.Sized(a, size); !ok {
		return addr.Range{First: a, Last: addr.Max}, true, true
	}
	return r, false, true
}

// describe fills in what the image says of itself.
func (d *reader) describe() {
	d.img.Detail = fmt.Sprintf("%s, %s, %s, %s", d.system.describe(d.order), input.Plural(len(d.ranges), "range"), input.Plural(len(d.modules), "module"), input.Plural(len(d.threads), "thread"))
	threads := make([]image.Thread, len(d.threads))
	for i := range d.threads {
		threads[i] = d.threads[i].Thread
	}
	d.img.TellThreads(func(context.Context) ([]image.Thread, error) { return threads, nil })
}
