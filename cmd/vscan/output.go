package main

import (
	"bufio"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// output is standard output: buffered, since hits come by the million, and
// flushed every so often, since they may also come by the hour.
type output struct {
	terminal bool

	mu   sync.Mutex
	w    *bufio.Writer
	err  error // the first of a write
	stop chan struct{}
	once sync.Once
}

const flushEvery = 150 * time.Millisecond

func newOutput(w io.Writer) *output {
	o := &output{terminal: isTerminal(w), w: bufio.NewWriterSize(w, 1<<16), stop: make(chan struct{})}
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
