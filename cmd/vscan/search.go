package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"vscan/engine"
	"vscan/engine/simd"
	"vscan/patterns"
	"vscan/patterns/yara"
)

// searchFlags are those that find and refs share.
type searchFlags struct {
	image   imageFlags
	align   alignment
	ranges  rangeList
	in      placeList
	max     uint64 // 0: no limit
	overlap bool
	longest uint64 // match of an expression

	rules      *yara.Rules     // nil: there are none
	ruleFiles  int             // how many they are from
	defined    map[string]bool // external variables that -d sets
	ruleScope  string          // of find: image or mapping
	allStrings bool            // of rules that do not match as well
	count      bool
	quiet      bool
	context    uint64
	bytes      uint64 // of a hit, at most so many are shown
	format     string
	color      string
	workers    uint64
	shard      uint64
	kernel     simd.Level
	progress   string
	stats      bool
	summary    string // none, or the file that summaries go to; "": the output
	withNames  bool   // of images in text, also of a single one
	noNames    bool
	caseless   bool                // of all patterns
	fullWords  bool                // likewise
	list       string              // of find: with or without, the images to list; "": none
	noExcept   bool                // of find: what exceptions of patterns drop is printed
	matchOnly  bool                // of find: print the bytes of hits alone
	recursive  bool                // of find: folders stand for the images below them
	several    bool                // images are searched
	at         addrSet             // where hits may begin; nil: anywhere
	runs       []patterns.Encoding // of strings: the encoding of each pattern
}

const maxContext, maxShown = 1 << 20, 1 << 20

func (f *searchFlags) register(cmd *cobra.Command) {
	f.format, f.color, f.progress = "text", "auto", "auto"
	f.longest, f.bytes = patterns.DefaultMaxMatch, cmp.Or(f.bytes, engine.HitBytes)
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.Var(&f.align, "align", "only hits whose address is a multiple of `N` bytes, or, for word, of a word (default any address, a word for ptr)")
	fs.Var(&f.ranges, "range", "only matches that lie wholly in `RANGE` of addresses, LO..HI or LO+LEN; an end may be NAME+OFFSET; repeatable")
	fs.Var(&f.in, "in", "only in mappings with this `NAME|PERM`: a name, the last part of a path, or permissions, where a - is either; repeatable")
	fs.VarP(number{&f.max, 1, math.MaxUint64}, "max-count", "m", "at most `N` hits a pattern and image, those with the lowest addresses")
	fs.BoolVar(&f.overlap, "overlap", false, "also matches of re: that overlap an earlier one of the same pattern")
	fs.Var(byteCount{&f.longest, 1, patterns.MaxBytes}, "max-match", "longest match of re:, and of hex: with a jump without an end, `N` bytes")
	fs.BoolVarP(&f.count, "count", "c", false, "print only the number of hits of each pattern")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "print nothing and stop at the first hit; the exit code tells")
	choiceVar(cmd, &f.format, "output", "o", "`FORMAT` of the hits: text, jsonl or csv", "text", "jsonl", "csv")
	fs.BoolVarP(&f.withNames, "with-filename", "H", false, "name the image in front of each line of text (default where there are several)")
	fs.BoolVar(&f.noNames, "no-filename", false, "never name the image in lines of text")
	fs.StringVar(&f.summary, "summary", "", "write the summaries to `FILE`, as jsonl, and not behind the hits; none writes none")
	fs.Var(byteCount{&f.bytes, 0, maxShown}, "bytes", "show at most `N` bytes of a hit")
	fs.VarP(byteCount{&f.context, 0, maxContext}, "context", "C", "show `N` bytes before and after a hit: in text as a hexdump, else as before and after")
	choiceVar(cmd, &f.color, "color", "", "`WHEN` to colour: auto (at a terminal), always or never", "auto", "always", "never")
	fs.VarP(number{&f.workers, 0, engine.MaxWorkers}, "workers", "j", "`N` workers (default one a processor)")
	fs.Var(byteCount{&f.shard, 1, math.MaxUint64}, "shard-size", "`N` bytes that a worker takes at a time (default 4194304)")
	fs.Var(kernelLevel{&f.kernel}, "kernel", "use the kernels of this `LEVEL`: see vscan kernels (default the best, or $VSCAN_KERNEL)")
	choiceVar(cmd, &f.progress, "progress", "", "`WHEN` to show on standard error how far it is: auto (at a terminal), always or never", "auto", "always", "never")
	fs.BoolVar(&f.stats, "stats", false, "tell at the end what was scanned, how and how fast, on standard error")
	f.image.register(cmd)
}

// complete checks what one flag alone does not tell, and fills in what the
// environment has.
func (f *searchFlags) complete() error {
	if err := f.contradiction(); err != nil {
		return err
	}
	if f.kernel != simd.Auto {
		return nil
	}
	var err error
	if f.kernel, err = simd.FromEnv(); err == nil {
		if err = f.kernel.Check(); err != nil {
			err = fmt.Errorf("%s: %w", simd.EnvVar, err)
		}
	}
	return err
}

