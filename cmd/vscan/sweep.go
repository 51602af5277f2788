package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/console"
	"vscan/cmd/vscan/internal/report"
	"vscan/engine"
	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/engine/sweep"
	"vscan/engine/sweep/local"
	"vscan/engine/sweep/state"
	"vscan/engine/sweep/summary"
	"vscan/internal/outfile"
	"vscan/internal/wording"
)

const sweepHelp = `sweep searches many images for many patterns, and keeps what it found and how far it
is in a database in a folder, so that nothing is lost however it ends: after Ctrl-C, the
death of the process or a full disk, --resume goes on where it was, and ends with the
same results.

Flags that say what to search for and where are those of vscan find. At most 1,000,000
hits a pattern and image are kept unless -m says otherwise; what was reached is told.

An image that cannot be opened, or not wholly be searched, is recorded with the reason;
the others are searched, and the exit code is 3, as where YARA rules were left out. What was under way when the process
died, twice, is set aside and told; --retry takes it up again, and what failed.`

// defaultMaxHits is how many hits of a pattern a sweep keeps of an image.
const defaultMaxHits = 1_000_000

// sweepFlags are the flags of sweep.
type sweepFlags struct {
	searchFlags
	patternArgs
	inputFlags
	gentleFlags
	results, resume string
	exports         []string // formats that are written at the end
	retry           bool
	open            uint64
	taskSize        uint64
	taskTime        time.Duration
}

// sweepCommand makes the command sweep.
func (a *commands) sweepCommand() *cobra.Command {
	f := sweepFlags{open: local.DefaultOpen, taskSize: sweep.DefaultTaskBytes}
	f.format = "jsonl"
	f.MaxHits = defaultMaxHits
	f.recursive = true
	cmd := &cobra.Command{
		Use:   "sweep [flags] --results DIR PATTERN IMAGE...",
		Short: "Search many images for many patterns, resumably",
		Long:  sweepHelp,
		Example: `  vscan sweep --results found -F words.txt dumps/core.1 memory.lime
  vscan sweep --resume found
  vscan sweep --resume found --retry`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.sweep(cmd, &f, args)
		},
	}
	f.patternArgs.register(cmd, &f.searchFlags)
	f.registerAt(cmd)
	f.registerWhere(cmd)
	fs := cmd.Flags()
	fs.StringVar(&f.results, "results", "", "begin a sweep, and keep its state and results in the folder `DIR`")
	fs.StringVar(&f.resume, "resume", "", "go on with the sweep of the folder `DIR`")
	fs.BoolVar(&f.retry, "retry", false, "with --resume, take up again what was set aside or could not be searched")
	fs.Var(cli.NewNumber(&f.open, 1, 4096), "open", "at most `N` images are open at a time")
	fs.Var(cli.NewByteCount(&f.taskSize, 1, 1<<62), "task-size", "workers share images in tasks of about `SIZE` bytes that take time to search")
	fs.DurationVar(&f.taskTime, "task-timeout", 0, "a task that takes longer than `TIME`, as 10m, has failed (default no limit)")
	f.bytes = engine.HitBytes
	fs.Var(cli.NewByteCount(&f.bytes, 0, report.MaxHitBytes), "bytes", "keep at most `N` bytes of a hit")
	fs.VarP(cli.NewByteCount(&f.context, 0, maxContext), "context", "C", "keep `N` bytes before and after a hit")
	f.inputFlags.register(cmd)
	fs.StringSliceVarP(&f.exports, "output", "o", nil, "at the end, also write the results to hits.`FORMAT` in DIR: jsonl, csv, parquet or sqlite; several with commas")
	f.registerWork(a, cmd)
	cli.SweepProgressVar(cmd, &f.progress)
	f.gentleFlags.register(cmd)
	f.image.Register(cmd)
	cmd.AddCommand(a.sweepStatusCommand(), a.sweepExportCommand(), a.sweepDiffCommand())
	return cmd
}

// checkExports refuses formats that are none.
func checkExports(cmd *cobra.Command, formats []string) error {
	for _, format := range formats {
		if !slices.Contains(exportFormats, format) {
			return cli.UsageError(cmd, "-o %s: want jsonl, csv, parquet or sqlite, with commas between them", format)
		}
	}
	return nil
}

