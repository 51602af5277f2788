package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"vscan/cmd/vscan/internal/cli"
	"vscan/engine"
	"vscan/internal/wording"
	"vscan/patterns"
)

// explain prints how patterns would be looked for in each of the images. Where no image
// is given, it does so for an image that says nothing of itself. Nothing is searched.
func (a *commands) explain(ctx context.Context, f *searchFlags, pats []patterns.Pattern, images []string) error {
	if err := f.complete(); err != nil {
		return err
	}
	f.fillQuery(pats)
	f.Budget = a.Budget()
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
		if err := a.explainIn(ctx, f, f.AllPatterns(), about); err != nil {
			return err
		}
	}
	for _, arg := range images {
		err := func() error {
			f.image.Budget = f.Budget
			t, err := f.image.Open(ctx, arg)
			if err != nil {
				return err
			}
			defer t.Close()
			if len(images) > 1 {
				fmt.Fprintf(a.Out, "%s:\n", wording.Escape(arg))
			}
			about, err := f.Target(t)
			if err == nil {
				err = a.explainIn(ctx, f, f.AllPatterns(), about)
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
	if len(f.leftOut()) > 0 { // what is explained is not all that was asked for
		return cli.ExitCode(cli.ExitIncomplete)
	}
	return nil
}

// explainIn prints how patterns would be looked for in an image that is as about says.
func (a *commands) explainIn(ctx context.Context, f *searchFlags, pats []patterns.Pattern, about patterns.Target) error {
	a.Begin("compiling patterns")
	about.Budget = f.Budget.Share()
	defer about.Budget.Release()
	set, err := patterns.Compile(ctx, pats, about)
	if err != nil {
		return err
	}
	compiled, err := engine.CompileSet(ctx, set, engine.Options{Kernel: f.Kernel, Budget: about.Budget})
	if err != nil {
		return err
	}
	all, err := compiled.Explain(ctx)
	if err != nil {
		return err
	}
	e := explainer{out: a.App}
	excepting := uint64(0)
	for i, p := range set.Patterns() {
		if i%64 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		e.say("%s", wording.Escape(p.Name))
		if p.Name != p.Written {
			e.say("  pattern     %s", wording.Escape(p.Written))
		}
		if len(p.Exceptions()) > 0 {
			excepting++
		}
		n := 0
		for n < len(all) && all[n].Pattern == i {
			n++
		}
		for _, x := range p.Exceptions() {
			e.say("  exception   %s", wording.Escape(x))
		}
		e.pattern(all[:n])
		all = all[n:]
	}
	e.say("longest match %s; candidates of all: %s", wording.Count(uint64(set.MaxLen()), "byte"), oneIn(e.rate))
	if n := about.Budget.Taken(); n > 0 && len(set.Patterns()) > 0 {
		e.say("memory: about %s, %s a pattern", wording.Size(n), wording.Count(n/uint64(len(set.Patterns())), "byte"))
	}
	if excepting > 0 {
		e.say("exceptions: %s, whose matches are no hits where an exception is found in them (--no-exceptions: they are)", wording.Count(excepting, "pattern"))
	}
	if e.slow > 0 {
		e.say("slow: %s without a useful literal, looked for at every place", wording.Count(uint64(e.slow), "pattern"))
	}
	return nil
}

// explainer prints how the patterns of a set are looked for, and sums up what that
// costs.
type explainer struct {
	out  *cli.App
	rate float64 // candidates a byte, of all patterns so far
	slow int     // how many patterns so far have to be looked for at every place
}

// say writes a line.
func (e *explainer) say(format string, args ...any) { fmt.Fprintf(e.out.Out, format+"\n", args...) }

// mostSought is the most needles or anchors of a pattern that are listed.
const mostSought = 16

// pattern prints what is sought of one pattern.
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
			e.say("  anchor      %s, %s of a match%s", spelled(s.Anchor.Lit, s.Anchor.Mask)+underKeys(s.Anchor.Keys), places(s.Anchor.First, s.Anchor.Last), followed(s.Anchor))
		case s.Needle.Words != nil:
			e.say("  words       %s%s", words(s.Needle.Words), aligned(s.Needle.Align))
		default:
			e.say("  needle      %s%s%s", spelled(s.Needle.Lit, s.Needle.Mask), underKeys(s.Needle.Keys), aligned(s.Needle.Align))
		}
		e.say("  kernel      %v, %v%s", s.Shape, s.Level, prefixed(", first ", s.FirstLook))
		if !s.Exact {
			e.say("  candidates  %s", oneIn(s.Rate))
		}
	}
}

// expression prints how long the matches of an expression are, and where they may lie.
func (e *explainer) expression(x *patterns.Expr) {
	length := fmt.Sprintf("%d to %d bytes", x.MinLen, x.MaxLen)
	if x.MinLen == x.MaxLen {
		length = wording.Count(uint64(x.MinLen), "byte")
	}
	e.say("  expression  matches of %s%s, verified", length, aligned(x.Align))
}

// followed returns what is to be said of the bytes behind an anchor; "" where nothing is known of them.
func followed(a *patterns.Anchor) string {
	if n := a.After.Len(); n > 0 && n < 256 {
		return ", followed by one of " + wording.Count(uint64(n), "byte value")
	}
	return ""
}

// byFinder returns what is to be said of an expression that skips memory by itself; ""
// where it does not.
func byFinder(x *patterns.Expr) string {
	if _, ok := x.Matcher.(patterns.Finder); ok {
		return ", but for those that its own quick look rules out"
	}
	return ""
}

// prefixed returns s with a prefix, or "" where s is "".
func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// aligned returns the part of a line that tells an alignment; "" where there is none.
func aligned(n uint64) string {
	if n <= 1 {
		return ""
	}
	return fmt.Sprintf(", at multiples of %d", n)
}

// places returns in words where in a match an anchor begins: at offsets first to last.
func places(first, last int) string {
	if first == last {
		return fmt.Sprintf("at byte %d", first)
	}
	return fmt.Sprintf("at bytes %d to %d", first, last)
}

// mostSpelled is the most bytes that are written out.
const mostSpelled = 32

// spelled returns bytes as a hex: pattern has them, with ? for digits that do not
// count, and behind them as text. A mask that is not made of whole digits stands at the
// end.
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

// underKeys returns the part of a line that tells keys; "" where there are none.
func underKeys(keys patterns.Keys) string {
	switch {
	case !keys.Any:
		return ""
	case keys.Lo == keys.Hi:
		return fmt.Sprintf(", under the key %02x", keys.Lo)
	}
	return fmt.Sprintf(", under keys %02x to %02x", keys.Lo, keys.Hi)
}

// mostRanges is the most ranges of a number that are listed.
const mostRanges = 8

// words returns a description of words: their size, byte order and ranges.
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

// oneIn returns in words how frequent candidates are; rate is candidates a byte.
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
