package graphcmd

import (
	"cmp"
	"errors"
	"slices"

	"vscan/cmd/vscan/internal/report"
	"vscan/engine/addr"
	"vscan/engine/graph"
	"vscan/engine/heap"
	"vscan/internal/wording"
)

// listed reports whether an object belongs into the list that --show names, unless that
// is heads.
func (q *objectsQuestion) listed(i int) bool {
	if q.r.Anchors[i] == graph.AnchorMalloc {
		return q.show == "all"
	}
	used, loss := q.r.Object(i).State == heap.Used, q.r.Losses[i]
	switch q.show {
	case "used":
		return used
	case "free":
		return !used
	case "leaked":
		return used && loss >= graph.LossIndirect
	case "possible":
		return used && loss == graph.LossPossible
	case "retained":
		return q.r.RetainedBy(i) > 0
	}
	return true
}

// rank returns the number by which objects are listed, the greatest first. It is 0
// where they are listed by address.
func (q *objectsQuestion) rank(i int) uint64 {
	switch q.show {
	case "retained":
		return q.r.RetainedBy(i)
	case "leaked", "possible":
		return q.r.Object(i).Size()
	}
	return 0
}

// best returns, of the numbers below n that are wanted, the k with the greatest ranks,
// by descending rank and then ascending; and how many are wanted.
func best(n, k int, wanted func(int) bool, rank func(int) uint64) (list []int, all int) {
	type ranked struct {
		rank uint64
		i    int
	}
	var some []ranked
	least := uint64(0) // once full is set, a rank has to exceed this
	full := false      // whether there are k candidates
	cut := func() {
		slices.SortFunc(some, func(a, b ranked) int { return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.i, b.i)) })
		if k > 0 && len(some) >= k {
			some, full = some[:k], true
			least = some[k-1].rank
		}
	}
	for i := range n {
		if !wanted(i) {
			continue
		}
		all++
		r := rank(i)
		if full && r <= least {
			continue
		}
		if some = append(some, ranked{r, i}); len(some)-k >= k+64 {
			cut()
		}
	}
	cut()
	for _, r := range some {
		list = append(list, r.i)
	}
	return list, all
}

// rows returns the most rows that are listed.
func (q *objectsQuestion) rows() int { return int(min(q.most, uint64(q.r.Len()))) }

// printObjects lists objects, and reports whether there were any.
func (q *objectsQuestion) printObjects() (bool, error) {
	list, all := best(q.r.Len(), q.rows(), q.listed, q.rank)
	w := report.NewTable(q.Out, q.format, "object", []string{"addr", "size", "state", "anchor", "retained", "mapping", "offset", "module", "module_offset", "loss"}, 18, -12, 6, 6, -14, 20, 10)
	at := graph.NewLocator(q.g)
	for _, i := range list {
		o := q.r.Object(i)
		anchor, loss, retained := q.r.Anchors[i].String(), q.r.Losses[i].String(), any(nil)
		if o.State != heap.Used || q.r.Anchors[i] == graph.AnchorMalloc {
			loss = "-"
			if q.r.Anchors[i] != graph.AnchorMalloc {
				anchor = "-"
			}
		}
		if q.r.HasRetained() {
			retained = q.r.RetainedBy(i)
		} else if o.State != heap.Used || q.r.Losses[i] >= graph.LossIndirect {
			retained = uint64(0)
		}
		if !at.Find(o.First) {
			return false, unmapped(o.First)
		}
		row := []any{o.First, o.Size(), o.State.String(), anchor, retained, at.Mapping(), at.Offset(o.First)}
		if q.format != "text" {
			module, offset := moduleOf(at, o.First)
			row = append(row, module, offset)
		}
		if q.format != "text" || q.show != "retained" { // objects that retain others are rarely lost
			row = append(row, loss)
		}
		if err := w.Row(row...); err != nil {
			return false, err
		}
	}
	q.noteLimit(len(list), all, "object")
	return all > 0, w.End()
}

// unmapped returns the error that an object lies where the graph has no memory.
func unmapped(a addr.Addr) error {
	return errors.New("the object at " + a.String() + " is not mapped: the graph is damaged; build it again")
}