// sweep begins a sweep or goes on with one, and runs it.
func (a *commands) sweep(cmd *cobra.Command, f *sweepFlags, args []string) error {
	ctx := cmd.Context()
	switch {
	case (f.results == "") == (f.resume == ""):
		return cli.UsageError(cmd, "want --results DIR, to begin a sweep, or --resume DIR, to go on with one")
	case f.retry && f.resume == "":
		return cli.UsageError(cmd, "--retry goes with --resume DIR")
	case f.taskTime < 0:
		return cli.UsageError(cmd, "--task-timeout: want a time of 0 and more")
	}
	if err := errors.Join(checkExports(cmd, f.exports), f.complete()); err != nil {
		return err
	}
	if f.resume != "" {
		return a.resumeSweep(cmd, f, args)
	}
	setup, images, err := a.sweepSetup(cmd, f, args)
	if err != nil {
		return err
	}
	db, err := state.Create(ctx, f.results, setup)
	if exists := (*state.ExistsError)(nil); errors.As(err, &exists) {
		return a.otherSweep(ctx, f, setup, err)
	} else if err != nil {
		return err
	}
	return a.runSweep(cmd, f, db, images)
}

// sweepSetup returns what a sweep asks, and the arguments that are images.
func (a *commands) sweepSetup(cmd *cobra.Command, f *sweepFlags, args []string) (*state.Setup, []string, error) {
	f.record = &ruleRecord{}
	pats, images, err := a.readQuestion(cmd, &f.searchFlags, &f.patternArgs, args)
	if err != nil {
		return nil, nil, err
	}
	if err := f.readAt(cmd.Context(), &f.searchFlags); err != nil {
		return nil, nil, err
	}
	f.fillQuery(pats)
	a.noteEndless(&f.searchFlags)
	setup, err := f.setup(cmd)
	if err != nil {
		return nil, nil, err
	}
	setup.Given = images
	chosen := f.inputFlags.chosen()
	chosen.Exports = f.exports
	if setup.Choice, err = json.Marshal(chosen); err != nil {
		return nil, nil, err
	}
	return setup, images, nil
}

// setup returns what the query and the flags ask.
func (f *sweepFlags) setup(cmd *cobra.Command) (*state.Setup, error) {
	if err := f.image.Check(); err != nil {
		return nil, err
	}
	opening, err := f.image.Layered()
	if err != nil {
		return nil, err
	}
	var rules *sweep.Rules
	if f.Rules != nil {
		if rules, err = f.record.rules(f.patternArgs.leftOut); err != nil {
			return nil, err
		}
	}
	question, err := sweep.NewQuestion(&f.Query, rules)
	if err != nil {
		return nil, err
	}
	s := &state.Setup{Version: version(), Patterns: f.Query.Names(), Options: optionsOf(cmd)}
	for _, l := range f.searchFlags.leftOut() {
		s.LeftOut = append(s.LeftOut, state.LeftOut{Text: []byte(leftOutLine(l)), Line: report.LeftOutLine(l)})
	}
	sum := sha256.New()
	for _, p := range []struct {
		of any
		to *[]byte
	}{{question, &s.Question}, {sweep.OpeningOf(&opening), &s.Opening}, {local.Shown{HitBytes: f.HitBytes, Around: f.context}, &s.Shown}} {
		if *p.to, err = json.Marshal(p.of); err != nil {
			return nil, err
		}
		sum.Write(*p.to)
	}
	s.Digest = hex.EncodeToString(sum.Sum(nil))
	return s, nil
}

// asked has the flags that change what is found, by the key of the question, the opening or
// what is shown that they change.
var asked = map[string][]string{
	"patterns": {"pattern", "file", "fixed", "set", "ignore-case", "full-words", "no-exceptions"}, "rules": {"file", "define", "include-anywhere"},
	"per_mapping": {"rule-scope"}, "rule_steps": {"rule-steps"}, "all_strings": {"all-strings"},
	"align": {"align"}, "align_word": {"align"}, "max_match": {"max-match"}, "overlapping": {"overlap"}, "ranges": {"range"}, "in": {"in"}, "at": {"at"},
	"max_hits": {"max-count"}, "max_bytes": {"max-bytes"},
	"over": {"map"}, "under": {"under"}, "modules": {"modules"}, "sysroot": {"sysroot"}, "format": {"image-format"}, "space": {"space"}, "word": {"word"},
	"endian": {"endian"}, "prot_none": {"prot-none"}, "resident": {"resident"}, "unpack_limit": {"unpack-limit"},
	"bytes": {"bytes"}, "context": {"context"},
}

