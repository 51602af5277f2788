package graphcmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/report"
	"vscan/engine/graph"
	"vscan/engine/where"
	"vscan/internal/wording"
)

const chainsHelp = `chains prints chains of pointers that lead from roots to a target: the root as
module + offset, what is added to each pointer on the way, and the address where
the last one leads. Each pointer, plus an offset in the window, is where the next
one lies, or the target.

All walks are counted, exactly, also where there are too many to list. Listed are
the best: those with the fewest pointers, then those that begin in the data of the
program itself, of libraries, in stacks, elsewhere, then with the smallest offsets.
Chains that come by a word twice are left out.

Roots are static (the data of modules, .bss included; the default), stack, the
name of a mapping, or a range, whose ends may be places. vscan read follows a chain
as it is printed: 'BASE -> +0x10 -> -0x8'. With --also only those chains are listed that hold
in other graphs of the same program too, by module and offsets; FILE@ADDR says
where they have to lead there.`

func (a *commands) chainsCommand() *cobra.Command {
	var format string
	var window offsets
	var depth, most, workers uint64
	var roots, also []string
	var every, count bool
	cmd := &cobra.Command{
		Use:   "chains [flags] FILE TARGET",
		Short: "By which chains of pointers roots reach a target",
		Long:  chainsHelp,
		Example: `  vscan graph chains core.graph 0x7ffd1010 --roots '[heap]'
  vscan graph chains core.graph 0x7ffd1018 --depth 6 --window 4095 --roots '[heap]' -m 10
  vscan graph chains core.graph 0x7ffd1010 --roots '[heap]' --also core.graph@0x7ffd1010`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return cli.UsageError(cmd, "want the file of a graph and a target: vscan graph chains FILE TARGET")
			}
			q := chainQuestion{commands: a, ctx: cmd.Context(), path: args[0], format: format, most: int(most), every: every, count: count, workers: int(workers)}
			q.opt.Depth = int(depth)
			if window.set {
				q.opt.Window = &window.Window
			}
			defer q.close()
			return q.ask(args[1], roots, also)
		},
	}
	formatVar(cmd, &format)
	fs := cmd.Flags()
	depth, most = 5, 1000
	fs.Var(cli.NewNumber(&depth, 1, graph.MaxDepth), "depth", "at most `N` pointers")
	fs.Var(&window, "window", "offsets `LO..HI` that may be added to a pointer, or HI alone; a - goes in front of negative ones (default 0..1023)")
	fs.StringArrayVar(&roots, "roots", nil, "where chains begin: static, stack, the `NAME` of a mapping or a range; repeatable (default static)")
	fs.StringArrayVar(&also, "also", nil, "only chains that hold in the graph `FILE[@ADDR]` too, and lead to ADDR there; repeatable")
	fs.VarP(cli.NewNumber(&most, 1, 1<<24), "max-count", "m", "list the best `N`")
	fs.BoolVar(&every, "all", false, "list every chain as it is found: fewest pointers first, then by class of root and by address")
	fs.BoolVarP(&count, "count", "c", false, "print how many walks there are, by number of pointers, and no chains")
	workersVar(cmd, &workers)
	return cmd
}

// chainQuestion is one call of graph chains.
type chainQuestion struct {
	*commands
	ctx          context.Context
	path, format string
	most         int  // -m
	every, count bool // --all, -c
	workers      int
	opt          graph.ChainOptions
	open         []*graph.Graph // all graphs that load has opened
}

// close closes all graphs.
func (q *chainQuestion) close() {
	for _, g := range q.open {
		g.Close()
	}
}

// load opens a graph and computes its edges by source.
func (q *chainQuestion) load(path string) (*graph.Graph, *graph.Forward, error) {
	g, err := q.openGraph(q.ctx, path)
	if err != nil {
		return nil, nil, err
	}
	q.open = append(q.open, g)
	f, err := g.Forward(q.ctx, q.workers)
	return g, f, err
}

// ask answers the question: it counts or lists the chains from roots to a target that
// hold in the graphs of --also as well.
func (q *chainQuestion) ask(target string, roots, also []string) error {
	g, f, err := q.load(q.path)
	if err != nil {
		return err
	}
	ranges, err := targetRanges(g, target)
	if err != nil {
		return err
	}
	if len(ranges) > 1 {
		return fmt.Errorf("%s: %d separate ranges, and chains lead to one: give an address or a range", target, len(ranges))
	}
	q.opt.Target = ranges[0]
	if q.opt.Roots, err = parseRoots(g, roots); err != nil {
		return err
	}
	for _, arg := range also {
		path, at, named := cutLast(arg, "@")
		og, other, err := q.load(path)
		if err != nil {
			return fmt.Errorf("--also %s: %w", arg, err)
		}
		o := graph.OtherGraph{Forward: other}
		if named {
			r, err := where.Parse(og.Places(), at)
			if err != nil {
				return fmt.Errorf("--also %s: %w", arg, err)
			}
			o.Target = &r
		}
		q.opt.OtherGraphs = append(q.opt.OtherGraphs, o)
	}
	c, err := f.Chains(q.opt)
	if err != nil {
		return err
	}
	if c.RootCount() == 0 {
		q.Note("%s: no word at the roots refers to anything, so no chain can begin: see vscan graph info, and --roots", q.path)
	}
	if q.count {
		return q.printCounts(g, c)
	}
	return q.list(g, c)
}

