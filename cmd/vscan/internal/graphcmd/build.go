package graphcmd

import (
	"fmt"
	"math"
	"slices"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/report"
	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/graph"
	"vscan/engine/image"
	"vscan/engine/image/layered"
	"vscan/engine/simd"
	"vscan/engine/where"
	"vscan/internal/wording"
)

// endList is the flag --sources or --targets of graph build: ranges of addresses, and
// choices of mappings by name or permissions.
type endList struct {
	ranges  []addr.Range
	choices cli.MappingsList
}

func (l *endList) String() string { return "" }
func (l *endList) Type() string   { return "where" }

func (l *endList) Set(s string) error {
	if r, err := parsePlace(s); err == nil {
		l.ranges = append(l.ranges, r)
		return nil
	}
	return l.choices.Set(s)
}

// in returns the ranges of an image that the list names, those of the mappings it
// chooses included. It returns none where the list is empty.
func (l *endList) in(t *layered.Image, flag string) ([]addr.Range, error) {
	ranges := slices.Clone(l.ranges)
	for _, c := range l.choices {
		if c.Some(t.Space) {
			continue
		}
		if !where.IsPlace(c.String()) {
			return nil, fmt.Errorf("%s: %s %v: no mapping has this name or these permissions, and it is no address or range; vscan map lists them", t.Arg, flag, c)
		}
		r, err := where.Parse(t.Space.Places(), c.String())
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", t.Arg, flag, err)
		}
		ranges = append(ranges, r)
	}
	if len(l.choices) == 0 {
		return ranges, nil
	}
	for v := range t.Space.Intervals(addr.All) {
		if v.Mapping != nil && slices.ContainsFunc(l.choices, func(c where.Mappings) bool { return c.Has(v.Mapping) }) {
			ranges = append(ranges, v.Range)
		}
	}
	return ranges, nil
}

// buildFlags are the flags of graph build that are not about the graph.
type buildFlags struct {
	image    cli.ImageFlags
	workers  uint64
	kernel   simd.Level
	progress string
	stats    bool
}

func (a *commands) buildCommand() *cobra.Command {
	f := buildFlags{progress: "auto"}
	var out string
	var from, to endList
	var o graph.Options
	cmd := &cobra.Command{
		Use:   "build [flags] IMAGE -o FILE",
		Short: "Build the graph of an image",
		Long: `build finds every aligned word of the image that holds the address of a mapped
byte, whether that byte was saved or not, and writes the graph to FILE, which
appears whole or not at all. The word size and byte order are the image's.
Who cannot read the image cannot read the graph. What memory does not hold goes to
a temporary file in FILE's folder; nothing is written beside the image.`,
		Example: `  vscan graph build core.1234 -o core.graph
  vscan graph build core.1234 -o heap.graph --sources '[heap]' --targets rw- --present`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return cli.UsageError(cmd, "want one image: vscan graph build IMAGE -o FILE")
			}
			if out == "" {
				return cli.UsageError(cmd, "want the file to write the graph to: -o FILE")
			}
			if err := checkOutput(out, "a graph is written to no pipe (-o ./- is a file of that name)"); err != nil {
				return err
			}
			if err := cli.KernelFromEnv(&f.kernel); err != nil {
				return err
			}
			o.Workers, o.Kernel, o.Budget = int(f.workers), f.kernel, a.FixedBudget()
			return a.buildGraph(cmd, &f, args[0], out, &from, &to, o)
		},
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVarP(&out, "output", "o", "", "write the graph to `FILE`")
	fs.BoolVar(&o.PresentOnly, "present", false, "only edges to bytes that were saved")
	fs.Var(&from, "sources", "only edges from words in `WHERE`: an address, a range, a mapping's name, or permissions, where a - is either; repeatable")
	fs.Var(&to, "targets", "only edges to bytes in `WHERE`; repeatable")
	fs.Var(cli.NewNumber(&o.Align, 1, 8), "align", "words at multiples of `N` bytes: 1, 2, 4 or 8 (default the word size)")
	fs.Var(cli.NewByteCount(&o.Memory, 1, math.MaxInt64), "memory", "let the edges found so far take about `SIZE` bytes of memory, with K, M, G or T behind it (default 1G, or less where the machine, ulimit -v or a container leaves less)")
	fs.Var(cli.NewByteCount(&o.MaxBytes, 1, math.MaxUint64), "max-bytes", "look at most through `SIZE` bytes, those with the lowest addresses (default all)")
	workersVar(cmd, &f.workers)
	fs.Var(cli.NewKernelLevel(&f.kernel), "kernel", "use the kernels of this `LEVEL`: see vscan kernels (default the best, or $"+simd.EnvVar+")")
	cli.ChoiceVar(cmd, &f.progress, "progress", "", "`WHEN` to show on standard error how far it is: auto (at a terminal), always or never", "auto", "always", "never")
	fs.BoolVar(&f.stats, "stats", false, "tell at the end how long what took, on standard error")
	f.image.Register(cmd)
	return cmd
}