// optionsOf returns the flags that were given and change what is found, for people.
func optionsOf(cmd *cobra.Command) []state.Option {
	var all []state.Option
	changes := map[string]bool{}
	for _, flags := range asked {
		for _, name := range flags {
			changes[name] = true
		}
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if !changes[f.Name] {
			return
		}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			for _, v := range list.GetSlice() {
				all = append(all, state.Option{Name: f.Name, Value: v})
			}
			return
		}
		all = append(all, state.Option{Name: f.Name, Value: f.Value.String()})
	})
	return all
}

// differences returns in what two setups differ, a line each, of the keys for which counts
// returns true.
func differences(was, now *state.Setup, counts func(key string) bool) ([]string, error) {
	var all []string
	for _, p := range [][2][]byte{{was.Question, now.Question}, {was.Opening, now.Opening}, {was.Shown, now.Shown}} {
		var before, here map[string]json.RawMessage
		if err := errors.Join(json.Unmarshal(p[0], &before), json.Unmarshal(p[1], &here)); err != nil {
			return nil, err
		}
		for key, flags := range asked {
			if !counts(key) || bytes.Equal(before[key], here[key]) {
				continue
			}
			all = append(all, difference(key, flags, before[key], here[key]))
		}
	}
	slices.Sort(all)
	return all, nil
}

// difference returns a line on a key that differs.
func difference(key string, flags []string, before, here json.RawMessage) string {
	text := func(v json.RawMessage) string {
		if v == nil {
			return "not given"
		}
		return shorten(string(v), 60)
	}
	switch key {
	case "rules":
		return "other YARA rules"
	case "patterns":
		return otherPatterns(before, here)
	}
	return fmt.Sprintf("--%s: %s there, %s here", flags[0], text(before), text(here))
}

// otherPatterns returns in what two lists of patterns differ.
func otherPatterns(before, here json.RawMessage) string {
	var was, now []sweep.Pattern
	if json.Unmarshal(before, &was) != nil || json.Unmarshal(here, &now) != nil || len(was) != len(now) {
		return fmt.Sprintf("%s there, %d here", wording.Count(uint64(len(was)), "pattern"), len(now))
	}
	for i := range was {
		if w, n := string(was[i].Name), string(now[i].Name); w != n {
			return fmt.Sprintf("pattern %d is %s there, %s here", i+1, shorten(w, 60), shorten(n, 60))
		}
	}
	return "patterns of the same names look for something else" // by -i, -w or exceptions
}

// shorten returns s, cut where it has more than so many bytes.
func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// otherSweep returns the error of a folder that has a sweep already.
func (a *commands) otherSweep(ctx context.Context, f *sweepFlags, now *state.Setup, err error) error {
	r, bad := state.Read(ctx, f.results)
	if bad != nil {
		return bad
	}
	defer r.Close()
	was, bad := r.Setup(ctx)
	if bad != nil {
		return bad
	}
	all, bad := differences(was, now, func(string) bool { return true })
	if bad != nil {
		return bad
	}
	if !slices.Equal(was.Given, now.Given) {
		all = append(all, "other images")
	}
	if len(all) == 0 {
		return fmt.Errorf("%w, which asks the same: --resume %s goes on with it", err, f.results)
	}
	return fmt.Errorf("%w, which is another one (%s): take another folder, or go on with that one with --resume %s", err, strings.Join(all, "; "), f.results)
}

