package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"vscan/cmd/vscan/internal/console"
	"vscan/engine"
	"vscan/internal/wording"
)

// A Bar shows on standard error how far a search has come. The search knows nothing of
// it: the bar reads the counters that the search keeps. At a terminal it is one line,
// which is written over and erased at the end; elsewhere it is a line now and then.
// Methods of a nil *Bar do nothing.
type Bar struct {
	app      *App
	terminal bool      // whether standard error is a terminal
	asked    bool      // whether the bar was asked for with always
	shows    *repeated // that the bar is shown

	mu     sync.Mutex
	status status
	scan   *engine.Progress // nil: between two images
	speed  speed

	showing sync.Mutex // held while it is shown, so that a line never tells less than the one before it
	told    time.Time  // when the last whole line was written
}

// status is what a bar shows.
type status struct {
	name          string
	image, images int     // which image it is, from 1, and how many there are
	done, total   uint64  // bytes of the image that were scanned, and that are to be
	hits, before  uint64  // hits in the image, and in all images before it
	rate          float64 // bytes a second
}

// The time between two drawings of the bar at a terminal, and between two lines elsewhere.
const (
	drawEvery = 100 * time.Millisecond
	lineEvery = time.Second
)

// StartBar returns a bar for a search of so many images, and shows it from now on. If
// when is always it is shown, and if when is auto it is shown if standard error is a
// terminal and quiet is false. Otherwise StartBar returns nil.
func (a *App) StartBar(when string, quiet bool, images int) *Bar {
	terminal := console.IsTerminal(a.Err)
	wanted := terminal && !quiet && os.Getenv("TERM") != "dumb"
	if when == "never" || when == "auto" && !wanted {
		return nil
	}
	b := &Bar{app: a, terminal: terminal, asked: when == "always"}
	b.status.images = images
	every := lineEvery
	if b.terminal {
		every = drawEvery
	}
	b.shows = repeat(every, b.show)
	return b
}

// Begin tells the bar which image is looked at, from 1. Before the image is open, total
// is 0 and scan is nil; afterwards they are the bytes to be scanned and the counters of
// the scan.
func (b *Bar) Begin(image int, name string, total uint64, scan *engine.Progress) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.scan, b.speed = scan, speed{}
	b.speed.rate(time.Now(), 0)
	b.status = status{name: wording.Escape(name), image: image, images: b.status.images, total: total, before: b.status.before}
}

// End tells the bar that the image has been scanned.
func (b *Bar) End() {
	if b == nil {
		return
	}
	if !b.terminal {
		b.show(time.Now())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.scan == nil {
		return
	}
	b.status.before += b.scan.Hits.Load()
	b.status.hits, b.scan = 0, nil
}

// repeated is something that is done again and again on a goroutine of its own.
type repeated struct{ stop, stopped chan struct{} }

// repeat does something every so often, with the time, until end.
func repeat(every time.Duration, do func(now time.Time)) *repeated {
	r := &repeated{make(chan struct{}), make(chan struct{})}
	go func() {
		defer close(r.stopped)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				do(now)
			case <-r.stop:
				return
			}
		}
	}()
	return r
}

// end returns once it is not done any more.
func (r *repeated) end() {
	close(r.stop)
	<-r.stopped
}

// Finish takes the bar away. No method of the bar is called afterwards.
func (b *Bar) Finish() {
	if b == nil {
		return
	}
	b.shows.end()
	if b.terminal {
		b.app.Out.SetStatus("")
	}
}

// show draws the status line at a terminal. Where it cannot be drawn, and elsewhere, it
// writes a line.
func (b *Bar) show(now time.Time) {
	b.showing.Lock()
	defer b.showing.Unlock()
	b.mu.Lock()
	if s := &b.status; b.scan != nil {
		s.done, s.hits = min(b.scan.Bytes.Load(), s.total), b.scan.Hits.Load()
		s.rate = b.speed.rate(now, s.done)
	}
	status := b.status
	scanning := b.scan != nil
	b.mu.Unlock()
	columns, _ := terminalSize(b.app.Err)
	if b.terminal && (b.app.Out.SetStatus(barLine(status, columns)) || !b.asked || now.Sub(b.told) < lineEvery) {
		return
	}
	b.told = now
	if scanning {
		b.app.Tell(status.line())
	}
}

// line returns the status in a line for readers without a terminal.
func (s *status) line() string {
	which := ""
	if s.images > 1 {
		which = s.which() + ", "
	}
	return s.name + ": " + which + progressText(s.done, s.total, s.rate, s.hits)
}

