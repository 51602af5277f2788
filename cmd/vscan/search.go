package main

import (
	"cmp"
	"context"
	"errors"
	"math"
	"time"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/console"
	"vscan/cmd/vscan/internal/report"
	"vscan/engine"
	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/internal/wording"
	"vscan/patterns"
)

// searchFlags are the flags that find, refs and strings share. What they say of the
// question is in Query, as plain values; the rest says how the answer is told.
type searchFlags struct {
	search.Query
	image cli.ImageFlags

	align   cli.Alignment
	ranges  cli.RangeList
	in      cli.MappingsList
	longest uint64 // most bytes of a match of an expression
	bytes   uint64 // most bytes of a hit that are shown
	context uint64 // how many bytes before and after a hit are shown
	workers uint64
	count   bool
	quiet   bool

	ruleFiles int    // how many files the rules are from
	ruleScope string // of find: image or mapping; "": of another command
	format    string
	color     string
	progress  string
	stats     bool
	summary   string // none, or the file that summaries go to; "": the output
	withNames bool   // lines of text name the image, also a single one
	noNames   bool   // lines of text never name the image
	caseless  bool   // of find: all patterns ignore the case of ASCII letters
	fullWords bool   // of find: all patterns match full words only
	list      string // of find: "with" or "without", the images to list; "": hits are printed
	noExcept  bool   // of find: matches that exceptions of patterns drop are printed
	matchOnly bool   // of find: the bytes of hits alone are printed
	recursive bool   // of find: folders stand for the images below them
	several   bool   // there may be several images
}

// maxContext is the most bytes that are shown before and after a hit.
const maxContext = 1 << 20

// register adds the flags to a command.
func (f *searchFlags) register(a *commands, cmd *cobra.Command) {
	f.registerWhere(cmd)
	f.registerOutput(cmd)
	f.registerRun(a, cmd)
	f.image.Register(cmd)
}

// registerWhere adds the flags that say where to search and how much of what is found is
// wanted.
func (f *searchFlags) registerWhere(cmd *cobra.Command) {
	f.longest = patterns.DefaultMaxMatch
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.Var(&f.align, "align", "only hits whose address is a multiple of `N` bytes, or, for word, of a word (default any address, a word for ptr)")
	fs.Var(&f.ranges, "range", "only matches that lie wholly in `RANGE` of addresses, LO..HI or LO+LEN; an end may be NAME+OFFSET; repeatable")
	fs.Var(&f.in, "in", "only in mappings with this `NAME|PERM`: a name, the last part of a path, or permissions, where a - is either; repeatable")
	fs.VarP(cli.NewNumber(&f.MaxHits, 1, math.MaxUint64), "max-count", "m", "at most `N` hits a pattern and image, those with the lowest addresses")
	fs.BoolVar(&f.Overlapping, "overlap", false, "also matches of re: that overlap an earlier one of the same pattern")
	fs.Var(cli.NewByteCount(&f.longest, 1, patterns.MaxBytes), "max-match", "longest match of re:, and of hex: with a jump without an end, `N` bytes")
	fs.Var(cli.NewByteCount(&f.MaxBytes, 1, math.MaxUint64), "max-bytes", "search at most `SIZE` bytes of an image, those with the lowest addresses; zeros that nothing matches and that the image does not store do not count (default all)")
}

// registerOutput adds the flags that say how what is found is told.
func (f *searchFlags) registerOutput(cmd *cobra.Command) {
	f.format, f.color, f.bytes = "text", "auto", cmp.Or(f.bytes, engine.HitBytes)
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.BoolVarP(&f.count, "count", "c", false, "print only the number of hits of each pattern")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "print nothing and stop at the first hit; the exit code tells")
	cli.ChoiceVar(cmd, &f.format, "output", "o", "`FORMAT` of the hits: text, jsonl or csv", "text", "jsonl", "csv")
	fs.BoolVarP(&f.withNames, "with-filename", "H", false, "name the image in front of each line of text (default where there are several)")
	fs.BoolVar(&f.noNames, "no-filename", false, "never name the image in lines of text")
	fs.StringVar(&f.summary, "summary", "", "write the summaries to `FILE`, as jsonl, and not behind the hits; none writes none")
	fs.Var(cli.NewByteCount(&f.bytes, 0, report.MaxHitBytes), "bytes", "show at most `N` bytes of a hit")
	fs.VarP(cli.NewByteCount(&f.context, 0, maxContext), "context", "C", "show `N` bytes before and after a hit: in text as a hexdump, else as before and after")
	cli.ChoiceVar(cmd, &f.color, "color", "", "`WHEN` to colour: auto (at a terminal), always or never", "auto", "always", "never")
}

