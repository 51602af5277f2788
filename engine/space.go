// Package engine lays pieces of memory over one another into one address space and searches it,
// with all processors, for every occurrence of a set of patterns. It is for programs that use vscan
// as a library, as are addr, image, graph and heap below it, and package patterns; simd, shard and
// segtree are for the engine, and may change.
//
// # The address space
//
// A [Space] is a stack of mappings, the one added last on top, with holes between. It is immutable:
// adding makes a new space, and the old one stays valid.
//
//	NewSpace, Space.Add, Space.AddUnder   lay mappings over one another
//	NewSpaceOf                            millions of mappings, not copied, if a context lets it
//	Space.Index                           what lookups need, built ahead, if a context lets it
//	BytesMapping                          bytes in memory as a mapping
//	BytesSource, ReaderSource, formats.Open  what a mapping's bytes come from
//	Space.At, Space.State                 the mapping at an address or that it is a hole, and how far that holds
//	Space.IsMapped, Space.IsMappedRange   whether an address, or all of a range, is mapped
//	Space.Extents                         bytes that are there, mapping by mapping
//	Space.Intervals, Space.Elementary     what shows, in address order; the same cut at every border of a layer
//	Space.Layers, Space.Overlapping       all mappings at an address, or that touch a range
//	Space.Hidden                          how many bytes show nowhere, since other mappings lie over them
//	Space.Byte, Space.Read, Space.Bytes   bytes, across mappings
//	Space.While                           bytes until a condition fails
//	Space.CString, Space.IsString,
//	Space.CIdentifier                     strings that end with a zero byte; names as in C
//	Space.Place, Space.Places             what an address belongs to, by name; addresses of names
//	Space.Find, Space.FindAll             every occurrence of some bytes; the address aligned, if so asked
//	Space.For(arch)                       an [ArchSpace], for what needs word size and byte order:
//	ArchSpace.Int32, .Int64, .CInt,
//	.CLong, .Word                         numbers
//	ArchSpace.Pointer, .Follow            pointers, and chains of them
//	ArchSpace.Succ, .Pred, .Align         the word after, before and at or above an address
//	ArchSpace.FindPointer                 words that are equal to an address
//
// Each byte is in one of four states: [Present], [Absent] (mapped but not saved), [Zero] (not
// stored because known to be zero), or [Hole]. The error of reading a hole or an absent byte is a
// [*MemoryError] with the address, and so is that of a present byte where the source fails.
//
// # Searching
//
// [Compile] makes a [Scanner] of a space and a set of patterns. [Scanner.Scan]
// and [Scanner.All] yield hits in ascending order of address, each exactly
// once, the same for any number of workers, size of shard or kernel.
//
//	patterns.Parse, patterns.Bytes, …     what to look for
//	image.Image.Target, patterns.Target   what numbers and pointers need to know of the memory
//	patterns.Compile, Compile             a set of patterns, and a scanner for it
//	Scanner.All                           hits that can be kept, and an error where some may be missing
//	Scanner.First                         the first hit
//	Scanner.Scan                          hits by a callback, and the account in any case
//	Scanner.ScanBatches, .ScanShards      many hits at a time
//	Scanner.Explain                       what is looked for, and how
//	OverlapFilter                         which hits stay when the results of several scans are joined
//
// This is how to get what there is to know of a [Hit]:
//
//	scanner.Patterns()[hit.Pattern].Name  the pattern
//	set.Value(hit.Pattern, hit.Bytes)     the number or pointer, as text
//	m := space.At(hit.Addr).Mapping       the mapping of its first byte; never nil
//	m.Name, m.PlaceOf(hit.Addr)           where it is, as a name and an offset
//	space.Bytes(hit.Addr, hit.Len)        all bytes of a hit that is longer than HitBytes
//
// # What was not looked at
//
// That nothing was found says something only about memory that was looked at. What was not is told
// in three ways, and whoever reports that something is nowhere has to ask for all of them:
//
//   - Bytes that are mapped and could not be read, or a context that ended: [Scanner.All] and
//     [Scanner.First] have an [*IncompleteError] for them, and [Stats.Complete] of [Scanner.Scan]
//     is false.
//   - Bytes that the image never held: [Scanner.Absent] counts them, and [Space.Intervals] yields
//     them as intervals whose State is Absent. They are no error of a scan, since most cores leave
//     out what is in files.
//   - Bytes that the image should hold and does not, as where it is truncated: Image.Missing and
//     Layer.Missing of package image tell them. To a scan they are absent like others.
package engine

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"vscan/engine/addr"
	"vscan/engine/segtree"
	"vscan/internal/interrupt"
)