// resumeSweep goes on with a sweep.
func (a *commands) resumeSweep(cmd *cobra.Command, f *sweepFlags, args []string) error {
	ctx := cmd.Context()
	if len(args) > 0 {
		return cli.UsageError(cmd, "--resume takes patterns and images from the folder: give none")
	}
	a.Begin("opening " + f.resume)
	db, err := state.Open(ctx, f.resume)
	if missing := (*state.MissingError)(nil); errors.As(err, &missing) {
		return fmt.Errorf("%w: --results %s begins one", err, f.resume)
	} else if err != nil {
		return err
	}
	setup, err := db.Setup(ctx)
	if err == nil {
		err = a.checkSame(cmd, f, setup)
	}
	if err == nil && f.Rules == nil { // else the rules that were given again were told of
		a.noteLeftOutOf(setup)
	}
	if err == nil {
		err = a.noteResumed(ctx, f, db)
	}
	if err != nil {
		return errors.Join(err, db.Close(false))
	}
	var was chosenInputs
	if err := json.Unmarshal(setup.Choice, &was); err != nil {
		return errors.Join(fmt.Errorf("%s: which files are swept cannot be read: %w", f.resume, err), db.Close(false))
	}
	if err := was.checkFolder(setup.Given); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", f.resume, err), db.Close(false))
	}
	if f.inputFlags, err = was.flags(); err != nil {
		return errors.Join(err, db.Close(false))
	}
	if !cmd.Flags().Changed("output") {
		f.exports = was.Exports
	}
	given := setup.Given
	if db.Resumed().Listed {
		given = nil
	}
	if err := a.listAgain(cmd, f.resume, given); err != nil {
		return errors.Join(err, db.Close(false))
	}
	return a.runSweep(cmd, f, db, given)
}

// listAgain tells that a list of images is wanted on standard input once more, where it is among
// what was given, and returns an error where there is none.
func (a *commands) listAgain(cmd *cobra.Command, dir string, given []string) error {
	if _, err := os.Lstat("@-"); err == nil || !slices.Contains(given, "@-") {
		return nil
	}
	a.Begin("waiting for the list of images on standard input")
	in := bufio.NewReader(readUntil(cmd.Context(), cmd.InOrStdin()))
	if !console.IsTerminal(cmd.InOrStdin()) {
		a.Note("%s: not all images are known: the list on standard input (@-) is read once more", dir)
		switch _, err := in.Peek(1); {
		case err == nil:
			cmd.SetIn(in)
			return nil
		case err != io.EOF:
			return err
		}
	}
	return fmt.Errorf("%s: not all images are known, for the list on standard input (@-) was not read to its end: write it to vscan sweep --resume once more", dir)
}

// noteLeftOutOf tells which rules were left out when a sweep was begun.
func (a *commands) noteLeftOutOf(setup *state.Setup) {
	var lines []string
	for _, l := range setup.LeftOut {
		lines = append(lines, string(l.Text))
	}
	a.noteSome(lines)
}

// checkSame refuses flags that ask something else than the sweep that is gone on with.
func (a *commands) checkSame(cmd *cobra.Command, f *sweepFlags, was *state.Setup) error {
	given := func(key string) bool {
		return slices.ContainsFunc(asked[key], func(name string) bool { return cmd.Flags().Changed(name) })
	}
	f.noImages = true
	var now *state.Setup
	var err error
	if len(f.exprs)+len(f.files)+len(f.literals)+len(f.sets) > 0 {
		now, _, err = a.sweepSetup(cmd, f, nil)
	} else if err = f.readAt(cmd.Context(), &f.searchFlags); err == nil {
		f.fillQuery(nil)
		now, err = f.setup(cmd)
	}
	if err != nil {
		return err
	}
	all, err := differences(was, now, given)
	if err == nil && len(all) > 0 {
		err = fmt.Errorf("%s has another sweep (%s): leave these flags out to go on with it, or begin another one with --results", f.resume, strings.Join(all, "; "))
	}
	return err
}

// noteResumed tells what of a sweep is kept, what is done again and what is left.
func (a *commands) noteResumed(ctx context.Context, f *sweepFlags, db *state.DB) error {
	again := uint64(0)
	if f.retry {
		var err error
		if again, err = db.Retry(ctx, standsForOthers); err != nil {
			return err
		}
	}
	r := db.Resumed()
	more := ""
	if !r.Listed {
		more = " of those that are known so far"
	}
	a.Note("%s: %s kept, %s left%s", f.resume, wording.Count(r.Kept, "image"), wording.Count(r.Left, "image"), more)
	if again > 0 {
		a.Note("%s: %s taken up again (--retry)", f.resume, wording.Count(again, "image"))
	}
	for _, s := range r.Again {
		a.Note("%s is done again: it was under way when the sweep ended", s)
	}
	for _, s := range r.Aside {
		a.Note("%s is set aside: the program died twice while it was searched; --retry takes it up again", s)
	}
	if r.Version != version() {
		a.Note("%s: it was begun by %s", f.resume, r.Version)
	}
	return nil
}

