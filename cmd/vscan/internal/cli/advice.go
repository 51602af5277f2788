package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"vscan/engine"
	"vscan/engine/graph"
	"vscan/engine/image"
	"vscan/engine/search"
	"vscan/internal/outfile"
	"vscan/patterns"
)

// Libraries know no flags. Their errors and notes have fields that say what would help,
// and the functions of this file say which flag, or which form of an argument, does that.
// What they return follows the text of the library in the same line.

// advice returns what to do about an error of a library, or "".
func advice(err error) string {
	var (
		missing     *patterns.MissingError
		arch        *image.ArchError
		unsupported *image.UnsupportedError
		space       *image.SpaceError
		base        *image.BaseError
		page        *image.PageError
		unplaced    *image.UnplacedError
		path        *fs.PathError
	)
	switch {
	case errors.As(err, &missing):
		return factAdvice(missing.What)
	case errors.As(err, &arch):
		return factAdvice(arch.What)
	case errors.As(err, &unsupported):
		return insteadAdvice(unsupported) + rawAdvice(unsupported)
	case errors.As(err, &space):
		return spaceAdvice(space)
	case errors.As(err, &path) && errors.Is(path, fs.ErrNotExist) && !filepath.IsAbs(path.Path) && outfile.WorkingFolderGone():
		return ": the working folder was removed: go to another one, or give the whole path"
	case errors.As(err, &base):
		return " (--image-format raw)"
	case errors.As(err, &page):
		return fmt.Sprintf(" (%s@%v+0)", operand(page.Path), page.At)
	case errors.As(err, &unplaced) && unplaced.Program:
		return ", " + operand(unplaced.Path) + "@ADDR"
	case errors.Is(err, search.ErrNoWord):
		return factAdvice(patterns.FactWordSize)
	case errors.Is(err, engine.ErrNoName):
		return "; vscan map lists the names"
	case errors.Is(err, image.ErrNoModules):
		return " (--under FILE@ADDR)"
	case errors.Is(err, graph.ErrNotGraph):
		return ": vscan graph build makes one"
	}
	return ""
}

// factAdvice returns how to tell the command what an image does not say.
func factAdvice(what patterns.Fact) string {
	switch what {
	case patterns.FactWordSize:
		return ": give --word 4|8"
	case patterns.FactByteOrder:
		return ": give --endian little|big"
	}
	return ""
}

// insteadAdvice returns what to open instead of a file, or how else to open it, in the
// form of arguments.
func insteadAdvice(e *image.UnsupportedError) string {
	switch {
	case e.UnpackLimit != 0:
		return ", or allow more with --unpack-limit SIZE"
	case e.PID != 0:
		return fmt.Sprintf(": pid:%d", e.PID)
	case e.Live:
		return " as pid:N"
	case e.AsTheyAre:
		return " (" + operand(e.Path) + "@ADDR+0, or --image-format raw)"
	case e.Placeable:
		return " (" + operand(e.Path) + "@ADDR, or --map or --under with an image of the process)"
	}
	return ""
}

// rawAdvice returns what opening the file as raw memory would give.
func rawAdvice(e *image.UnsupportedError) string {
	if e.RawHelps == "" {
		return ""
	}
	return ", or " + e.RawHelps + " with --image-format raw"
}

// spaceAdvice returns what to do where an image does not have the address space that
// was asked for.
func spaceAdvice(e *image.SpaceError) string {
	var ways []string
	if e.BaseHelps {
		ways = append(ways, "place them with "+operand(e.Path)+"@ADDR")
	}
	for _, have := range e.Have {
		ways = append(ways, "use --space "+string(have))
	}
	if e.RawHelps {
		ways = append(ways, "use --image-format raw")
	}
	if ways == nil {
		return ""
	}
	return ": " + strings.Join(ways, ", or ")
}

// operand returns an argument as it is written in a shell, such that the command does
// not take one that begins with - for a flag.
func operand(arg string) string {
	if strings.HasPrefix(arg, "-") {
		arg = "./" + arg
	}
	return image.ShellWord(arg)
}

// hintsOf returns what to do about the note of an image that has this index, or "".
func hintsOf(img *image.Image, note int) string {
	var b strings.Builder
	for _, h := range img.Hints {
		switch {
		case h.Note != note:
		case h.Format != "":
			b.WriteString(" (--image-format " + string(h.Format) + " takes them so without this line)")
		case h.Space != "":
			b.WriteString(": see --space " + string(h.Space))
		case h.WordSize != 0:
			fmt.Fprintf(&b, ": --word %d", h.WordSize)
		case h.Parts:
			b.WriteString(": --with FILE names a part that lies elsewhere")
		}
	}
	return b.String()
}