// A Space is an address space: mappings laid over one another. It is immutable and safe for
// concurrent use.
//
// The index, which tells what shows at an address, is built when it is first needed, so that adding
// a million mappings one by one costs no more than adding them at once. Of millions of mappings that
// takes seconds: [Space.Index] builds it when it is called, and can be interrupted.
type Space struct {
	layers   atomic.Pointer[layers]
	building sync.Mutex             // held while layers.index is built
	hidden   atomic.Pointer[uint64] // what Hidden found; nil: it was not asked

	placesOnce sync.Once
	places     *Places
}

// layers are a space as it was put together, or, once the index has been built, only the index.
type layers struct {
	parent *Space
	added  []Mapping // above all of parent, or under it
	under  bool
	index  *index
}

// NewSpace returns the space of these mappings, each laid over those before it. It keeps a copy of
// the slice. A mapping that is not valid is an error: see [Mapping.Validate].
func NewSpace(mappings ...Mapping) (*Space, error) {
	return (*Space)(nil).lay(slices.Clone(mappings), false)
}

// NewSpaceOf does what NewSpace does with mappings that nobody changes any more, and keeps
// the slice: of millions, a copy takes long and half as much memory again. Once ctx has
// ended, the error wraps that of ctx.
func NewSpaceOf(ctx context.Context, mappings []Mapping) (*Space, error) {
	watch := interrupt.New(ctx)
	for i := range mappings {
		if err := watch.Step(1); err != nil {
			return nil, fmt.Errorf("%d of %d mappings were laid: %w", i, len(mappings), err)
		}
		if err := mappings[i].Validate(); err != nil {
			return nil, notValid(i, len(mappings), err)
		}
	}
	return (*Space)(nil).laid(mappings, false), nil
}

// Add returns a new space with these mappings on top, each over those before it. Its errors are
// those of NewSpace.
func (s *Space) Add(mappings ...Mapping) (*Space, error) { return s.lay(slices.Clone(mappings), false) }

// AddUnder returns a new space with these mappings below everything else. They show through holes
// and absent bytes, as the file of an executable does under a core that saved none of its code, but
// not where a present byte cannot be read. Of several, each is laid under those before it. The
// mappings of an image.Layer are in the other order, each over those before it:
// image.Layer.LayUnder lays them. Its errors are those of NewSpace.
func (s *Space) AddUnder(mappings ...Mapping) (*Space, error) {
	return s.lay(slices.Clone(mappings), true)
}

// lay returns the space with these mappings over or under it. It keeps the slice.
func (s *Space) lay(mappings []Mapping, under bool) (*Space, error) {
	for i := range mappings {
		if err := mappings[i].Validate(); err != nil {
			return nil, notValid(i, len(mappings), err)
		}
	}
	return s.laid(mappings, under), nil
}

// laid does what lay does with mappings that are valid.
func (s *Space) laid(mappings []Mapping, under bool) *Space {
	laid := &Space{}
	laid.layers.Store(&layers{parent: s, added: mappings, under: under})
	return laid
}

// notValid returns the error of a mapping that is not valid, the one with index i of n.
func notValid(i, n int, err error) error { return fmt.Errorf("mapping %d of %d: %w", i, n, err) }

// An index is what the methods of a space look things up in.
type index struct {
	mappings []Mapping // by layer, the lowest first
	unders   int       // mappings[:unders] were laid under the others
	over     *segtree.Tree
	bottom   *segtree.Tree      // the tree of mappings[:unders]; nil where there are none
	shows    *segtree.Partition // an owner is the layer that shows
}

// ix returns the index, which it builds when it is first called.
func (s *Space) ix() *index {
	if x := s.layers.Load().index; x != nil {
		return x
	}
	if err := s.Index(context.Background()); err != nil {
		panic(err) // INVARIANT: the background never ends
	}
	return s.layers.Load().index
}

// Index builds the index that all lookups use, unless there is one already. Without it, the first
// lookup does so, however long that takes. Once ctx has ended, the error wraps that of ctx; the
// space is as good as it was.
func (s *Space) Index(ctx context.Context) error {
	if s.layers.Load().index != nil {
		return nil
	}
	s.building.Lock()
	defer s.building.Unlock()
	if s.layers.Load().index != nil {
		return nil
	}
	x := s.stack()
	if err := x.build(ctx); err != nil {
		return fmt.Errorf("the index of %d mappings was not built: %w", len(x.mappings), err)
	}
	s.layers.Store(&layers{index: x})
	return nil
}

