package graph

import (
	"context"
	"slices"

	"vscan/internal/interrupt"
)

// findHeads tells heads from what they lead to, among the objects that no root
// reaches.
//
// There is one head for each strongly connected component that no other component
// leads to. Heads are found as in Kosaraju's algorithm (Sharir, "A strong-connectivity
// algorithm and its applications in data flow analysis", 1981):
//
//	left = the lost objects in the order in which a depth-first search leaves them
//	for o in left, from the last to the first:
//	    if o is not reached yet: it lies in such a component; mark all that it reaches
//	for each such o: its component is what leads to it; the head is the lowest of these
//	for each head, by address: count what it leads to and no head before it does
func (og *objectGraph) findHeads(ctx context.Context, r *Retention) error {
	lost := func(o uint32) bool { return r.Anchors[o] == AnchorNone && og.inUse(int(o)) }
	left, err := og.leaveOrder(ctx, lost)
	if err != nil {
		return err
	}
	seen := make([]uint64, len(og.marks)/64+1)
	visit := func(o uint32) bool {
		if !lost(o) || seen[o/64]>>(o%64)&1 == 1 {
			return false
		}
		seen[o/64] |= 1 << (o % 64)
		return true
	}
	watch := interrupt.New(ctx)
	var todo []uint32
	follow := func(start uint32, edges func(uint32) []uint32, do func(uint32)) error {
		todo = append(todo[:0], start)
		for len(todo) > 0 {
			o := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if err := watch.Step(1 + len(edges(o))); err != nil {
				return err
			}
			do(o)
			for _, e := range edges(o) {
				if visit(e >> 1) {
					todo = append(todo, e>>1)
				}
			}
		}
		return nil
	}
	targets := func(o uint32) []uint32 { return og.to[og.toStart[o]:og.toStart[o+1]] }
	sources := func(o uint32) []uint32 { return og.from[og.fromStart[o]:og.fromStart[o+1]] }
	var heads []uint32
	for _, o := range slices.Backward(left) {
		if visit(o) {
			heads = append(heads, o)
			if follow(o, targets, func(uint32) {}) != nil {
				return context.Cause(ctx)
			}
		}
	}
	clear(seen)
	for i, o := range heads {
		visit(o)
		if follow(o, sources, func(p uint32) { heads[i] = min(heads[i], p) }) != nil {
			return context.Cause(ctx)
		}
	}
	slices.Sort(heads)
	clear(seen)
	for _, o := range left {
		r.Losses[o] = LossIndirect
	}
	for _, o := range heads { // no other head leads to this one
		h := Head{Object: int(o)}
		visit(o)
		if follow(o, targets, func(p uint32) {
			h.Blocks++
			h.Bytes += og.index.objects[p].Size()
		}) != nil {
			return context.Cause(ctx)
		}
		r.Losses[o] = LossDefinite
		r.Heads = append(r.Heads, h)
	}
	return context.Cause(ctx)
}

// leaveOrder returns the lost objects in the order in which a depth-first search
// leaves them.
func (og *objectGraph) leaveOrder(ctx context.Context, lost func(uint32) bool) ([]uint32, error) {
	type frame struct{ object, next uint32 }
	seen := make([]uint64, len(og.marks)/64+1)
	var left []uint32
	var stack []frame
	enter := func(o uint32) {
		if lost(o) && seen[o/64]>>(o%64)&1 == 0 {
			seen[o/64] |= 1 << (o % 64)
			stack = append(stack, frame{o, og.toStart[o]})
		}
	}
	watch := interrupt.New(ctx)
	for o := range og.marks {
		if watch.Step(1) != nil {
			return nil, context.Cause(ctx)
		}
		enter(uint32(o))
		for len(stack) > 0 {
			if watch.Step(1) != nil {
				return nil, context.Cause(ctx)
			}
			f := &stack[len(stack)-1]
			if f.next == og.toStart[f.object+1] {
				left = append(left, f.object)
				stack = stack[:len(stack)-1]
				continue
			}
			to := og.to[f.next] >> 1
			f.next++
			enter(to)
		}
	}
	return left, nil
}