// standsForOthers reports whether an argument that was no image stands for several by now.
func standsForOthers(arg string) bool {
	info, err := os.Stat(arg)
	return err == nil && info.IsDir() || err != nil && (strings.HasPrefix(arg, "@") || hasMeta(arg))
}

// sweepImages returns the images that arguments stand for. What cannot be read to find them is
// an image that has failed.
func sweepImages(ctx context.Context, in *inputs) iter.Seq2[local.Input, error] {
	return func(yield func(local.Input, error) bool) {
		for found, err := range in.all(ctx) {
			out := local.Input{Arg: found.Arg, Below: found.Found}
			switch {
			case found.Arg == "":
				yield(out, err)
				return
			case err != nil:
				out.Fail = withoutName(found.Arg, err)
			case found.Skip != nil:
				out.Skip = found.Skip.Reason()
			}
			if !yield(out, nil) {
				return
			}
		}
	}
}

// withoutName returns the text of an error without the name that it begins with.
func withoutName(name string, err error) string {
	return strings.TrimPrefix(err.Error(), name+": ")
}

// skips returns what tells why a file that was found below a folder is no image, or "". A dump
// of a format that is not read is one, which has failed. With known, the format of images was given.
func (f *inputFlags) skips(known bool) func(arg string, img *layered.Image, err error) string {
	return func(arg string, img *layered.Image, err error) string {
		if isUnreadDump(err) {
			return ""
		}
		why := f.leftOut(input{Arg: arg, Found: true}, img, err, known)
		if why == nil {
			return ""
		}
		return why.Reason()
	}
}

// runSweep runs a sweep to its end and tells the outcome.
func (a *commands) runSweep(cmd *cobra.Command, f *sweepFlags, db *state.DB, images []string) error {
	ctx := cmd.Context()
	pace, err := f.gentleFlags.begin()
	if err != nil {
		return errors.Join(err, db.Close(false))
	}
	setup, err := db.Setup(ctx)
	if err != nil {
		return errors.Join(err, db.Close(false))
	}
	opening, shown, err := local.Opening(setup) // also of a sweep that is gone on with, without the flags that said so
	if err != nil {
		return errors.Join(err, db.Close(false))
	}
	flags, err := f.image.Layered()
	if err != nil {
		return errors.Join(err, db.Close(false))
	}
	var progress local.Progress
	o := local.Options{
		Workers: int(f.workers), Open: int(f.open), TaskBytes: f.taskSize, TaskTime: f.taskTime,
		ShardSize: f.ShardSize, Kernel: f.Kernel, Budget: a.Budget(),
		Sink:    func(w io.Writer) search.Sink { return report.NewLines(w, shown.Around > 0) },
		Summary: report.NewSummaryLine(),
		Accept:  acceptor(db.Dir()),
		Note:    a.noteFirst(db.Dir()),
		Skip:    f.skips(opening.Format != ""), Known: !f.raw, Pace: pace, Progress: &progress, Mmap: flags.Mmap,
	}
	if images != nil {
		in := &inputs{flags: &f.inputFlags, args: images, stdin: readUntil(ctx, cmd.InOrStdin()), budget: a.Budget(), empty: opening.Empty, results: db.Dir()}
		o.Inputs = sweepImages(ctx, in)
	}
	a.Begin("sweeping")
	bar := a.StartSweepBar(f.progress, func() cli.SweepProgress { return sweepProgress(&progress) })
	err = local.Run(ctx, db, o)
	bar.Finish()
	if ctx.Err() != nil && err != nil {
		a.Note("%s: not complete: interrupted: --resume %s goes on with it", db.Dir(), db.Dir())
		a.Begin("writing what was found to the disk") // it is safe from all but a power cut already
		if err := db.Close(false); err != nil {
			return err
		}
		return cli.ExitCode(cli.ExitInterrupted)
	}
	totals, bad := db.Totals(ctx)
	setup, unread := db.Setup(ctx)
	err = errors.Join(err, bad, unread)
	if bad := db.Close(err == nil); err == nil {
		err = bad
	}
	if err != nil {
		return err
	}
	if err := a.writeSummary(ctx, db.Dir()); err != nil {
		return err
	}
	for _, format := range f.exports {
		if err := a.exportSweep(ctx, db.Dir(), format, filepath.Join(db.Dir(), "hits."+format)); err != nil {
			return err
		}
	}
	is, _ := progress.Read()
	return a.sweepOutcome(db.Dir(), totals, uint64(len(setup.LeftOut)), is.Unopened)
}

