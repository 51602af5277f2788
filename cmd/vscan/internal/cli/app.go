// Package cli has what the commands of vscan share: how they end, what they tell on
// standard error, the types of their flags, the flags of images, and the progress bar.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"vscan/cmd/vscan/internal/console"
	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/image/layered"
	"vscan/internal/outfile"
	"vscan/internal/wording"
	"vscan/patterns"
)

// The exit codes. Where several apply, the first of ExitError, ExitInterrupted and
// ExitIncomplete holds; ExitFound and ExitNothing are for when none of these does.
const (
	ExitFound       = 0
	ExitNothing     = 1
	ExitError       = 2   // usage; an image that cannot be read or is not recognised
	ExitIncomplete  = 3   // not everything could be looked at
	ExitInterrupted = 130 // by Ctrl-C
)

// ExitCode is an error that ends the command with this exit code. What there is to tell
// of it has been told already.
type ExitCode int

func (c ExitCode) Error() string { return fmt.Sprintf("exit status %d", int(c)) }

// App is the output of a command and how it ends. All commands share one.
type App struct {
	Out       *console.Output
	Err       io.Writer           // standard error
	Temporary outfile.Temporaries // files to be removed if the program ends before the command does

	memory memory

	doing atomic.Pointer[string]
}

// Begin notes what the command does from now on, for whoever interrupts it: a verb in
// -ing and its object.
func (a *App) Begin(doing string) { a.doing.Store(&doing) }

// Doing returns what Begin noted last.
func (a *App) Doing() string {
	if s := a.doing.Load(); s != nil {
		return *s
	}
	return "starting"
}

// Exit closes the output and returns the exit code of a command whose outcome is err.
// It tells errors that have not been told.
func (a *App) Exit(err error) int {
	writing := a.Out.Close()
	if errors.Is(writing, console.ErrGivenUp) {
		a.Note("not complete: interrupted, and not all of the output could be written: its reader does not read on")
		return ExitInterrupted
	}
	code := a.exitCode(err)
	if writing != nil && !console.IsClosedPipe(writing) && !errors.Is(err, writing) {
		a.Complain(writing)
		code = ExitError
	}
	return code
}

// exitCode returns the exit code for an error, and tells the error if it has not been
// told.
func (a *App) exitCode(err error) int {
	var code ExitCode
	switch {
	case err == nil, console.IsClosedPipe(err): // a closed pipe says that the reader of the output has seen enough
		return ExitFound
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, context.Canceled), errors.Is(err, console.ErrGivenUp):
		a.Note("not complete: %s", interruption(err))
		return ExitInterrupted
	}
	a.Complain(err)
	return ExitError
}

// interruption returns what was interrupted, as far as the error of a context that ended
// says it.
func interruption(err error) string {
	text, ok := strings.CutSuffix(err.Error(), ": "+context.Canceled.Error())
	if !ok || !strings.Contains(text, "interrupted") {
		return "interrupted"
	}
	return text
}

// Interruption returns how an image was interrupted that was being opened, without its
// name.
func Interruption(err error) string {
	var of *image.InterruptedError
	if errors.As(err, &of) {
		return "interrupted while " + of.Doing
	}
	return "interrupted"
}

// Complain writes an error to standard error, with a line for each of several that are
// joined.
func (a *App) Complain(err error) {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range j.Unwrap() {
			a.Complain(e)
		}
		return
	}
	text := errorText(err)
	if over := (*budget.Error)(nil); errors.As(err, &over) {
		text += a.budgetAdvice()
	}
	a.Tell(text)
}

// Note writes a line to standard error, with what does not print escaped. A name that
// begins the line, as "%s:" does, is escaped as names are.
func (a *App) Note(format string, args ...any) {
	if name, ok := first(args).(string); ok && strings.HasPrefix(format, "%s:") {
		args = append([]any{wording.Escape(name)}, args[1:]...)
	}
	a.Tell(wording.Printable(fmt.Sprintf(format, args...)))
}

