package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/console"
	"vscan/internal/wording"
)

// SweepProgress is how far a sweep of many images has come.
type SweepProgress struct {
	Images, Known     uint64 // images of which all is done that will be done, and those that are known so far
	AllKnown          bool   // whether no more images will become known
	Bytes, KnownBytes uint64 // bytes that were searched, and that are to be searched of the images that are known; KnownBytes is 0 where that is not known
	Hits, Failures    uint64 // hits so far; images that could not be searched, or not wholly
	UnderWay          []ImageProgress
}

// ImageProgress is how far the search of an image, or of a part of it, has come.
type ImageProgress struct {
	Name      string // as it was given
	Bytes, Of uint64 // bytes that were searched, and that are to be; Of is 0 where that is not known yet
}

// share returns how much is done, from 0 to 1, by bytes where they are known and by images
// otherwise. It returns false where that cannot be said.
func (p *SweepProgress) share() (float64, bool) {
	switch {
	case !p.AllKnown:
		return 0, false
	case p.KnownBytes > 0:
		return min(float64(p.Bytes)/float64(p.KnownBytes), 1), true
	case p.Known > 0:
		return float64(p.Images) / float64(p.Known), true
	}
	return 1, true
}

// A SweepBar shows on standard error how far a sweep has come. It asks for that itself. At a
// terminal it is a line for all, and one for each of some images that are under way:
//
//	41% [====>.......]  12 of 200 images, 3.0 GiB of 7.3 GiB, 512.0 MiB/s, 8s left, 3 hits, 1 failed
//	97%  1.9 GiB of 2.0 GiB  dumps/a.core
//	 3%  62.0 MiB of 2.0 GiB  dumps/b.core
//
// They are written over, and erased at the end. Elsewhere it is a line now and then, for
// people or as JSON. Methods of a nil *SweepBar do nothing.
type SweepBar struct {
	app      *App
	read     func() SweepProgress
	began    time.Time
	terminal bool // whether it is drawn at a terminal
	json     bool // whether its lines are JSON
	speed    speed
	told     time.Time // when the last whole line was written
	shows    *repeated // that the bar is shown
}

// The time between two lines where the bar is not drawn: for people, and as JSON.
const (
	sweepLineEvery = 10 * time.Second
	sweepJSONEvery = time.Second
)

// mostUnderWay is of how many images under way the bar tells at a terminal.
const mostUnderWay = 4

// SweepProgressVar adds the flag --progress of a sweep, whose default is auto.
func SweepProgressVar(cmd *cobra.Command, p *string) {
	*p = "auto"
	ChoiceVar(cmd, p, "progress", "", "`HOW` to show on standard error how far it is: auto or always (at a terminal drawn, else a line every 10 s), json (a line of JSON a second) or never", "auto", "always", "json", "never")
}

// StartSweepBar returns a bar, and shows from now on what read returns, which is called by one
// goroutine at a time, ten times a second. how is a value of --progress. With never, StartSweepBar returns nil.
func (a *App) StartSweepBar(how string, read func() SweepProgress) *SweepBar {
	if how == "never" {
		return nil
	}
	b := &SweepBar{app: a, read: read, json: how == "json", began: time.Now()}
	b.terminal = !b.json && console.IsTerminal(a.Err) && os.Getenv("TERM") != "dumb"
	b.told = b.began
	b.speed.rate(b.began, read().Bytes)
	b.shows = repeat(drawEvery, b.show)
	return b
}

// Finish takes the bar away, or writes the last line of JSON. No method of the bar is called afterwards.
func (b *SweepBar) Finish() {
	if b == nil {
		return
	}
	b.shows.end()
	if b.json {
		b.tell(time.Now())
	}
	if b.terminal {
		b.app.Out.SetStatus("")
	}
}

// show draws the bar at a terminal. Where it cannot be drawn, and elsewhere, it writes a
// line if it is time for one.
func (b *SweepBar) show(now time.Time) {
	if b.terminal {
		p := b.read()
		width, height := terminalSize(b.app.Err)
		if b.app.Out.SetStatus(sweepLines(&p, b.speed.rate(now, p.Bytes), width, height)) {
			return
		}
	}
	every := sweepLineEvery
	if b.json {
		every = sweepJSONEvery
	}
	if now.Sub(b.told) >= every {
		b.told = now
		b.tell(now)
	}
}

// tell writes a line.
func (b *SweepBar) tell(now time.Time) {
	p := b.read()
	rate := b.speed.rate(now, p.Bytes)
	if b.json {
		b.app.Out.Note(p.json(rate, now.Sub(b.began)))
		return
	}
	var texts []string
	for _, f := range p.fields(rate) {
		texts = append(texts, f.text)
	}
	b.app.Tell(strings.Join(texts, ", "))
}