// buildGraph builds the graph of an image, and tells how that went.
func (a *commands) buildGraph(cmd *cobra.Command, f *buildFlags, arg, out string, from, to *endList, o graph.Options) error {
	f.image.Sequential, f.image.Budget = true, a.FixedBudget()
	t, err := f.image.Open(cmd.Context(), arg)
	if err != nil {
		return err
	}
	defer t.Close()
	a.NoteOddities(t)
	if cli.SameFile(out, t.Path) {
		return fmt.Errorf("%s is the image: write the graph to another file", out)
	}
	arch, err := cli.ArchOf(t, "a graph")
	if err != nil {
		return fmt.Errorf("%s: %w", arg, err)
	}
	if o.Sources, err = from.in(t, "--sources"); err != nil {
		return err
	}
	if o.Targets, err = to.in(t, "--targets"); err != nil {
		return err
	}
	var changes []image.Change
	o.Changed = func() bool {
		changes = t.Changed()
		return image.ContentChanged(changes)
	}
	o.Missing, o.Progress = t.Missing, &engine.Progress{}
	o.From, o.Private = t.Files(), t.Live
	total, work := uint64(0), uint64(0)
	for v := range t.Space.Intervals(addr.All) {
		if s := v.State(); s == engine.Present || s == engine.Zero {
			total += v.Size()
			if s == engine.Present {
				zero, err := v.ZeroBytes(cmd.Context())
				if err != nil {
					return err
				}
				work += v.Size() - zero
			}
		}
	}
	if o.MaxBytes > 0 {
		total = min(total, o.MaxBytes)
	}
	if o.Sources == nil && o.MaxBytes == 0 {
		a.NoteWork(t, work)
	}
	bar := a.StartBar(f.progress, false, 1)
	bar.Begin(1, arg, total, o.Progress)
	stats, err := graph.BuildFile(cmd.Context(), t.Space, arch, o, out)
	bar.End()
	bar.Finish()
	if err != nil {
		return err
	}
	a.Note("%s: %s from %s, %s of index, in %.3f s", out, wording.Count(stats.Hits, "edge"), wording.Size(stats.Scanned), wording.Size(stats.Bytes), stats.Total.Seconds())
	if f.stats {
		a.Note("%s: sweep %.3f s, sort %.3f s, %s spilled, kernels %v, %s", out, stats.Sweep.Seconds(), stats.Sort.Seconds(),
			wording.Size(stats.Spilled), stats.Kernels, wording.Count(uint64(stats.Workers), "worker"))
		a.NoteWays(arg, stats.Ways)
	}
	a.NoteMissing(t)
	a.NoteBeyond(t, stats.Beyond)
	a.NoteUnreadable(t, stats.Unreadable)
	a.NoteChanges(t, changes)
	return cli.Outcome{Found: stats.Hits > 0, Incomplete: !t.Complete() || !stats.Complete()}.ExitStatus()
}