func first(args []any) any {
	if len(args) == 0 {
		return nil
	}
	return args[0]
}

// Tell writes text to standard error as it is, below all output so far.
func (a *App) Tell(text string) { a.Out.Note("vscan: " + text) }

// errorText returns the text of an error with what does not print escaped. It is one
// line, unless the error is in a file of patterns: then it shows the line there and
// points into it.
func errorText(err error) string {
	var pattern *patterns.Error
	if !errors.As(err, &pattern) {
		return wording.Printable(err.Error() + advice(err))
	}
	text, shown := err.Error(), ""
	if n := pattern.ShownLines(); n > 0 && strings.HasSuffix(text, pattern.Error()) {
		at := len(text)
		for range n { // names in front of these lines may have line ends
			at = strings.LastIndexByte(text[:at], '\n')
		}
		text, shown = text[:at], text[at:]
	}
	if errors.Is(err, engine.ErrNoName) {
		text += advice(engine.ErrNoName)
	}
	lines := strings.Split(shown, "\n\t")
	for i := range lines {
		lines[i] = wording.Printable(lines[i])
	}
	return wording.Printable(text) + strings.Join(lines, "\n\t")
}

// Outcome is how the search of all images went.
type Outcome struct {
	Found, Failed, Interrupted, Incomplete bool
}

// ExitStatus returns the ExitCode of the outcome as an error, and nil for ExitFound.
func (o Outcome) ExitStatus() error {
	switch {
	case o.Failed:
		return ExitCode(ExitError)
	case o.Interrupted:
		return ExitCode(ExitInterrupted)
	case o.Incomplete:
		return ExitCode(ExitIncomplete)
	case !o.Found:
		return ExitCode(ExitNothing)
	}
	return nil
}

// InImage puts the name of an image in front of an error, or of each error that is
// joined.
func InImage(arg string, err error) error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		var errs []error
		for _, e := range j.Unwrap() {
			errs = append(errs, InImage(arg, e))
		}
		return errors.Join(errs...)
	}
	return fmt.Errorf("%s: %w", wording.Escape(arg), err)
}

// Interactive reports whether somebody at a terminal reads standard error, and no pager
// has the screen.
func (a *App) Interactive() bool { return console.IsTerminal(a.Err) && !a.Out.ToPipe }

// NoteOddities tells what was odd about an image when it was opened, and what was odd
// about the layers over and under it.
func (a *App) NoteOddities(t *layered.Image) {
	for _, n := range Oddities(t) {
		a.Note("%s: %s", t.Arg, n)
	}
}

// Oddities returns what was odd about an image when it was opened, with what to do about it,
// and what was odd about the layers over and under it.
func Oddities(t *layered.Image) (all []string) {
	for i, n := range t.Notes {
		all = append(all, n+hintsOf(t.Image, i))
	}
	return append(all, t.LayerNotes...)
}

// NoteMissing tells how many bytes an image should hold and does not, and which files
// were to be laid and were not.
func (a *App) NoteMissing(t *layered.Image) {
	if t.Missing > 0 {
		a.Note("%s: not complete: the image is truncated or damaged, %s are missing", t.Arg, wording.Size(t.Missing))
	}
	if n := len(t.LeftOut); n > 0 {
		others := ""
		if n > 1 {
			others = fmt.Sprintf(" and of %s", wording.Count(uint64(n-1), "other file"))
		}
		a.Note("%s: not complete: %s of %s%s, left out, are nowhere", t.Arg, wording.Size(t.LeftOutBytes), t.LeftOut[0], others)
	}
}

// Work is told where it is at least leastWork bytes, and outOfProportion times what the
// files of the image take on disk, for nobody expects that.
const leastWork, outOfProportion = 1 << 30, 8