// stack returns an index that has the mappings of the space, and nothing built of them.
func (s *Space) stack() *index {
	x := &index{}
	var above, below [][]Mapping // from those laid last to those laid first
	for t := s; t != nil; {
		l := t.layers.Load()
		switch {
		case l.index != nil: // the index has all mappings of the parents too
			below = append(below, l.index.mappings[:l.index.unders])
			above = append(above, l.index.mappings[l.index.unders:])
		case l.under:
			lowestFirst := slices.Clone(l.added)
			slices.Reverse(lowestFirst)
			below = append(below, lowestFirst)
		default:
			above = append(above, l.added)
		}
		t = l.parent
	}
	if len(above)+len(below) == 1 { // nobody changes what a space was made of
		x.mappings = slices.Concat(above, below)[0]
		for _, b := range below {
			x.unders = len(b)
		}
		return x
	}
	for _, b := range below { // the mappings that were laid under last are the lowest
		x.mappings = append(x.mappings, b...)
	}
	x.unders = len(x.mappings)
	for _, a := range slices.Backward(above) {
		x.mappings = append(x.mappings, a...)
	}
	return x
}

// build builds the trees of the index. The error is that of ctx.
func (x *index) build(ctx context.Context) (err error) {
	watch := interrupt.New(ctx)
	ranges := make([]addr.Range, len(x.mappings))
	for i := range x.mappings {
		if err := watch.Step(1); err != nil {
			return err
		}
		ranges[i] = x.mappings[i].Range
	}
	if x.over, err = segtree.New(ctx, ranges[x.unders:]); err != nil {
		return err
	}
	if x.unders > 0 {
		if x.bottom, err = segtree.New(ctx, ranges[:x.unders]); err != nil {
			return err
		}
	}
	if x.unders == 0 {
		x.shows = x.over.Shows()
		return nil
	}
	saved, layer, err := x.savedUnder(ctx)
	if err != nil {
		return err
	}
	x.shows = segtree.NewPartition(x.over.Shows().Len(), func(yield func(addr.Addr, int32) bool) {
		for first, owner := range x.showing(saved, layer) {
			if watch.Step(1) != nil || !yield(first, owner) {
				return
			}
		}
	})
	return ctx.Err() // where that has ended, the partition may end early
}

// showing yields the first address of each interval, and the mapping that shows there. saved and
// layer are those of savedUnder.
func (x *index) showing(saved *segtree.Tree, layer []int32) iter.Seq2[addr.Addr, int32] {
	return func(yield func(addr.Addr, int32) bool) {
		for r, owner := range x.over.Shows().Intervals(addr.All) {
			if owner != segtree.None {
				owner += int32(x.unders)
			}
			if x.bottom == nil || owner != segtree.None && x.mappings[owner].State != Absent {
				if !yield(r.First, owner) {
					return
				}
				continue
			}
			for part, under := range x.bottom.Shows().Intervals(r) {
				if under == segtree.None || saved == nil || x.mappings[under].State != Absent {
					if under == segtree.None {
						under = owner
					}
					if !yield(part.First, under) {
						return
					}
					continue
				}
				// An absent layer lies under an absent one, or under a hole: the
				// topmost layer below that is not absent shows, if there is one.
				if owner != segtree.None {
					under = owner
				}
				for p, k := range saved.Shows().Intervals(part) {
					shows := under
					if k != segtree.None {
						shows = layer[k]
					}
					if !yield(p.First, shows) {
						return
					}
				}
			}
		}
	}
}

// savedUnder returns the tree of those of mappings[:unders] that are not absent, since they show
// through those that are, and the layer of each. The tree is nil where none is absent. The error is
// that of ctx.
func (x *index) savedUnder(ctx context.Context) (*segtree.Tree, []int32, error) {
	var ranges []addr.Range
	var layer []int32
	for i := range x.mappings[:x.unders] {
		if x.mappings[i].State != Absent {
			ranges, layer = append(ranges, x.mappings[i].Range), append(layer, int32(i))
		}
	}
	if len(ranges) == x.unders {
		return nil, nil, nil
	}
	tree, err := segtree.New(ctx, ranges)
	return tree, layer, err
}

// An Interval is a range of addresses in which one mapping shows, or a hole.
type Interval struct {
	addr.Range
	Layer   int      // the position of Mapping in the stack, 0 the lowest; −1 in a hole
	Mapping *Mapping // nil in a hole; must not be changed
}

// State returns the state of the interval's bytes, Hole in a hole.
func (v Interval) State() State {
	if v.Mapping == nil {
		return Hole
	}
	return v.Mapping.State
}

func (x *index) interval(r addr.Range, owner int32) Interval {
	if owner == segtree.None {
		return Interval{r, -1, nil}
	}
	return Interval{r, int(owner), &x.mappings[owner]}
}

// At returns the interval around a: what shows there, and how far to both sides it does so without
// a break. It takes O(log n).
func (s *Space) At(a addr.Addr) Interval {
	x := s.ix()
	return x.interval(x.shows.Interval(x.shows.Find(a)))
}

// State returns the state of the byte at a.
func (s *Space) State(a addr.Addr) State { return s.At(a).State() }