// which returns in words which of the images is searched.
func (s *status) which() string { return fmt.Sprintf("image %d/%d", s.image, s.images) }

// barLine returns the status in a line for a terminal of so many columns. The fields
// that matter most are in it, and others as far as there is room. Some columns are left
// for the echo of Ctrl-C.
func barLine(s status, terminal int) string {
	width := roomFor(terminal)
	if width < 1 {
		return ""
	}
	percent := int(100 * float64(s.done) / float64(max(s.total, 1)))
	return fitLine(percentText(percent, width)+"  ", s.fields(), s.name, width)
}

// roomFor returns how many columns a line at a terminal may take.
func roomFor(columns int) int { return columns - 1 - len(console.Echo) }

// fitLine returns a line of at most width columns: head, those of the fields that matter
// most, and the name as far as there is room.
func fitLine(head string, fields []field, name string, width int) string {
	line := head
	room := width - wording.Columns(line)
	var fit []field
	for _, f := range slices.SortedStableFunc(slices.Values(fields), func(a, b field) int { return a.rank - b.rank }) {
		if n := wording.Columns(f.text) + len(", "); n <= room+len(", ") {
			fit = append(fit, f)
			room -= n
		}
	}
	slices.SortStableFunc(fit, func(a, b field) int { return a.place - b.place })
	var texts []string
	for _, f := range fit {
		texts = append(texts, f.text)
	}
	line += strings.Join(texts, ", ")
	if room > 8 && name != "" {
		line += "  " + wording.Cut(name, room)
	}
	return wording.Cut(line, width)
}

// field is a part of the line. Fields stand in the order of their places; those with
// the lowest ranks matter most.
type field struct {
	text        string
	place, rank int
}

// fields returns the parts of the line that there are, in the order of their places.
func (s *status) fields() (all []field) {
	add := func(rank int, text string) { all = append(all, field{text, len(all), rank}) }
	if s.images > 1 {
		add(0, s.which())
	}
	if s.total > 0 {
		add(3, wording.Size(s.done)+" of "+wording.Size(s.total))
		add(4, wording.Size(uint64(s.rate))+"/s")
		if s.image == s.images || s.images < 2 { // otherwise images follow whose sizes are not known
			add(2, timeLeft(s.done, s.total, s.rate))
		}
	}
	add(1, wording.Count(s.before+s.hits, "hit"))
	return all
}

// percentText returns how much is done, in percent and, where there is room, as a picture:
//
//	41% [====>.......]
func percentText(percent, width int) string {
	if width < 60 {
		return fmt.Sprintf("%3d%%", percent)
	}
	return fmt.Sprintf("%4d%% [%s]", percent, picture(percent, min(width/5, 32)))
}

// picture returns a drawing of a percentage, width columns wide.
func picture(percent, width int) string {
	full := percent * width / 100
	drawn := []byte(strings.Repeat("=", full) + strings.Repeat(".", width-full))
	if full > 0 && full < width {
		drawn[full-1] = '>'
	}
	return string(drawn)
}

// progressText returns the bytes done of all bytes, the rate, the time left and the
// hits.
func progressText(done, total uint64, rate float64, hits uint64) string {
	return fmt.Sprintf("%s of %s, %s/s, %s, %s", wording.Size(done), wording.Size(total), wording.Size(uint64(rate)), timeLeft(done, total, rate), wording.Count(hits, "hit"))
}

// timeLeft returns in words how long the rest takes at a rate in bytes a second.
func timeLeft(done, total uint64, rate float64) string {
	if rate <= 0 {
		return "time left unknown"
	}
	seconds := min(float64(total-done)/rate, 1e9)
	return (time.Duration(seconds) * time.Second).String() + " left"
}

// terminalSize returns the columns and rows of a terminal, or 80 and 24 where they are not
// known.
func terminalSize(w io.Writer) (columns, rows int) {
	columns, rows = 80, 24
	if f, ok := w.(*os.File); ok {
		if width, height, err := term.GetSize(int(f.Fd())); err == nil {
			if width > 0 {
				columns = width
			}
			if height > 0 {
				rows = height
			}
		}
	}
	return columns, rows
}

// speed measures bytes a second over the last few seconds. What was fast before that,
// because it was in memory already, says little of what is yet to come.
type speed struct {
	samples []sample
}

// sample is the number of bytes that were done at a time.
type sample struct {
	at    time.Time
	bytes uint64
}

// speedOver is how long back the rate is measured.
const speedOver = 5 * time.Second

// rate takes note that so many bytes are done by now, and returns bytes a second, or 0
// where these are not known yet.
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