// sweepProgress returns how far a sweep is, what is under way in the order of names.
func sweepProgress(p *local.Progress) cli.SweepProgress {
	is, under := p.Read()
	out := cli.SweepProgress{Images: is.Settled, Known: is.Images, AllKnown: is.AllKnown, Bytes: is.Bytes, Hits: is.Hits, Failures: is.Failed}
	slices.SortFunc(under, func(a, b local.UnderWay) int { return cmp.Or(strings.Compare(a.Arg, b.Arg), a.Task-b.Task) })
	for _, u := range under {
		one := cli.ImageProgress{Name: u.Arg, Of: u.Bytes}
		if u.Tasks > 0 {
			one.Name = fmt.Sprintf("%s (task %d of %d)", u.Arg, u.Task+1, u.Tasks)
		}
		if u.Progress != nil {
			one.Bytes = u.Progress.Bytes.Load()
			out.Hits += u.Progress.Hits.Load()
		}
		out.Bytes += one.Bytes
		out.UnderWay = append(out.UnderWay, one)
	}
	return out
}

// writeSummary writes the page and the JSON that sum up the sweep of a folder.
func (a *commands) writeSummary(ctx context.Context, dir string) error {
	src, err := state.Read(ctx, dir)
	if err != nil {
		return err
	}
	defer src.Close()
	s, err := summary.Collect(ctx, src)
	if err != nil {
		return err
	}
	from, err := stateInfo(dir)
	if err != nil {
		return err
	}
	return s.Write(ctx, dir, outfile.Options{From: from})
}

// noteFirst returns what tells of an image, of the first ones; and once, that there is more to tell.
// Several goroutines may call it.
func (a *commands) noteFirst(dir string) func(arg, text string) {
	var told atomic.Uint64
	return func(arg, text string) {
		switch n := told.Add(1); {
		case n <= maxTold:
			a.Note("%s: %s", arg, text)
		case n == maxTold+1:
			a.Note("%s: there is more to tell of images: vscan sweep status %s", dir, dir)
		}
	}
}

// acceptor returns what refuses images that are the state of the sweep or where output goes.
func acceptor(dir string) func(*layered.Image) error {
	own, err := os.Stat(filepath.Join(dir, state.File))
	return func(img *layered.Image) error {
		for _, file := range img.Files() {
			if err == nil && outfile.Same(file, own) {
				return errors.New("it is the state of this sweep")
			}
		}
		if cli.IsOutput(img.Files()...) {
			return cli.OutputError(img.Arg)
		}
		return nil
	}
}

// sweepOutcome tells how a sweep went that left out so many rules, and where so many images could
// not be opened any more that were searched before. It returns the exit code.
func (a *commands) sweepOutcome(dir string, t *state.Totals, leftOut, unopened uint64) error {
	incomplete := t.States[state.Failed] + t.States[state.Partial] + t.States[state.Aside] + leftOut + unopened
	least := ""
	if t.AtLeast > 0 {
		least = "at least "
		a.Note("%s: in %s not all hits of a pattern were counted: there are as many as -m allows, and there may be more", dir, wording.Count(t.AtLeast, "image"))
	}
	text := fmt.Sprintf("%s swept, %s%s", wording.Count(t.Images-t.States[state.Skipped], "image"), least, wording.Count(t.Hits, "hit"))
	for _, s := range []string{state.Partial, state.Failed, state.Aside, state.Skipped} {
		if n := t.States[s]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, s)
		}
	}
	if unopened > 0 {
		text += fmt.Sprintf(", %d kept that cannot be opened any more", unopened)
	}
	if leftOut > 0 {
		text += fmt.Sprintf(", %s left out", wording.Count(leftOut, "rule"))
	}
	a.Note("%s: %s", dir, text)
	return cli.Outcome{Found: t.Found, Incomplete: incomplete > 0}.ExitStatus()
}
