// Package summary sums up a sweep for whoever opens its results first: as JSON
// (summary.json), as a page for a browser that asks for nothing on the network
// (summary.html), and as what its status is while it runs.
//
//	s, err := summary.Collect(ctx, source) // one pass over the records of all images
//	err = s.Write(ctx, dir, outfile.Options{})
//
// All three are bounded: memory and files do not grow with the number of hits, and of
// images and patterns only some are named. What is not named is counted, and said.
package summary

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"vscan/engine/sweep/state"
	"vscan/internal/wording"
)

// So much of each thing is kept, whatever there is of it.
const (
	maxPatterns = 1000    // patterns that are named, those with the most hits
	maxListed   = 10_000  // images in the JSON, the first as given
	maxTop      = 600     // images with the most hits
	maxSlow     = 200     // images that took longest
	maxBad      = 200     // images that are not done, the first as given
	maxRows     = 60      // images whose hits by pattern are kept, those with the most hits
	maxCells    = 600_000 // hits by pattern that are kept of these
	maxProblems = 1000    // reasons
	maxNames    = 20      // images that are named of a reason
	maxNoHit    = 200     // patterns without a hit that are named
	maxLeftOut  = 200     // rules that were left out and are named
	maxMost     = 3       // patterns that are named of an image
)

// Summary is a sweep summed up. All sums stop at the largest number rather than wrap round.
type Summary struct {
	About  state.About
	Images States // how many images are in each state
	Total  Bytes  // of all images
	Hits   uint64
	Work   time.Duration // on all images, one after another

	ImagesWithHits uint64

	// AtLeast says that there may be more hits than counted: a limit ended the count of
	// LimitedPairs patterns in images, and LimitedImages images have such a pattern.
	AtLeast                     bool
	LimitedPairs, LimitedImages uint64

	Patterns    []Pattern     // those with the most hits, at most 1,000; then as in the question
	WithHits    int           // how many patterns have a hit
	WithoutHits []int         // the first 200 patterns that have none
	Problems    []Problem     // why images are not done, the most frequent reason first, those of skipped images last
	Listed      []state.Image // the first 10,000 images, as given, without Summary, and with at most three of Patterns
	NotListed   States        // the images beyond these

	top, slow, bad []*state.Image // for the page; see Collect
	rows           []*state.Image // with all of Patterns
}

// States counts images by their state.
type States struct {
	Done, Partial, Failed, Skipped, Aside, Running, Waiting uint64
}

// of returns the counter of a state, and whether there is such a state.
func (s *States) of(name string) (*uint64, bool) {
	switch name {
	case state.Done:
		return &s.Done, true
	case state.Partial:
		return &s.Partial, true
	case state.Failed:
		return &s.Failed, true
	case state.Skipped:
		return &s.Skipped, true
	case state.Aside:
		return &s.Aside, true
	case state.Running:
		return &s.Running, true
	case state.Waiting:
		return &s.Waiting, true
	}
	return nil, false
}

// Each calls f with each state and its count, those that are settled first.
func (s States) Each(f func(state string, n uint64)) {
	for _, state := range []string{state.Done, state.Partial, state.Failed, state.Aside, state.Skipped, state.Running, state.Waiting} {
		n, _ := s.of(state)
		f(state, *n)
	}
}

// Total returns the number of images.
func (s States) Total() (n uint64) {
	s.Each(func(_ string, k uint64) { n += k })
	return n
}

// Left returns how many images are still to be searched.
func (s States) Left() uint64 { return s.Waiting + s.Running }

// Bytes counts bytes of images. Size is that of files, settled or not; SettledSize is that of
// the files of images that are neither running nor waiting. The others are as of Image.
type Bytes struct {
	Size, SettledSize, Scanned, Zero, Absent, Unreadable, Missing uint64
}

func (b *Bytes) add(i *state.Image) {
	b.Size = sum(b.Size, i.Size)
	if i.State != state.Running && i.State != state.Waiting {
		b.SettledSize = sum(b.SettledSize, i.Size)
	}
	b.Scanned = sum(b.Scanned, i.Scanned)
	b.Zero = sum(b.Zero, min(i.Zero, i.Scanned))
	b.Absent = sum(b.Absent, i.Absent)
	b.Unreadable = sum(b.Unreadable, i.Unreadable)
	b.Missing = sum(b.Missing, i.Missing)
}