func (a *commands) infoCommand() *cobra.Command {
	var format string
	var f cli.ImageFlags
	var matrix uint64
	var workers uint64
	cmd := &cobra.Command{
		Use:   "info [flags] FILE [IMAGE]",
		Short: "Show what a graph is, and which regions refer to which",
		Long: `info shows a graph in numbers, and then how many edges lead from which region
to which, most first. With IMAGE it checks that the graph is of that image: that all
its pointers are there, and no others, so that build would make the same graph.`,
		Example:               "  vscan graph info core.graph\n  vscan graph info core.graph core.1234",
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 && len(args) != 2 {
				return cli.UsageError(cmd, "want the file of a graph, and the image perhaps: vscan graph info FILE [IMAGE]")
			}
			g, err := a.openGraph(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer g.Close()
			if len(args) == 2 {
				f.Sequential, f.Budget = true, a.Budget()
				t, err := f.Open(cmd.Context(), args[1])
				if err != nil {
					return err
				}
				defer t.Close()
				if err := checkImage(cmd.Context(), g, t, int(workers)); err != nil {
					return err
				}
				a.Note("%s: of the image %s", args[0], args[1])
			}
			return a.printInfo(cmd, g, args[0], format, int(matrix), int(workers))
		},
	}
	formatVar(cmd, &format)
	cmd.Flags().VarP(cli.NewNumber(&matrix, 0, 1<<30), "max-count", "m", "show the `N` pairs of regions with most edges (default 30)")
	matrix = 30
	workersVar(cmd, &workers)
	f.Register(cmd)
	return cmd
}

// printInfo prints what a graph is, and how many edges lead from which region to which.
func (a *commands) printInfo(cmd *cobra.Command, g *graph.Graph, path, format string, most, workers int) error {
	i := g.Info()
	if format == "text" {
		a.Note("%s: %v, words at multiples of %d", path, g.Arch(), g.Align())
		a.Note("%s: %s of %s (%.1f %%), to %s, index %s (%.2f bytes an edge)", path, wording.Count(i.Edges, "edge"), wording.Count(i.Words, "word"),
			100*i.Density(), wording.Count(i.Pages, "page"), wording.Size(i.Bytes), float64(i.Bytes)/max(float64(i.Edges), 1))
		a.Note("%s: %s: %s present, %s absent; %s looked at", path, wording.Count(uint64(i.Regions), "region"), wording.Size(i.Present), wording.Size(i.Absent), wording.Size(i.Scanned))
		if i.PresentOnly || i.Filtered {
			a.Note("%s: edges were left out: only to saved bytes: %v, only from or to some places: %v", path, i.PresentOnly, i.Filtered)
		}
	}
	if format == "jsonl" {
		w := report.NewTable(a.Out, format, "graph", []string{"edges", "words", "pages", "bytes", "regions", "present", "absent", "scanned", "unreadable", "present_only", "filtered"})
		if err := w.Row(i.Edges, i.Words, i.Pages, i.Bytes, uint64(i.Regions), i.Present, i.Absent, i.Scanned, i.Unreadable, i.PresentOnly, i.Filtered); err != nil {
			return err
		}
	}
	cells, err := g.Matrix(cmd.Context(), workers)
	if err != nil {
		return err
	}
	slices.SortStableFunc(cells, func(a, b graph.RegionCell) int {
		switch {
		case a.Edges > b.Edges:
			return -1
		case a.Edges < b.Edges:
			return 1
		}
		return 0
	})
	w := report.NewTable(a.Out, format, "refs", []string{"edges", "src", "src_perm", "src_mapping", "dst", "dst_perm", "dst_mapping"}, -12, 18, 3, 24, 18, 3)
	for _, c := range cells[:min(len(cells), most)] {
		from, to := g.Regions()[c.From], g.Regions()[c.To]
		if err := w.Row(c.Edges, from.First, from.Perm.String(), from.Name, to.First, to.Perm.String(), to.Name); err != nil {
			return err
		}
	}
	if err := w.End(); err != nil {
		return err
	}
	if n := len(cells); n > most && format == "text" {
		a.Note("%s: %d more pairs of regions (-m)", path, n-most)
	}
	return graphExit(g, true)
}
