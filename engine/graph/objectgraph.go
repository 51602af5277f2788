package graph

import (
	"context"
	"slices"
	"sync/atomic"

	"vscan/engine/addr"
	"vscan/engine/heap"
	"vscan/internal/interrupt"
	"vscan/internal/mmap"
)

// objectGraph is the edges between objects in use, in both directions, and what roots
// refer to. An edge is the index of the other object, shifted left by one, with the bit
// edgeInside where it leads to another byte than the first.
//
//	object       0    1        2
//	toStart    [ 0,   2,       2,   3 ]
//	to         [ 1, 2 inside,  0 ]         object 0 refers to 1 and into 2, object 2 to 0
//
// INVARIANT: an edge between two objects comes once, without edgeInside where any word
// of the one refers to the first byte of the other.
type objectGraph struct {
	index *objectIndex
	roots rootMap
	marks []uint32 // for each object: what refers to it, see firstMark
	edges uint64

	reached int // how many objects roots reach, once that is known

	toStart   []uint32 // for each object: where its targets begin in to; one more for the end
	to        []uint32
	fromStart []uint32 // for each object: where its sources begin in from; one more for the end
	from      []uint32
}

const edgeInside = 1

// internal reports whether an object is malloc's own. Other goroutines may be marking
// it.
func (og *objectGraph) internal(o int) bool { return atomic.LoadUint32(&og.marks[o])&markInternal != 0 }

// inUse reports whether an object is in use by the program.
func (og *objectGraph) inUse(o int) bool {
	return og.index.objects[o].State == heap.Used && !og.internal(o)
}

// objectGraph reads the edges between the objects of heaps.
func (g *Graph) objectGraph(ctx context.Context, h *heap.Heaps, o *ObjectOptions) (*objectGraph, error) {
	objects := h.Objects()
	og := &objectGraph{index: newObjectIndex(objects), marks: make([]uint32, len(objects))}
	hint := 0
	for _, own := range h.Internal() {
		for i := max(og.index.find(own.First, &hint), 0); i < len(objects) && objects[i].First <= own.Last; i++ {
			if objects[i].Overlaps(own) {
				og.marks[i] |= markInternal
			}
		}
	}
	og.roots = g.rootMap(h, o.Threads)
	og.markRegisters(o.Threads, g.newInteriorRules(o))
	if err := og.readEdges(ctx, g, h, o); err != nil {
		return nil, err
	}
	if m, ok := g.data.(*mappedBlob); ok {
		mmap.LetGo(m.b)
	}
	watch := interrupt.New(ctx)
	if og.dropDuplicates(watch) != nil || og.invert(watch) != nil {
		return nil, context.Cause(ctx)
	}
	return og, nil
}

// markRegisters marks what registers refer to. An object that a stack pointer points
// into is a stack, and in use.
func (og *objectGraph) markRegisters(threads []Thread, bases *interiorRules) {
	hint := 0
	for _, t := range threads {
		for _, v := range t.Registers {
			if o := og.index.find(addr.Addr(v), &hint); o >= 0 && og.inUse(o) {
				inside := addr.Addr(v) != og.index.objects[o].First && addr.Addr(v) != t.SP && !bases.countsAsFirst(og.index.objects[o].Range, addr.Addr(v))
				og.markRoot(o, AnchorRegister, inside)
			}
		}
		if o := og.index.find(t.SP, &hint); t.SP != 0 && o >= 0 && og.inUse(o) {
			og.markRoot(o, AnchorRegister, false)
		}
	}
}

// markRoot marks an object that a root of a class refers to, inside or at its first
// byte.
func (og *objectGraph) markRoot(o int, class Anchor, inside bool) {
	mark := firstMark(class)
	if inside || class == AnchorStale {
		mark = insideMark(class)
	}
	if p := &og.marks[o]; atomic.LoadUint32(p)&mark == 0 {
		atomic.OrUint32(p, mark)
	}
}

// pairReader makes edges between objects of the edges of one group of pages after
// another. Both are sorted by target, so the sources of one object follow one another.
type pairReader struct {
	og                         *objectGraph
	bases                      *interiorRules
	heaps                      *heap.Heaps
	target, source, root, page int // hints for the lookups of each kind
	at                         int
	pairs, sorted              []uint64 // the target object, shifted left by 32, and the edge
	next                       [pageSize/8 + 2]uint32
}