// options are those of the scan of one image.
func (f *searchFlags) options(t *target) (engine.Options, error) {
	opt := engine.Options{
		Workers: int(f.workers), ShardSize: f.shard, Kernel: f.kernel,
		Overlapping: f.overlap, Progress: &engine.Progress{},
		PerMapping: f.rules != nil && f.ruleScope == "mapping",
	}
	var err error
	if opt.Ranges, err = f.ranges.in(t.space.Places()); err != nil {
		return opt, fmt.Errorf("%s: --range: %w", t.arg, err)
	}
	for _, p := range f.in {
		if !t.has(p) {
			return opt, fmt.Errorf("%s: --in %s: no mapping has this name or these permissions; vscan map lists them", t.arg, p.name)
		}
	}
	if len(f.in) > 0 {
		opt.Where = func(m *engine.Mapping) bool {
			return slices.ContainsFunc(f.in, func(p place) bool { return p.has(m) })
		}
	}
	return opt, nil
}

// has says whether any mapping is one of the place's.
func (t *target) has(p place) bool {
	for _, m := range t.space.Mappings() {
		if p.has(m) {
			return true
		}
	}
	return false
}

// about is what patterns have to know of an image and of the flags.
func (f *searchFlags) about(t *target, align uint64) patterns.Target {
	about := t.patternTarget(align)
	about.MaxMatch = int(f.longest)
	return about
}

// in is the alignment in bytes for an image; 0: that of each pattern.
func (a alignment) in(t *target) (uint64, error) {
	if a.word && t.WordSize == 0 {
		return 0, fmt.Errorf("%s: the image does not say its word size, which --align word needs: give --word 4|8", t.arg)
	}
	if a.word {
		return uint64(t.WordSize), nil
	}
	return a.bytes, nil
}

// silent reports whether no hits are printed, and the first of an image will do.
func (f *searchFlags) silent() bool { return f.quiet || f.list != "" }

// outcome is how the search of all images went.
type outcome struct {
	found, failed, interrupted, incomplete bool
}

func (o outcome) exit() error {
	switch {
	case o.failed:
		return exitCode(exitError)
	case o.interrupted:
		return exitCode(exitInterrupted)
	case o.incomplete:
		return exitCode(exitIncomplete)
	case !o.found:
		return exitCode(exitNothing)
	}
	return nil
}

// searching is the search of all images of a command.
type searching struct {
	*app
	f         *searchFlags
	pats      []patterns.Pattern
	rep       reporter
	summaries *summaryFile // nil: there is none
	bar       *bar
	outcome
	tally
	errors []error // of -q, which tells them only where there is no hit
}

// search searches the images, one after another, and reports.
func (a *app) search(ctx context.Context, f *searchFlags, pats []patterns.Pattern, images []string) error {
	if err := f.complete(); err != nil {
		return err
	}
	s := &searching{app: a, f: f, pats: pats}
	if !f.quiet {
		a.noteEndless(f, pats)
	}
	args := s.gather(images)
	var err error
	if s.summaries, err = f.openSummary(args); err != nil {
		return err
	}
	f.several = len(args) > 1 || f.recursive
	s.rep = a.newReporter(f)
	if left := f.leftOut(); len(left) > 0 {
		s.incomplete = true
		if !f.silent() {
			s.rep.leftOut(left)
		}
	}
	s.bar = a.startBar(f, len(args))
	err = s.run(ctx, args)
	s.bar.finish()
	if bad := s.summaries.close(); err == nil {
		err = bad
	}
	if err != nil {
		return err
	}
	return s.end()
}

// run searches the images until there are no more or nobody wants more.
func (s *searching) run(ctx context.Context, images []imageArg) error {
	for i, arg := range images {
		if ctx.Err() != nil {
			s.interrupted = true
			if left := len(images) - i; left > 3 {
				s.note("%s and %s more: not searched: interrupted", arg.path, plural(uint64(left-1), "image"))
				return nil
			}
			s.note("%s: not searched: interrupted", arg.path)
			continue
		}
		s.bar.begin(i+1, arg.path, 0, nil)
		switch err := s.image(ctx, i+1, arg); {
		case err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled):
			s.interrupted = true // before there was anything to tell of it
			s.note("%s: not searched: interrupted", arg.path)
		case err != nil:
			s.fail(err)
		}
		err := s.rep.failed()
		switch {
		case err != nil && !isClosedPipe(err):
			return err
		case err != nil: // nobody reads on
			s.incomplete = s.incomplete || !s.found && i+1 < len(images)
			return nil
		case s.f.quiet && s.found:
			return nil
		}
	}
	return nil
}

// fail takes note of an error about an image; the others are searched still.
func (s *searching) fail(err error) {
	s.failed = true
	if s.f.quiet {
		s.errors = append(s.errors, err)
		return
	}
	s.complain(err)
}

