package graph

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math/bits"
	"slices"

	"vscan/engine"
	"vscan/engine/addr"
)

// Units are what reach and components speak of: blocks of memory of one size, aligned.
// What reaches a byte of a unit is taken to reach all of it, and with it all that its
// words refer to. A page is coarse, but what is not reached by pages is not reached at
// all. A small unit, of 16 bytes for example, does not follow a pointer to the head of an
// object on to the rest of it.
const (
	// DefaultUnit is a page, in bytes.
	DefaultUnit = 4096
	maxReach    = 1 << 32 // the most units
)

// Reach is what is reached from roots, by units.
type Reach struct {
	f          *Forward
	units      numbering
	reached    []uint64
	referenced []uint64
	Units      uint64 // units that are mapped
	Reached    uint64 // units of them that are reached
	Referenced uint64 // units of them that anything refers to, be it a word of the unit itself
}

// units numbers the units of all that is mapped.
func (g *Graph) units(ctx context.Context, size uint64) (numbering, error) {
	if size < 8 || size > 1<<40 || bits.OnesCount64(size) != 1 {
		return numbering{}, fmt.Errorf("units of %d bytes: want a power of 2, 8 or more", size)
	}
	n, err := newNumbering(ctx, log2(size), rangesOf(g.regions))
	if err == nil && n.count > maxReach {
		err = fmt.Errorf("%d units of %d bytes are more than 2^32: take larger ones", n.count, size)
	}
	return n, err
}

// Reach follows all edges from the units that roots lie in. unit is the size of a unit in
// bytes, a power of 2 from 8 on; 0 is DefaultUnit. It costs O(units + edges). The error is
// that of the unit, or the cause of the context's end.
func (f *Forward) Reach(ctx context.Context, roots []addr.Range, unit uint64) (*Reach, error) {
	units, err := f.g.units(ctx, cmp.Or(unit, DefaultUnit))
	if err != nil {
		return nil, err
	}
	if err := f.g.take(units.count/4+16*min(units.count, uint64(len(f.targets))), forReach); err != nil { // bits, and units that wait
		return nil, err
	}
	r := &Reach{f: f, units: units, Units: units.count}
	r.reached, r.referenced = make([]uint64, units.count/64+1), make([]uint64, units.count/64+1)
	var todo []uint64
	visit := func(u uint64) {
		if r.reached[u/64]>>(u%64)&1 == 0 {
			r.reached[u/64] |= 1 << (u % 64)
			todo = append(todo, u)
		}
	}
	hint, at := 0, 0
	for _, root := range restrict(rangesOf(f.g.regions), roots) {
		if len(roots) == 0 {
			break
		}
		first, _ := units.number(root.First, &hint)
		last, _ := units.number(root.Last, &hint)
		for u := first; u <= last; u++ {
			visit(u)
		}
	}
	var hints [hintCount]int
	for n := 0; len(todo) > 0; n++ {
		if n&0xfff == 0 {
			if err := context.Cause(ctx); err != nil {
				return nil, err
			}
		}
		u := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		first := units.at(u, &at)
		lo, hi := f.span(addr.Range{First: first, Last: first + 1<<units.shift - 1}, &hints[(first>>hintShift)%hintCount])
		for e := lo; e < hi; e++ {
			v := f.target(e)
			if to, ok := units.number(v, &hints[(v>>hintShift)%hintCount]); ok {
				visit(to)
			}
		}
	}
	for _, v := range f.targets {
		if to, ok := units.number(v, &hints[(v>>hintShift)%hintCount]); ok {
			r.referenced[to/64] |= 1 << (to % 64)
		}
	}
	r.Reached, r.Referenced = ones(r.reached), ones(r.referenced)
	return r, nil
}

// rangesOf returns the addresses of regions, merged.
func rangesOf(regions []Region) []addr.Range {
	ranges := make([]addr.Range, len(regions))
	for i, r := range regions {
		ranges[i] = r.Range
	}
	return addr.Merge(ranges)
}

// ones returns how many bits are set.
func ones(b []uint64) (n uint64) {
	for _, w := range b {
		n += uint64(bits.OnesCount64(w))
	}
	return n
}

// IsReached reports whether the unit of an address is reached.
func (r *Reach) IsReached(a addr.Addr) bool { return r.has(r.reached, a) }

