package main

import (
	"bufio"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// output is standard output: buffered, since hits come by the million, and
// flushed every so often, since they may also come by the hour.
//
// Where it is a terminal, a status line can stand below what has been written
// so far. It is taken away before more is written, so that the two never mix:
//
//	0x1000  secret  [heap]+0x0  secret
//	0x2000  secret  [heap]+0x1000  secret
//	 41% [=======>          ] 1.2 GiB of 3.0 GiB, …     ← status
type output struct {
	terminal bool

	mu     sync.Mutex
	w      *bufio.Writer
	err    error // the first of a write
	status statusLine
	stop   chan struct{}
	once   sync.Once
}

const flushEvery = 150 * time.Millisecond

// newOutput writes to stdout, and the status line to stderr.
func newOutput(stdout, stderr io.Writer) *output {
	o := &output{terminal: isTerminal(stdout), status: statusLine{w: stderr}, stop: make(chan struct{})}
	o.w = bufio.NewWriterSize(&overStatus{o, stdout}, 1<<16)
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

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// overStatus writes to standard output, over the status line. It is called
// with output.mu held.
type overStatus struct {
	*output
	stdout io.Writer
}

func (s *overStatus) Write(p []byte) (int, error) {
	if s.terminal {
		s.status.erase()
	}
	return s.stdout.Write(p)
}

// Write buffers p. An error of an earlier write comes back here.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(p)
	o.err = err
	return n, err
}

// Flush writes out what is buffered.
func (o *output) Flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.flush()
}

func (o *output) flush() error {
	if o.err == nil {
		o.err = o.w.Flush()
	}
	return o.err
}

// close flushes for the last time, and returns the first error of all writes.
func (o *output) close() error {
	o.once.Do(func() { close(o.stop) })
	return o.Flush()
}

// setStatus shows a line below all that was written so far, in place of the one
// before it; "" takes it away. What is written comes in whole lines then.
func (o *output) setStatus(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.terminal {
		o.flush()
	}
	o.status.set(line)
}

// statusLine is a line on a terminal that is written over and over.
type statusLine struct {
	w     io.Writer
	width int // columns up to the cursor, behind the longest line so far; 0: no line stands
}

func (s *statusLine) set(line string) {
	if line == "" {
		s.erase()
		return
	}
	width := columns(line)
	s.width = max(s.width, width)
	io.WriteString(s.w, "\r"+line+strings.Repeat(" ", s.width-width))
}

// echo is what the terminal puts behind the line where Ctrl-C is pressed.
const echo = "^C"

func (s *statusLine) erase() {
	if s.width > 0 {
		io.WriteString(s.w, "\r"+strings.Repeat(" ", s.width+len(echo))+"\r")
		s.width = 0
	}
}