// registerRun adds the flags that say how the search is done.
func (f *searchFlags) registerRun(a *commands, cmd *cobra.Command) {
	f.registerWork(a, cmd)
	f.progress = "auto"
	fs := cmd.Flags()
	cli.ChoiceVar(cmd, &f.progress, "progress", "", "`WHEN` to show on standard error how far it is: auto (at a terminal), always or never", "auto", "always", "never")
	fs.BoolVar(&f.stats, "stats", false, "tell at the end what was scanned, how and how fast, on standard error")
}

// registerWork adds the flags that say who works on the search, and with what.
func (f *searchFlags) registerWork(a *commands, cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.VarP(cli.NewNumber(&f.workers, 0, engine.MaxWorkers), "workers", "j", "`N` workers (default one a processor)")
	fs.Var(cli.NewByteCount(&f.ShardSize, 1, math.MaxUint64), "shard-size", "`N` bytes that a worker takes at a time (default 4194304)")
	fs.Var(cli.NewKernelLevel(&f.Kernel), "kernel", "use the kernels of this `LEVEL`: see vscan kernels (default the best, or $VSCAN_KERNEL)")
	a.MemoryVar(cmd)
}

// complete checks the flags against one another, and takes the level of kernels from
// the environment where no flag gives it.
func (f *searchFlags) complete() error {
	if err := f.contradiction(); err != nil {
		return err
	}
	return cli.KernelFromEnv(&f.Kernel)
}

// fillQuery puts what the flags say of the question into the query.
func (f *searchFlags) fillQuery(pats []patterns.Pattern) {
	q := &f.Query
	q.Patterns = pats
	q.PerMapping = f.ruleScope == "mapping"
	q.Align = search.Alignment{Bytes: f.align.Bytes, Word: f.align.Word}
	q.MaxMatch = int(f.longest)
	q.RangeTexts, q.In = f.ranges, f.in
	f.fillShown()
}

// fillShown puts what the flags say of how the search is done, and of what of the hits is
// shown, into the query.
func (f *searchFlags) fillShown() {
	q := &f.Query
	q.Workers = int(f.workers)
	q.Want = search.WantHits
	switch {
	case f.silent():
		q.Want = search.WantAny
	case f.count:
		q.Want = search.WantCount
	}
	if q.HitBytes = int(f.bytes); f.bytes == 0 {
		q.HitBytes = -1
	}
	if f.format != "text" {
		q.Decode, q.Around = true, f.context
	}
}

// silent reports whether no hits are printed, so that the first hit of an image is
// enough.
func (f *searchFlags) silent() bool { return f.quiet || f.list != "" }

// searching is the search of all images of a command.
type searching struct {
	*commands
	f         *searchFlags
	rep       report.Reporter
	summaries *summaryFile // nil: summaries go to no file
	bar       *cli.Bar
	cli.Outcome
	tally
	one       func(ctx context.Context, n int, image imageArg) error // searches one image, the nth from 1
	failed    string                                                 // what was last taken note of
	errors    []error                                                // with -q: what is told only where there is no hit
	parted    []partedImage                                          // of several files, that were searched
	undecided []*search.Summary                                      // with -q, likewise: of images in which rules are not decided
}

// search searches the images one after another, and reports what it finds.
func (a *commands) search(ctx context.Context, f *searchFlags, pats []patterns.Pattern, images []string) error {
	if err := f.complete(); err != nil {
		return err
	}
	if err := f.image.Check(); err != nil {
		return err
	}
	f.fillQuery(pats)
	f.Budget = a.Budget()
	s := &searching{commands: a, f: f}
	s.one = s.searchImage
	if !f.quiet {
		a.noteEndless(f)
	}
	return s.all(ctx, s.gather(ctx, images))
}

