package image

import (
	"context"
	"errors"
	"fmt"

	"vscan/engine/addr"
)

// Errors that a caller can act on. Each says in fields which of Options, or of
// LayerSpec, would help; how a user says so is the caller's to tell.

// InterruptedError says that a context ended before an image or a layer was open.
type InterruptedError struct {
	Path  string
	Doing string // what was done then, to follow "while": "reading program header 7 of 9"
	Err   error  // that of the context
}

func (e *InterruptedError) Error() string {
	return fmt.Sprintf("%s: interrupted while %s: %v", e.Path, e.Doing, e.Err)
}
func (e *InterruptedError) Unwrap() error { return e.Err }

// Interrupted returns err as an [*InterruptedError] if it is that of a context and does
// not say yet what was done, and else as it is.
func Interrupted(err error, path, format string, args ...any) error {
	if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) || errors.As(err, new(*InterruptedError)) {
		return err
	}
	return &InterruptedError{Path: path, Doing: fmt.Sprintf(format, args...), Err: err}
}

// UnsupportedError says that a file is of a known format that is not read, or
// not the way it was asked for.
type UnsupportedError struct {
	Path   string
	Format string // as Identify names it
	What   string // what the file is, to follow "is": "gzip-compressed"
	Advice string // what to do about it, one line: without the package, or as the fields below tell

	Holds Holding // what is in the file

	// RawHelps is what can be done with the file opened as raw memory,
	// Options.Format "raw", to follow "or": "scan the compressed bytes"; "" where
	// that would not help.
	RawHelps string

	// Placeable says that the file can be placed at an address: Options.Base, or
	// LayerSpec.At. AsTheyAre says that its bytes can, as they are: Options.Raw, or
	// LayerSpec.Raw.
	Placeable, AsTheyAre bool

	// UnpackLimit is the Options.UnpackLimit that did not do, where a larger one would; else 0.
	UnpackLimit uint64

	// Live says that a live process can be opened instead, with formats.OpenProcess: PID, or
	// where that is 0 one whose number is not known here.
	Live bool
	PID  int
}

func (e *UnsupportedError) Error() string { return e.Path + " is " + e.What + ": " + e.Advice }

// IsProgram reports whether the file is a program, a library or an object file:
// no memory was saved in it.
func (e *UnsupportedError) IsProgram() bool { return e.Holds == HoldsProgram }

// IsDump reports whether the file holds memory in a format that is not read. A
// container, which may hold a dump or anything else, is none.
func (e *UnsupportedError) IsDump() bool { return e.Holds == HoldsMemory }

// Holding says what a file of a known format holds.
type Holding uint8

const (
	HoldsMemory   Holding = iota // memory: it is a dump, or a live process
	HoldsProgram                 // a program, a library or an object file
	HoldsAnything                // a dump or anything else, in a container
	HoldsBeside                  // nothing that is searched: another file beside it, which is read, has the memory
)

// ErrUnknown is wrapped by the error of Options.Known.
var ErrUnknown = errors.New("what it holds is of no format that is known")

// SpaceError says that an image has no addresses of the space that Options.Space
// asks for.
type SpaceError struct {
	Path string
	Want AddressSpace   // the space that was asked for
	Have []AddressSpace // those that the image offers, its default first
	Why  string         // one line: "the core of a process has virtual addresses only"

	BaseHelps bool // Options.Base gives it addresses of the space
	RawHelps  bool // Options.Format "raw" takes its bytes without regard to what they are
}

func (e *SpaceError) Error() string { return e.Path + ": " + e.Why }

// BaseError says that Options.Base was given for a file whose Options.Format has
// addresses of its own. Without it, or as "raw", the file can be opened.
type BaseError struct {
	Path   string
	Format FormatName
}

func (e *BaseError) Error() string {
	return fmt.Sprintf("%s: an address for its bytes was given, but the format %q has addresses of its own: leave out the address, or open it as raw memory", e.Path, e.Format)
}

// PageError says that an ELF program or library cannot lie at an address, since
// that is not the first of a page. Options.Raw, or LayerSpec.Raw, lays the file's
// bytes there as they are.
type PageError struct {
	Path string
	At   addr.Addr
	Page uint64 // size of a page in bytes
}

func (e *PageError) Error() string {
	return fmt.Sprintf("%s: address %v is not that of a page, of %#x bytes, and a program begins with a page: lay its bytes as they are", e.Path, e.At, e.Page)
}

// UnplacedError says that nothing tells where a file lies in memory, so that its
// LayerSpec needs an address.
type UnplacedError struct {
	Path string

	// Program says that the file is an ELF program or library that can lie anywhere,
	// and Why what does not tell where: the address is that of its first page.
	Program bool
	Why     string

	// What is what any other file is, to follow "for": "what is no ELF program or
	// library". The address is that of its first byte, or of a part of it.
	What string
}

func (e *UnplacedError) Error() string {
	if e.Program {
		return fmt.Sprintf("%s can lie anywhere, and %s: give the address of its first page", e.Path, e.Why)
	}
	return fmt.Sprintf("%s: an address has to be given for %s", e.Path, e.What)
}

// ErrNoModules says that an image does not tell which files were mapped, so that
// each has to be laid at an address that is given: see layer.Open.
var ErrNoModules = errors.New("the image names no mapped files (it has no note NT_FILE): lay each file at its address")
