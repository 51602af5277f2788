package main

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/report"
	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/internal/wording"
	"vscan/patterns"
)

// demoPages is the text of the demo's image: some pages of a made-up program's
// memory, with escapes. Bytes that it does not give are zero.
//
//go:embed demo.txt
var demoPages string

// demoPage is the size of a page of the demo's image, in bytes.
const demoPage = 4096

// demoImage returns the image of the demo. It has mappings that lie over one another, a
// hole, bytes that were not saved, and text that runs from one mapping into the next.
func demoImage() (*layered.Image, error) {
	pages := map[string][]byte{}
	for name, body := range demoSections(demoPages) {
		page := make([]byte, demoPage)
		for at, b := range body {
			copy(page[at:], b)
		}
		pages[name] = page
	}
	mapping := func(name string, first addr.Addr, perm engine.Perm, pages ...[]byte) engine.Mapping {
		var b []byte
		for _, p := range pages {
			b = append(b, p...)
		}
		r, _ := addr.Sized(first, uint64(len(b)))
		return engine.Mapping{Range: r, Perm: perm | engine.PermKnown, Name: name, Source: engine.BytesSource("demo", b)}
	}
	rw, rx := engine.PermRead|engine.PermWrite, engine.PermRead|engine.PermExecute
	space, err := engine.NewSpace(
		mapping("/usr/bin/demo", 0x400000, rx, pages["text"], pages["hidden"]),
		mapping("[heap]", 0x402000, rw, pages["heap"]), // begins where the program ends
		mapping("[stack]", 0x7ffe00000000, rw, make([]byte, demoPage), pages["stack"]),
		mapping("patched", 0x401000, rx, pages["patch"]), // lies over the program's second page
		engine.Mapping{Range: addr.Range{First: 0x7ffe00002000, Last: 0x7ffe00003fff}, State: engine.Absent,
			Perm: rw | engine.PermKnown, Name: "guard"},
	)
	if err != nil {
		return nil, err
	}
	return &layered.Image{Arg: "demo", Space: space, Image: &image.Image{
		Path: "demo", Format: "embedded image", Detail: "64-bit little-endian", Space: "virtual", WordSize: 8, OrderKnown: true,
	}}, nil
}

// demoSections reads demo.txt and returns the texts of each page by their offsets. A
// line [NAME] begins a page, and a line OFFSET TEXT puts text there, with escapes as in
// a text: pattern.
func demoSections(text string) map[string]map[int][]byte {
	out := map[string]map[int][]byte{}
	var page map[int][]byte
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "["); ok {
			page = map[int][]byte{}
			out[strings.TrimSuffix(name, "]")] = page
			continue
		}
		at, body, ok := strings.Cut(line, " ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		var off int
		fmt.Sscanf(at, "%v", &off)
		p, err := patterns.Parse("text:" + body)
		if err != nil {
			panic(err) // the file is part of the program
		}
		set, err := patterns.Compile(context.Background(), []patterns.Pattern{p}, patterns.Target{})
		if err != nil {
			panic(err)
		}
		page[off] = set.Needles()[0].Lit
	}
	return out
}

// demoPatterns is what the demo searches for.
var demoPatterns = []string{"secret=text:correct horse", "heap=ptr:@[heap]", "elf=hex:7f454c46", "hidden=text:old password"}

func (a *commands) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Search a small image that is part of the program",
		Long: `demo shows, on an image of a few pages that is part of the program, what vscan
does: mappings lie over one another, the last one on top, with holes between;
matches are found also where one mapping meets the next, and not in bytes that
another mapping hides.`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.demo(cmd) },
	}
}

// demo prints the address space of the demo's image, searches it, and tells the
// account.
func (a *commands) demo(cmd *cobra.Command) error {
	t, err := demoImage()
	if err != nil {
		return err
	}
	say := func(format string, args ...any) { fmt.Fprintf(a.Out, format+"\n", args...) }
	rep := report.NewReporter(a.Out, "text", report.Style{Color: a.Out.WantsColor("auto"), Aligned: true, Context: 16})

	say("The address space (vscan map): \"patched\" lies over the second page of the")
	say("program, up to the heap; between heap and stack there is a hole.\n")
	for v := range t.Space.Intervals(addr.All) {
		if v.Mapping != nil {
			rep.Interval(v, 0)
		}
	}

	say("\nThe search (vscan find): \"correct horse\" runs from the patched page into the")
	say("heap; \"old password\" is in the page that the patch hides, so it is not there.\n")
	var pats []patterns.Pattern
	for _, text := range demoPatterns {
		say("    -e '%s'", text)
		p, err := patterns.Parse(text)
		if err != nil {
			return err
		}
		pats = append(pats, p)
	}
	say("")
	q := search.Query{Patterns: pats}
	s, err := q.Run(cmd.Context(), t, printing{rep})
	if err != nil {
		return err
	}
	say("The account: %s, %s scanned, %s not saved, kernel %s, %s.", wording.Count(s.Hits, "hit"), wording.Size(s.Scanned),
		wording.Size(s.Absent), s.Kernel(), wording.Count(uint64(s.Workers), "worker"))
	for i, name := range s.Names {
		say("%6d  %s", s.Counts[i], name)
	}
	say("\nNext: vscan find PATTERN IMAGE on a core, a memory dump or pid:N; vscan --help.")
	return rep.WriteError()
}

// printing is a sink that hands what a search finds to a reporter, and no summary.
type printing struct{ report.Reporter }

func (p printing) Begin(s *search.Search) error {
	p.Reporter.Begin(s.Image())
	return nil
}

func (p printing) Hit(h *search.Hit) error        { return p.Reporter.Hit(h) }
func (p printing) Rule(m *search.RuleMatch) error { return p.Reporter.Rule(m) }
func (p printing) End(*search.Summary) error      { return nil }