// end tells what is to be told of all images, and returns the outcome. With -q
// a hit is all that was asked for, wherever it is: what is wrong with other
// images, before or behind it, is not told and does not count.
func (s *searching) end() error {
	if s.f.quiet && s.found {
		return nil
	}
	if s.f.quiet {
		s.noteEndless(s.f, s.pats)
		s.noteLeftOut(s.f)
	}
	for _, err := range s.errors {
		s.complain(err)
	}
	s.noteTally()
	s.settle()
	if !s.found && !s.interrupted {
		s.noteMisspelt(s.pats)
	}
	return s.outcome.exit()
}

// image searches an image, the nth.
func (run *searching) image(ctx context.Context, n int, from imageArg) error {
	a, f, pats, rep, o, arg := run.app, run.f, run.pats, run.rep, &run.outcome, from.path
	opening := time.Now()
	f.image.once = true
	t, err := f.image.open(arg)
	if from.found && run.skips(arg, t, err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer t.Close()
	if !f.quiet {
		a.noteOddities(t)
	}
	opened := time.Since(opening)
	align, err := f.align.in(t)
	if err != nil {
		return err
	}
	opt, err := f.options(t)
	if err != nil {
		return err
	}
	about := f.about(t, align)
	set, err := await(ctx, func() (*patterns.Set, error) { return patterns.Compile(pats, about) })
	if errors.Is(err, context.Canceled) {
		return err
	}
	if err != nil {
		return inImage(arg, err)
	}
	if f.at != nil {
		f.at.restrict(&opt, set)
	}
	sc, err := engine.Compile(t.space, set, opt)
	if err != nil {
		return inImage(arg, err)
	}
	compiled := time.Since(opening) - opened

	s := newSummary(arg, set, f.names())
	view := f.viewer(ctx, t, set, opt)
	s.rules = f.newRuleRun(t, set, opt, s, view, rep)
	defer s.rules.close()
	if s.rules != nil {
		s.rules.scanner = sc
	}
	rep.begin(t)
	run.bar.begin(n, arg, sc.Bytes(), opt.Progress)
	stats, scanErr := f.scan(ctx, sc, s, view, rep)
	run.bar.end()
	if s.rules != nil && !(f.silent() && s.hits > 0) && rep.failed() == nil && !stats.Cancelled {
		if scanErr = s.rules.finish(ctx); scanErr != nil {
			stats.Cancelled = ctx.Err() != nil
		}
	}
	s.fill(t, sc, stats)
	o.found = o.found || s.found()
	o.incomplete = o.incomplete || !s.complete && !stats.Cancelled
	if rep.failed() != nil && stats.Stopped { // nobody reads on: the rest was not looked at
		s.complete, o.incomplete = false, o.incomplete || !o.found
	}
	o.interrupted = o.interrupted || stats.Cancelled
	run.count(s)
	if scanErr != nil && !errors.Is(scanErr, context.Canceled) {
		return inImage(arg, scanErr)
	}
	if f.quiet {
		return nil
	}
	run.summaries.end(s)
	if rep.failed() != nil {
		return nil
	}
	rep.end(s)
	a.account(f, t, s, stats, opened, compiled)
	return nil
}

// scan scans, counts in s and reports to rep, as the flags say.
func (f *searchFlags) scan(ctx context.Context, sc *engine.Scanner, s *summary, view *viewer, rep reporter) (engine.Stats, error) {
	if f.count && !f.silent() && f.max == 0 && f.at == nil && s.rules == nil {
		return sc.ScanBatches(ctx, func(b *engine.Batch) bool {
			s.add(b)
			return true
		})
	}
	open := len(s.counts) // patterns that may still have hits
	at := cursor{f.at}
	return sc.Scan(ctx, func(h engine.Hit) bool {
		if f.at != nil && !at.has(h.Addr) {
			return true
		}
		if s.rules != nil {
			if s.rules.take(ctx, h) {
				return !f.allStrings || s.rules.show(h)
			}
		}
		k := s.first[h.Pattern]
		n := s.counts[k]
		if n == f.max && f.max > 0 {
			return true
		}
		s.counts[k]++
		s.hits++
		if f.silent() {
			return false
		}
		if !f.count && rep.hit(view.show(h)) != nil {
			return false
		}
		if n+1 == f.max {
			s.limited = true
			open--
		}
		return open > 0 || s.rules != nil
	})
}

// names is how the hits of patterns are called; nil: by the patterns' names.
func (f *searchFlags) names() func(patterns.Pattern) []string {
	if f.rules == nil {
		return nil
	}
	of := map[string][]string{}
	for i, p := range f.rules.Patterns() {
		of[p.Name] = f.rules.Names(i)
	}
	return func(p patterns.Pattern) []string {
		if names, ok := of[p.Name]; ok {
			return names
		}
		return []string{p.Name}
	}
}

// inImage puts the image's name before each of the joined errors.
func inImage(arg string, err error) error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		var errs []error
		for _, e := range j.Unwrap() {
			errs = append(errs, inImage(arg, e))
		}
		return errors.Join(errs...)
	}
	return fmt.Errorf("%s: %w", arg, err)
}