// parseRoots reads the values of --roots.
func parseRoots(g *graph.Graph, args []string) (graph.Roots, error) {
	var r graph.Roots
	for _, arg := range args {
		switch arg {
		case "static":
			r.Static = true
		case "stack":
			r.Stack = true
		case "":
			return r, errors.New(`--roots "": want static, stack, the name of a mapping or a range`)
		default:
			name, ranges := named(g, strings.TrimPrefix(arg, "@"))
			if len(ranges) == 0 && name != arg { // a name that has an @ itself, as it was printed
				if whole, some := named(g, arg); len(some) > 0 {
					name, ranges = whole, some
				}
			}
			if p, err := parsePlace(arg); err == nil {
				r.Ranges = append(r.Ranges, p)
			} else if len(ranges) > 0 || !where.IsPlace(name) {
				r.Names = append(r.Names, name)
			} else if p, err = where.Parse(g.Places(), name); err == nil {
				r.Ranges = append(r.Ranges, p)
			} else if p, bad := where.Parse(g.Places(), arg); bad == nil {
				r.Ranges = append(r.Ranges, p)
			} else {
				return r, fmt.Errorf("--roots: %w", err)
			}
		}
	}
	return r, nil
}

// printCounts prints how many walks there are of each number of pointers.
func (q *chainQuestion) printCounts(g *graph.Graph, c *graph.Chains) error {
	w := report.NewTable(q.Out, q.format, "walks", []string{"pointers", "walks", "exact"}, -8, -30)
	found := false
	for n := 1; n <= q.opt.Depth; n++ {
		walks, exact, err := c.Walks(q.ctx, n)
		if err != nil {
			return err
		}
		found = found || walks.Sign() > 0 || !exact
		var count any = report.Digits(walks.String())
		if !exact {
			count = "too many to count"
		}
		if err := w.Row(uint64(n), count, exact); err != nil {
			return err
		}
	}
	return graphExit(g, found)
}

// chainSteps returns the offsets of a chain as vscan read takes them.
func chainSteps(offsets []int64) string {
	var steps []string
	for _, o := range offsets {
		steps = append(steps, "-> "+where.StepText(o))
	}
	return strings.Join(steps, " ")
}

// list prints chains, and then tells how many walks there are and what was left out.
func (q *chainQuestion) list(g *graph.Graph, c *graph.Chains) error {
	w := report.NewTable(q.Out, q.format, "chain", []string{"base", "offsets", "addr"}, 32, 40)
	n := 0
	row := func(ch *graph.Chain) error {
		n++
		base := wording.Place(ch.Place.Name, int64(ch.Place.Offset))
		offsets := make([]string, len(ch.Offsets))
		for i, o := range ch.Offsets {
			offsets[i] = wording.Offset(o)
		}
		if q.format == "text" {
			base = wording.Place(wording.ShortName(ch.Place.Name), int64(ch.Place.Offset))
			return w.Row(base, chainSteps(ch.Offsets), ch.Target)
		}
		return w.Row(base, offsets, ch.Target)
	}
	var left graph.LeftOut
	if q.every {
		for ch, err := range c.All(q.ctx, &left) {
			if err != nil {
				return err
			}
			if err := row(ch); err != nil {
				return err
			}
		}
	} else {
		best, err := c.Best(q.ctx, q.most, &left)
		if err != nil {
			return err
		}
		for i := range best {
			if err := row(&best[i]); err != nil {
				return err
			}
		}
	}
	if err := w.End(); err != nil {
		return err
	}
	for k := 1; k <= q.opt.Depth; k++ {
		walks, exact, err := c.Walks(q.ctx, k)
		if err != nil {
			return err
		}
		switch {
		case !exact:
			q.Note("%s of %s: too many walks to count", q.path, wording.Count(uint64(k), "pointer"))
		case walks.Sign() > 0:
			noun := "walks"
			if walks.IsUint64() && walks.Uint64() == 1 {
				noun = "walk"
			}
			q.Note("%s: %v %s of %s", q.path, walks, noun, wording.Count(uint64(k), "pointer"))
		}
	}
	what := fmt.Sprintf("%s listed", wording.Count(uint64(n), "chain"))
	if !q.every && n == q.most {
		what = fmt.Sprintf("the best %s listed (-m, or --all)", wording.Count(uint64(n), "chain"))
	}
	if left.Loops > 0 {
		what += fmt.Sprintf("; %s left out", wording.Count(left.Loops, "loop"))
	}
	if left.NotInOthers > 0 {
		what += fmt.Sprintf("; %d that do not hold in the other graphs", left.NotInOthers)
	}
	q.Note("%s: %s", q.path, what)
	return graphExit(g, n > 0)
}

// cutLast splits s at the last sep, where there is text on either side of it. Otherwise
// it returns all of s as the first part.
func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i <= 0 || i+len(sep) == len(s) {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
