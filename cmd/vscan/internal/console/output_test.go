package console

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// screen is a terminal as far as vscan uses one. A carriage return goes back to the
// start of the line, what is written there replaces what was there, and eraseBelow
// erases what stands from there on.
type screen struct {
	mu     sync.Mutex
	lines  [][]rune
	column int
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lines == nil {
		s.lines = [][]rune{nil}
	}
	for _, r := range strings.ReplaceAll(string(p), eraseBelow, "\x00") {
		last := &s.lines[len(s.lines)-1]
		switch {
		case r == 0:
			*last = (*last)[:min(s.column, len(*last))]
			continue
		case r == '\r':
			s.column = 0
			continue
		case r == '\n':
			s.lines = append(s.lines, nil)
			s.column = 0
			continue
		case s.column < len(*last):
			(*last)[s.column] = r
		default:
			*last = append(*last, r)
		}
		s.column++
	}
	return len(p), nil
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for _, l := range s.lines {
		lines = append(lines, strings.TrimRight(string(l), " "))
	}
	return strings.Join(lines, "\n")
}

// Hits and the status line go to one terminal, and do not mix.
func TestStatusLine(t *testing.T) {
	var s screen
	o := NewOutput(&s, &s)
	defer o.Close()
	o.mu.Lock()
	o.ToTerminal = true
	o.mu.Unlock()
	write := func(text string) {
		if _, err := io.WriteString(o, text); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want string) {
		t.Helper()
		if got := s.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	o.SetStatus(" 10% of much")
	check(" 10% of much")
	o.SetStatus(" 20%")
	check(" 20%")
	io.WriteString(&s, Echo) // Ctrl-C writes over the line
	write("hit 1\n")
	o.Flush()
	check("hit 1\n")
	o.SetStatus(" 30%")
	check("hit 1\n 30%")
	write("hit 2\nhit")
	write(" 3\n")
	o.SetStatus(" 40%") // this goes below what was not flushed yet
	check("hit 1\nhit 2\nhit 3\n 40%")
	o.SetStatus("")
	check("hit 1\nhit 2\nhit 3\n")
	write("hit 4\n")
	o.Close()
	check("hit 1\nhit 2\nhit 3\nhit 4\n")
}

// A status line below output that is no terminal stays until it is taken away.
func TestStatusLineAlone(t *testing.T) {
	var out bytes.Buffer
	var s screen
	o := NewOutput(&out, &s)
	o.SetStatus(" 10%")
	io.WriteString(o, "hit 1\n")
	o.Flush()
	if s.String() != " 10%" {
		t.Errorf("%q", s.String())
	}
	o.SetStatus("")
	if err := o.Close(); err != nil || s.String() != "" || out.String() != "hit 1\n" {
		t.Errorf("%v, %q, %q", err, s.String(), out.String())
	}
}

// Where output goes to a pipe, its reader may write to the terminal. So once it got
// something, there is no status line any more.
func TestStatusLineOfPipe(t *testing.T) {
	var out bytes.Buffer
	var s screen
	o := NewOutput(&out, &s)
	defer o.Close()
	o.mu.Lock()
	o.ToPipe = true
	o.mu.Unlock()
	check := func(want string) {
		t.Helper()
		if got := s.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	o.SetStatus(" 10%")
	check(" 10%")
	io.WriteString(o, "hit 1\n")
	o.Flush()
	check("")
	o.SetStatus(" 20%")
	check("")
	if o.SetStatus(" 30%") {
		t.Error("a line is said to be shown")
	}
	io.WriteString(o, "hit 2\n")
	o.Note("vscan: a note")
	check("vscan: a note\n")
	if out.String() != "hit 1\nhit 2\n" {
		t.Errorf("%q", out.String())
	}
}

// A terminal that is made narrower breaks the line in two, and keeps the cursor in front of
// it. Then all of the line is erased.
func TestStatusLineIsNarrowed(t *testing.T) {
	var s screen
	o := NewOutput(&s, &s)
	defer o.Close()
	o.SetStatus(" 10% of very much")
	s.mu.Lock()
	s.lines = [][]rune{[]rune(" 10% of")} // the rest is on the next row, which is erased with it
	s.mu.Unlock()
	o.SetStatus(" 20%")
	if got := s.String(); got != " 20%" || s.column != 0 {
		t.Errorf("%q, cursor in column %d", got, s.column)
	}
}

// failingWriter is a writer that fails.
type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// All writes that follow the first one that fails return its error, and so does Close.
func TestOutputFails(t *testing.T) {
	broken := errors.New("broken")
	o := NewOutput(failingWriter{broken}, io.Discard)
	if _, err := io.WriteString(o, strings.Repeat("x", 1<<17)); err != broken {
		t.Errorf("writing: %v", err)
	}
	if _, err := io.WriteString(o, "x"); err != broken {
		t.Errorf("writing on: %v", err)
	}
	if err := o.Close(); err != broken {
		t.Errorf("closing: %v", err)
	}
}

// Once the program has to end, nothing waits for a reader that does not read: neither what
// is being written nor what follows, at standard output and at standard error. What has a
// reader is not given up for an hour here, since a busy machine may keep any reader waiting.
func TestInterruptedOutput(t *testing.T) {
	for _, c := range []struct {
		name          string
		stuck, silent bool // whether standard output, and standard error, have no reader
	}{{"all read", false, false}, {"output", true, false}, {"notes", false, true}, {"both", true, true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out, outBeside, notes bytes.Buffer
			var stdout, beside, stderr io.Writer = &out, &outBeside, &notes
			waitOut, waitNotes := time.Hour, time.Hour
			if c.stuck {
				_, stdout = io.Pipe()
				beside = stdout
				waitOut = 50 * time.Millisecond
			}
			if c.silent {
				_, stderr = io.Pipe()
				waitNotes = 100 * time.Millisecond
			}
			o := NewOutput(stdout, stderr)
			other := o.Beside(beside)
			o.Interrupt(waitOut, waitNotes)
			io.WriteString(o, "abc")
			io.WriteString(other, "abc")
			o.SetStatus("status")
			o.Note("note")
			for _, x := range []*Output{o, other} {
				_, again := io.WriteString(x, strings.Repeat("x", 1<<17))
				for _, err := range []error{x.Flush(), x.Close(), again} {
					if errors.Is(err, ErrGivenUp) != c.stuck {
						t.Errorf("%v, want that it was given up: %v", err, c.stuck)
					}
				}
			}
			if want := 3 + 1<<17; !c.stuck && (out.Len() != want || outBeside.Len() != want) {
				t.Errorf("%d and %d bytes, want %d", out.Len(), outBeside.Len(), want)
			}
			if !c.silent && !strings.HasSuffix(notes.String(), "note\n") {
				t.Errorf("%q: the note is missing", notes.String())
			}
		})
	}
}

// What is written once writes are given up is whole if its reader reads.
func TestLastWrite(t *testing.T) {
	giveUp := make(chan struct{})
	close(giveUp)
	var out bytes.Buffer
	p := &pen{w: &out, giveUp: giveUp, lastWait: time.Hour}
	for range 100 {
		if _, err := io.WriteString(p, "abc"); err != nil {
			t.Fatal(err)
		}
	}
	if want := strings.Repeat("abc", 100); out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// A goroutine that was left behind in a write does not see what the caller makes of its
// bytes.
func TestWriteIsLeftBehind(t *testing.T) {
	r, w := io.Pipe()
	giveUp := make(chan struct{})
	close(giveUp)
	p := &pen{w: w, giveUp: giveUp, lastWait: time.Millisecond}
	b := []byte("abc")
	if _, err := p.Write(b); !errors.Is(err, ErrGivenUp) {
		t.Fatal(err)
	}
	copy(b, "xyz")
	if _, err := p.Write(b); !errors.Is(err, ErrGivenUp) {
		t.Fatal(err)
	}
	got := make([]byte, 3)
	if _, err := io.ReadFull(r, got); err != nil || string(got) != "abc" {
		t.Errorf("%q, %v", got, err)
	}
}