// all searches all images, reports what is found and returns the outcome.
func (s *searching) all(ctx context.Context, args []imageArg) error {
	f := s.f
	f.Cache = search.NewCache(f.Budget)
	defer f.Cache.Close()
	var err error
	if s.summaries, err = s.openSummary(ctx, args); err != nil {
		return err
	}
	f.several = len(args) > 1 || f.recursive
	f.image.Siblings = siblings(args)
	s.rep = s.newReporter(f)
	if left := f.leftOut(); len(left) > 0 {
		s.Incomplete = true
		if !f.silent() {
			s.rep.LeftOut(left)
		}
	}
	s.bar = s.StartBar(f.progress, f.silent(), len(args))
	err = s.run(ctx, args)
	s.bar.Finish()
	if bad := s.summaries.close(ctx); err == nil {
		err = bad
	}
	if err != nil {
		return err
	}
	return s.finish()
}

// run searches the images until all are searched or nothing more is wanted. An error is
// one of writing, or says that the summaries cannot be written.
func (s *searching) run(ctx context.Context, images []imageArg) error {
	for i, arg := range images {
		if ctx.Err() != nil {
			s.Interrupted = true
			if left := len(images) - i; left > 3 {
				s.Note("%s and %s more: not searched: interrupted", wording.Escape(arg.path), wording.Count(uint64(left-1), "image"))
				return nil
			}
			s.Note("%s: not searched: interrupted", arg.path)
			continue
		}
		s.bar.Begin(i+1, arg.path, 0, nil)
		switch err := s.one(ctx, i+1, arg); {
		case err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled):
			s.Interrupted = true // before the search of the image began
			s.Note("%s: not searched: %s", arg.path, cli.Interruption(err))
		case err != nil && s.summaries != nil && s.summaries.refused:
			return err
		case err != nil:
			s.fail(err)
		}
		err := s.rep.WriteError()
		switch {
		case err != nil && !console.IsClosedPipe(err):
			return err
		case err != nil: // nobody reads on
			s.Incomplete = s.Incomplete || !s.Found && i+1 < len(images)
			return nil
		case s.f.quiet && s.Found:
			return nil
		}
	}
	return nil
}

// fail takes note of an error about an image. The other images are searched all the
// same. What is wrong with a layer is the same of each image, and told once.
func (s *searching) fail(err error) {
	s.Failed = true
	if err.Error() == s.failed {
		return
	}
	s.failed = err.Error()
	if s.f.quiet {
		s.errors = append(s.errors, err)
		return
	}
	s.Complain(err)
}

// finish tells what there is to tell of all images together, and returns the outcome.
// With -q, one hit in any image is all that was asked for: then nothing is told of what
// is wrong with the others, and it does not count.
func (s *searching) finish() error {
	if s.f.quiet && s.Found {
		return nil
	}
	if s.f.quiet {
		s.noteEndless(s.f)
		s.noteLeftOut(s.f)
		for _, sum := range s.undecided {
			s.noteRules(sum)
		}
	}
	for _, err := range s.errors {
		s.Complain(err)
	}
	s.noteTally()
	s.settle()
	if !s.Found && !s.Interrupted {
		s.noteMisspelt(s.f.Patterns)
	}
	return s.Outcome.ExitStatus()
}

// searchImage searches one image, the nth from 1.
func (s *searching) searchImage(ctx context.Context, n int, from imageArg) error {
	f, arg := s.f, from.path
	s.Begin("opening " + arg)
	one := imageSearch{searching: s, nth: n, began: time.Now()}
	f.image.Sequential = true
	f.image.Budget = f.Budget
	f.image.Unpacking = s.unpacking(n, arg)
	f.image.Known = from.found
	img, err := f.image.Open(ctx, arg)
	if from.found && s.passOver(arg, img, err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer img.Close()
	if s.searchedAs(img) {
		return nil
	}
	if err := s.summaries.from(img); err != nil {
		return err
	}
	if !f.quiet {
		s.NoteOddities(img)
	}
	one.img, one.opened = img, time.Since(one.began)
	s.Begin("compiling patterns for " + arg)
	found, err := f.Prepare(ctx, img)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return err
		}
		return cli.InImage(arg, cli.NameFlags(err))
	}
	defer found.Close()
	one.compiled = time.Since(one.began) - one.opened
	s.Begin("searching " + arg)
	sum, err := found.Run(ctx, &one)
	s.bar.End()
	if sum == nil {
		return cli.InImage(arg, err)
	}
	s.settled(sum, &one)
	return nil
}