// IsReferenced reports whether anything refers to the unit of an address.
func (r *Reach) IsReferenced(a addr.Addr) bool { return r.has(r.referenced, a) }

// has reports whether the unit of an address is in a set.
func (r *Reach) has(set []uint64, a addr.Addr) bool {
	hint := 0
	u, ok := r.units.number(a, &hint)
	return ok && set[u/64]>>(u%64)&1 == 1
}

// Unreached yields the memory that is present and not reached, ascending, in ranges as
// long as can be, cut at the borders of regions.
func (r *Reach) Unreached() iter.Seq[addr.Range] { return r.lacking(r.reached) }

// Unreferenced yields the memory that is present and that nothing refers to, in the way of
// Unreached.
func (r *Reach) Unreferenced() iter.Seq[addr.Range] { return r.lacking(r.referenced) }

// lacking yields the memory that is present and whose units are not in a set.
func (r *Reach) lacking(set []uint64) iter.Seq[addr.Range] {
	return func(yield func(addr.Range) bool) {
		hint, at := 0, 0
		for _, region := range r.f.g.regions {
			if region.State == engine.Absent {
				continue
			}
			first, _ := r.units.number(region.First, &hint)
			last, _ := r.units.number(region.Last, &hint)
			for u := first; u <= last; u++ {
				if set[u/64]>>(u%64)&1 == 1 {
					continue
				}
				v := u
				for v < last && set[(v+1)/64]>>((v+1)%64)&1 == 0 {
					v++
				}
				part := addr.Range{First: max(region.First, r.units.at(u, &at))}
				part.Last = min(region.Last, r.units.at(v, &at)+1<<r.units.shift-1)
				if !yield(part) {
					return
				}
				u = v
			}
		}
	}
}

// Component is units that hang together by edges, whichever way these lead.
type Component struct {
	First addr.Addr // the first address of the lowest unit
	Units uint64
	Edges uint64
}

// maxComponents is the most units that Components takes.
const maxComponents = 1 << 28

// Components returns the weakly connected components that have an edge: those with most
// units first, and of those with as many the lowest first. unit is that of Reach. They are
// found by joining sets (union-find, with halved paths).
func (f *Forward) Components(ctx context.Context, unit uint64) ([]Component, error) {
	units, err := f.g.units(ctx, cmp.Or(unit, DefaultUnit))
	if err != nil {
		return nil, err
	}
	if units.count > maxComponents {
		return nil, fmt.Errorf("%d units are more than 2^28: take larger ones", units.count)
	}
	if err := f.g.take(4*units.count, forReach); err != nil {
		return nil, err
	}
	parent := make([]uint32, units.count)
	for i := range parent {
		parent[i] = uint32(i)
	}
	find := func(u uint32) uint32 {
		for parent[u] != u {
			parent[u] = parent[parent[u]]
			u = parent[u]
		}
		return u
	}
	var hints [hintCount]int
	number := func(a addr.Addr) (uint32, bool) {
		u, ok := units.number(a, &hints[(a>>hintShift)%hintCount])
		return uint32(u), ok
	}
	// INVARIANT: the lowest unit of a component stands for it.
	n := 0
	for e := range f.From(addr.All) {
		if n++; n&0xfffff == 0 {
			if err := context.Cause(ctx); err != nil {
				return nil, err
			}
		}
		s, ok1 := number(e.Source)
		t, ok2 := number(e.Target)
		if !ok1 || !ok2 {
			continue
		}
		if a, b := find(s), find(t); a < b {
			parent[b] = a
		} else {
			parent[a] = b
		}
	}
	sizes, edges := map[uint32]uint64{}, map[uint32]uint64{}
	counted := 0
	for e := range f.From(addr.All) {
		if s, ok := number(e.Source); ok {
			edges[find(s)]++
		}
		if len(edges) > counted {
			counted += 1 << 14
			if err := f.g.take(componentSize<<14, forReach); err != nil {
				return nil, err
			}
		}
	}
	for u := range parent {
		if root := find(uint32(u)); edges[root] > 0 {
			sizes[root]++
		}
	}
	var out []Component
	at := 0
	for root, n := range sizes {
		out = append(out, Component{units.at(uint64(root), &at), n, edges[root]})
	}
	slices.SortFunc(out, func(a, b Component) int {
		return cmp.Or(cmp.Compare(b.Units, a.Units), cmp.Compare(a.First, b.First))
	})
	return out, nil
}
