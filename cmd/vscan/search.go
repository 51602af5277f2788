package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/simd"
	"vscan/patterns"
)

// searchFlags are those that find and refs share.
type searchFlags struct {
	image    imageFlags
	align    string
	ranges   []string
	in       []string
	max      uint64
	count    bool
	quiet    bool
	context  int
	format   string
	color    string
	workers  int
	shard    uint64
	kernel   string
	progress string
	stats    bool
}

func (f *searchFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVar(&f.align, "align", "", "only hits whose address is a multiple of `N`, or of a word: N|word (default: any address; a word for ptr)")
	fs.StringArrayVar(&f.ranges, "range", nil, "only matches that lie wholly in `RANGE` of addresses; repeatable")
	fs.StringArrayVar(&f.in, "in", nil, "only in mappings of this name (or last part of a path) or with these permissions, where a - is either: `NAME|PERM`; repeatable")
	fs.Uint64VarP(&f.max, "max-count", "m", 0, "at most `N` hits a pattern and image, those with the lowest addresses")
	fs.BoolVarP(&f.count, "count", "c", false, "print only the number of hits of each pattern")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "print nothing and stop at the first hit; the exit code tells")
	fs.StringVarP(&f.format, "output", "o", "text", "`text|jsonl|csv`")
	fs.IntVarP(&f.context, "context", "C", 0, "show `N` bytes before and after a hit as a hexdump")
	fs.StringVar(&f.color, "color", "auto", "`auto|always|never`")
	fs.IntVarP(&f.workers, "workers", "j", 0, "`N` workers (default: one a processor)")
	fs.Uint64Var(&f.shard, "shard-size", 0, "bytes that a worker takes at a time, `N` (default 2 MiB)")
	fs.StringVar(&f.kernel, "kernel", "", "use the kernels of this `LEVEL`: see vscan kernels (default the best, or $VSCAN_KERNEL)")
	fs.StringVar(&f.progress, "progress", "auto", "`auto|always|never`; auto is to a terminal")
	fs.BoolVar(&f.stats, "stats", false, "tell at the end what was scanned, how and how fast, on standard error")
	f.image.register(fs)
}

// check validates the flags that need no image.
func (f *searchFlags) check() error {
	var errs []error
	oneOf := func(flag, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			errs = append(errs, fmt.Errorf("%s %s: want %s", flag, value, strings.Join(allowed, ", ")))
		}
	}
	oneOf("-o", f.format, "text", "jsonl", "csv")
	oneOf("--color", f.color, "auto", "always", "never")
	oneOf("--progress", f.progress, "auto", "always", "never")
	if f.context < 0 || f.context > 1<<20 {
		errs = append(errs, fmt.Errorf("-C %d: want 0 to %d bytes", f.context, 1<<20))
	}
	if f.context > 0 && f.format != "text" {
		errs = append(errs, fmt.Errorf("-C goes with -o text; -o %s has the bytes of a hit", f.format))
	}
	if f.workers < 0 || f.workers > engine.MaxWorkers {
		errs = append(errs, fmt.Errorf("-j %d: want 1 to %d workers, or 0 for one a processor", f.workers, engine.MaxWorkers))
	}
	return errors.Join(errs...)
}

func (f *searchFlags) level() (simd.Level, error) {
	if f.kernel == "" {
		return simd.FromEnv()
	}
	l, err := simd.ParseLevel(f.kernel)
	if err != nil {
		return l, fmt.Errorf("--kernel: %w", err)
	}
	return l, nil
}

// options are those of the scan of one image.
func (f *searchFlags) options(t *target) (engine.Options, error) {
	opt := engine.Options{Workers: f.workers, ShardSize: f.shard}
	var err error
	if opt.Kernel, err = f.level(); err != nil {
		return opt, err
	}
	for _, s := range f.ranges {
		r, err := addr.ParseRange(s)
		if err != nil {
			return opt, fmt.Errorf("--range: %w", err)
		}
		opt.Ranges = append(opt.Ranges, r)
	}
	if len(f.in) > 0 {
		opt.Where = func(m *engine.Mapping) bool {
			return slices.ContainsFunc(f.in, func(want string) bool { return inMapping(m, want) })
		}
		for _, want := range f.in {
			if !slices.ContainsFunc(slices.Collect(mappings(t.space)), func(m *engine.Mapping) bool { return inMapping(m, want) }) {
				return opt, fmt.Errorf("%s: --in %s: no mapping has this name or these permissions; vscan map lists them", t.arg, want)
			}
		}
	}
	return opt, nil
}

func mappings(s *engine.Space) func(func(*engine.Mapping) bool) {
	return func(yield func(*engine.Mapping) bool) {
		for _, m := range s.Mappings() {
			if !yield(m) {
				return
			}
		}
	}
}

var permissions = regexp.MustCompile(`^[r-][w-][x-]$`)

// inMapping says whether --in WANT means the mapping: by its name, by the last
// part of its path, or by permissions that it has at least.
func inMapping(m *engine.Mapping, want string) bool {
	if m.Name == want || path.Base(m.Name) == want {
		return true
	}
	if perm := m.Perm.String(); perm != "" && permissions.MatchString(want) {
		for i := range 3 {
			if want[i] != '-' && want[i] != perm[i] {
				return false
			}
		}
		return true
	}
	return false
}

