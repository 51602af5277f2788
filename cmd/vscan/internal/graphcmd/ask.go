package graphcmd

import (
	"context"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/report"
	"vscan/engine/addr"
	"vscan/engine/graph"
)

func (a *commands) toCommand() *cobra.Command {
	var format string
	var window offsets
	var most uint64
	cmd := &cobra.Command{
		Use:   "to [flags] FILE TARGET",
		Short: "Who refers to an address, a range or a mapping",
		Long: `to prints the words that refer to a target: the word's address, its module or
mapping and the offset there, the address that it holds, the place of that, and how
far it is from the start of the target; in order of the address that the word
holds, then of the word's. --window LO..HI
finds those too that refer near it: to where an offset from LO to HI leads to the
target.`,
		Example:               "  vscan graph to core.graph 0x7f3a5c001000\n  vscan graph to core.graph libc.so.6 -o jsonl\n  vscan graph to core.graph 0x7f3a5c001010 --window 0..64",
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return cli.UsageError(cmd, "want the file of a graph and a target: vscan graph to FILE TARGET")
			}
			return a.askGraph(cmd.Context(), args, format, most, true, func(g *graph.Graph, r addr.Range) iter.Seq2[graph.Edge, error] {
				return g.To(window.ValuesNear(r))
			})
		},
	}
	formatVar(cmd, &format)
	cmd.Flags().Var(&window, "window", "offsets `LO..HI` that lead from what a word holds to the target, or HI alone; a - goes in front of negative ones")
	cmd.Flags().VarP(cli.NewNumber(&most, 1, 1<<62), "max-count", "m", "print at most `N`")
	return cmd
}

func (a *commands) fromCommand() *cobra.Command {
	var format string
	var most uint64
	cmd := &cobra.Command{
		Use:   "from [flags] FILE RANGE",
		Short: "What a range of addresses or a mapping refers to",
		Long: `from prints the words in a range, or in a mapping, that refer to something, by
address: the word's address, its module or mapping and the offset there, the address
that it holds, and the place of that.`,
		Example:               "  vscan graph from core.graph '[heap]'\n  vscan graph from core.graph 0x7f3a5d000000+64 -o csv",
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return cli.UsageError(cmd, "want the file of a graph and a range: vscan graph from FILE RANGE")
			}
			return a.askGraph(cmd.Context(), args, format, most, false, func(g *graph.Graph, r addr.Range) iter.Seq2[graph.Edge, error] { return g.From(cmd.Context(), r) })
		},
	}
	formatVar(cmd, &format)
	cmd.Flags().VarP(cli.NewNumber(&most, 1, 1<<62), "max-count", "m", "print at most `N`")
	return cmd
}

// askGraph prints the edges that ask yields for each range of a target. If into is set,
// each line of text ends with the distance of the edge's target from the start of the
// range.
func (a *commands) askGraph(ctx context.Context, args []string, format string, most uint64, into bool, ask func(*graph.Graph, addr.Range) iter.Seq2[graph.Edge, error]) error {
	g, err := a.openGraph(ctx, args[0])
	if err != nil {
		return err
	}
	defer g.Close()
	ranges, err := targetRanges(g, args[1])
	if err != nil {
		return err
	}
	w := report.NewTable(a.Out, format, "ref", []string{"src", "dst", "src_mapping", "src_offset", "dst_mapping", "dst_offset",
		"src_module", "src_module_offset", "dst_module", "dst_module_offset"}, 18, 24, 18, 24)
	n := uint64(0)
	from, to := graph.NewLocator(g), graph.NewLocator(g)
	for _, r := range ranges {
		for e, err := range ask(g, r) {
			if err != nil {
				return err
			}
			if n == most && most > 0 {
				a.Note("%s: limited: not more than %d (-m); there are more", args[0], most)
				return graphExit(g, true)
			}
			if n++; n&0xfff == 0 && ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if !from.Find(e.Source) || !to.Find(e.Target) {
				return fmt.Errorf("%s: the word at %v, or what it refers to, %v, is not mapped: the file is damaged; build the graph again", args[0], e.Source, e.Target)
			}
			switch {
			case format == "text" && into:
				err = w.Row(e.Source, from.Text(e.Source), e.Target, to.Text(e.Target), int64(e.Target-r.First))
			case format == "text":
				err = w.Row(e.Source, from.Text(e.Source), e.Target, to.Text(e.Target))
			default:
				err = w.Row(edgeRow(e, from, to)...)
			}
			if err != nil {
				return err
			}
		}
	}
	if err := w.End(); err != nil {
		return err
	}
	return graphExit(g, n > 0)
}

// edgeRow returns the values of an edge in all columns.
func edgeRow(e graph.Edge, from, to *graph.Locator) []any {
	source, sourceOffset := moduleOf(from, e.Source)
	target, targetOffset := moduleOf(to, e.Target)
	return []any{e.Source, e.Target, from.Mapping(), from.Offset(e.Source), to.Mapping(), to.Offset(e.Target),
		source, sourceOffset, target, targetOffset}
}

func (a *commands) topCommand() *cobra.Command {
	var format, what string
	var most, workers uint64
	cmd := &cobra.Command{
		Use:   "top [flags] FILE",
		Short: "What is referred to most",
		Long: `top lists the addresses that most words refer to, or with --by page the pages of
4 KiB, or with --by region the regions: how many, where, and the module or mapping
there with the offset in it.`,
		Example:               "  vscan graph top core.graph\n  vscan graph top core.graph --by page -m 5",
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return cli.UsageError(cmd, "want the file of a graph: vscan graph top FILE")
			}
			g, err := a.openGraph(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer g.Close()
			var top []graph.Ranked
			switch what {
			case "page":
				top, err = g.TopPages(cmd.Context(), int(most))
			case "region":
				top, err = g.TopRegions(cmd.Context(), int(most), int(workers))
			default:
				top, err = g.TopTargets(cmd.Context(), int(most), int(workers))
			}
			if err != nil {
				return err
			}
			w := report.NewTable(a.Out, format, "top", []string{"edges", "addr", "size", "mapping", "offset", "module", "module_offset"}, -12, 18, -12, 24)
			at := graph.NewLocator(g)
			for _, r := range top {
				if !at.FindFirst(r.Range) { // a page may begin in front of its mapping
					return fmt.Errorf("%s: %v is not mapped: the file is damaged; build the graph again", args[0], r.First)
				}
				name, _ := at.Name()
				row := []any{r.Edges, r.First, r.Size(), name, at.Distance(r.First)}
				if format != "text" {
					module, offset := moduleOf(at, r.First)
					row = []any{r.Edges, r.First, r.Size(), at.Mapping(), at.Offset(r.First), module, offset}
				}
				if err := w.Row(row...); err != nil {
					return err
				}
			}
			if err := w.End(); err != nil {
				return err
			}
			return graphExit(g, len(top) > 0)
		},
	}
	formatVar(cmd, &format)
	what = "address"
	cli.ChoiceVar(cmd, &what, "by", "", "`WHAT` to rank: address, page or region", "address", "page", "region")
	most = 20
	cmd.Flags().VarP(cli.NewNumber(&most, 1, 1<<24), "max-count", "m", "show `N`")
	workersVar(cmd, &workers)
	return cmd
}
