package view

import (
	"cmp"
	"slices"

	"vscan/engine/addr"
	"vscan/engine/graph"
	"vscan/internal/wording"
)

// picture draws the neighbourhood of the target and the best chains to it.
func (v *page) picture() error {
	target, err := v.target()
	if target == nil || err != nil {
		return err
	}
	v.data.Target = target.First.String()
	if target.Last > target.First {
		v.data.Target = target.String()
	}
	f, err := v.g.Forward(v.ctx, v.options.Workers)
	if err != nil {
		return err
	}
	d := drawing{v: v, f: f, place: graph.NewLocator(v.g), index: map[addr.Addr]int{}, links: map[[2]int]int{}}
	d.node(target.First, 0, "target")
	if err := v.chains(f, *target, &d); err != nil {
		return err
	}
	if err := d.spread(); err != nil {
		return err
	}
	d.count()
	v.data.Nodes = d.nodes
	for l, n := range d.links {
		v.data.Links = append(v.data.Links, [3]int{l[0], l[1], n})
	}
	slices.SortFunc(v.data.Links, func(a, b [3]int) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	return nil
}

// target returns what the picture is of: what was asked for, or else the address that
// is referred to most; nil where nothing is.
func (v *page) target() (*addr.Range, error) {
	if v.options.Target != nil || len(v.data.Targets) == 0 {
		return v.options.Target, nil
	}
	a, err := addr.Parse(v.data.Targets[0].Addr)
	return &addr.Range{First: a, Last: a}, err
}

func (v *page) chains(f *graph.Forward, target addr.Range, d *drawing) error {
	o := graph.ChainOptions{Target: target, Depth: 5, Window: v.options.Window}
	c, err := f.Chains(o)
	if err != nil {
		return err
	}
	best, err := c.Best(v.ctx, maxChains, nil)
	if err != nil {
		return err
	}
	for _, ch := range best {
		row := chainRow{Base: wording.Place(wording.Escape(wording.ShortName(ch.Place.Name)), int64(ch.Place.Offset)), Addr: ch.Target.String()}
		for i, w := range ch.Words {
			row.Words = append(row.Words, w.String())
			row.Offsets = append(row.Offsets, wording.Offset(ch.Offsets[i]))
		}
		v.data.Chains = append(v.data.Chains, row)
		d.chain(&ch)
	}
	for n := 1; n <= o.Depth; n++ {
		walks, exact, err := c.Walks(v.ctx, n)
		if err != nil {
			return err
		}
		text := walks.String()
		if !exact {
			text = "too many to count"
		}
		v.data.Walks = append(v.data.Walks, text)
	}
	return nil
}

// drawing is the nodes and links of the picture: units of memory.
type drawing struct {
	v     *page
	f     *graph.Forward
	place *graph.Locator
	index map[addr.Addr]int // by the start of the unit
	nodes []nodeRow
	at    []addr.Addr
	links map[[2]int]int
}

// node is the number of the unit that an address is in; −1 where there is no
// room for it.
func (d *drawing) node(a addr.Addr, hops int, role string) int {
	u := a.AlignDown(nodeBytes)
	if i, known := d.index[u]; known {
		if was := d.nodes[i].Role; was != "target" && (role == "root" || role == "chain" && was == "near") {
			d.nodes[i].Role = role
		}
		return i
	}
	if len(d.nodes) == maxNodes {
		return -1
	}
	i := len(d.nodes)
	d.index[u] = i
	d.nodes = append(d.nodes, nodeRow{Addr: u.String(), Place: wording.Escape(d.place.TextOf(addr.Range{First: u, Last: a})), Hops: hops, Role: role})
	d.at = append(d.at, u)
	return i
}

// chain draws a chain.
func (d *drawing) chain(ch *graph.Chain) {
	last := -1
	for i, w := range append(slices.Clone(ch.Words), ch.Target) {
		role := "chain"
		if i == 0 {
			role = "root"
		}
		n := d.node(w, len(ch.Words)-i, role)
		if n < 0 {
			return
		}
		if last >= 0 && last != n {
			d.links[[2]int{last, n}] += 0 // perhaps none of an edge: an offset is added
		}
		last = n
	}
}

// spread draws what refers to the nodes and what they refer to, nearest first,
// as long as there is room.
func (d *drawing) spread() error {
	for i := 0; i < len(d.nodes); i++ {
		hops := d.nodes[i].Hops
		r := addr.Range{First: d.at[i], Last: d.at[i] + nodeBytes - 1}
		n := 0
		for e := range d.f.From(r) {
			d.follow(i, e.Target, hops, n)
			n++
		}
		n = 0
		for e, err := range d.v.g.To(r) {
			if err != nil {
				return err
			}
			d.follow(i, e.Source, hops, n)
			n++
		}
	}
	return nil
}

// follow draws the node of an address that node i has to do with; n is how many
// of its kind there were before.
func (d *drawing) follow(i int, a addr.Addr, hops, n int) {
	if _, known := d.index[a.AlignDown(nodeBytes)]; known {
		return
	}
	if n >= maxFan || hops >= 2 || d.node(a, hops+1, "near") < 0 {
		d.nodes[i].More++
	}
}

// count counts the edges between the nodes.
func (d *drawing) count() {
	for i, u := range d.at {
		for e := range d.f.From(addr.Range{First: u, Last: u + nodeBytes - 1}) {
			if j, known := d.index[e.Target.AlignDown(nodeBytes)]; known && i != j {
				d.links[[2]int{i, j}]++
			}
		}
	}
}
