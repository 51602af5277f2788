package main

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/internal/wording"
	"vscan/patterns/yara"
)

// account tells on standard error what the hits alone do not tell. It always tells what
// is missing, and with --stats, or to somebody at a terminal, also how the search went.
func (a *commands) account(f *searchFlags, s *search.Summary, of *imageSearch) {
	t := of.img
	seconds := s.Elapsed.Seconds()
	verbose := f.stats || f.format == "text" && a.Interactive() && !f.several && f.list == ""
	if verbose {
		a.Note("%s: %s, %s", t.Arg, t.Format, t.Detail)
		a.Note("%s: %s in %s scanned in %.3f s (%s/s), kernel %s, %s", t.Arg, wording.Count(s.Hits, "hit"),
			wording.Size(s.Scanned), seconds, wording.Size(uint64(float64(s.Scanned)/max(seconds, 1e-9))), s.Kernel(), wording.Count(uint64(s.Workers), "worker"))
	}
	if f.stats {
		a.Note("%s: %s; opened in %.3f s, compiled in %.3f s; Go %s", t.Arg, wording.Count(uint64(t.Space.Len()), "mapping"),
			of.opened.Seconds(), of.compiled.Seconds(), strings.TrimPrefix(runtime.Version(), "go"))
		a.NoteWays(t.Arg, s.Ways)
	}
	if all := s.Account(); f.stats || verbose && all.Searched < all.Size {
		a.noteAccount(t, &all)
	}
	if verbose {
		a.noteHidden(t, s.Hidden)
	}
	if s.Absent > 0 && (verbose || s.InScope == 0) {
		a.Note("%s: %s and could not be searched", t.Arg, whyAbsent(t, s.Absent))
	}
	if s.InScope == 0 {
		a.Note("%s: there was nothing to search: the image has no byte there", t.Arg)
	}
	if s.Limited && f.MaxHits > 0 {
		a.Note("%s: limited: not more than %s a pattern (-m); there may be more", t.Arg, wording.Count(f.MaxHits, "hit"))
	}
	a.noteCut(s)
	a.noteExcepted(s)
	if s.Rules != nil {
		a.noteRules(s)
	}
	a.NoteMissing(t)
	a.NoteBeyond(t, s.Beyond)
	a.NoteUnreadable(t, s.UnreadableRanges)
	a.NoteChanges(t, s.Changed)
	if s.Appended > 0 {
		a.Note("%s: %s of what was appended to the file meanwhile were searched as well", t.Arg, wording.Size(s.Appended))
	}
	if s.Interrupted {
		a.Note("%s: not complete: interrupted after %s of %s", t.Arg, wording.Size(s.Scanned), wording.Size(s.InScope))
	}
}

// part is a part of an account: how many bytes, and what they are.
type part struct {
	bytes uint64
	what  string
}

// What bytes of an account are that were not looked at.
const (
	absent   = "absent (not saved)"
	excluded = "excluded (left out on purpose)"
	missing  = "missing (of a truncated or damaged image)"
)

// accountText returns the parts of an account that have bytes, in words; the first one in any
// case.
func accountText(t *layered.Image, parts ...part) string {
	var all []string
	for i, p := range parts {
		if p.what == absent && t.Live {
			p.what = "absent (not readable by nature)"
		}
		if p.bytes > 0 || i == 0 {
			all = append(all, wording.Size(p.bytes)+" "+p.what)
		}
	}
	return strings.Join(all, ", ")
}

// noteAccount tells where all bytes are that were asked for.
func (a *commands) noteAccount(t *layered.Image, of *search.Account) {
	a.Note("%s: of %s: %s", t.Arg, wording.Size(of.Size), accountText(t, part{of.Searched, "searched"}, part{of.Zero, "zero"},
		part{of.Unsaved, absent}, part{of.Excluded, excluded}, part{of.Missing, missing}, part{of.Unreadable, "unreadable"},
		part{of.Beyond, "beyond --max-bytes"}, part{of.Unsearched, "not come to"}))
}

// noteHidden tells how many bytes of the image and its layers show nowhere.
func (a *commands) noteHidden(t *layered.Image, n uint64) {
	if n > 0 {
		a.Note("%s: %s more lie under other mappings and show nowhere: they are not searched, and in none of these numbers (vscan map --layers)", t.Arg, wording.Size(n))
	}
}