// fields returns the parts of the line for all images that there are, in the order of
// their places.
func (p *SweepProgress) fields(rate float64) (all []field) {
	add := func(rank int, text string) { all = append(all, field{text, len(all), rank}) }
	switch {
	case p.AllKnown:
		add(0, fmt.Sprintf("%d of %s", p.Images, wording.Count(p.Known, "image")))
	default:
		add(0, fmt.Sprintf("%d of %s so far", p.Images, wording.Count(p.Known, "image")))
	}
	if p.KnownBytes > 0 {
		add(4, wording.Size(p.Bytes)+" of "+wording.Size(max(p.KnownBytes, p.Bytes)))
	} else {
		add(4, wording.Size(p.Bytes))
	}
	add(5, wording.Size(uint64(rate))+"/s")
	if p.AllKnown && p.KnownBytes > 0 {
		add(2, timeLeft(p.Bytes, max(p.KnownBytes, p.Bytes), rate))
	}
	add(1, wording.Count(p.Hits, "hit"))
	if p.Failures > 0 {
		add(3, fmt.Sprintf("%d failed", p.Failures))
	}
	return all
}

// sweepLines returns the bar for a terminal of so many columns and rows: a line for all
// images, and below it one for each of those under way that there is room for.
func sweepLines(p *SweepProgress, rate float64, columns, rows int) string {
	width := roomFor(columns)
	if width < 1 {
		return ""
	}
	head := ""
	if share, known := p.share(); known {
		head = percentText(int(100*share), width) + "  "
	}
	lines := []string{fitLine(head, p.fields(rate), "", width)}
	for _, u := range p.UnderWay[:max(min(len(p.UnderWay), mostUnderWay, rows-2), 0)] {
		lines = append(lines, wording.Cut(u.line(width), width))
	}
	return strings.Join(lines, "\n")
}

// line returns how far an image is, in a line for a terminal.
func (u *ImageProgress) line(width int) string {
	name := wording.Escape(u.Name)
	if u.Of == 0 {
		return fmt.Sprintf("%5s  %s", "", name)
	}
	percent := int(100 * min(float64(u.Bytes)/float64(u.Of), 1))
	size := ""
	if width >= 60 {
		size = fmt.Sprintf("  %s of %s", wording.Size(min(u.Bytes, u.Of)), wording.Size(u.Of))
	}
	return fmt.Sprintf("%4d%%%s  %s", percent, size, name)
}

// sweepLine is a line of --progress json; docs/output.md has the keys, docs/sweep.md what they mean.
type sweepLine struct {
	Type     string      `json:"type"`
	Images   uint64      `json:"images"`
	Known    uint64      `json:"known"`
	AllKnown bool        `json:"all_known"`
	Bytes    uint64      `json:"bytes"`
	Of       uint64      `json:"known_bytes,omitempty"`
	Rate     uint64      `json:"rate"`
	Left     *float64    `json:"seconds_left,omitempty"`
	Hits     uint64      `json:"hits"`
	Failed   uint64      `json:"failed"`
	Seconds  float64     `json:"seconds"`
	UnderWay []imageLine `json:"under_way"`
}

type imageLine struct {
	Image   string   `json:"image"`
	Bytes   uint64   `json:"bytes"`
	Of      uint64   `json:"of,omitempty"`
	Escaped []string `json:"escaped,omitempty"`
}

// json returns a line of JSON; elapsed is how long the sweep has run.
func (p *SweepProgress) json(rate float64, elapsed time.Duration) string {
	line := sweepLine{
		Type: "progress", Images: p.Images, Known: p.Known, AllKnown: p.AllKnown, Bytes: p.Bytes, Of: p.KnownBytes, Rate: uint64(rate),
		Hits: p.Hits, Failed: p.Failures, Seconds: milliseconds(elapsed.Seconds()), UnderWay: []imageLine{},
	}
	if left := float64(p.KnownBytes - min(p.KnownBytes, p.Bytes)); p.AllKnown && p.KnownBytes > 0 && (rate > 0 || left == 0) {
		seconds := milliseconds(left / max(rate, 1))
		line.Left = &seconds
	}
	for _, u := range p.UnderWay {
		i := imageLine{Image: wording.ValidUTF8(u.Name), Bytes: u.Bytes, Of: u.Of}
		if !utf8.ValidString(u.Name) {
			i.Escaped = []string{"image"}
		}
		line.UnderWay = append(line.UnderWay, i)
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.Encode(line) // numbers and text, which have JSON
	return string(wording.AppendJSONSafe(nil, bytes.TrimSuffix(text.Bytes(), []byte("\n"))))
}

// milliseconds rounds seconds to a thousandth.
func milliseconds(seconds float64) float64 { return float64(int64(min(seconds, 1e9)*1000)) / 1000 }
