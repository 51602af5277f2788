package main

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"vscan/engine"
	"vscan/patterns"
)

// summary is the account of one image that every output ends with.
type summary struct {
	image                       string
	names                       []string // of what is looked for, in order
	counts                      []uint64 // of hits, by name
	first                       []int    // by pattern: its name, or the first of several
	own                         []string // by pattern: the name that it has itself
	longest                     []int    // by pattern: bytes of the longest match of an expression
	rules                       *ruleRun // nil: there are none
	hits                        uint64
	scanned, absent, unreadable uint64 // bytes
	inScope                     uint64 // bytes that a whole scan looks at
	complete, limited           bool
	cut                         []uint64 // by pattern: hits as long as --max-match allows; nil: none
	leftOut                     []string // files that were to be laid and were not
	excepted                    []uint64 // by pattern: matches that an exception drops; nil: none
	kernel                      string
	workers                     int
	seconds                     float64
}

// newSummary is that of a search for a set; names says how the hits of a
// pattern are called, nil: by its name.
func newSummary(image string, set *patterns.Set, names func(patterns.Pattern) []string) *summary {
	s := &summary{image: image}
	for _, p := range set.Patterns() {
		s.first, s.own = append(s.first, len(s.names)), append(s.own, p.Name)
		if names == nil {
			s.names = append(s.names, p.Name)
		} else {
			s.names = append(s.names, names(p)...)
		}
	}
	s.longest = make([]int, len(s.own))
	for _, e := range set.Exprs() {
		s.longest[e.Pattern] = max(s.longest[e.Pattern], e.MaxLen)
	}
	s.counts = make([]uint64, len(s.names))
	return s
}

// nameOf is the first name of a pattern; of one whose hits are not shown, its own.
func (s *summary) nameOf(pattern int) string {
	next := len(s.names)
	if pattern+1 < len(s.first) {
		next = s.first[pattern+1]
	}
	if s.first[pattern] == next {
		return s.own[pattern]
	}
	return s.names[s.first[pattern]]
}

// found reports whether anything that was looked for is there.
func (s *summary) found() bool { return s.hits > 0 || s.rules != nil && s.rules.matched > 0 }

// add counts the hits of a batch.
func (s *summary) add(b *engine.Batch) {
	s.hits += b.Len()
	if pattern, ok := b.Uniform(); ok {
		s.counts[s.first[pattern]] += b.Len()
		return
	}
	for i := range int(b.Len()) {
		s.counts[s.first[b.Pattern(i)]]++
	}
}

// fill puts in what the scan says of itself.
func (s *summary) fill(t *target, sc *engine.Scanner, stats engine.Stats) {
	s.scanned, s.absent, s.unreadable, s.inScope = stats.Scanned, stats.Absent, stats.UnreadableBytes(), sc.Bytes()
	s.cut, s.excepted = stats.Cut, stats.Excepted
	s.complete = !stats.Cancelled && s.unreadable == 0 && t.whole()
	s.leftOut = t.leftOut
	if r := s.rules; r != nil {
		s.complete = s.complete && len(r.undecided) == 0 && len(r.f.leftOut()) == 0
		s.limited = s.limited || r.cut
	}
	var names []string
	for _, l := range stats.Kernels {
		names = append(names, l.String())
	}
	s.kernel = strings.Join(names, "+")
	s.workers, s.seconds = stats.Workers, stats.Elapsed.Seconds()
}

// account tells on standard error what the hits alone do not: always what is
// missing, and with --stats, or to somebody at a terminal, the rest.
func (a *app) account(f *searchFlags, t *target, s *summary, stats engine.Stats, opened, compiled time.Duration) {
	verbose := f.stats || f.format == "text" && a.chatty() && !f.several && f.list == ""
	if verbose {
		a.note("%s: %s, %s", t.arg, t.Format, t.Detail)
		a.note("%s: %s in %s scanned in %.3f s (%s/s), kernel %s, %s", t.arg, plural(s.hits, "hit"),
			size(s.scanned), s.seconds, size(uint64(float64(s.scanned)/max(s.seconds, 1e-9))), s.kernel, plural(uint64(s.workers), "worker"))
	}
	if f.stats {
		a.note("%s: %s; opened in %.3f s, compiled in %.3f s; Go %s", t.arg, plural(uint64(t.space.Len()), "mapping"),
			opened.Seconds(), compiled.Seconds(), strings.TrimPrefix(runtime.Version(), "go"))
	}
	if s.absent > 0 && (verbose || s.inScope == 0) {
		a.note("%s: %s and could not be searched", t.arg, t.whyAbsent(s.absent))
	}
	if s.inScope == 0 {
		a.note("%s: there was nothing to search: the image has no byte there", t.arg)
	}
	if s.limited && f.max > 0 {
		a.note("%s: limited: not more than %s a pattern (-m); there may be more", t.arg, plural(f.max, "hit"))
	}
	a.noteCut(t, s)
	a.noteExcepted(t, s)
	if s.rules != nil {
		s.rules.account(a)
	}
	a.noteMissing(t)
	if s.unreadable > 0 {
		a.note("%s: not complete: %s could not be read, in %s, the first %v", t.arg, size(s.unreadable),
			plural(uint64(len(stats.Unreadable)), "range"), stats.Unreadable[0])
	}
	if stats.Cancelled {
		a.note("%s: not complete: interrupted after %s of %s", t.arg, size(s.scanned), size(s.inScope))
	}
}