// alignment is --align in bytes, 0 where it was not given.
func (f *searchFlags) alignment(t *target) (uint64, error) {
	switch f.align {
	case "":
		return 0, nil
	case "word":
		if t.WordSize == 0 {
			return 0, fmt.Errorf("%s: the image does not say its word size, which --align word needs: give --word 4|8", t.arg)
		}
		return uint64(t.WordSize), nil
	}
	n, err := strconv.ParseUint(f.align, 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("--align %s: want a number of bytes, 1 or more, or word", f.align)
	}
	return n, nil
}

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

// search searches the images, one after another, and reports.
func (a *app) search(ctx context.Context, f *searchFlags, pats []patterns.Pattern, images []string) error {
	if err := f.check(); err != nil {
		return err
	}
	var o outcome
	rep := a.newReporter(f, len(images) > 1)
	for _, arg := range images {
		err := a.searchImage(ctx, f, pats, arg, rep, &o)
		if rep.failed() != nil {
			return rep.failed() // nobody reads on
		}
		if err != nil {
			a.complain(err)
			o.failed = true
		}
		if ctx.Err() != nil || f.quiet && o.found {
			break
		}
	}
	return o.exit()
}

func (a *app) searchImage(ctx context.Context, f *searchFlags, pats []patterns.Pattern, arg string, rep reporter, o *outcome) error {
	opening := time.Now()
	t, err := f.image.open(arg)
	if err != nil {
		return err
	}
	defer t.Close()
	for _, n := range t.Notes {
		a.note("%s: %s", arg, n)
	}
	opened := time.Since(opening)
	align, err := f.alignment(t)
	if err != nil {
		return err
	}
	opt, err := f.options(t)
	if err != nil {
		return err
	}
	set, err := patterns.Compile(pats, t.patternTarget(align))
	if err != nil {
		return inImage(arg, err)
	}
	opt.Progress = &engine.Progress{}
	sc, err := engine.Compile(t.space, set, opt)
	if err != nil {
		return err
	}
	compiled := time.Since(opening) - opened

	bar := a.startBar(f.progress, arg, sc.Bytes(), opt.Progress)
	s := summary{image: arg, pats: set.Patterns(), counts: make([]uint64, len(set.Patterns())), countsOnly: f.count}
	open := len(s.counts) // patterns that may still have hits
	rep.begin(t)
	stats, scanErr := sc.Scan(ctx, func(h engine.Hit) bool {
		n := s.counts[h.Pattern]
		if f.max > 0 && n == f.max {
			s.limited = true
			return true
		}
		s.counts[h.Pattern]++
		s.hits++
		if f.quiet {
			return false
		}
		if !f.count {
			if rep.hit(h, s.pats[h.Pattern].Name) != nil {
				return false
			}
		}
		if n+1 == f.max {
			if open--; open == 0 {
				s.limited = true // there may be more: nobody looked
				return false
			}
		}
		return true
	})
	bar.finish()
	s.fill(t, sc, stats)
	o.found = o.found || s.hits > 0
	o.incomplete = o.incomplete || !s.complete && !stats.Cancelled
	o.interrupted = o.interrupted || stats.Cancelled
	if scanErr != nil && !errors.Is(scanErr, context.Canceled) {
		return inImage(arg, scanErr)
	}
	if f.quiet {
		return nil
	}
	rep.end(&s)
	a.account(f, t, &s, stats, opened, compiled)
	return nil
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

// summary is the account of one image that every output ends with.
type summary struct {
	image                         string
	pats                          []patterns.Pattern
	counts                        []uint64
	hits                          uint64
	scanned, absent, unreadable   uint64
	inScope                       uint64 // what a whole scan looks at
	complete, limited, countsOnly bool
	kernel                        string
	workers                       int
	seconds                       float64
}

func (s *summary) fill(t *target, sc *engine.Scanner, stats engine.Stats) {
	s.scanned, s.absent, s.unreadable, s.inScope = stats.Scanned, stats.Absent, stats.UnreadableBytes(), sc.Bytes()
	s.complete = !stats.Cancelled && s.unreadable == 0 && t.Missing == 0
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
	if f.stats || f.format == "text" && isTerminal(a.err) {
		a.note("%s: %s, %s", t.arg, t.Format, t.Detail)
		a.note("%s: %s in %s scanned in %.3f s (%s/s), kernel %s, %s", t.arg, plural(s.hits, "hit"),
			size(s.scanned), s.seconds, size(uint64(float64(s.scanned)/max(s.seconds, 1e-9))), s.kernel, plural(uint64(s.workers), "worker"))
	}
	if f.stats {
		a.note("%s: %s; opened in %.3f s, compiled in %.3f s; Go %s", t.arg, plural(uint64(t.space.Len()), "mapping"),
			opened.Seconds(), compiled.Seconds(), runtime.Version())
	}
	if s.absent > 0 && (f.stats || isTerminal(a.err)) {
		a.note("%s: %s of the memory were not saved in the image and could not be searched", t.arg, size(s.absent))
	}
	if s.limited {
		a.note("%s: limited: stopped at %d hits a pattern (-m), there may be more", t.arg, f.max)
	}
	if t.Missing > 0 {
		a.note("%s: not complete: the image is truncated or damaged, %s are missing", t.arg, size(t.Missing))
	}
	if s.unreadable > 0 {
		first := stats.Unreadable[0]
		a.note("%s: not complete: %s could not be read, in %s, the first %v", t.arg, size(s.unreadable),
			plural(uint64(len(stats.Unreadable)), "range"), first)
	}
	if stats.Cancelled {
		a.note("%s: not complete: interrupted after %s of %s", t.arg, size(s.scanned), size(s.inScope))
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
		if f /= 1024; f < 1024 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}
