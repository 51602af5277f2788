package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/engine/image"
	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/engine/sweep"
	"vscan/internal/outfile"
	"vscan/internal/wording"
)

const taskHelp = `task searches images in tasks that any scheduler can run: GNU parallel, a Slurm
array, a Kubernetes indexed Job. plan cuts a search into tasks, run runs one of
them, on any machine that has the images at the same paths, and stitch puts
together what they have found: the output is that of vscan find, byte for byte.

  vscan task plan 'password=' dump.raw -o plan.json
  vscan task run plan.json 0 -o 0.result        (and so on for each task)
  vscan task stitch plan.json *.result

Tasks may run in any order, twice, and on different processors. docs/tasks.md
has a page on schedulers, and the form of a plan.`

// taskCommand makes the command task and those below it.
func (a *commands) taskCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "task COMMAND",
		Short:                 "Search in tasks that any scheduler can run, on many machines",
		Long:                  taskHelp,
		DisableFlagsInUseLine: true,
		Args:                  cli.NoSuchCommand,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.taskPlanCommand(), a.taskRunCommand(), a.taskStitchCommand())
	return cmd
}

func (a *commands) taskPlanCommand() *cobra.Command {
	f := searchFlags{format: "text"}
	var p patternArgs
	var out string
	var size uint64 = sweep.DefaultTaskBytes
	cmd := &cobra.Command{
		Use:   "plan [flags] PATTERN IMAGE... -o PLAN",
		Short: "Cut a search into tasks",
		Long: `plan cuts a search into tasks, writes them with all that it takes to run them
to a file, and prints the name of each task on a line. Flags that say what to search
for and where are those of vscan find. The plan has patterns and rules as text: the
files that they were read from are not needed again. Nothing is searched yet, but
what is wrong with an image or a pattern is told.`,
		Example: `  vscan task plan -f rules.yar -m 1000 --task-size 1G core.1234 -o plan.json
  vscan task plan 'password=' core.1234 -o plan.json`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkTaskOutput(cmd, out); err != nil {
				return err
			}
			p.record = &ruleRecord{}
			pats, images, err := a.readQuestion(cmd, &f, &p, args)
			if err != nil {
				return err
			}
			if err := p.readAt(cmd.Context(), &f); err != nil {
				return err
			}
			f.fillQuery(pats)
			a.noteEndless(&f)
			return a.planTasks(cmd.Context(), &f, &p, images, out, size)
		},
	}
	p.register(cmd, &f)
	p.registerAt(cmd)
	f.registerWhere(cmd)
	fs := cmd.Flags()
	fs.StringVarP(&out, "output", "o", "", "write the plan to `FILE`")
	fs.Var(cli.NewByteCount(&size, 1, math.MaxUint64), "task-size", "tasks of about `SIZE` bytes that take time to search")
	a.MemoryVar(cmd)
	f.image.Register(cmd)
	return cmd
}

// checkTaskOutput refuses a command line without the name of a file to write.
func checkTaskOutput(cmd *cobra.Command, out string) error {
	if out == "" || out == "-" {
		return cli.UsageError(cmd, "-o: want the name of a file")
	}
	return nil
}

// planTasks makes a plan and writes it, and prints the names of its tasks.
func (a *commands) planTasks(ctx context.Context, f *searchFlags, p *patternArgs, images []string, out string, size uint64) error {
	if err := f.image.Check(); err != nil {
		return err
	}
	opening, err := f.image.Layered()
	if err != nil {
		return err
	}
	var rules *sweep.Rules
	if f.Rules != nil {
		if rules, err = p.record.rules(p.leftOut); err != nil {
			return err
		}
	}
	question, err := sweep.NewQuestion(&f.Query, rules)
	if err != nil {
		return err
	}
	file, err := outfile.Create(ctx, out, outfile.Options{})
	if err != nil {
		return err
	}
	defer file.Close()
	var specs []sweep.ImageSpec
	for _, arg := range images {
		specs = append(specs, sweep.ImageSpec{Arg: arg, Options: opening})
	}
	a.Begin("planning")
	plan, err := sweep.NewPlan(ctx, specs, question, sweep.Options{TaskBytes: size, Budget: a.Budget(), Opened: func(img *layered.Image) error {
		if cli.IsOutput(img.Files()...) {
			return cli.OutputError(img.Arg)
		}
		a.NoteOddities(img)
		a.NoteMissing(img)
		return file.From(img.Live, img.Files()...)
	}})
	if err != nil {
		return taskError(err)
	}
	if err := plan.Write(file); err != nil {
		return err
	}
	if err := file.Commit(ctx); err != nil {
		return err
	}
	for i := range plan.Tasks {
		if _, err := fmt.Fprintln(a.Out, plan.Tasks[i].Name); err != nil {
			return err
		}
	}
	if len(f.leftOut()) > 0 {
		return cli.ExitCode(cli.ExitIncomplete)
	}
	return nil
}

