package summary

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"vscan/engine/sweep/state"
	"vscan/internal/wording"
)

// Sentence says first whether everything was looked at, then what was not, and what was
// found.
func (s *Summary) Sentence() string {
	return s.sentence(func(n uint64) string { return strconv.FormatUint(n, 10) })
}

// sentence is Sentence with numbers as a function writes them.
func (s *Summary) sentence(number func(uint64) string) string {
	i := s.Images
	count := func(n uint64, noun string) string { return counted(number(n), n, noun) }
	var missed []string
	miss := func(n uint64, one, more string) {
		if n > 0 {
			verb := more
			if n == 1 {
				verb = one
			}
			missed = append(missed, number(n)+" "+verb)
		}
	}
	miss(i.Failed, "could not be opened", "could not be opened")
	miss(i.Partial, "was searched in part", "were searched in part")
	miss(i.Aside, "was set aside", "were set aside")
	miss(i.Running, "is being searched", "are being searched")
	miss(i.Waiting, "is waiting", "are waiting")
	if len(missed) == 0 && sum(s.Total.Unreadable, s.Total.Missing) > 0 {
		missed = append(missed, wording.Size(sum(s.Total.Unreadable, s.Total.Missing))+" of memory could not be read, or is missing")
	}
	hits := count(s.Hits, "hit")
	if s.AtLeast {
		hits = "at least " + hits
	}
	found := fmt.Sprintf("%s of %s", hits, count(uint64(len(s.About.Patterns)), "pattern"))
	searched := s.Total.Scanned
	images := count(i.Total()-i.Skipped, "image")
	rules := uint64(len(s.About.LeftOut))
	notAsked := count(rules, "rule") + " were left out"
	if rules == 1 {
		notAsked = count(rules, "rule") + " was left out"
	}
	var b strings.Builder
	switch {
	case i.Total() == i.Skipped:
		b.WriteString("There was no image to search")
	case len(missed) > 0 && i.Done+i.Partial == 0 && i.Left() > 0 && searched == 0:
		fmt.Fprintf(&b, "Nothing has been searched yet: of %s %s", images, andList(missed))
	case len(missed) > 0:
		fmt.Fprintf(&b, "Not everything was looked at: of %s %s; what was searched, %s, has %s", images, andList(missed), wording.Size(searched), found)
	case rules > 0:
		fmt.Fprintf(&b, "Not everything was looked for: %s; %s with %s were looked at, which have %s", notAsked, count(i.Done, "image"), wording.Size(searched), found)
	default:
		fmt.Fprintf(&b, "Everything was looked at: %s with %s, which have %s", count(i.Done, "image"), wording.Size(searched), found)
	}
	if rules > 0 && len(missed) > 0 {
		b.WriteString("; " + notAsked)
	}
	if i.Skipped > 0 {
		were := "were"
		if i.Skipped == 1 {
			were = "was"
		}
		fmt.Fprintf(&b, "; %s %s skipped", count(i.Skipped, "file"), were)
	}
	return b.String() + "."
}

// counted is wording.Count with the number written in another way.
func counted(number string, n uint64, noun string) string {
	return number + strings.TrimLeft(wording.Count(n, noun), "0123456789")
}

// andList returns words as a list: "a, b and c".
func andList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// LeftOut returns lines on the first rules that were left out, at most so many, without
// characters that do not show.
func (s *Summary) LeftOut(most int) (lines []string) {
	for _, l := range s.About.LeftOut[:min(len(s.About.LeftOut), most)] {
		lines = append(lines, wording.Printable(string(l.Text)))
	}
	return lines
}

// StateWords returns a state as a person reads it.
func StateWords(name string) string {
	switch name {
	case state.Partial:
		return "searched in part"
	case state.Failed:
		return "could not be opened"
	case state.Aside:
		return "set aside"
	case state.Running:
		return "being searched"
	}
	return name
}

// Duration returns how long something took, in about three digits: "1.23s", "4m5s".
func Duration(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}

// Time returns a time as a person reads it, in UTC, or "" if it is zero.
func Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}
