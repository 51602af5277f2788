package search

import (
	"strings"
	"time"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image/layered"
	"vscan/engine/simd"
	"vscan/patterns"
)

// Summary is the account of the search of one image.
type Summary struct {
	Image string // as its argument was given

	// Names is how hits are called, in the order of the patterns: a pattern's own
	// name, or those of the rules' strings that it stands for, of which there may be
	// none or several. Counts has the hits of each.
	Names  []string
	Counts []uint64
	Hits   uint64 // of all

	// InScope is how many bytes a whole search looks at (Search.Bytes); of these Scanned
	// were searched, and Unreadable could not be read. Absent is how many more bytes
	// the query asks for that the image does not hold: they are no part of InScope.
	InScope, Scanned, Unreadable, Absent uint64

	UnreadableRanges []addr.Range // ascending

	// Complete reports whether all was looked at that was to be: the search was not
	// interrupted, all could be read, the image and its layers lack nothing, and all
	// rules were asked and could be decided. Where Stopped is set, that holds up to
	// there.
	Complete bool

	Limited     bool // hits were left out, for Query.MaxHits or the bounds of rules
	Interrupted bool // the context ended before the search did
	Stopped     bool // the sink, or the first hit of WantAny, ended the search before its end

	// By pattern, nil where there are none: hits that are as long as MaxMatch allows
	// and may go on, and matches that an exception of the pattern drops.
	Cut, Excepted []uint64

	LongestMatch []int         // by pattern: in bytes, of its expressions; 0: it has none
	LeftOut      []string      // files that were to be laid and were not, see layered.Image
	Rules        *RulesSummary // nil: there are none
	Kernels      []simd.Level  // that were used, ascending, each once
	Workers      int           // that ran
	Elapsed      time.Duration // of the scan

	first []int    // by pattern: its name's index, or that of the first of several
	own   []string // by pattern: the name that it has itself
}

// RulesSummary is the account of the rules of a search.
type RulesSummary struct {
	Matched   uint64   // how many matched, in each mapping anew with Query.PerMapping
	LeftOut   int      // how many were left out when they were compiled
	Undecided []string // in words: which could not be decided, and why
	Limited   bool     // of some string, not all hits were kept
}

// newSummary returns that of a search for a set that has found nothing yet.
func newSummary(img *layered.Image, set *patterns.Set, names func(patterns.Pattern) []string) *Summary {
	s := &Summary{Image: img.Arg, LeftOut: img.LeftOut}
	for _, p := range set.Patterns() {
		s.first, s.own = append(s.first, len(s.Names)), append(s.own, p.Name)
		s.Names = append(s.Names, names(p)...)
	}
	s.LongestMatch = make([]int, len(s.own))
	for _, e := range set.Exprs() {
		s.LongestMatch[e.Pattern] = max(s.LongestMatch[e.Pattern], e.MaxLen)
	}
	s.Counts = make([]uint64, len(s.Names))
	return s
}

// NameOf returns the first name of a pattern; of one whose hits are not shown, its own.
func (s *Summary) NameOf(pattern int) string {
	next := len(s.Names)
	if pattern+1 < len(s.first) {
		next = s.first[pattern+1]
	}
	if s.first[pattern] == next {
		return s.own[pattern]
	}
	return s.Names[s.first[pattern]]
}

// Found reports whether anything that was searched for is there.
func (s *Summary) Found() bool { return s.Hits > 0 || s.Rules != nil && s.Rules.Matched > 0 }

// Kernel returns the names of the kernels that were used, in one word.
func (s *Summary) Kernel() string {
	var names []string
	for _, l := range s.Kernels {
		names = append(names, l.String())
	}
	return strings.Join(names, "+")
}

// add counts the hits of a batch.
func (s *Summary) add(b *engine.Batch) {
	s.Hits += b.Len()
	if pattern, ok := b.Uniform(); ok {
		s.Counts[s.first[pattern]] += b.Len()
		return
	}
	for i := range int(b.Len()) {
		s.Counts[s.first[b.Pattern(i)]]++
	}
}

// fill puts in what the scan says of itself. What is counted of hits and rules is in
// already.
func (s *Summary) fill(img *layered.Image, sc *engine.Scanner, stats engine.Stats) {
	s.Scanned, s.Absent, s.Unreadable, s.InScope = stats.Scanned, stats.Absent, stats.UnreadableBytes(), sc.Bytes()
	s.UnreadableRanges = stats.Unreadable
	s.Cut, s.Excepted = stats.Cut, stats.Excepted
	s.Interrupted, s.Stopped = stats.Cancelled, stats.Stopped
	s.Complete = !stats.Cancelled && s.Unreadable == 0 && img.Complete()
	if r := s.Rules; r != nil {
		s.Complete = s.Complete && len(r.Undecided) == 0 && r.LeftOut == 0
		s.Limited = s.Limited || r.Limited
	}
	s.Kernels, s.Workers, s.Elapsed = stats.Kernels, stats.Workers, stats.Elapsed
}
