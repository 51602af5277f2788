package console

import (
	"errors"
	"io"
	"time"
)

// ErrGivenUp is the error of a write that was not waited for any longer, and of all
// writes behind it: see Output.Interrupt.
var ErrGivenUp = errors.New("the output is not complete: its reader does not read on")

// lastWait is for how long a write is waited for that begins once writes are given up,
// so that output whose reader does read is still whole.
const lastWait = 20 * time.Millisecond

// A pen writes to a file. Nothing ends a write to a pipe that nobody reads, or to a
// terminal that was stopped, and the file may be shared with other programs, so that it
// cannot be told to return at once. So each write has a goroutine of its own, which is
// left behind if it is not waited for any longer. Where the program goes on writing, it
// waits for its reader as ever.
type pen struct {
	w        io.Writer
	giveUp   <-chan struct{} // closed when writes are given up
	lastWait time.Duration   // for how long a write is waited for from then on
	lost     bool            // a write was given up, and none is tried any more
	room     []byte          // what is being written, which a goroutine that was left behind may still read
}

// Write writes p, or gives up.
func (p *pen) Write(b []byte) (int, error) {
	if p.lost {
		return 0, ErrGivenUp
	}
	type written struct {
		n   int
		err error
	}
	p.room = append(p.room[:0], b...)
	done := make(chan written, 1)
	go func() {
		n, err := p.w.Write(p.room)
		done <- written{n, err}
	}()
	select {
	case r := <-done:
		return r.n, r.err
	case <-p.giveUp:
	}
	select {
	case r := <-done:
		return r.n, r.err
	case <-time.After(p.lastWait):
		p.lost = true
		return 0, ErrGivenUp
	}
}
