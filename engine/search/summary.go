package search

import (
	"fmt"
	"strings"
	"time"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/layered"
	"vscan/engine/simd"
	"vscan/patterns/yara"
)

// Summary is the account of the search of one image.
type Summary struct {
	Image string // as its argument was given

	// Names are the names of hits, in the order of the patterns: a pattern's own name,
	// or the names of the rules' strings that it stands for, of which there may be
	// none or several. Counts has the number of hits of each name, and Hits that of all.
	// Summaries share Names: they are not to be changed.
	Names  []string
	Counts []uint64
	Hits   uint64

	// InScope is how many bytes a whole search looks at (Search.Bytes); of these Scanned
	// were searched, and Unreadable could not be read. Absent is how many more bytes
	// the query asks for that the image does not hold: they are no part of InScope.
	InScope, Scanned, Unreadable, Absent uint64

	UnreadableRanges []addr.Range // ascending

	// Zero is how many of the bytes of Scanned are known to be zero without a look at them
	// (engine.Scanner.Zero); where the search ended early, those that it passed over.
	// Excluded and Missing are how many of the bytes of Absent are so (engine.Absence).
	Zero, Excluded, Missing uint64

	// Hidden is how many bytes mappings of the image and its layers have that show nowhere in it, since
	// others lie over them (engine.Space.Hidden): of all of the space, whatever the query chooses. They are
	// in no other number, and the search is complete without them. It is 0 where ctx had ended before the search began.
	Hidden uint64

	// Beyond is how many bytes behind those in scope were not searched, since
	// Query.MaxBytes bounds that.
	Beyond uint64

	size uint64 // of all that was asked for: see Account

	// Complete says that all was looked at that was to be searched: the search was not
	// interrupted, all could be read and nothing was left out for Query.MaxBytes, the image
	// and its layers lack nothing, their files did not change meanwhile (see Changed), all
	// rules were evaluated and could be decided, and no hits of their strings were left out
	// for want of room. Where Stopped is set, that holds of what lies up to the last hit.
	Complete bool

	Limited     bool // hits were left out, for Query.MaxHits or the bounds of rules
	Interrupted bool // the context ended before the search did
	Stopped     bool // the sink, or the first hit of WantAny, ended the search before its end

	// By pattern: how many hits are as long as Query.MaxMatch allows and may go on, and
	// how many matches an exception of the pattern has dropped. They are nil where there
	// are none of any pattern.
	Cut, Excepted []uint64

	LongestMatch []int // by pattern: the most bytes of a match of its expressions; 0: it has none; not to be changed
	// Changed is what of the files of the image is no longer as it was when they were
	// opened. Where the bytes may have changed (image.ContentChanged), the search is not
	// Complete.
	Changed []image.Change

	// Appended is how many bytes were searched that were appended to a raw file after it was
	// opened. They are part of InScope. That goes on until nothing more was appended, at
	// most twice, and is not done with Rules, with MaxBytes or MaxHits, and where the sink
	// is no Grower and wants hits. The search is not Complete in any case: see Changed.
	Appended uint64

	LeftOut []string          // the files that were to be laid and were not, see layered.Image
	Rules   *RulesSummary     // nil: there are no rules
	Kernels []simd.Level      // the levels of the kernels that were used, ascending, each once
	Workers int               // how many workers ran
	Elapsed time.Duration     // how long the scan took
	Ways    []engine.WayStats // how the bytes of files were had: read or mapped

	first []int    // by pattern: the index in Names of its first name
	own   []string // by pattern: its own name
}

// RulesSummary is the account of the rules of a search.
type RulesSummary struct {
	Matched uint64 // how many rules matched; with Query.PerMapping, once for each mapping
	LeftOut int    // how many rules were left out when they were compiled

	// Undecided has the rules that could not be decided, the first MaxUndecided of
	// NumUndecided; with Query.PerMapping, once for each mapping.
	Undecided    []Undecided
	NumUndecided uint64

	// HitsLeftOut has the strings of rules that match of which hits were left out because
	// of bounds that the query does not set, each once, in the order in which that was
	// noticed. Limited says that there are such hits that were found and not kept.
	HitsLeftOut []HitsLeftOut
	Limited     bool

	OutOfMemory bool // hits were not kept because Query.Budget had no more memory

	leftOut map[string]bool // the names in HitsLeftOut
}

// MaxUndecided is the most rules that are told of in RulesSummary.Undecided: there may be
// as many as rules times mappings.
const MaxUndecided = 1000

// Undecided is a rule that could not be decided.
type Undecided struct {
	yara.Undecided
	Mapping *engine.Interval // with Query.PerMapping: as of RuleMatch; else nil
}

