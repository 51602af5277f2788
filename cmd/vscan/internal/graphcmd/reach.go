package graphcmd

import (
	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/report"
	"vscan/engine/addr"
	"vscan/engine/graph"
	"vscan/internal/wording"
)

func (a *commands) reachCommand() *cobra.Command {
	var format, show string
	var unit, workers, most uint64
	var roots []string
	cmd := &cobra.Command{
		Use:   "reach [flags] FILE",
		Short: "What roots reach, and what nobody refers to",
		Long: `reach follows all references from roots, from unit to unit of memory (--unit,
a page by default): whoever reaches a byte of a unit reaches all of it. It lists the
memory that is present and not reached; or with --show unreferenced what nothing
refers to; or with --show components what hangs together, whichever way the
references lead. Roots are as for chains, and by default static and stack.`,
		Example:               "  vscan graph reach core.graph --roots '[heap]'\n  vscan graph reach core.graph --show components --unit 64",
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return cli.UsageError(cmd, "want the file of a graph: vscan graph reach FILE")
			}
			g, err := a.openGraph(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer g.Close()
			f, err := g.Forward(cmd.Context(), int(workers))
			if err != nil {
				return err
			}
			if show == "components" {
				return a.printComponents(cmd, g, f, format, unit, int(most))
			}
			if len(roots) == 0 {
				roots = []string{"static", "stack"}
			}
			wanted, err := parseRoots(g, roots)
			if err != nil {
				return err
			}
			from, err := g.RootRanges(wanted)
			if err != nil {
				return err
			}
			r, err := f.Reach(cmd.Context(), from, unit)
			if err != nil {
				return err
			}
			a.Note("%s: %d of %s reached, %d referred to", args[0], r.Reached, wording.Count(r.Units, "unit"), r.Referenced)
			list := r.Unreached()
			if show == "unreferenced" {
				list = r.Unreferenced()
			}
			w := report.NewTable(a.Out, format, show, []string{"first", "last", "size", "mapping"}, 18, 18, -12)
			n := uint64(0)
			for part := range list {
				if n++; n > most && most > 0 {
					a.Note("%s: limited: not more than %d (-m); there are more", args[0], most)
					break
				}
				if err := w.Row(part.First, part.Last, part.Size(), regionName(g, part.First)); err != nil {
					return err
				}
			}
			if err := w.End(); err != nil {
				return err
			}
			return graphExit(g, n > 0)
		},
	}
	formatVar(cmd, &format)
	show = "unreached"
	fs := cmd.Flags()
	cli.ChoiceVar(cmd, &show, "show", "", "`WHAT` to list: unreached, unreferenced or components", "unreached", "unreferenced", "components")
	fs.StringArrayVar(&roots, "roots", nil, "where to begin: static, stack, the `NAME` of a mapping or a range; repeatable (default static and stack)")
	unit = graph.DefaultUnit
	fs.Var(cli.NewByteCount(&unit, 8, 1<<40), "unit", "units of `N` bytes, a power of 2")
	fs.VarP(cli.NewNumber(&most, 1, 1<<62), "max-count", "m", "print at most `N`")
	workersVar(cmd, &workers)
	return cmd
}

// printComponents prints the components of a graph.
func (a *commands) printComponents(cmd *cobra.Command, g *graph.Graph, f *graph.Forward, format string, unit uint64, most int) error {
	all, err := f.Components(cmd.Context(), unit)
	if err != nil {
		return err
	}
	w := report.NewTable(a.Out, format, "component", []string{"units", "edges", "first", "mapping"}, -12, -12, 18)
	for i, c := range all {
		if i == most && most > 0 {
			a.Note("limited: not more than %d of %d components (-m)", most, len(all))
			break
		}
		at := c.First
		if g.RegionAt(at) < 0 { // a unit may begin in front of its mapping
			if i := g.FirstRegion(addr.Range{First: at, Last: at + addr.Addr(unit-1)}); i >= 0 {
				at = g.Regions()[i].First
			}
		}
		if err := w.Row(c.Units, c.Edges, c.First, regionName(g, at)); err != nil {
			return err
		}
	}
	if err := w.End(); err != nil {
		return err
	}
	return graphExit(g, len(all) > 0)
}