// noteRules tells which rules could not be decided or were left out, and whether hits
// of their strings were left out.
func (a *commands) noteRules(s *search.Summary) {
	const most = 20
	r := s.Rules
	for _, u := range r.Undecided[:min(len(r.Undecided), most)] {
		a.Note("%s: not complete: %s", s.Image, u)
	}
	if n := r.NumUndecided - uint64(min(len(r.Undecided), most)); n > 0 {
		a.Note("%s: not complete: %s more could not be decided", s.Image, wording.Count(n, "rule"))
	}
	if slices.ContainsFunc(r.Undecided, func(u search.Undecided) bool { return u.OutOfSteps }) {
		a.Note("%s: the rules that could not be decided since all steps are used up may be decided with more (--rule-steps)", s.Image)
	}
	for _, h := range r.HitsLeftOut[:min(len(r.HitsLeftOut), most)] {
		a.Note("%s: not complete: hits of %s are left out: %s", s.Image, h.Name, h.Reason)
	}
	if n := len(r.HitsLeftOut) - most; n > 0 {
		a.Note("%s: not complete: hits of %s more are left out", s.Image, wording.Count(uint64(n), "string"))
	}
	if r.OutOfMemory {
		a.Note("%s: not all hits of rules were kept: there was no more memory for them (--memory)", s.Image)
	} else if r.Limited {
		a.Note("%s: limited: of a string, not more than %d hits are kept and printed, those with the lowest addresses; -c counts all, --all-strings prints all", s.Image, yara.DefaultHits)
	}
	if r.LeftOut > 0 {
		a.Note("%s: not complete: %s matched; %s left out", s.Image, wording.Count(r.Matched, "rule"), wording.Count(uint64(r.LeftOut), "rule"))
	}
}

// noteCut tells how many hits are as long as a match may be, and so may go on behind
// what is shown of them.
func (a *commands) noteCut(s *search.Summary) {
	if hits, of, first := patternSum(s, s.Cut); hits > 0 {
		a.Note("%s: %s of %s as long as a match may be, %s, and may go on: --max-match sets more", s.Image,
			wording.Count(hits, "hit"), of, wording.Count(uint64(s.LongestMatch[first]), "byte"))
	}
}

// noteExcepted tells how many matches were dropped because an exception of their
// pattern holds in them.
func (a *commands) noteExcepted(s *search.Summary) {
	matches, of, _ := patternSum(s, s.Excepted)
	switch {
	case matches == 1:
		a.Note("%s: 1 match of %s left out as an exception to it (a placeholder, a known example): --no-exceptions prints it", s.Image, of)
	case matches > 1:
		a.Note("%s: %s of %s left out as exceptions (placeholders, known examples): --no-exceptions prints them", s.Image, strconv.FormatUint(matches, 10)+" matches", of)
	}
}

// patternSum returns the sum of by, which has a number for each pattern, the patterns
// whose number is not 0, in words, and the index of the first of these.
func patternSum(s *search.Summary, by []uint64) (sum uint64, of string, first int) {
	patterns := uint64(0)
	for i, n := range by {
		if n == 0 {
			continue
		}
		if patterns++; patterns == 1 {
			of, first = s.NameOf(i), i
		}
		sum += n
	}
	if patterns > 1 {
		of = fmt.Sprintf("%s and %s", of, wording.Count(patterns-1, "other pattern"))
	}
	return sum, of, first
}

// noteEndless tells which patterns have a jump without an end, so that their matches
// beyond --max-match are not looked for.
func (a *commands) noteEndless(f *searchFlags) {
	n, first := uint64(0), ""
	for _, p := range f.AllPatterns() {
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
		first = fmt.Sprintf("%s and %s", first, wording.Count(n-1, "other pattern"))
	}
	a.Note("%s: a jump without an end: matches of more than %s are not looked for: --max-match sets more", first, wording.Count(f.longest, "byte"))
}

// whyAbsent returns a text which says that n bytes are absent, and why.
func whyAbsent(t *layered.Image, n uint64) string {
	switch {
	case t.Live && t.ResidentOnly:
		return wording.Size(n) + " of the process are swapped out or cannot be read by their nature (no permission, guard pages, devices)"
	case t.Live:
		return wording.Size(n) + " of the process cannot be read by their nature (no permission, guard pages, devices)"
	}
	return wording.Size(n) + " of the memory were not saved in the image"
}
