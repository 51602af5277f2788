package main

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"vscan/cmd/vscan/internal/cli"
	"vscan/engine"
	"vscan/internal/wording"
	"vscan/patterns"
)

// explain prints how patterns would be looked for, in each of the images or,
// where none is given, in one that says nothing of itself. Nothing is scanned.
func (a *commands) explain(f *searchFlags, pats []patterns.Pattern, images []string) error {
	if err := f.complete(); err != nil {
		return err
	}
	f.fillQuery(pats)
	if len(images) == 0 {
		if f.align.Word && f.image.Word == "" {
			return fmt.Errorf("--align word asks for the word size: give --word 4|8, or an image")
		}
		img, err := f.image.Assume()
		if err != nil {
			return err
		}
		about, err := f.Target(img)
		if err != nil {
			return cli.NameFlags(err)
		}
		about.Mapping = nil
		return a.explainIn(f, pats, about)
	}
	for _, arg := range images {
		err := func() error {
			t, err := f.image.Open(arg)
			if err != nil {
				return err
			}
			defer t.Close()
			if len(images) > 1 {
				fmt.Fprintf(a.Out, "%s:\n", wording.Printable(arg))
			}
			about, err := f.Target(t)
			if err == nil {
				err = a.explainIn(f, pats, about)
			}
			if err != nil {
				return cli.InImage(arg, cli.NameFlags(err))
			}
			return nil
		}()
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *commands) explainIn(f *searchFlags, pats []patterns.Pattern, about patterns.Target) error {
	set, err := patterns.Compile(pats, about)
	if err != nil {
		return err
	}
	all, err := engine.Explain(set, f.Kernel)
	if err != nil {
		return err
	}
	e := explainer{out: a.App}
	excepting := uint64(0)
	for i, p := range set.Patterns() {
		e.say("%s", wording.Printable(p.Name))
		if p.Name != p.Written {
			e.say("  pattern     %s", wording.Printable(p.Written))
		}
		if len(p.Exceptions()) > 0 {
			excepting++
		}
		n := 0
		for n < len(all) && all[n].Pattern == i {
			n++
		}
		for _, x := range p.Exceptions() {
			e.say("  exception   %s", wording.Printable(x))
		}
		e.pattern(all[:n])
		all = all[n:]
	}
	e.say("longest match %s; candidates of all: %s", wording.Count(uint64(set.MaxLen()), "byte"), oneIn(e.rate))
	if excepting > 0 {
		e.say("exceptions: %s, whose matches are no hits where an exception is found in them (--no-exceptions: they are)", wording.Count(excepting, "pattern"))
	}
	if e.slow > 0 {
		e.say("slow: %s without a useful literal, looked for at every place", wording.Count(uint64(e.slow), "pattern"))
	}
	return nil
}

// explainer writes what is sought.
type explainer struct {
	out  *cli.App
	rate float64 // of candidates, in all
	slow int     // patterns that look at all of memory
}

func (e *explainer) say(format string, args ...any) { fmt.Fprintf(e.out.Out, format+"\n", args...) }

// mostSought is how many needles or anchors of a pattern are listed.
const mostSought = 16

func (e *explainer) pattern(all []engine.Sought) {
	var of *patterns.Expr
	for i, s := range all {
		if !s.Exact {
			e.rate += s.Rate
		}
		if s.Expr != nil && s.Anchor == nil {
			e.expression(s.Expr)
			e.slow++
			e.say("  slow        no useful literal: all of memory is looked at, place by place%s", byFinder(s.Expr))
			continue
		}
		if i == mostSought {
			e.say("  …           and %d more", len(all)-i)
		}
		if i >= mostSought {
			continue
		}
		if s.Expr != nil && s.Expr != of {
			of = s.Expr
			e.expression(of)
		}
		switch {
		case s.Anchor != nil:
			e.say("  anchor      %s, %s of a match", spelled(s.Anchor.Lit, s.Anchor.Mask), places(s.Anchor.First, s.Anchor.Last))
		case s.Needle.Words != nil:
			e.say("  words       %s%s", words(s.Needle.Words), aligned(s.Needle.Align))
		default:
			e.say("  needle      %s%s", spelled(s.Needle.Lit, s.Needle.Mask), aligned(s.Needle.Align))
		}
		e.say("  kernel      %v, %v%s", s.Shape, s.Level, prefixed(", first ", s.FirstLook))
		if !s.Exact {
			e.say("  candidates  %s", oneIn(s.Rate))
		}
	}
}

func (e *explainer) expression(x *patterns.Expr) {
	length := fmt.Sprintf("%d to %d bytes", x.MinLen, x.MaxLen)
	if x.MinLen == x.MaxLen {
		length = wording.Count(uint64(x.MinLen), "byte")
	}
	e.say("  expression  matches of %s%s, verified", length, aligned(x.Align))
}

func byFinder(x *patterns.Expr) string {
	if _, ok := x.Matcher.(patterns.Finder); ok {
		return ", but for those that its own quick look rules out"
	}
	return ""
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func aligned(n uint64) string {
	if n <= 1 {
		return ""
	}
	return fmt.Sprintf(", at multiples of %d", n)
}

func places(first, last int) string {
	if first == last {
		return fmt.Sprintf("at byte %d", first)
	}
	return fmt.Sprintf("at bytes %d to %d", first, last)
}

// mostSpelled is how many bytes are spelled out.
const mostSpelled = 32

// spelled is bytes as a hex: pattern has them, where whole digits count or not;
// other masks stand behind. What prints in ASCII is shown as well.
func spelled(lit, mask []byte) string {
	var b strings.Builder
	var text []byte
	odd := false
	for i, c := range lit[:min(len(lit), mostSpelled)] {
		digits := hex.EncodeToString([]byte{c})
		m := byte(0xff)
		if mask != nil {
			m = mask[i]
		}
		switch m {
		case 0xff:
		case 0xf0:
			digits = digits[:1] + "?"
		case 0x0f:
			digits = "?" + digits[1:]
		case 0:
			digits = "??"
		default:
			odd = true
		}
		b.WriteString(digits)
		text = append(text, wording.PrintByte(c))
	}
	if len(lit) > mostSpelled {
		fmt.Fprintf(&b, "… (%d bytes)", len(lit))
	}
	fmt.Fprintf(&b, " |%s|", text)
	if odd {
		fmt.Fprintf(&b, " mask %x", mask[:min(len(mask), mostSpelled)])
	}
	return b.String()
}

// mostRanges is how many ranges of a number are listed.
const mostRanges = 8

func words(w *patterns.Words) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %v-endian, in", wording.Count(uint64(w.Size), "byte"), w.Order)
	for _, r := range w.Ranges[:min(len(w.Ranges), mostRanges)] {
		fmt.Fprintf(&b, " %#x..%#x", r.Lo, r.Hi)
	}
	if n := len(w.Ranges) - mostRanges; n > 0 {
		fmt.Fprintf(&b, " and %d more ranges", n)
	}
	return b.String()
}

// oneIn is a rate in words.
func oneIn(rate float64) string {
	switch {
	case rate <= 0:
		return "none but hits"
	case rate >= 0.5:
		return "at nearly every byte"
	}
	n := 1 / rate
	if n < 1e6 {
		return fmt.Sprintf("about 1 in %.0f bytes", n)
	}
	return fmt.Sprintf("about 1 in %s", wording.Size(uint64(math.Min(n, 1<<62))))
}
