// Package image says what a memory dump is: it opens files and live processes,
// recognises their format, and yields the mappings that an [engine] space is built of.
// One file of the package reads one format. It is for programs that use vscan as a
// library.
//
//	Open                  a file, and its mappings: engine.NewSpace(img.Mappings...)
//	OpenProcess           a live process; FindProcesses tells its number
//	Image.Arch, .Target   what words and patterns need to know of the machine
//	Image.Missing, .Notes what the image should hold and does not, and what is odd: to be told
//	                      wherever something was not found in it
//	Image.Hints           how to open it, where that is to be otherwise than a note says
//	UnsupportedError, …   errors that tell in fields what would help
//	Image.Modules         the files that were mapped
//	Image.Threads         the threads of the process, with what is told of their registers
//	OpenLayer,
//	Image.OpenModules     files to lay over or under the image
//	Image.Close           when nothing reads its mappings any more
//
// An image comes from a machine that someone else controlled, so every header
// is taken for hostile: nothing is allocated by a length field alone, no sum
// of two fields is trusted not to wrap, and what is odd is kept as a line in
// [Image.Notes] rather than given up on.
package image

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
)

// The address spaces that an image can offer: values of [Options.Space],
// [Image.Space] and [Image.Spaces].
const (
	Virtual  = "virtual"
	Physical = "physical"
)

// Options says how an image is opened. The zero value detects the format, maps
// the file into memory and takes the space that suits the format.
type Options struct {
	// Format is "" to detect the format, or one of [Formats], to read the
	// file as that and as nothing else.
	Format string

	// Space is "", "virtual" or "physical". What is left open is virtual
	// where the image has virtual addresses, else physical.
	Space string

	// NoMmap reads the file call by call instead of mapping it into memory.
	NoMmap bool

	// Sequential says that the image is gone through once, about in order: on Linux
	// pages of a mapped file that come next are made ready on the way, on a
	// goroutine of their own, and those that lie behind are let go. What is read
	// later is the same, but takes longer.
	Sequential bool

	// Base is the address of the file's first byte, for raw images, or of the
	// page of its lowest segment, for ELF programs and libraries; nil is 0 for raw
	// images. With a Base the file is never taken for a dump that has addresses of
	// its own: one that looks so is refused.
	Base *addr.Addr

	// ProtNone has mappings of a live process read that have no permission at
	// all, as a debugger can; without it they are absent.
	ProtNone bool

	// Resident leaves pages of a live process that are swapped out absent. To
	// read them brings them back into memory.
	Resident bool

	// Offset is the file offset of the first byte, Len the number of bytes, 0
	// for all to the end of the file: for raw images with a Base only. Raw places
	// the bytes of an ELF program or library at the Base as they are, which an
	// Offset or a Len implies.
	Offset, Len uint64
	Raw         bool
}

// Formats are the names that [Options.Format] knows: "raw" and those that are
// read.
func Formats() []string {
	names := []string{"raw"}
	for _, k := range formats {
		if k.flag != "" && !slices.Contains(names, k.flag) {
			names = append(names, k.flag)
		}
	}
	return names
}

// validate names everything that is wrong, in one line.
func (o Options) validate() error {
	var wrong []string
	if o.Format != "" && !slices.Contains(Formats(), o.Format) {
		wrong = append(wrong, fmt.Sprintf("image format %q: want one of %s", o.Format, strings.Join(Formats(), ", ")))
	}
	switch {
	case strings.HasPrefix(o.Space, "cr3:"):
		wrong = append(wrong, fmt.Sprintf("space %q: page tables are not read yet: want virtual or physical", o.Space))
	case o.Space != "" && o.Space != Virtual && o.Space != Physical:
		wrong = append(wrong, fmt.Sprintf("space %q: want virtual or physical", o.Space))
	}
	if o.Base == nil && (o.Offset != 0 || o.Len != 0) {
		wrong = append(wrong, fmt.Sprintf("offset %#x, length %#x: a part of a file wants a base, the address of its first byte", o.Offset, o.Len))
	}
	if wrong == nil {
		return nil
	}
	return errors.New(strings.Join(wrong, "; "))
}

// Image is an opened dump or process: what it is, and its memory.
type Image struct {
	Path string // as it was opened; "pid:N" for a live process
	// FileSize is the size of the file in bytes; 0 for a live process.
	FileSize uint64
	Format   string // "ELF process core", "ELF machine dump", "LiME", "raw", "ELF program", "live process"
	Detail   string // one line for humans: "64-bit little-endian x86-64, 42 load segments, 7 notes"

	// Live says that the memory is that of a running process: what is absent
	// cannot be read by its nature, or was left out by Options.Resident.
	Live bool

	// Mappings are the memory, the bottom layer first: where two overlap,
	// the later one shows.
	Mappings []engine.Mapping

	// WordSize is the size of a pointer in bytes, 4 or 8, or 0 where the
	// image does not say. AltWordSize is a second one that the image is
	// compatible with, or 0: a 64-bit ELF file may hold the memory of a
	// 32-bit machine, and asking for 4 bytes is no contradiction then.
	WordSize    int
	AltWordSize int

	// Order is the byte order, of meaning only where OrderKnown is true.
	Order      addr.ByteOrder
	OrderKnown bool

	Space  string   // the space that Mappings are addresses of: "virtual" or "physical"
	Spaces []string // those that the image offers, its default first

	// Missing is the number of bytes that the image should hold and does
	// not, because the file is truncated or damaged; where their number
	// cannot be told it is at least 1. Bytes that were never saved on
	// purpose are absent, but not missing.
	Missing uint64

	// Notes tell what is odd about the image, one line each and a bounded
	// number of them, with the file offset or address. Hints tell which of Options
	// does something about some of them, in the order of Notes.
	Notes []string
	Hints []Hint

	// Modules are the files that were mapped, in the order of their addresses, as
	// far as the image names them: those of NT_FILE in the core of a process, the
	// program itself where that was opened at an address.
	Modules []Module

	threads func() ([]Thread, error) // nil where the format has none
	core    *coreFile                // of the core of a process, else nil
	unsaid  int                      // notes beyond maxNotes
	closers []io.Closer
}

