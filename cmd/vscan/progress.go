package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"vscan/engine"
)

// bar shows how far a scan has come, on standard error. The scan knows nothing
// of it: it reads the counters that the scan keeps. At a terminal it is one
// line that is written over and vanishes at the end, elsewhere a line now and
// then.
type bar struct {
	app     *app
	name    string
	total   uint64 // bytes
	scan    *engine.Progress
	speed   speed
	drawing *progressbar.ProgressBar // nil where no terminal is
	stop    chan struct{}
	stopped chan struct{}
}

const (
	drawEvery = 100 * time.Millisecond
	lineEvery = time.Second
	barWidth  = 16
)

// startBar shows a bar where one is wanted. It may return nil.
func (a *app) startBar(f *searchFlags, name string, total uint64, scan *engine.Progress) *bar {
	terminal := isTerminal(a.err)
	if f.progress == "never" || f.progress == "auto" && (!terminal || f.quiet) {
		return nil
	}
	b := &bar{app: a, name: printable(name), total: total, scan: scan, stop: make(chan struct{}), stopped: make(chan struct{})}
	every := lineEvery
	if terminal {
		every = drawEvery
		b.drawing = newDrawing(total)
	}
	go b.run(every)
	return b
}

// newDrawing is the bar itself. It is drawn into nothing: where it stands on
// the terminal is for output to say.
func newDrawing(total uint64) *progressbar.ProgressBar {
	return progressbar.NewOptions64(int64(min(max(total, 1), 1<<62)),
		progressbar.OptionSetWriter(io.Discard),
		progressbar.OptionSetWidth(barWidth),
		progressbar.OptionSetTheme(progressbar.ThemeASCII),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionShowDescriptionAtLineEnd(),
	)
}

func (b *bar) run(every time.Duration) {
	defer close(b.stopped)
	b.speed.rate(time.Now(), 0)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			b.show(now)
		case <-b.stop:
			if b.drawing != nil {
				b.app.out.setStatus("")
			} else {
				b.show(time.Now())
			}
			return
		}
	}
}

// finish takes the bar away.
func (b *bar) finish() {
	if b != nil {
		close(b.stop)
		<-b.stopped
	}
}

func (b *bar) show(now time.Time) {
	done := min(b.scan.Bytes.Load(), b.total)
	text := progressText(done, b.total, b.speed.rate(now, done), b.scan.Hits.Load())
	if b.drawing == nil {
		b.app.tell(b.name + ": " + text)
		return
	}
	b.drawing.Set64(int64(min(done, 1<<62)))
	b.drawing.Describe(text + "  " + b.name)
	line := strings.Trim(b.drawing.String(), "\r")
	b.app.out.setStatus(cut(line, terminalWidth(b.app.err)-1-len(echo)))
}

// progressText is bytes done of bytes there are, rate, time left and hits.
func progressText(done, total uint64, rate float64, hits uint64) string {
	left := "time left unknown"
	if rate > 0 {
		seconds := min(float64(total-done)/rate, 1e9)
		left = (time.Duration(seconds) * time.Second).String() + " left"
	}
	return fmt.Sprintf("%s of %s, %s/s, %s, %s", size(done), size(total), size(uint64(rate)), left, plural(hits, "hit"))
}

// terminalWidth is the columns of a terminal, 80 where it does not say.
func terminalWidth(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}

// speed measures bytes a second over the last few seconds: what was fast
// because it was in memory already says little of what is yet to come.
type speed struct {
	samples []sample
}

type sample struct {
	at    time.Time
	bytes uint64
}

const speedOver = 5 * time.Second

// rate takes note of the bytes done at a time and returns bytes a second; 0
// where that cannot be told yet.
func (s *speed) rate(now time.Time, bytes uint64) float64 {
	s.samples = append(s.samples, sample{now, bytes})
	for len(s.samples) > 2 && now.Sub(s.samples[1].at) >= speedOver {
		s.samples = s.samples[1:]
	}
	first := s.samples[0]
	seconds := now.Sub(first.at).Seconds()
	if seconds <= 0 || bytes < first.bytes {
		return 0
	}
	return float64(bytes-first.bytes) / seconds
}
