package formats

import (
	"fmt"

	"vscan/engine/image"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
)

// coreFormat is the format's line in the table of detection.
var coreFormat = magic.Format{Name: "ELF core", What: "an ELF core", Match: isELFCore, Option: "elf", Open: OpenELF}

// elf is a core while it is read.
type elf struct {
	elfFile
	noteInfo
	core *CoreFile // of the core of a process, once its modules are found; else nil
}

// OpenELF reads an ELF core.
func OpenELF(in input.Reader, o image.Options) (*image.Draft, error) {
	c := elf{elfFile: elfFile{Reader: in, img: new(image.Draft)}}
	var err error
	if c.elfHeader, err = readELFHeader(in); err != nil {
		return nil, err
	}
	if c.Typ != elfCore {
		return nil, c.notDump(in.Path())
	}
	if err := c.readSegments(); err != nil {
		return nil, fmt.Errorf("%s: %w", in.Path(), err)
	}
	if len(c.Loads) == 0 && c.img.Missing == 0 {
		return nil, fmt.Errorf("%s: an ELF core that holds no memory: none of its %d program headers is a load segment (if it is of a Xen domain, its memory is in sections: use crash)", in.Path(), c.phnum)
	}
	if err := c.readNotes(); err != nil {
		return nil, err
	}
	c.findModules()
	if err := c.layOut(o); err != nil {
		return nil, err
	}
	c.describe()
	return c.img, nil
}

// describe fills in what the image says of itself.
func (c *elf) describe() {
	img := c.img
	img.WordSize, img.Order, img.OrderKnown = c.wordSize(), c.order, true
	img.Format = "ELF process core"
	if c.isMachine() {
		img.Format = "ELF machine dump"
	} else {
		threads := c.threads
		img.TellThreads(func() ([]image.Thread, error) { return threads, nil })
	}
	name, narrow := machineName(c.machine)
	if c.wide && narrow {
		img.AltWordSize = 4
		img.NoteHint(image.Hint{WordSize: img.AltWordSize}, "a 64-bit ELF file of a 32-bit machine (%s): its pointers may be %d bytes wide", name, img.AltWordSize)
	}
	img.Detail = fmt.Sprintf("%d-bit %s-endian %s, %s, %s", 8*c.wordSize(), c.order, name, input.Plural(len(c.Loads), "load segment"), input.Plural(c.noteCount, "note"))
	if c.writer != "" {
		img.Detail += ", " + c.writer
	}
}