// taskError returns an error of package sweep with the flags that it is about.
func taskError(err error) error {
	if of := (*sweep.ImageError)(nil); errors.As(err, &of) {
		return cli.InImage(of.Arg, cli.NameFlags(of.Err))
	}
	return cli.NameFlags(err)
}

// readPlan reads the plan that a command names.
func (a *commands) readPlan(ctx context.Context, name string) (*sweep.Plan, error) {
	a.Begin("reading " + name)
	file, err := openInput(ctx, name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	plan, err := sweep.ReadPlan(&meteredReader{r: readUntil(ctx, file), budget: a.Budget()})
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", wording.Escape(name), err)
	}
	return plan, nil
}

func (a *commands) taskRunCommand() *cobra.Command {
	f := searchFlags{format: "text"}
	var out string
	mmap := "auto"
	cmd := &cobra.Command{
		Use:   "run [flags] PLAN TASK -o RESULT",
		Short: "Run one task of a plan",
		Long: `run runs the task of a plan that has this name or number, counted from 0, and
writes what it found. The images have to be where they were when the plan was made,
and unchanged. The exit code is 0 when all of the task was searched, whether there
are hits or not, and 3 when bytes could not be read or the image changed meanwhile:
the result says so.`,
		Example: `  vscan task run plan.json 0 -o 0.result
  vscan task run -j 4 plan.json 0 -o 0.result`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkTaskOutput(cmd, out); err != nil {
				return err
			}
			if len(args) != 2 {
				return cli.UsageError(cmd, "want a plan and one of its tasks: vscan task run PLAN TASK -o RESULT")
			}
			if err := cli.KernelFromEnv(&f.Kernel); err != nil {
				return err
			}
			o := sweep.RunOptions{Workers: int(f.workers), ShardSize: f.ShardSize, Kernel: f.Kernel, Budget: a.Budget()}
			if mmap != "auto" {
				o.Mmap = image.Mmap(mmap)
			}
			return a.runTask(cmd.Context(), args[0], args[1], out, f.progress, o)
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&out, "output", "o", "", "write the result to `FILE`")
	f.registerRun(a, cmd)
	fs.MarkHidden("stats")
	cli.ChoiceVar(cmd, &mmap, "mmap", "", "`WHEN` files are mapped into memory, instead of read call by call: always, never, or auto, where what takes less time is found out on the way", "auto", "always", "never")
	return cmd
}

// runTask runs a task of a plan and writes its result.
func (a *commands) runTask(ctx context.Context, planName, taskName, out, progress string, o sweep.RunOptions) error {
	plan, err := a.readPlan(ctx, planName)
	if err != nil {
		return err
	}
	n, err := plan.TaskNamed(taskName)
	if err != nil {
		return fmt.Errorf("%s: %w", wording.Escape(planName), err)
	}
	about, err := os.Stat(planName)
	if err != nil {
		return err
	}
	file, err := outfile.Create(ctx, out, outfile.Options{Stream: true})
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.From(false, about); err != nil {
		return err
	}
	name := plan.Tasks[n].Name
	a.Begin("running task " + name)
	bar := a.StartBar(progress, false, 1)
	var img *layered.Image
	o.Begin = func(part *search.Part) error {
		img = part.Image()
		bar.Begin(1, name, part.Bytes(), part.Progress())
		return file.From(img.Live, img.Files()...)
	}
	account, err := plan.Run(ctx, n, file, o)
	bar.Finish()
	if err != nil {
		return taskError(err)
	}
	if err := file.Commit(ctx); err != nil {
		return err
	}
	a.NoteUnreadable(img, account.Unreadable)
	a.NoteChanges(img, account.Changed)
	if !account.Complete {
		return cli.ExitCode(cli.ExitIncomplete)
	}
	return nil
}

func (a *commands) taskStitchCommand() *cobra.Command {
	var f searchFlags
	cmd := &cobra.Command{
		Use:   "stitch [flags] PLAN RESULT...",
		Short: "Put together what tasks have found",
		Long: `stitch writes what all tasks of a plan have found as vscan find writes it, from
their results: files, or folders of them. It reads of the images what is to be
shown, and what rules ask for; they have to be unchanged. Exit codes are those of
vscan find.

Results that are damaged, or of another set of patterns, plan or version of an image,
are told and do not count. Where tasks are missing, they are told by name, the hits
of the others are written, YARA rules are not evaluated, and the exit code is 3.`,
		Example: `  vscan task stitch plan.json *.result
  vscan task stitch plan.json *.result -o jsonl > hits.jsonl
  vscan task stitch plan.json *.result -c`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.UsageError(cmd, "want a plan and the results of its tasks: vscan task stitch PLAN RESULT...")
			}
			if err := f.contradiction(); err != nil {
				return err
			}
			return a.stitchTasks(cmd.Context(), &f, args[0], args[1:])
		},
	}
	f.registerOutput(cmd)
	f.progress = "never" // nothing is scanned
	a.MemoryVar(cmd)
	return cmd
}