// Memory returns the bytes of memory that were asked for.
func (b Bytes) Memory() uint64 { return sum(b.Scanned, b.Absent, b.Unreadable) }

// sum adds numbers, and returns the largest number if that is exceeded.
func sum(all ...uint64) (n uint64) {
	for _, a := range all {
		if n += a; n < a {
			return math.MaxUint64
		}
	}
	return n
}

// Pattern is what is known of a pattern in all images.
type Pattern struct {
	Pattern int // its index in the question
	Name    string
	Hits    uint64
	Images  uint64 // that have a hit
	Limited uint64 // images in which a limit ended its count: there Hits is "at least"
}

// Problem is a reason for which images are not done.
type Problem struct {
	State  string
	Reason string // what differs from image to image is left out of it: its name, numbers
	Images uint64
	Names  []string // of the first of these images, at most 20
}

// Complete reports whether all was looked at: no image is left, failed, was set aside or
// was searched in part, and no rule was left out. What was skipped is no image, or was left out by choice.
func (s *Summary) Complete() bool {
	i := s.Images
	return i.Done > 0 && len(s.About.LeftOut) == 0 && i.Left()+i.Partial+i.Failed+i.Aside == 0 && s.Total.Unreadable == 0 && s.Total.Missing == 0
}

// Collect sums up a sweep, in one pass over its images.
func Collect(ctx context.Context, from state.Source) (*Summary, error) {
	about, err := from.About(ctx)
	if err != nil {
		return nil, err
	}
	c := newCollector(about)
	for i, err := range from.Images(ctx) {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err == nil {
			err = c.add(i)
		}
		if err != nil {
			return nil, err
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return c.finish(), nil
}

// collector takes the images of a sweep.
type collector struct {
	s              *Summary
	patterns       []Pattern
	top, slow, bad ranking
	rows           ranking
	problems       map[problemKey]*Problem
	order          []*Problem
}

func newCollector(about *state.About) *collector {
	c := &collector{s: &Summary{About: *about}, patterns: make([]Pattern, len(about.Patterns)), problems: map[problemKey]*Problem{}}
	for n, name := range about.Patterns {
		c.patterns[n] = Pattern{Pattern: n, Name: name}
	}
	c.top = ranking{most: maxTop, order: byHits}
	c.rows = ranking{most: maxRows, cells: maxCells, order: byHits}
	c.slow = ranking{most: maxSlow, order: func(a, b *state.Image) int { return cmp.Compare(b.Elapsed, a.Elapsed) }}
	c.bad = ranking{most: maxBad, order: func(a, b *state.Image) int { return 0 }}
	return c
}

func byHits(a, b *state.Image) int { return cmp.Compare(b.Hits, a.Hits) }

func (c *collector) add(i *state.Image) error {
	s := c.s
	n, ok := s.Images.of(i.State)
	if !ok {
		return fmt.Errorf("image %d of the sweep is in the state %q, which this version does not know: use the version that wrote it", i.N, i.State)
	}
	*n++
	s.Total.add(i)
	s.Hits = sum(s.Hits, i.Hits)
	if i.Hits > 0 {
		s.ImagesWithHits++
	}
	s.Work += i.Elapsed
	if err := c.addPatterns(i); err != nil {
		return err
	}
	if i.State != state.Done && i.State != state.Running && i.State != state.Waiting {
		c.addProblem(i)
	}
	c.keep(i)
	return nil
}

func (c *collector) addPatterns(i *state.Image) error {
	for _, p := range i.Patterns {
		if p.Pattern < 0 || p.Pattern >= len(c.patterns) {
			return fmt.Errorf("image %d of the sweep has hits of pattern %d, and the sweep has %d: its state is damaged", i.N, p.Pattern, len(c.patterns))
		}
		t := &c.patterns[p.Pattern]
		t.Hits = sum(t.Hits, p.Hits)
		t.Images++
		if p.AtLeast {
			t.Limited++
			c.s.LimitedPairs++
		}
	}
	if i.AtLeast {
		c.s.AtLeast = true
		c.s.LimitedImages++
	}
	return nil
}

// problemKey tells problems apart: by the reason without names and numbers.
type problemKey struct{ state, reason string }

const otherReasons = "other reasons"

// numbers matches numbers, addresses and sizes in reasons.
var numbers = regexp.MustCompile(`\b(0x[0-9a-f]+|[0-9]+(\.[0-9]+)?( ([KMGTPE]iB|bytes?))?)\b`)

func (c *collector) addProblem(i *state.Image) {
	reason := i.Reason
	if i.Arg != "" { // reasons often name the file, and would differ for each
		reason = strings.NewReplacer(i.Arg, "…", wording.Escape(i.Arg), "…").Replace(reason)
	}
	key := problemKey{i.State, numbers.ReplaceAllLiteralString(reason, "…")}
	p := c.problems[key]
	if p == nil && len(c.problems) >= maxProblems {
		key.reason, reason = otherReasons, otherReasons
		p = c.problems[key]
	}
	if p == nil {
		p = &Problem{State: key.state, Reason: reason}
		c.problems[key] = p
		c.order = append(c.order, p)
	}
	if reason != p.Reason {
		p.Reason = key.reason
	}
	if p.Images++; len(p.Names) < maxNames {
		p.Names = append(p.Names, i.Arg)
	}
}

// keep keeps the image in the lists that want it.
func (c *collector) keep(i *state.Image) {
	listed := len(c.s.Listed) < maxListed
	top, slow, bad, rows := i.Hits > 0 && c.top.wants(i), i.Elapsed > 0 && c.slow.wants(i), i.State != state.Done && c.bad.wants(i), i.Hits > 0 && c.rows.wants(i)
	if !listed {
		n, _ := c.s.NotListed.of(i.State)
		*n++
	}
	if !(listed || top || slow || bad || rows) {
		return
	}
	own := *i
	own.Summary, own.Density = nil, slices.Clone(i.Density)
	if rows {
		whole := own
		whole.Patterns = slices.Clone(i.Patterns)
		c.rows.add(&whole)
	}
	own.Patterns = mostHits(i.Patterns)
	if listed {
		c.s.Listed = append(c.s.Listed, own)
	}
	for _, l := range []struct {
		wants bool
		list  *ranking
	}{{top, &c.top}, {slow, &c.slow}, {bad, &c.bad}} {
		if l.wants {
			l.list.add(&own)
		}
	}
}

// skippedLast orders what was skipped, which is no loss, behind what was not.
func skippedLast(p *Problem) int {
	if p.State == state.Skipped {
		return 1
	}
	return 0
}

// mostHits returns the few patterns with the most hits.
func mostHits(all []state.PatternHits) (most []state.PatternHits) {
	for _, p := range all {
		at := len(most)
		for at > 0 && most[at-1].Hits < p.Hits {
			at--
		}
		if at < maxMost {
			most = slices.Insert(most, at, p)
			most = most[:min(len(most), maxMost)]
		}
	}
	return most
}

func (c *collector) finish() *Summary {
	s := c.s
	with := slices.Clone(c.patterns)
	with = slices.DeleteFunc(with, func(p Pattern) bool { return p.Images == 0 })
	s.WithHits = len(with)
	slices.SortStableFunc(with, func(a, b Pattern) int { return cmp.Compare(b.Hits, a.Hits) })
	s.Patterns = slices.Clone(with[:min(len(with), maxPatterns)])
	for _, p := range c.patterns {
		if p.Images == 0 && len(s.WithoutHits) < maxNoHit {
			s.WithoutHits = append(s.WithoutHits, p.Pattern)
		}
	}
	slices.SortStableFunc(c.order, func(a, b *Problem) int {
		return cmp.Or(skippedLast(a)-skippedLast(b), cmp.Compare(b.Images, a.Images))
	})
	for _, p := range c.order {
		s.Problems = append(s.Problems, *p)
	}
	s.top, s.slow, s.bad, s.rows = c.top.list(), c.slow.list(), c.bad.list(), c.rows.list()
	return s
}
