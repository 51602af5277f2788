// Package image says what a memory dump or a live process is once it is open: its
// mappings, of which an [engine] space is built, and what there is to know of them. It
// knows no format. It is for programs that use vscan as a library, together with two
// packages below it:
//
//	formats.Open          opens a file: engine.NewSpace(img.Mappings...)
//	formats.OpenProcess   opens a live process; formats.FindProcesses tells its number
//	layer.Open,
//	layer.OpenModules     open files to lay over or under the image
//
// What is here:
//
//	Options               how an image is opened
//	Image.Arch, .Target   what words and patterns need to know of the machine
//	Image.Missing, .Notes what the image should hold and does not, and what is odd: to be told
//	                      wherever something was not found in it
//	Image.Hints           how to open it, where that is to be otherwise than a note says
//	UnsupportedError, …   errors that tell in fields what would help
//	Image.Modules         the files that were mapped; BuildIDs tells the build-ids of mappings
//	Image.Threads         the threads of the process, with what is told of their registers
//	Image.Files           the files that it is read from, for whoever writes what is made of it
//	Image.Changed         what of its files is no longer as it was, to be asked at the end
//	Image.Close           when nothing reads its mappings any more
//	Draft                 an image that is being made, for packages that read a format
//
// An image comes from a machine that someone else controlled, so every header is
// taken for hostile: nothing is allocated by a length field alone, no sum of two
// fields is trusted not to wrap, and what is odd is kept as a line in [Image.Notes]
// rather than given up on.
package image

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
)

// AddressSpace names what the addresses of an image are addresses of.
type AddressSpace string

// The address spaces that an image can offer.
const (
	Virtual  AddressSpace = "virtual"  // of a process, or of a machine's kernel
	Physical AddressSpace = "physical" // of a machine's memory
)

// FormatName is a format that files can be read as, whatever they are recognised as.
// Each format that is read has one; the formats package lists them.
type FormatName string

// FormatRaw has the bytes of a file taken as they are.
const FormatRaw FormatName = "raw"

// Mmap says whether a file is mapped into memory, or read call by call. Files that cannot
// be mapped, and those that another program or machine hands out, are read in any case.
type Mmap string

// The ways of a file into memory.
const (
	MmapAuto   Mmap = ""       // both: a scan finds out on the way which takes less time
	MmapAlways Mmap = "always" // all of it is mapped
	MmapNever  Mmap = "never"  // all of it is read
)

// Options says how an image is opened. The zero value detects the format, maps
// the file into memory and takes the space that suits the format.
type Options struct {
	// Format is "" to detect the format, or the name of one, to read the file as that
	// and as nothing else.
	Format FormatName

	// Space is "", Virtual or Physical. "" is Virtual where the image has virtual
	// addresses, else Physical.
	Space AddressSpace

	// Mmap says whether the file is mapped into memory.
	Mmap Mmap

	// Sequential says that the image is gone through once, about in order: on Linux
	// pages of a mapped file that come next are made ready on the way, on a
	// goroutine of their own, and those that lie behind are let go; and where the file is
	// not in the page cache, the system reads further ahead. What is read later is the
	// same, but takes longer.
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

	// With are files that may hold other parts of the image, where it is one of several
	// files that do not lie beside one another. Those that are none are passed over:
	// Image.Parts tells which were read.
	With []string

	// UnpackLimit is how many bytes a container (gzip, zstd, …) may have, unpacked, that is
	// unpacked in memory when it is opened, since it cannot be read at random; 0 is a quarter of the
	// machine's memory. One with more is refused with an *UnsupportedError. What is kept is compressed
	// anew.
	UnpackLimit uint64

	// Known has what a container holds, and is of no format that is known, refused with an error that wraps ErrUnknown, before
	// more of it is unpacked than its first bytes. A file that is no container is read all the same.
	Known bool

	// Unpacking, if it is not nil, is told now and then how many bytes of such a container were read, and how
	// many its file has.
	Unpacking func(read, size uint64)

	// Budget is asked for the memory of what a file can have by the million, the segments
	// of a core, and for what is unpacked, before it is spent: the error is a *budget.Error. It stays taken, so that
	// the caller gives a Share, and releases it with the image. Nil has no limit.
	Budget *budget.Budget
}

// Image is an opened dump or process: what it is, and its memory.
type Image struct {
	Path string // as it was opened; "pid:N" for a live process
	// FileSize is the size of the file in bytes; 0 for a live process or kernel.
	FileSize uint64
	Format   string // "ELF process core", "ELF machine dump", "LiME", "raw", "ELF program", "live process", "live kernel"
	Detail   string // one line for humans: "64-bit little-endian x86-64, 42 load segments, 7 notes"

	// Live says that the memory is that of a running process, or of the running
	// kernel: what is absent cannot be read by its nature, or was left out by
	// Options.Resident.
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

	Space  AddressSpace   // what Mappings are addresses of
	Spaces []AddressSpace // those that the image offers, its default first

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

	// Facts are what else the image tells of the machine or the process and of how it was
	// written, for people: each a short name and one line. What a file does not tell is
	// not among them.
	Facts []Fact

	// Parts are the paths of the files that hold the memory, where these are several, the one
	// that was opened first in front; nil where it is one file.
	Parts []string

	// Modules are the files that were mapped, in the order of their addresses, as
	// far as the image names them: those of NT_FILE in the core of a process, the
	// program itself where that was opened at an address.
	Modules []Module

	threads func(context.Context) ([]Thread, error) // nil where the format has none
	origin  any
	closers []io.Closer
	beside  []fs.FileInfo

	appended func(last engine.Mapping) (engine.Mapping, bool) // nil where what is appended to the file is none of its memory
}

// Fact is something that an image tells of itself. Name is of small letters, digits and
// underscores ("kernel_release", "dtb", "compression"), and the same in all formats for the
// same thing. Value is as the image has it: it may hold any byte.
type Fact struct{ Name, Value string }

// FactVMCoreInfo is the name of facts of which each has a line of VMCOREINFO, KEY=VALUE.
const FactVMCoreInfo = "vmcoreinfo"

// Hint says how to open an image, or to search it, if what one of its notes tells is not
// what is wanted. Besides Note, one of the fields is set.
type Hint struct {
	Note     int          // whose it is: index in Image.Notes
	Format   FormatName   // Options.Format with which the same is read without the note
	Space    AddressSpace // Options.Space in which what is not shown has addresses
	WordSize int          // in bytes, that the memory may have: Image.AltWordSize
	Parts    bool         // Options.With can name the files that hold what is missing
}

// Origin returns what the package of the image's format keeps for questions that
// are asked later, in a type of that package, as the core package does of the core
// of a process. It is nil where nothing is kept.
func (img *Image) Origin() any { return img.origin }

// Files returns what the system tells of the files that the image is read from, until it is
// closed: what is made of the image has to be written over none of them, and to be readable
// by nobody who cannot read them. Of a live process there are none: what is made of it is its
// owner's alone.
func (img *Image) Files() []fs.FileInfo {
	if img.Live {
		return nil
	}
	return append(FilesOf(img.closers), img.beside...)
}

// FilesOf returns what the system tells of those of the closers that are files.
func FilesOf(closers []io.Closer) (files []fs.FileInfo) {
	for _, c := range closers {
		if f, ok := c.(interface{ Stat() (fs.FileInfo, error) }); ok {
			if info, err := f.Stat(); err == nil {
				files = append(files, info)
			}
		}
	}
	return files
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