// Hint says how to open an image, or to search it, where that is to be otherwise
// than one of its notes says. One of the fields but Note is set.
type Hint struct {
	Note     int    // whose it is: index in Image.Notes
	Format   string // Options.Format with which the same is read without the note
	Space    string // Options.Space in which what is not shown has addresses
	WordSize int    // in bytes, that the memory may have: Image.AltWordSize
}

// maxNotes bounds Image.Notes: a hostile file can be odd in a million places.
const maxNotes = 32

// note keeps a line about something odd.
func (img *Image) note(format string, args ...any) {
	if len(img.Notes) == maxNotes {
		img.unsaid++
		return
	}
	img.Notes = append(img.Notes, fmt.Sprintf(format, args...))
}

// noteHint keeps a line with its hint; a hint that says nothing is left out.
func (img *Image) noteHint(h Hint, format string, args ...any) {
	h.Note = len(img.Notes)
	img.note(format, args...)
	if len(img.Notes) > h.Note && h != (Hint{Note: h.Note}) {
		img.Hints = append(img.Hints, h)
	}
}

// lose counts n bytes as missing. The sum sticks at 2^64 − 1.
func (img *Image) lose(n uint64) {
	sum, carry := bits.Add64(img.Missing, n, 0)
	if carry != 0 {
		sum = math.MaxUint64
	}
	img.Missing = sum
}

// finish closes the list of notes.
func (img *Image) finish() *Image {
	if img.unsaid > 0 {
		img.Notes = append(img.Notes, fmt.Sprintf("and %d more such notes", img.unsaid))
		img.unsaid = 0
	}
	return img
}

// Close closes the image's sources. Bytes that a source has handed out as its
// own memory are gone with it, so whatever reads them has to have ended.
func (img *Image) Close() error {
	var errs []error
	for _, c := range img.closers {
		errs = append(errs, c.Close())
	}
	img.closers = nil
	return errors.Join(errs...)
}

// input is what the reader of a format gets: the bytes of the file for its
// headers, which are always read by ReadAt since mapped memory may fault, and
// the source that its mappings name.
type input struct {
	io.ReaderAt
	size uint64 // of the file in bytes, below 2^63
	src  engine.Source
}

func (in input) path() string { return in.src.Name() }

// read fills b from file offset off as far as the file goes. A short count
// without an error is the end of the file.
func (in input) read(b []byte, off uint64) (int, error) {
	if off >= in.size {
		return 0, nil
	}
	b = b[:min(uint64(len(b)), in.size-off)]
	n, err := in.ReadAt(b, int64(off))
	if n == len(b) || errors.Is(err, io.EOF) {
		return n, nil
	}
	return n, fmt.Errorf("%s: cannot read at file offset %#x: %w", in.path(), off+uint64(n), err)
}

// Open opens a file as an image. It needs a regular file or a block device:
// what can be read only once, such as a pipe, is refused and never waited for.
// An *[UnsupportedError] says that the file is something known that is not
// read; a *[SpaceError], a *[BaseError] and a *[PageError] that it has no such
// addresses as o asks for.
func Open(path string, o Options) (*Image, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	img, err := f.image(o)
	if err != nil {
		f.Close()
		return nil, err
	}
	f.mapMemory(o)
	img.Path, img.FileSize = path, f.size
	img.closers = append(img.closers, f)
	return img.finish(), nil
}

// image finds the format of a file and has it read.
func (f *fileSource) image(o Options) (*Image, error) {
	in := input{f.file, f.size, f}
	head, tail, err := f.ends(in)
	if err != nil {
		return nil, err
	}
	if o.Format == "raw" {
		return openRaw(in, o)
	}
	k := identify(head, tail)
	switch {
	case o.Format != "" && (k == nil || k.flag != o.Format):
		is := "its first bytes are of no format that is known"
		if k != nil {
			is = "it is " + k.what
		}
		return nil, fmt.Errorf("%s does not have the format %q: %s", f.path, o.Format, is)
	case o.Base != nil && !o.Raw && o.Offset == 0 && o.Len == 0 && isProgram(head):
		return openProgram(in, o)
	case o.Format != "" && o.Base != nil:
		return nil, &BaseError{Path: f.path, Format: o.Format}
	case k == nil, o.Base != nil && k.program:
		return openRaw(in, o)
	case k.open == nil:
		return nil, k.refuse(f.path)
	case o.Base != nil:
		return nil, &UnsupportedError{Path: f.path, Format: k.name, What: k.what,
			Advice: "leave out the address", RawHelps: "place the bytes as they are"}
	}
	return k.open(in, o)
}

// ends reads the first and the last bytes of a file, for detection.
func (f *fileSource) ends(in input) (head, tail []byte, err error) {
	head = make([]byte, min(headSize, f.size))
	n, err := in.read(head, 0)
	if n == 0 && err == nil {
		err = fmt.Errorf("%s is empty: there is nothing to scan", f.path)
	}
	if err != nil {
		return nil, nil, err
	}
	tail = make([]byte, min(tailSize, f.size))
	m, err := in.read(tail, f.size-uint64(len(tail)))
	return head[:n], tail[:m], err
}