// stitching is the stitching of the results of a plan.
type stitching struct {
	searching
	plan    *sweep.Plan
	results *sweep.Results
	files   []fs.FileInfo // the plan and the results
}

// stitchTasks reports what the tasks of a plan have found.
func (a *commands) stitchTasks(ctx context.Context, f *searchFlags, planName string, paths []string) error {
	plan, err := a.readPlan(ctx, planName)
	if err != nil {
		return err
	}
	q, err := plan.Question.Query(ctx, a.Budget())
	if err != nil {
		return fmt.Errorf("%s: %w", wording.Escape(planName), err)
	}
	f.Query, f.longest = *q, uint64(q.MaxMatch)
	f.fillShown()
	if plan.Question.Rules != nil {
		f.ruleFiles = len(plan.Question.Rules.Files)
	}
	s := &stitching{searching: searching{commands: a, f: f}, plan: plan, results: plan.Results()}
	s.started = time.Now()
	s.one = s.stitchImage
	if err := s.reads(planName); err != nil {
		return err
	}
	if !f.quiet {
		a.noteLeftOut(f)
	}
	for _, path := range paths {
		if err := s.addResults(ctx, path); err != nil {
			return err
		}
	}
	s.noteMissing(planName)
	var images []imageArg
	for _, i := range plan.Images {
		images = append(images, imageArg{path: string(i.Arg)})
	}
	return s.all(ctx, images)
}

// reads notes that a file is read, over which nothing is to be written.
func (s *stitching) reads(name string) error {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil // whoever opens it says so
	case cli.IsOutput(info):
		return cli.OutputError(name)
	}
	s.files = append(s.files, info)
	return nil
}

// addResults adds the result at a path, or those in a folder. What is refused is told; what
// cannot be read makes the outcome a failure.
func (s *stitching) addResults(ctx context.Context, path string) error {
	all := []string{path}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		entries, err := os.ReadDir(path)
		if err != nil {
			return err
		}
		all = nil
		for _, e := range entries {
			if !isHidden(e.Name()) && !e.IsDir() {
				all = append(all, filepath.Join(path, e.Name()))
			}
		}
	}
	for _, name := range all {
		s.Begin("reading " + name)
		if err := s.reads(name); err != nil {
			return err
		}
		err := s.results.Add(ctx, name, func() (io.ReadCloser, error) { return openNamed(name) })
		var refused *sweep.ResultError
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &refused):
			s.Note("%s: refused: %s", refused.Name, refused.Why)
		default:
			s.fail(err)
		}
	}
	return nil
}

// noteMissing tells which tasks have no result.
func (s *stitching) noteMissing(planName string) {
	const most = 20
	missing := s.results.Missing()
	for _, i := range missing[:min(len(missing), most)] {
		t := &s.plan.Tasks[i]
		s.Note("%s: not complete: task %s is missing (%v of %s): vscan task run %s %d -o FILE runs it", planName, t.Name, t.Range, s.plan.Images[t.Image].Arg, planName, i)
	}
	if n := len(missing) - most; n > 0 {
		s.Note("%s: not complete: %s more are missing, the last one %s", planName, wording.Count(uint64(n), "task"), s.plan.Tasks[missing[len(missing)-1]].Name)
	}
	if len(missing) > 0 && s.f.Rules != nil {
		s.Note("%s: not complete: rules are not evaluated until no task is missing", planName)
	}
}

// stitchImage reports what was found in an image of the plan, the nth from 1.
func (s *stitching) stitchImage(ctx context.Context, n int, of imageArg) error {
	s.Begin("opening " + of.path)
	one := imageSearch{searching: &s.searching, nth: n, began: time.Now()}
	img, err := s.plan.Open(ctx, n-1, sweep.OpenOptions{Budget: s.f.Budget})
	if err != nil {
		return taskError(err)
	}
	defer img.Close()
	if cli.IsOutput(img.Files()...) {
		return cli.OutputError(of.path)
	}
	if err := s.summaries.from(img, s.files...); err != nil {
		return err
	}
	if !s.f.quiet {
		s.NoteOddities(img)
	}
	one.img, one.opened = img, time.Since(one.began)
	s.Begin("stitching " + of.path)
	sum, err := s.results.Stitch(ctx, n-1, img, &s.f.Query, stitchSink{&one})
	if sum == nil {
		if errors.Is(err, context.Canceled) {
			return err
		}
		return cli.InImage(of.path, cli.NameFlags(err))
	}
	s.settled(sum, &one)
	return nil
}

// stitchSink takes what tasks have found in an image.
type stitchSink struct{ *imageSearch }

// Begin tells the reporter which image it is. Nothing of it will be searched.
func (s stitchSink) Begin(of *search.Search) error {
	s.rep.Begin(of.Image())
	return nil
}
