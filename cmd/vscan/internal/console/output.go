// Package console writes the standard output of the command, with a status line below
// it on the terminal of standard error.
package console

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// Output is standard output. It is buffered, since hits come by the million, and
// flushed from time to time, since they may also come by the hour. It is safe for
// concurrent use.
//
// A status line can stand on the terminal of standard error, below what has been
// written so far. It is erased before more is written to a terminal, so that the two
// never mix:
//
//	0x1000  secret  [heap]+0x0  secret
//	0x2000  secret  [heap]+0x1000  secret
//	 41% [=======>          ] 1.2 GiB of 3.0 GiB, …     ← status
//
// Where standard output is a pipe, its reader may write to the same terminal, as head
// and less do, and nobody tells when. So once something was written to a pipe, no
// status line is shown any more.
type Output struct {
	ToTerminal bool // whether standard output is a terminal
	ToPipe     bool // whether it is a pipe or a socket

	mu     sync.Mutex
	until  <-chan struct{} // nothing is written before it is closed; nil: output is not held
	w      *bufio.Writer
	err    error // the first error of a write
	status statusLine
	stop   chan struct{} // closed when the regular flushing has to end
	once   sync.Once     // for closing stop

	giveUp, giveUpNotes chan struct{} // closed when writes to standard output, and to standard error, are given up
}

// flushEvery is the time after which what is buffered is written out.
const flushEvery = 150 * time.Millisecond

// NewOutput returns an Output that writes to stdout, and its status line to stderr.
func NewOutput(stdout, stderr io.Writer) *Output {
	return newOutput(stdout, stderr, make(chan struct{}), make(chan struct{}))
}

// Beside returns an Output that writes to another file, and no status line. It gives up
// when o does.
func (o *Output) Beside(file io.Writer) *Output {
	return newOutput(file, io.Discard, o.giveUp, o.giveUpNotes)
}

func newOutput(stdout, stderr io.Writer, giveUp, giveUpNotes chan struct{}) *Output {
	o := &Output{
		ToTerminal: IsTerminal(stdout), ToPipe: isPipe(stdout),
		status: statusLine{w: &pen{w: stderr, giveUp: giveUpNotes, lastWait: lastWait}}, stop: make(chan struct{}),
		giveUp: giveUp, giveUpNotes: giveUpNotes,
	}
	o.w = bufio.NewWriterSize(&overStatus{o, &pen{w: stdout, giveUp: giveUp, lastWait: lastWait}}, 1<<16)
	go func() {
		tick := time.NewTicker(flushEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				o.Flush()
			case <-o.stop:
				return
			}
		}
	}()
	return o
}

// IsTerminal reports whether w is a terminal.
func IsTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Interrupt says that the program has to end, whoever reads: a write to standard output
// that has not ended after a time is given up then, and one to standard error after
// another. What was not written is lost, and is the error ErrGivenUp of that write and of
// all that follow, Flush and Close included. Interrupt is called once.
func (o *Output) Interrupt(output, notes time.Duration) {
	time.AfterFunc(output, func() { close(o.giveUp) })
	time.AfterFunc(notes, func() { close(o.giveUpNotes) })
}

// Hold keeps all output back until a channel is closed.
func (o *Output) Hold(until <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.until = until
}

// isPipe reports whether w is a pipe or a socket, which others read while it is
// written.
func isPipe(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0
}

// overStatus writes to standard output and erases the status line first. It is called
// with Output.mu held.
type overStatus struct {
	*Output
	stdout io.Writer
}

func (s *overStatus) Write(p []byte) (int, error) {
	if s.until != nil { // the reader of what is written may ask the program to end, so it has to listen first
		<-s.until
	}
	if s.ToTerminal || s.ToPipe {
		s.status.erase()
	}
	s.status.gone = s.status.gone || s.ToPipe
	return s.stdout.Write(p)
}

// Write buffers p. It returns the error of an earlier write.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(p)
	o.err = err
	return n, err
}

// Flush writes out what is buffered. It returns the first error of all writes.
func (o *Output) Flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.flush()
}

// flush does what Flush does, with mu held.
func (o *Output) flush() error {
	if o.err == nil {
		o.err = o.w.Flush()
	}
	return o.err
}

// Close flushes for the last time, and returns the first error of all writes. It does
// not close standard output.
func (o *Output) Close() error {
	o.once.Do(func() { close(o.stop) })
	return o.Flush()
}

// Note writes a line to standard error, below all output so far.
func (o *Output) Note(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flush()
	o.status.erase()
	io.WriteString(o.status.w, line+"\n")
}

// SetStatus shows a line, or several with \n between them, below all that was written so far,
// in place of those before; "" takes them away. No line is wider than the terminal. At a terminal, output has to be written in whole lines while a
// status line is shown. SetStatus reports whether a status line can still be shown.
func (o *Output) SetStatus(line string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ToTerminal {
		o.flush()
	}
	if o.status.gone {
		line = ""
	}
	o.status.set(line)
	return !o.status.gone
}

// statusLine is a line on a terminal, or several, that is written over and over. The cursor
// stands at the beginning of the first. Where the terminal is made narrower and breaks lines in two, the
// cursor is still there, and what is erased from there on is all of them.
type statusLine struct {
	w     io.Writer
	shown bool
	gone  bool // it must not be shown any more
}

const (
	eraseBelow = "\x1b[J"   // erases what stands from the cursor on, to the end of the screen
	upLines    = "\x1b[%dA" // moves the cursor up so many lines
)

// set shows lines in place of those before; "" takes them away.
func (s *statusLine) set(line string) {
	if line == "" {
		s.erase()
		return
	}
	s.shown = true
	text := "\r" + strings.ReplaceAll(line, "\n", eraseBelow+"\r\n") + eraseBelow + "\r"
	if n := strings.Count(line, "\n"); n > 0 {
		text += fmt.Sprintf(upLines, n)
	}
	io.WriteString(s.w, text)
}

// Echo is what a terminal writes at the cursor, over the status line, when Ctrl-C is
// pressed.
const Echo = "^C"

// erase takes the line away.
func (s *statusLine) erase() {
	if s.shown {
		io.WriteString(s.w, "\r"+eraseBelow)
		s.shown = false
	}
}

// WantsColor reports whether output is to be coloured, where when is always, never or
// auto; auto asks for it at a terminal.
func (o *Output) WantsColor(when string) bool {
	return when == "always" || when == "auto" && o.ToTerminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