// String returns a line that says which rule it is, and why.
func (u Undecided) String() string {
	in := ""
	if u.Mapping != nil {
		in = fmt.Sprintf(" in the mapping at %v", u.Mapping.First)
	}
	return fmt.Sprintf("rule %s of %s could not be decided%s: %s", u.Rule.FullName(), u.Rule.File, in, u.Reason)
}

// HitsLeftOut is a string of a rule that matches, not all hits of which were handed on or
// counted.
type HitsLeftOut struct {
	Name   string // of the string, RULE.$a
	Rule   *yara.Rule
	Reason string // one line
}

// undecided adds a rule that could not be decided.
func (r *RulesSummary) undecided(u yara.Undecided, in *engine.Interval) {
	if r.NumUndecided++; len(r.Undecided) < MaxUndecided {
		r.Undecided = append(r.Undecided, Undecided{u, in})
	}
}

// leaveOut notes that hits of a string were left out.
func (r *RulesSummary) leaveOut(h yara.Hits, format string, args ...any) {
	if r.leftOut[h.Name] {
		return
	}
	if r.leftOut == nil {
		r.leftOut = map[string]bool{}
	}
	r.leftOut[h.Name] = true
	r.HitsLeftOut = append(r.HitsLeftOut, HitsLeftOut{h.Name, h.Rule, fmt.Sprintf(format, args...)})
}

// newSummary returns the summary of a search that has found nothing yet, whose hits have
// those names.
func newSummary(img *layered.Image, n *names) *Summary {
	return &Summary{Image: img.Arg, LeftOut: img.LeftOut, Names: n.all, LongestMatch: n.longest, Counts: make([]uint64, len(n.all)), first: n.first, own: n.own}
}

// NameOf returns the first name of a pattern's hits. Where they have none, since they
// are not shown, it returns the pattern's own name.
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

// Found reports whether anything that was searched for was found.
func (s *Summary) Found() bool { return s.Hits > 0 || s.Rules != nil && s.Rules.Matched > 0 }

// Kernel returns the levels of the kernels that were used, joined by +.
func (s *Summary) Kernel() string {
	var names []string
	for _, l := range s.Kernels {
		names = append(names, l.String())
	}
	return strings.Join(names, "+")
}

// Account is where the bytes are that a query asks for. All but Size add up to Size, which
// stops at 2^64 − 1.
type Account struct {
	Size       uint64 // all bytes of mappings that were asked for
	Searched   uint64 // looked at
	Zero       uint64 // passed over or looked at, and known to be zero before that
	Unsaved    uint64 // absent: see engine.Absence
	Excluded   uint64
	Missing    uint64
	Unreadable uint64
	Beyond     uint64 // left out for Query.MaxBytes
	Unsearched uint64 // not come to, since the search ended early
}

// Account returns where the bytes are that the query asked for.
func (s *Summary) Account() Account {
	a := Account{
		Size: s.size, Searched: s.Scanned - s.Zero, Zero: s.Zero,
		Unsaved: s.Absent - min(s.Absent, addr.Sum(s.Excluded, s.Missing)), Excluded: s.Excluded, Missing: s.Missing,
		Unreadable: s.Unreadable, Beyond: s.Beyond,
	}
	told := addr.Sum(s.Scanned, s.Absent, s.Unreadable, s.Beyond)
	a.Unsearched = a.Size - min(a.Size, told)
	return a
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

// fill puts in what the scan tells of itself. Hits and rules have been counted before.
func (s *Summary) fill(img *layered.Image, sc *engine.Scanner, stats engine.Stats) {
	s.Scanned, s.Absent, s.Unreadable, s.InScope = stats.Scanned, stats.Absent, stats.UnreadableBytes(), sc.Bytes()+s.Appended
	s.Zero, s.Excluded, s.Missing = stats.Zero, stats.Excluded, stats.Missing
	s.size = addr.Sum(s.InScope, s.Absent, stats.Beyond)
	s.UnreadableRanges = stats.Unreadable
	s.Cut, s.Excepted = stats.Cut, stats.Excepted
	s.Interrupted, s.Stopped = stats.Cancelled, stats.Stopped
	s.Changed = img.Changed()
	if !s.Stopped {
		s.Beyond = stats.Beyond
	}
	s.Complete = !stats.Cancelled && s.Unreadable == 0 && s.Beyond == 0 && s.Missing == 0 && img.Complete() && !image.ContentChanged(s.Changed)
	if r := s.Rules; r != nil {
		s.Complete = s.Complete && r.NumUndecided == 0 && r.LeftOut == 0 && len(r.HitsLeftOut) == 0
		s.Limited = s.Limited || r.Limited
	}
	s.Kernels, s.Workers, s.Elapsed, s.Ways = stats.Kernels, stats.Workers, stats.Elapsed, stats.Ways
}
