package graph

import (
	"context"
	"math/bits"
	"slices"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/internal/interrupt"
)

// endpoints is where edges may come from and lead to.
type endpoints struct {
	regions  []Region
	sources  []addr.Range // merged
	targets  []addr.Range // merged; without address 0 and addresses that a word cannot hold
	present  []addr.Range // the part of targets that is present, merged: most edges lead there
	filtered bool
}

// newEndpoints returns what the options allow of what is mapped. The error is that of ctx.
func newEndpoints(ctx context.Context, space *engine.Space, arch addr.Arch, o *Options) (endpoints, error) {
	if err := space.Index(ctx); err != nil {
		return endpoints{}, err
	}
	watch := interrupt.New(ctx)
	s := endpoints{filtered: len(o.Sources)+len(o.Targets) > 0 || o.SourceIn != nil || o.TargetIn != nil}
	pointable := addr.Range{First: 1, Last: arch.MaxAddr()}
	word := addr.Addr(arch.WordSize())
	// Of millions, what append copies and leaves behind takes longer than to count them.
	mapped := 0
	for v := range space.Intervals(addr.All) {
		if err := watch.Step(1); err != nil {
			return endpoints{}, err
		}
		if v.Mapping != nil {
			mapped++
		}
	}
	s.regions = make([]Region, 0, mapped)
	s.sources, s.targets, s.present = make([]addr.Range, 0, mapped), make([]addr.Range, 0, mapped), make([]addr.Range, 0, mapped)
	before := engine.Interval{}
	for v := range space.Intervals(addr.All) {
		if err := watch.Step(1); err != nil {
			return endpoints{}, err
		}
		if v.Mapping == nil {
			before = v
			continue
		}
		s.addRegion(v, before)
		if v.State() == engine.Present && (o.SourceIn == nil || o.SourceIn(v.Mapping)) {
			r := v.Range
			// A word that begins in the zeros before may have other bytes as well.
			if before.State() == engine.Zero && (o.SourceIn == nil || o.SourceIn(before.Mapping)) {
				r.First -= min(word-1, r.First-before.First)
			}
			s.sources = appendMerged(s.sources, r)
		}
		if v.State() == engine.Zero && v.Last-v.First < word && (o.SourceIn == nil || o.SourceIn(v.Mapping)) {
			s.sources = appendMerged(s.sources, v.Range) // a word may begin before these zeros and end behind them
		}
		if t, ok := v.Range.Intersect(pointable); ok && (o.TargetIn == nil || o.TargetIn(v.Mapping)) {
			if v.State() != engine.Absent {
				s.present = appendMerged(s.present, t)
				s.targets = appendMerged(s.targets, t)
			} else if !o.PresentOnly {
				s.targets = appendMerged(s.targets, t)
			}
		}
		before = v
	}
	for _, part := range []struct {
		ranges *[]addr.Range
		in     []addr.Range
	}{{&s.sources, o.Sources}, {&s.targets, o.Targets}, {&s.present, o.Targets}} {
		if err := ctx.Err(); err != nil {
			return endpoints{}, err
		}
		*part.ranges = restrict(*part.ranges, part.in)
	}
	if slices.Equal(s.present, s.targets) {
		s.present = s.targets // of millions, one list is enough
	}
	return s, nil
}

// appendMerged appends a range that begins at or above the first address of the last of some
// merged ranges, so that they stay merged.
func appendMerged(ranges []addr.Range, r addr.Range) []addr.Range {
	if n := len(ranges) - 1; n >= 0 && (r.First <= ranges[n].Last || r.First-1 == ranges[n].Last) {
		ranges[n].Last = max(ranges[n].Last, r.Last)
		return ranges
	}
	return append(ranges, r)
}

// addRegion adds what shows in an interval to the regions. Present bytes and zeros of one
// mapping are one region.
func (s *endpoints) addRegion(v, before engine.Interval) {
	m := v.Mapping
	if n := len(s.regions) - 1; before.Mapping != nil && m.State != engine.Absent && s.regions[n].State != engine.Absent && m.Continues(before.Mapping) {
		s.regions[n].Last = v.Last
		if m.State == engine.Present {
			s.regions[n].State = engine.Present
		}
		return
	}
	s.regions = append(s.regions, Region{Range: v.Range, State: m.State, Perm: m.Perm, Name: m.Name, NameOffset: m.PlaceOf(v.First), File: m.File})
}

// restrict returns the parts of ranges that lie in others, or all where there are no others.
// ranges are merged, and so is the result.
func restrict(ranges, others []addr.Range) []addr.Range {
	if len(others) == 0 {
		return ranges
	}
	return addr.Intersect(ranges, addr.Merge(others))
}

// log2 returns the logarithm of a power of two.
func log2(n uint64) uint { return uint(bits.TrailingZeros64(n)) }