// IsMapped reports whether a mapping has a, whatever its state is.
func (s *Space) IsMapped(a addr.Addr) bool { return s.At(a).Mapping != nil }

// IsMappedRange reports whether r has no hole. It takes O(log n + k) for the k intervals that r crosses.
func (s *Space) IsMappedRange(r addr.Range) bool {
	for _, owner := range s.ix().shows.Intervals(r) {
		if owner == segtree.None {
			return false
		}
	}
	return true
}

// Intervals yields what shows in r, ascending, holes included. The intervals are cut to r, and
// together are all of r. Neighbours show different mappings.
func (s *Space) Intervals(r addr.Range) iter.Seq[Interval] {
	return func(yield func(Interval) bool) {
		x := s.ix()
		for part, owner := range x.shows.Intervals(r) {
			if !yield(x.interval(part, owner)) {
				return
			}
		}
	}
}

// Extents yields the ranges of present and zero bytes in r, ascending, each of one mapping. A mapping
// that continues the one before counts as part of it (see [Mapping.Continues]); Mapping and Layer
// are then those of the first.
func (s *Space) Extents(r addr.Range) iter.Seq[Interval] {
	return func(yield func(Interval) bool) {
		var extent Interval
		var last *Mapping // the last mapping of the extent in hand; nil where there is none
		for v := range s.Intervals(r) {
			if v.State() != Present && v.State() != Zero {
				continue
			}
			if last != nil && adjacent(extent.Range, v.Range) && v.Mapping.Continues(last) {
				extent.Last, last = v.Last, v.Mapping
				continue
			}
			if last != nil && !yield(extent) {
				return
			}
			extent, last = v, v.Mapping
		}
		if last != nil {
			yield(extent)
		}
	}
}

// Elementary yields the elementary intervals of the whole address space,
// ascending, holes included: maximal ranges of addresses that lie in the same
// mappings, each with what shows there.
func (s *Space) Elementary() iter.Seq[Interval] {
	return func(yield func(Interval) bool) {
		x := s.ix()
		for r := range x.over.Elementary() {
			for part := range x.elementaryUnder(r) {
				if !yield(x.interval(part, x.owner(part.First))) {
					return
				}
			}
		}
	}
}

// elementaryUnder yields the parts of a range, cut at the borders of mappings[:unders].
func (x *index) elementaryUnder(r addr.Range) iter.Seq[addr.Range] {
	return func(yield func(addr.Range) bool) {
		if x.bottom == nil {
			yield(r)
			return
		}
		for part := range x.bottom.ElementaryIn(r) {
			if !yield(part) {
				return
			}
		}
	}
}

func (x *index) owner(a addr.Addr) int32 {
	_, owner := x.shows.Interval(x.shows.Find(a))
	return owner
}

// Layers returns all mappings at a, the topmost first, including those that others hide. The
// intervals are the whole mappings.
func (s *Space) Layers(a addr.Addr) []Interval {
	all := s.Overlapping(addr.Range{First: a, Last: a})
	slices.Reverse(all)
	return all
}

// Overlapping returns all mappings that share a byte with r, the lowest first, including those that
// others hide. The intervals are the whole mappings.
func (s *Space) Overlapping(r addr.Range) []Interval {
	x := s.ix()
	var all []Interval
	if x.bottom != nil {
		for _, layer := range x.bottom.Overlapping(nil, r) {
			all = append(all, x.interval(x.mappings[layer].Range, layer))
		}
	}
	for _, layer := range x.over.Overlapping(nil, r) {
		layer += int32(x.unders)
		all = append(all, x.interval(x.mappings[layer].Range, layer))
	}
	return all
}

// Mappings yields all mappings with their layers, the lowest first. They must not be changed.
func (s *Space) Mappings() iter.Seq2[int, *Mapping] {
	return func(yield func(int, *Mapping) bool) {
		x := s.ix()
		for i := range x.mappings {
			if !yield(i, &x.mappings[i]) {
				return
			}
		}
	}
}

// Len returns the number of mappings.
func (s *Space) Len() int { return len(s.ix().mappings) }

// Named returns the ranges of all mappings with this name, merged and ascending, whether they show
// or not; where no mapping has it, those of all whose names end with / and this name. The name
// "mapped" stands for everything that is mapped.
func (s *Space) Named(name string) []addr.Range {
	var ranges, parts []addr.Range
	for _, m := range s.Mappings() {
		switch {
		case m.Name == name, name == "mapped":
			ranges = append(ranges, m.Range)
		case strings.HasSuffix(m.Name, "/"+name):
			parts = append(parts, m.Range)
		}
	}
	if len(ranges) == 0 {
		ranges = parts
	}
	return addr.Merge(ranges)
}