// NoteWork tells that so many bytes of an image will be looked at where that is out of
// proportion to its files.
func (a *App) NoteWork(t *layered.Image, work uint64) {
	if work < leastWork {
		return
	}
	size, disk, known := t.OnDisk()
	if !known || work/outOfProportion < disk {
		return
	}
	why := "they have holes, which read as zeros, or they or what they hold are compressed"
	if work/2 > size {
		why = "the same bytes show at many addresses"
	}
	a.Note("%s: %s will be searched, of files that take %s on disk: %s; --max-bytes SIZE bounds it", t.Arg, wording.Size(work), wording.Size(disk), why)
}

// NoteBeyond tells how many bytes were not looked at because --max-bytes bounds that.
func (a *App) NoteBeyond(t *layered.Image, n uint64) {
	if n > 0 {
		a.Note("%s: not complete: %s behind those that were searched were left out (--max-bytes)", t.Arg, wording.Size(n))
	}
}

// NoteWays tells how many bytes of large blocks were read and how many were mapped, and how
// fast one worker went over them.
func (a *App) NoteWays(of string, ways []engine.WayStats) {
	for _, w := range ways {
		a.Note("%s: %s %s in %.3f s of one worker (%s/s)", of, wording.Size(w.Bytes), w.Name, w.Took.Seconds(),
			wording.Size(uint64(float64(w.Bytes)/max(w.Took.Seconds(), 1e-9))))
	}
}

// NoteUnreadable tells how many bytes of an image could not be read, and where the first
// of them are: by address, and in their file or in what is unpacked of it.
func (a *App) NoteUnreadable(t *layered.Image, ranges []addr.Range) {
	if len(ranges) == 0 {
		return
	}
	n := uint64(0)
	for _, r := range ranges {
		n += r.Size()
	}
	first, where := ranges[0], ""
	if m := t.Space.At(first.First).Mapping; m != nil && m.Source != nil {
		if where = image.PlaceIn(m.Source, m.OffsetOf(first.First)); where != "" {
			where = fmt.Sprintf(", %s of %s", where, m.Source.Name())
		}
	}
	a.Note("%s: not complete: %s could not be read, in %s, the first %v (%s)%s", t.Arg, wording.Size(n),
		wording.Count(uint64(len(ranges)), "range"), first, wording.Count(first.Size(), "byte"), where)
}

// maxToldChanges is of how many changes of an image's files is told at most.
const maxToldChanges = 10

// NoteChanges tells what of the files of an image is no longer as it was when they were
// opened.
func (a *App) NoteChanges(t *layered.Image, changes []image.Change) {
	for _, c := range changes[:min(len(changes), maxToldChanges)] {
		file := "the file"
		if c.Path != t.Arg {
			file = c.Path
		}
		if c.Content() {
			a.Note("%s: not complete: %s changed while it was looked at: %v", t.Arg, file, c)
		} else {
			a.Note("%s: %s: %v", t.Arg, file, c)
		}
	}
	if n := len(changes) - maxToldChanges; n > 0 {
		a.Note("%s: and %s more", t.Arg, wording.Count(uint64(n), "such change"))
	}
}

// Changed tells what NoteChanges does of an image that has been read, and reports
// whether bytes of it may have changed meanwhile.
func (a *App) Changed(t *layered.Image) bool {
	changes := t.Changed()
	a.NoteChanges(t, changes)
	return image.ContentChanged(changes)
}

// SameFile reports whether two paths name one file.
func SameFile(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return errors.Join(err1, err2) == nil && os.SameFile(x, y)
}

// IsOutput reports whether standard output goes to one of some files.
func IsOutput(files ...fs.FileInfo) bool {
	if len(files) == 0 {
		return false
	}
	out, err := os.Stdout.Stat()
	return err == nil && out.Mode().IsRegular() && slices.ContainsFunc(files, func(f fs.FileInfo) bool { return outfile.Same(f, out) })
}

// OutputError is the error of an argument that names a file to which standard output goes.
func OutputError(arg string) error {
	return fmt.Errorf("%s: standard output goes to a file that is read for this, and would change it: write to another file", wording.Escape(arg))
}