// readEdges fills fromStart with counts, and from with edges by target.
func (og *objectGraph) readEdges(ctx context.Context, g *Graph, h *heap.Heaps, o *ObjectOptions) error {
	og.fromStart = make([]uint32, len(og.marks)+1)
	groups := make([][]uint32, len(g.groups.lines))
	_, err := parallelGroups(ctx, g, o.Workers, func() *pairReader { return &pairReader{og: og, bases: g.newInteriorRules(o), heaps: h} },
		func(p *pairReader, group int, page uint64, entries []entry) error {
			base := g.targets.at(page, &p.page)
			if !og.index.near(addr.Range{First: base, Last: base + offsetMask}) {
				return nil
			}
			p.read(g, base, entries)
			if err := g.take(pairBytes*uint64(len(p.pairs)), forObjects); err != nil {
				return err
			}
			for _, pair := range p.pairs {
				atomic.AddUint32(&og.fromStart[pair>>32+1], 1)
				groups[group] = append(groups[group], uint32(pair))
			}
			return nil
		})
	if err != nil {
		return err
	}
	total := 0
	for _, some := range groups {
		total += len(some)
	}
	og.from = make([]uint32, 0, total)
	for i, some := range groups {
		og.from = append(og.from, some...)
		groups[i] = nil
	}
	return nil
}

// read makes pairs of the entries of a page, ascending by target, and marks what roots
// refer to.
func (p *pairReader) read(g *Graph, base addr.Addr, entries []entry) {
	p.pairs = p.pairs[:0]
	for _, e := range entries {
		a := base + addr.Addr(e.offset())
		to := p.og.index.find(a, &p.target)
		if to < 0 || !p.og.inUse(to) {
			continue
		}
		source := g.sources.at(e.source(), &p.at)
		from := p.og.index.find(source, &p.source)
		if from == to {
			continue
		}
		inside := a != p.og.index.objects[to].First && !p.bases.countsAsFirst(p.og.index.objects[to].Range, a)
		if from < 0 {
			if class, ok := p.og.roots.class(source, &p.root); ok && !p.heaps.Contains(source) {
				p.og.markRoot(to, class, inside)
			}
			continue
		}
		if p.og.inUse(from) {
			pair := uint64(to)<<32 | uint64(from)<<1
			if inside {
				pair |= edgeInside
			}
			p.pairs = append(p.pairs, pair)
		}
	}
	p.sort()
}

// sort sorts pairs by target, by counting, which keeps the order of sources.
func (p *pairReader) sort() {
	if len(p.pairs) < 2 {
		return
	}
	first, last := p.pairs[0]>>32, p.pairs[0]>>32
	for _, pair := range p.pairs {
		first, last = min(first, pair>>32), max(last, pair>>32)
	}
	if last-first+2 > uint64(len(p.next)) {
		slices.Sort(p.pairs)
		return
	}
	next := p.next[:last-first+2]
	clear(next)
	for _, pair := range p.pairs {
		next[pair>>32-first+1]++
	}
	for i := 1; i < len(next); i++ {
		next[i] += next[i-1]
	}
	p.sorted = slices.Grow(p.sorted[:0], len(p.pairs))[:len(p.pairs)]
	for _, pair := range p.pairs {
		at := &next[pair>>32-first]
		p.sorted[*at] = pair
		*at++
	}
	p.pairs, p.sorted = p.sorted, p.pairs
}

// dropDuplicates drops the edges that come twice, and turns the counts in fromStart
// into indexes. The error is that of the context that is watched.
func (og *objectGraph) dropDuplicates(watch *interrupt.Watch) error {
	out, at := uint32(0), uint32(0)
	for o := range og.marks {
		n := og.fromStart[o+1]
		if err := watch.Step(1 + int(n)); err != nil {
			return err
		}
		list := og.from[at : at+n]
		at += n
		if !slices.IsSorted(list) { // the object lies in several pages, or in a hub
			slices.Sort(list)
		}
		og.fromStart[o] = out
		last := uint32(1<<32 - 1)
		for _, e := range list {
			if e>>1 == last {
				continue
			}
			last = e >> 1
			og.from[out] = e
			out++
		}
	}
	og.fromStart[len(og.marks)] = out
	og.from = og.from[:out]
	og.edges = uint64(out)
	return nil
}

// invert makes to of from. The error is that of the context that is watched.
func (og *objectGraph) invert(watch *interrupt.Watch) error {
	n := len(og.marks)
	og.toStart, og.to = make([]uint32, n+1), make([]uint32, len(og.from))
	for some := range slices.Chunk(og.from, 1<<12) {
		if err := watch.Step(len(some)); err != nil {
			return err
		}
		for _, e := range some {
			og.toStart[e>>1]++
		}
	}
	sum := uint32(0)
	for o, k := range og.toStart { // becomes where the object's next edge goes
		og.toStart[o] = sum
		sum += k
	}
	for o := range n {
		if err := watch.Step(1 + int(og.fromStart[o+1]-og.fromStart[o])); err != nil {
			return err
		}
		for _, e := range og.from[og.fromStart[o]:og.fromStart[o+1]] {
			p := &og.toStart[e>>1]
			og.to[*p] = uint32(o)<<1 | e&edgeInside
			*p++
		}
	}
	copy(og.toStart[1:], og.toStart[:n])
	og.toStart[0] = 0
	return nil
}