// unpacking returns what shows how far the unpacking of the nth image is, which can take long.
func (s *searching) unpacking(n int, arg string) func(read, size uint64) {
	var done *engine.Progress
	return func(read, size uint64) {
		if done == nil {
			done = new(engine.Progress)
			s.Begin("unpacking " + arg)
			s.bar.Begin(n, "unpacking "+arg, size, done)
		}
		done.Bytes.Store(read)
	}
}

// settled adds the account of an image to the outcome, and writes its summary to the file
// for that also where nobody reads the output any more.
func (s *searching) settled(sum *search.Summary, one *imageSearch) {
	s.addToOutcome(sum)
	if s.rep.WriteError() != nil && !s.f.quiet && !one.ended {
		sum.Complete = sum.Complete && !sum.Stopped
		s.summaries.write(sum)
	}
}

// addToOutcome adds to the outcome how the search of one image went.
func (s *searching) addToOutcome(sum *search.Summary) {
	s.Found = s.Found || sum.Found()
	s.Incomplete = s.Incomplete || !sum.Complete && !sum.Interrupted
	if sum.Stopped && s.rep.WriteError() != nil { // nobody reads on, and the rest was not looked at
		s.Incomplete = s.Incomplete || !s.Found
	}
	s.Interrupted = s.Interrupted || sum.Interrupted
	s.count(sum)
}

// imageSearch is the sink that takes what the search of one image finds.
type imageSearch struct {
	*searching
	nth              int            // which image it is, from 1
	img              *layered.Image // nil until it is open
	began            time.Time
	opened, compiled time.Duration // how long it took to open the image and to compile the query
	ended            bool          // whether End has reported the account
}

// Begin tells the reporter and the progress bar which image is searched.
func (s *imageSearch) Begin(of *search.Search) error {
	s.rep.Begin(of.Image())
	if !s.f.quiet && s.f.MaxBytes == 0 { // who bounds it knows
		s.NoteWork(of.Image(), of.Work())
	}
	s.bar.Begin(s.nth, of.Image().Arg, of.Bytes(), of.Progress())
	return nil
}

// Grown does so again where the file of the image has grown.
func (s *imageSearch) Grown(of *search.Search) error {
	s.rep.Begin(of.Image())
	s.bar.Begin(s.nth, of.Image().Arg, of.Bytes(), of.Progress())
	return nil
}

func (s *imageSearch) Hit(h *search.Hit) error        { return s.rep.Hit(h) }
func (s *imageSearch) Rule(m *search.RuleMatch) error { return s.rep.Rule(m) }

// End reports the account of the image.
func (s *imageSearch) End(sum *search.Summary) error {
	if s.f.quiet {
		if sum.Rules != nil && sum.Rules.NumUndecided > 0 {
			s.undecided = append(s.undecided, sum)
		}
		return nil
	}
	s.ended = true
	s.bar.End()
	s.summaries.write(sum)
	s.rep.End(sum)
	s.account(s.f, sum, s)
	return s.rep.WriteError()
}

// newReporter returns the reporter that the flags ask for.
func (a *commands) newReporter(f *searchFlags) report.Reporter {
	s := report.Style{
		Color: a.Out.WantsColor(f.color), Aligned: a.Out.ToTerminal,
		Context: f.context, HitBytes: f.bytes, CountsOnly: f.count,
		NameImages: (f.several || f.withNames) && !f.noNames, SummariesElsewhere: f.summary != "",
		WithRules: f.Rules != nil, NameRuleFiles: f.ruleFiles > 1,
	}
	switch {
	case f.list != "":
		return report.NewListReporter(a.Out, f.list == "without")
	case f.matchOnly && !f.count:
		return report.NewMatchReporter(a.Out, f.withNames)
	}
	return report.NewReporter(a.Out, f.format, s)
}
