package image

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/bits"
	"slices"

	"vscan/engine"
)

// Draft is an image while the reader of its format makes it. The reader sets the
// fields of Image, and tells by methods what is odd or missing. A program that
// reads a format of its own makes its images in the same way.
type Draft struct {
	Image
	unsaid int // notes beyond MaxNotes
}

// MaxNotes bounds the lines of Image.Notes, but for one that tells how many more
// there would be: a hostile file can be odd in a million places.
const MaxNotes = 32

// Note keeps a line about something odd.
func (d *Draft) Note(format string, args ...any) {
	if len(d.Notes) == MaxNotes {
		d.unsaid++
		return
	}
	d.Notes = append(d.Notes, fmt.Sprintf(format, args...))
}

// NoteHint keeps a line with its hint, whose field Note it sets. A hint that says
// nothing else is left out.
func (d *Draft) NoteHint(h Hint, format string, args ...any) {
	h.Note = len(d.Notes)
	d.Note(format, args...)
	if len(d.Notes) > h.Note && h != (Hint{Note: h.Note}) {
		d.Hints = append(d.Hints, h)
	}
}

// NoteFirst puts lines in front of those that Note has kept, whose hints stay with them. Where they are too many
// together, the last ones are but counted.
func (d *Draft) NoteFirst(lines []string) {
	d.Notes = slices.Concat(lines, d.Notes)
	if more := len(d.Notes) - MaxNotes; more > 0 {
		d.Notes, d.unsaid = d.Notes[:MaxNotes], d.unsaid+more
	}
	for i := range d.Hints {
		d.Hints[i].Note += len(lines)
	}
	d.Hints = slices.DeleteFunc(d.Hints, func(h Hint) bool { return h.Note >= len(d.Notes) })
}

// Lose counts n bytes as missing. The sum sticks at 2^64 − 1.
func (d *Draft) Lose(n uint64) {
	sum, carry := bits.Add64(d.Missing, n, 0)
	if carry != 0 {
		sum = math.MaxUint64
	}
	d.Missing = sum
}

// Tell keeps a fact, unless its value is empty.
func (d *Draft) Tell(name, value string) {
	if value != "" {
		d.Facts = append(d.Facts, Fact{name, value})
	}
}

// Own has the image close c when it is closed itself. Closers are called in the
// order in which they were given.
func (d *Draft) Own(c io.Closer) { d.closers = append(d.closers, c) }

// ReadBeside has Image.Files return a file that was read and is not kept open.
func (d *Draft) ReadBeside(info fs.FileInfo) { d.beside = append(d.beside, info) }

// TellThreads sets what Image.Threads asks.
func (d *Draft) TellThreads(threads func(context.Context) ([]Thread, error)) { d.threads = threads }

// TellAppended sets what Image.Grown asks: a function that returns the mapping of what was
// appended to the image's file behind last, which is the highest of its Mappings, and
// whether there is anything.
func (d *Draft) TellAppended(f func(last engine.Mapping) (engine.Mapping, bool)) { d.appended = f }

// Keep sets what Image.Origin returns.
func (d *Draft) Keep(origin any) { d.origin = origin }

// Finish closes the list of notes and returns the image.
func (d *Draft) Finish() *Image {
	if d.unsaid > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("and %d more such notes", d.unsaid))
		d.unsaid = 0
	}
	return &d.Image
}