// chatty reports whether somebody at a terminal reads what is told, and no pager
// has the screen.
func (a *app) chatty() bool { return isTerminal(a.err) && !a.out.pipe }

// noteCut tells of hits that may go on behind what is shown of them.
func (a *app) noteCut(t *target, s *summary) {
	if hits, of, first := s.sum(s.cut); hits > 0 {
		a.note("%s: %s of %s as long as a match may be, %s, and may go on: --max-match sets more", t.arg,
			plural(hits, "hit"), of, plural(uint64(s.longest[first]), "byte"))
	}
}

// noteExcepted tells of matches that exceptions keep from being hits.
func (a *app) noteExcepted(t *target, s *summary) {
	matches, of, _ := s.sum(s.excepted)
	switch {
	case matches == 1:
		a.note("%s: 1 match of %s left out as an exception to it (a placeholder, a known example): --no-exceptions prints it", t.arg, of)
	case matches > 1:
		a.note("%s: %s of %s left out as exceptions (placeholders, known examples): --no-exceptions prints them", t.arg, strconv.FormatUint(matches, 10)+" matches", of)
	}
}

// sum is the sum of numbers by pattern, which patterns they are of, in words, and
// the first of these.
func (s *summary) sum(by []uint64) (sum uint64, of string, first int) {
	patterns := uint64(0)
	for i, n := range by {
		if n == 0 {
			continue
		}
		if patterns++; patterns == 1 {
			of, first = s.nameOf(i), i
		}
		sum += n
	}
	if patterns > 1 {
		of = fmt.Sprintf("%s and %s", of, plural(patterns-1, "other pattern"))
	}
	return sum, of, first
}

// noteEndless tells of patterns with a jump without an end that long matches of theirs
// are not looked for.
func (a *app) noteEndless(f *searchFlags, pats []patterns.Pattern) {
	n, first := uint64(0), ""
	for _, p := range pats {
		if p.Endless() {
			if n++; n == 1 {
				first = p.Name
			}
		}
	}
	if n == 0 {
		return
	}
	if n > 1 {
		first = fmt.Sprintf("%s and %s", first, plural(n-1, "other pattern"))
	}
	a.note("%s: a jump without an end: matches of more than %s are not looked for: --max-match sets more", first, plural(f.longest, "byte"))
}

// whyAbsent says of so many bytes why they are absent.
func (t *target) whyAbsent(n uint64) string {
	switch {
	case t.Live && t.residentOnly:
		return size(n) + " of the process are swapped out or cannot be read by their nature (no permission, guard pages, devices)"
	case t.Live:
		return size(n) + " of the process cannot be read by their nature (no permission, guard pages, devices)"
	}
	return size(n) + " of the memory were not saved in the image"
}

// noteOddities tells what was odd about an image when it was opened, and what
// was laid over and under it.
func (a *app) noteOddities(t *target) {
	for i, n := range t.Notes {
		a.note("%s: %s%s", t.arg, n, hintsOf(t.Image, i))
	}
	for _, n := range t.notes {
		a.note("%s: %s", t.arg, n)
	}
}

// whole reports whether the image holds what it should, and all that was to be laid
// with it was laid.
func (t *target) whole() bool { return t.Missing == 0 && len(t.leftOut) == 0 }

// noteMissing tells what an image should hold and does not, and what was not laid.
func (a *app) noteMissing(t *target) {
	if t.Missing > 0 {
		a.note("%s: not complete: the image is truncated or damaged, %s are missing", t.arg, size(t.Missing))
	}
	if n := len(t.leftOut); n > 0 {
		others := ""
		if n > 1 {
			others = fmt.Sprintf(" and of %s", plural(uint64(n-1), "other file"))
		}
		a.note("%s: not complete: %s of %s%s, left out, are nowhere", t.arg, size(t.lost), t.leftOut[0], others)
	}
}

// plural is a number with its noun.
func plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.FormatUint(n, 10) + " " + noun + "s"
}

// size is a number of bytes for people.
func size(n uint64) string {
	if n < 1024 {
		return plural(n, "byte")
	}
	f, unit := float64(n), ""
	for _, unit = range []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"} {
		if f /= 1024; f < 1023.95 { // what is more would print as 1024.0
			break
		}
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}
