package local

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"vscan/engine/addr"
	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/engine/sweep/state"
	"vscan/internal/wording"
)

// densityParts is in how many equal parts of an image hits are counted.
const densityParts = 64

// collector is a sink that counts hits by where they are, and hands all on.
type collector struct {
	search.Sink
	mapped  addr.Range
	some    bool // whether anything is mapped
	density []uint32
}

// Begin implements search.Sink.
func (c *collector) Begin(s *search.Search) error {
	for _, m := range s.Image().Space.Mappings() {
		if !c.some {
			c.mapped, c.some = m.Range, true
		}
		c.mapped = addr.Range{First: min(c.mapped.First, m.First), Last: max(c.mapped.Last, m.Last)}
	}
	return c.Sink.Begin(s)
}

// Hit implements search.Sink.
func (c *collector) Hit(h *search.Hit) error {
	if c.density == nil {
		c.density = make([]uint32, densityParts)
	}
	part := uint64(h.Addr-c.mapped.First) / (uint64(c.mapped.Last-c.mapped.First)/densityParts + 1)
	if c.density[part] < math.MaxUint32 {
		c.density[part]++
	}
	return c.Sink.Hit(h)
}

// about puts what is known of an open image into its record.
func about(rec *state.Image, img *layered.Image) {
	rec.Format, rec.Missing = img.Format, img.Missing
	for i, f := range img.Files() {
		rec.Size += uint64(f.Size())
		if i == 0 {
			rec.Modified = f.ModTime().UTC()
		}
	}
}

// record puts what a search has found into the record of an image.
func (r *runner) record(rec *state.Image, s *search.Search, sum *search.Summary, c *collector, lacks []string) error {
	rec.First, rec.Last, rec.Density = c.mapped.First, c.mapped.Last, c.density
	rec.Hits, rec.Summary = sum.Hits, r.Summary(sum)
	rec.Scanned, rec.Zero, rec.Absent, rec.Unreadable = sum.Scanned, sum.Zero, sum.Absent, sum.Unreadable
	rec.Patterns, rec.AtLeast = nil, false
	for i, n := range sum.Counts {
		if n == 0 {
			continue
		}
		of, ok := r.names[sum.Names[i]]
		if !ok {
			return fmt.Errorf("the sweep has no pattern %s", sum.Names[i])
		}
		p := state.PatternHits{Pattern: of, Name: sum.Names[i], Hits: n, AtLeast: n == r.query.MaxHits}
		rec.Patterns, rec.AtLeast = append(rec.Patterns, p), rec.AtLeast || p.AtLeast
	}
	slices.SortFunc(rec.Patterns, func(a, b state.PatternHits) int { return a.Pattern - b.Pattern })
	rec.State, rec.Reason = state.Done, ""
	// Rules that were left out belong to no image: they are of the sweep.
	complete := sum.Complete || sum.Rules != nil && sum.Rules.LeftOut > 0
	if reasons := append(lacks, lacking(s.Image(), sum)...); len(reasons) > 0 || !complete {
		rec.State, rec.Reason = state.Partial, strings.Join(reasons, "; ")
	}
	return nil
}

// lacking returns what of an image was not searched, and why.
func lacking(img *layered.Image, sum *search.Summary) (all []string) {
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if img.Missing > 0 {
		add("the image is truncated or damaged, %s are missing", wording.Size(img.Missing))
	}
	if n := len(img.LeftOut); n > 0 {
		add("%s of %s were left out", wording.Size(img.LeftOutBytes), wording.Count(uint64(n), "file"))
	}
	if sum.Unreadable > 0 {
		add("%s could not be read", wording.Size(sum.Unreadable))
	}
	if sum.Beyond > 0 {
		add("%s behind those that were searched were left out", wording.Size(sum.Beyond))
	}
	for _, c := range sum.Changed {
		if c.Content() {
			add("%s changed while it was searched: %v", wording.Escape(c.Path), c)
			break
		}
	}
	if of := sum.Rules; of != nil {
		if of.NumUndecided > 0 {
			add("%s undecided", wording.Count(of.NumUndecided, "rule"))
		}
		if n := len(of.HitsLeftOut); n > 0 {
			add("hits of %s left out", wording.Count(uint64(n), "string"))
		}
	}
	return all
}