// noteLimit tells how many rows were listed, where these are not all.
func (q *objectsQuestion) noteLimit(listed, all int, noun string) {
	if listed < all && q.format == "text" {
		q.Note("limited: not more than %d of %s (-m)", listed, wording.Count(uint64(all), noun))
	}
}

// printHeads lists the heads, those that lead to most bytes first.
func (q *objectsQuestion) printHeads() error {
	heads := q.r.Heads
	list, all := best(len(heads), q.rows(), func(int) bool { return true }, func(i int) uint64 { return heads[i].Bytes })
	w := report.NewTable(q.Out, q.format, "leak", []string{"addr", "size", "blocks", "bytes", "words", "first", "mapping", "offset"}, 18, -12, -8, -12, 36, 24, 12)
	at := graph.NewLocator(q.g)
	for _, k := range list {
		h := heads[k]
		o := q.r.Object(h.Object)
		if !at.Find(o.First) {
			return unmapped(o.First)
		}
		words, first := q.firstWords(o)
		if err := w.Row(o.First, o.Size(), h.Blocks, h.Bytes, words, first, at.Mapping(), at.Offset(o.First)); err != nil {
			return err
		}
	}
	q.noteLimit(len(list), all, "head")
	return w.End()
}

// firstWords returns the first two words of an object. Where the first word leads into
// a module, as the pointer to a table of virtual functions does, place is the place
// there, a string; otherwise it is nil.
func (q *objectsQuestion) firstWords(o heap.Object) (words []string, place any) {
	memory := q.t.Space.For(q.g.Arch())
	for i := range 2 {
		v, err := memory.Word(o.First + addr.Addr(i*q.g.Arch().WordSize()))
		if err != nil {
			break
		}
		words = append(words, addr.Addr(v).String())
		if i == 0 {
			place = q.modulePlace(addr.Addr(v))
		}
	}
	return words, place
}

// modulePlace returns the place of an address that lies in a module, a string;
// otherwise nil.
func (q *objectsQuestion) modulePlace(a addr.Addr) any {
	l := graph.NewLocator(q.g)
	if a == 0 || !l.Find(a) {
		return nil
	}
	if _, isModule := l.Name(); !isModule {
		return nil
	}
	return l.Text(a)
}

// headGroup is a group of heads that have one size, and whose first words lead to the
// same place in a module, or all to none.
type headGroup struct {
	size          uint64    // bytes of each head
	first         string    // the place that first words lead to; "": none
	heads         uint64    // how many heads there are
	blocks, bytes uint64    // the objects that all of them lead to, and their size
	example       addr.Addr // the address of the first head
}

// printGroups lists the groups of heads, those that lead to most bytes first.
func (q *objectsQuestion) printGroups() error {
	type key struct {
		size  uint64
		first string
	}
	index := map[key]int{}
	var groups []headGroup
	for _, h := range q.r.Heads {
		o := q.r.Object(h.Object)
		k := key{size: o.Size()}
		if _, place := q.firstWords(o); place != nil {
			k.first = place.(string)
		}
		i, ok := index[k]
		if !ok {
			i = len(groups)
			index[k] = i
			groups = append(groups, headGroup{size: k.size, first: k.first, example: o.First})
		}
		g := &groups[i]
		g.heads++
		g.blocks += h.Blocks
		g.bytes += h.Bytes
	}
	list, all := best(len(groups), q.rows(), func(int) bool { return true }, func(i int) uint64 { return groups[i].bytes })
	w := report.NewTable(q.Out, q.format, "leak_group", []string{"heads", "size", "blocks", "bytes", "first", "addr"}, -8, -12, -8, -12, 24, 18)
	for _, i := range list {
		g := groups[i]
		first := any(nil)
		if g.first != "" {
			first = g.first
		}
		if err := w.Row(g.heads, g.size, g.blocks, g.bytes, first, g.example); err != nil {
			return err
		}
	}
	q.noteLimit(len(list), all, "group")
	return w.End()
}
