// Package core reads ELF cores: of processes, and of machines. It is for the engine and
// may change.
//
//	kind.go              whether a core is of a process or of a machine
//	notes.go, threads.go what the notes tell
//	space.go, qemu.go    which addresses the segments have
//	live.go              what of a running kernel's addresses is in use
//	names.go, heap.go    how the mappings of a process are called
//	modules.go, bases.go the files that were mapped, and where they begin
//	places.go            where a file lies that is to be laid over or under the core
//	facts.go             what else a core tells of the machine or the process
package core

import (
	"context"
	"fmt"
	"strings"

	"vscan/engine/image"
	"vscan/engine/image/elf"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
	"vscan/internal/interrupt"
)

// Format is the format's line in the table of detection.
var Format = magic.Format{Name: "ELF core", What: "an ELF core", Match: elf.IsCore, Option: "elf", Open: Open}

// reader is a core while it is read. What takes as long as there are segments, notes or
// files asks ctx whether to go on.
type reader struct {
	elf.File
	noteInfo
	ctx   context.Context // of the opening
	watch *interrupt.Watch
	laid  int             // segments that were laid out
	names strings.Builder // of segments: see defaultName
	core  *Core           // of the core of a process, once its modules are found; else nil

	vmallocInfo string // path of what tells the used areas of a live kernel
}

// Open reads an ELF core into an image. What it keeps of the core of a process is
// Image.Origin: see Of.
func Open(ctx context.Context, in input.Reader, o image.Options) (*image.Draft, error) {
	return newReader(ctx, in).open(o)
}

// open reads the core into an image.
func (c *reader) open(o image.Options) (*image.Draft, error) {
	c.Budget = o.Budget
	ctx, in := c.ctx, c.Reader
	var err error
	if c.Header, err = elf.ReadHeader(in); err != nil {
		return nil, err
	}
	if c.Type != elf.TypeCore {
		return nil, c.RefuseUnplaced(in.Path())
	}
	if err := c.ReadSegments(ctx); err != nil {
		return nil, err
	}
	if len(c.Loads) == 0 && c.Draft.Missing == 0 {
		return nil, fmt.Errorf("%s: an ELF core that holds no memory: none of its %d program headers is a load segment (if it is of a Xen domain, its memory is in sections: use crash)", in.Path(), c.Count)
	}
	if err := c.readNotes(); err != nil {
		return nil, image.Interrupted(err, in.Path(), "reading notes, of which %d were read", c.noteCount)
	}
	if err := c.findModules(); err != nil {
		return nil, image.Interrupted(err, in.Path(), "finding which files were mapped")
	}
	if err := c.layOut(o); err != nil {
		return nil, image.Interrupted(err, in.Path(), "laying out %d load segments, of which %d were laid", len(c.Loads), c.laid)
	}
	c.describe()
	return c.Draft, nil
}

// newReader returns a reader that has read nothing.
func newReader(ctx context.Context, in input.Reader) *reader {
	return &reader{File: elf.File{Reader: in, Draft: new(image.Draft)}, ctx: ctx, watch: interrupt.New(ctx), vmallocInfo: "/proc/vmallocinfo"}
}

// describe fills in what the image says of itself.
func (c *reader) describe() {
	img := c.Draft
	img.WordSize, img.Order, img.OrderKnown = c.WordSize(), c.Order, true
	img.Format = "ELF process core"
	if c.Live {
		img.Format, img.Live = "live kernel", true
	} else if c.isMachine() {
		img.Format = "ELF machine dump"
	} else {
		threads := c.threads
		img.TellThreads(func(context.Context) ([]image.Thread, error) { return threads, nil })
	}
	name, narrow := elf.MachineName(c.Machine)
	if c.Wide && narrow {
		img.AltWordSize = 4
		img.NoteHint(image.Hint{WordSize: img.AltWordSize}, "a 64-bit ELF file of a 32-bit machine (%s): its pointers may be %d bytes wide", name, img.AltWordSize)
	}
	img.Detail = fmt.Sprintf("%d-bit %s-endian %s, %s, %s", 8*c.WordSize(), c.Order, name, input.Plural(len(c.Loads), "load segment"), input.Plural(c.noteCount, "note"))
	if c.writer != "" {
		img.Detail += ", " + c.writer
	}
	c.tellFacts()
}
