package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"vscan/engine/graph"
	"vscan/engine/heap"
)

const objectsHelp = `objects recognises the heaps of glibc's malloc by the heads of their chunks, and
tells which objects are in use, what keeps each of them, and how much would go if
it went (its retained size). It needs the graph and the image that it was made of.

--show retained lists the objects in use that retain most (the default), leaked
those that nothing outside of the heap leads to, largest first, all every object
by address.

What keeps an object: static (the data of a module), stack, other memory that is no
object, or none. Registers are not seen: what only a register refers to counts as
leaked. Objects that were freed and wait in a thread's cache or in a fastbin to be
given out again are not in use.`

func (a *app) graphObjectsCommand() *cobra.Command {
	var format, show string
	var f imageFlags
	var most, workers uint64
	cmd := &cobra.Command{
		Use:                   "objects [flags] FILE IMAGE",
		Short:                 "The objects of a heap: leaked, kept by what, and what they retain",
		Long:                  objectsHelp,
		Example:               "  vscan graph objects core.graph core.1234\n  vscan graph objects core.graph core.1234 --show leaked -m 10",
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError(cmd, "want the file of a graph and its image: vscan graph objects FILE IMAGE")
			}
			g, err := a.openGraph(args[0])
			if err != nil {
				return err
			}
			defer g.Close()
			t, err := f.open(args[1])
			if err != nil {
				return err
			}
			defer t.Close()
			if err := g.Check(t.space); err != nil {
				return err
			}
			heaps, err := heap.Find(cmd.Context(), t.space, g.Arch())
			if err != nil {
				return err
			}
			if len(heaps.Objects()) == 0 {
				a.note("%s: no heap of glibc's malloc was recognised", args[1])
				return graphExit(g, false)
			}
			fw, err := g.Forward(cmd.Context(), int(workers))
			if err != nil {
				return err
			}
			r, err := fw.Retention(cmd.Context(), heaps)
			if err != nil {
				return err
			}
			a.noteObjects(args[1], r)
			return a.printObjects(g, r, format, show, int(most))
		},
	}
	formatVar(cmd, &format)
	show, most = "retained", 20
	fs := cmd.Flags()
	choiceVar(cmd, &show, "show", "", "`WHAT` to list: retained, leaked or all", "retained", "leaked", "all")
	fs.VarP(number{&most, 1, 1 << 40}, "max-count", "m", "list at most `N`")
	workersVar(cmd, &workers)
	f.register(cmd)
	return cmd
}

// noteObjects tells how many objects there are, and what keeps them.
func (a *app) noteObjects(arg string, r *graph.Retention) {
	type sum struct{ n, bytes uint64 }
	var states [heap.Fast + 1]sum
	var anchors [graph.Nothing + 1]sum
	for i, o := range r.Heaps.Objects() {
		s := &states[o.State]
		s.n, s.bytes = s.n+1, s.bytes+o.Size()
		if o.State == heap.Used {
			k := &anchors[r.Anchors[i]]
			k.n, k.bytes = k.n+1, k.bytes+o.Size()
		}
	}
	tell := func(s sum) string { return fmt.Sprintf("%d (%s)", s.n, size(s.bytes)) }
	a.note("%s: objects: %s used, %s free, %s cached; %s between them", arg, tell(states[heap.Used]), tell(states[heap.Free]), tell(states[heap.Cached]), plural(r.Edges, "reference"))
	a.note("%s: kept by static data: %s, stacks: %s, other memory: %s; leaked: %s", arg,
		tell(anchors[graph.Static]), tell(anchors[graph.Stack]), tell(anchors[graph.Elsewhere]), tell(anchors[graph.Nothing]))
}

func (a *app) printObjects(g *graph.Graph, r *graph.Retention, format, show string, most int) error {
	objects := r.Heaps.Objects()
	var list []int
	for i, o := range objects {
		switch {
		case show == "all",
			show == "leaked" && o.State == heap.Used && r.Anchors[i] == graph.Nothing,
			show == "retained" && r.Retained[i] > 0:
			list = append(list, i)
		}
	}
	switch show {
	case "retained":
		slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(r.Retained[b], r.Retained[a]) })
	case "leaked":
		slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(objects[b].Size(), objects[a].Size()) })
	}
	w := a.newTable(format, "object", []string{"addr", "size", "state", "anchor", "retained", "mapping", "offset", "module", "module_offset"}, 18, -12, 6, 6, -14, 20)
	at := newLocated(g)
	for k, i := range list {
		if k == most {
			if format == "text" {
				a.note("limited: not more than %d of %d objects (-m)", most, len(list))
			}
			break
		}
		o := objects[i]
		anchor := r.Anchors[i].String()
		if o.State != heap.Used {
			anchor = "-"
		}
		if !at.find(o.First) {
			return fmt.Errorf("the object at %v is not mapped: the graph is damaged; build it again", o.First)
		}
		row := []any{o.First, o.Size(), o.State.String(), anchor, r.Retained[i], at.mapping(), at.offset(o.First)}
		if format != "text" {
			module, offset := at.module(o.First)
			row = append(row, module, offset)
		}
		if err := w.row(row...); err != nil {
			return err
		}
	}
	if err := w.end(); err != nil {
		return err
	}
	return graphExit(g, len(list) > 0)
}
