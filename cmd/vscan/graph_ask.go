package main

import (
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"vscan/engine/addr"
	"vscan/engine/graph"
)

func (a *app) graphToCommand() *cobra.Command {
	var format string
	var window offsets
	var most uint64
	cmd := &cobra.Command{
		Use:   "to [flags] FILE TARGET",
		Short: "Who refers to an address, a range or a mapping",
		Long: `to prints the words that refer to a target: the word's address, its mapping and
the offset there, the address that it holds, the mapping and offset of that, and how
far it is from the start of the target; in order of the address that the word
holds, then of the word's. --window LO..HI
finds those too that refer near it: to where an offset from LO to HI leads to the
target.`,
		Example:               "  vscan graph to core.graph 0x7f3a5c001000\n  vscan graph to core.graph libc.so.6 -o jsonl\n  vscan graph to core.graph 0x7f3a5c001010 --window 0..64",
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError(cmd, "want the file of a graph and a target: vscan graph to FILE TARGET")
			}
			return a.askGraph(args, format, most, true, func(g *graph.Graph, r addr.Range) iter.Seq2[graph.Edge, error] {
				return g.To(window.Before(r))
			})
		},
	}
	formatVar(cmd, &format)
	cmd.Flags().Var(&window, "window", "offsets `LO..HI` that lead from what a word holds to the target, or HI alone; a - goes in front of negative ones")
	cmd.Flags().VarP(number{&most, 1, 1 << 62}, "max-count", "m", "print at most `N`")
	return cmd
}

func (a *app) graphFromCommand() *cobra.Command {
	var format string
	var most uint64
	cmd := &cobra.Command{
		Use:   "from [flags] FILE RANGE",
		Short: "What a range of addresses or a mapping refers to",
		Long: `from prints the words in a range, or in a mapping, that refer to something, by
address: the word's address, its mapping and the offset there, the address that it
holds, and the mapping and offset of that.`,
		Example:               "  vscan graph from core.graph '[heap]'\n  vscan graph from core.graph 0x7f3a5d000000+64 -o csv",
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError(cmd, "want the file of a graph and a range: vscan graph from FILE RANGE")
			}
			return a.askGraph(args, format, most, false, func(g *graph.Graph, r addr.Range) iter.Seq2[graph.Edge, error] { return g.From(r) })
		},
	}
	formatVar(cmd, &format)
	cmd.Flags().VarP(number{&most, 1, 1 << 62}, "max-count", "m", "print at most `N`")
	return cmd
}

// askGraph prints the edges that ask yields for each range of a target; into
// says that the distance into the range is of interest.
func (a *app) askGraph(args []string, format string, most uint64, into bool, ask func(*graph.Graph, addr.Range) iter.Seq2[graph.Edge, error]) error {
	g, err := a.openGraph(args[0])
	if err != nil {
		return err
	}
	defer g.Close()
	ranges, err := graphTarget(g, args[1])
	if err != nil {
		return err
	}
	w := a.newTable(format, "ref", []string{"src", "dst", "src_mapping", "src_offset", "dst_mapping", "dst_offset"}, 18, 24, 18, 24)
	n := uint64(0)
	last := func(x addr.Addr, at int) int { // the region of an address; mostly the last one's
		if at >= 0 && g.Regions()[at].Contains(x) {
			return at
		}
		return g.RegionAt(x)
	}
	from, to := -1, -1
	for _, r := range ranges {
		for e, err := range ask(g, r) {
			if err != nil {
				return err
			}
			if n == most && most > 0 {
				a.note("%s: limited: not more than %d (-m); there are more", args[0], most)
				return graphExit(g, true)
			}
			n++
			if from, to = last(e.Source, from), last(e.Target, to); from < 0 || to < 0 {
				return fmt.Errorf("%s: the word at %v, or what it refers to, %v, is not mapped: the file is damaged; build the graph again", args[0], e.Source, e.Target)
			}
			src, dst := &g.Regions()[from], &g.Regions()[to]
			if format == "text" && into {
				err = w.row(e.Source, shortPath(src.Name)+"+"+(e.Source-src.First).String(), e.Target, shortPath(dst.Name)+"+"+(e.Target-dst.First).String(), int64(e.Target-r.First))
			} else if format == "text" {
				err = w.row(e.Source, shortPath(src.Name)+"+"+(e.Source-src.First).String(), e.Target, shortPath(dst.Name)+"+"+(e.Target-dst.First).String())
			} else {
				err = w.row(e.Source, e.Target, src.Name, e.Source-src.First, dst.Name, e.Target-dst.First)
			}
			if err != nil {
				return err
			}
		}
	}
	if err := w.end(); err != nil {
		return err
	}
	return graphExit(g, n > 0)
}

func (a *app) graphTopCommand() *cobra.Command {
	var format, what string
	var most, workers uint64
	cmd := &cobra.Command{
		Use:   "top [flags] FILE",
		Short: "What is referred to most",
		Long: `top lists the addresses that most words refer to, or with --by page the pages of
4 KiB, or with --by region the regions: how many, where, and the mapping there.`,
		Example:               "  vscan graph top core.graph\n  vscan graph top core.graph --by page -m 5",
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError(cmd, "want the file of a graph: vscan graph top FILE")
			}
			g, err := a.openGraph(args[0])
			if err != nil {
				return err
			}
			defer g.Close()
			var top []graph.Ranked
			switch what {
			case "page":
				top, err = g.TopPages(int(most))
			case "region":
				top, err = g.TopRegions(cmd.Context(), int(most), int(workers))
			default:
				top, err = g.TopTargets(cmd.Context(), int(most), int(workers))
			}
			if err != nil {
				return err
			}
			w := a.newTable(format, "top", []string{"edges", "addr", "size", "mapping", "offset"}, -12, 18, -12, 24)
			for _, r := range top {
				i := g.RegionAt(r.First)
				if i < 0 && r.Size() > 1 { // a page that begins before its mapping
					i = firstRegion(g, r.Range)
				}
				if i < 0 {
					return fmt.Errorf("%s: %v is not mapped: the file is damaged; build the graph again", args[0], r.First)
				}
				region := g.Regions()[i]
				if err := w.row(r.Edges, r.First, r.Size(), region.Name, int64(r.First-region.First)); err != nil {
					return err
				}
			}
			if err := w.end(); err != nil {
				return err
			}
			return graphExit(g, len(top) > 0)
		},
	}
	formatVar(cmd, &format)
	what = "address"
	choiceVar(cmd, &what, "by", "", "`WHAT` to rank: address, page or region", "address", "page", "region")
	most = 20
	cmd.Flags().VarP(number{&most, 1, 1 << 24}, "max-count", "m", "show `N`")
	workersVar(cmd, &workers)
	return cmd
}

// firstRegion is the index of the first region in r, −1 where there is none.
func firstRegion(g *graph.Graph, r addr.Range) int {
	for i, region := range g.Regions() {
		if region.Overlaps(r) {
			return i
		}
	}
	return -1
}
