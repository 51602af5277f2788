package engine

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"
	"sort"
	"strings"
	"sync"

	"vscan/engine/addr"
)

// This file names places. A place is a name and an offset in what it names, as
// libc.so.6+0x1d2000 or [heap]+0x10. In a module, the memory of a file that was
// mapped, the offset counts from the module's load base, whichever of its
// mappings the place is in; elsewhere it counts from where the mapping begins.
// [Mapping.Name] and [Mapping.NameOffset] tell names and bases.

// A Named is a range of addresses and its name: an [Interval] of a space, or what
// was kept of one where the space itself is not at hand.
type Named struct {
	addr.Range
	Name       string
	NameOffset uint64 // of the byte at Range.First, as in a [Mapping]
	Perm       Perm
	File       bool // as in a [Mapping]
}

// isFile reports whether the name is that of a file: File is set, or the name is
// a path of Unix or Windows.
func (n *Named) isFile() bool {
	drive := len(n.Name) > 2 && n.Name[1] == ':' && n.Name[2] == '\\'
	return n.File || path.IsAbs(n.Name) || drive
}

// base returns the address that offsets in the thing that Name names count from,
// modulo 2^64.
func (n *Named) base() addr.Addr { return n.First - addr.Addr(n.NameOffset) }

// A Module is the memory of one file, loaded or mapped at one base: the mappings
// of its name that have one base, and the memory without a name that follows them
// without a gap and may be written, which is the .bss. Where a heap without a
// name begins just there, as without address space randomisation, it counts as
// .bss too. A file that was mapped twice is two modules.
type Module struct {
	Name   string    // as the image has it: a path
	Base   addr.Addr // offsets in the module count from here
	Ranges []Named   // ascending, the .bss included
}

// last returns the highest address of the module.
func (m *Module) last() addr.Addr { return m.Ranges[len(m.Ranges)-1].Last }

// Modules are the modules of a space.
type Modules struct {
	All    []Module // by base
	ranges []moduleRange
}

// A moduleRange is one of the ranges of a module, and the index of the module in All.
type moduleRange struct {
	addr.Range
	module int
}

// A moduleKey tells modules apart. It has only the last part of a path, since a
// file that was laid under a core has no more of the path that the core has for
// it.
type moduleKey struct {
	lastPart string
	base     addr.Addr
}

func keyOf(n *Named) moduleKey { return moduleKey{path.Base(n.Name), n.base()} }

// findModules returns the modules of the ranges, which must ascend and be
// disjoint.
func findModules(named iter.Seq[Named]) *Modules {
	f := moduleFinder{known: map[moduleKey]int{}, owner: -1}
	for n := range named {
		f.take(n)
	}
	return f.finish()
}

// A moduleFinder holds modules while they are being found.
type moduleFinder struct {
	all    []Module // in the order of their first ranges
	known  map[moduleKey]int
	owner  int       // the module that the range before belongs to, −1 for none
	before addr.Addr // its last address
}

func (f *moduleFinder) take(n Named) {
	adjacent := f.owner >= 0 && f.before != addr.Max && f.before+1 == n.First
	switch {
	case n.isFile():
		f.owner = f.moduleOf(&n)
	case !adjacent || !isUnnamed(n.Name) || n.Perm&PermWrite == 0:
		f.owner = -1
		return
	}
	f.before = n.Last
	f.all[f.owner].Ranges = append(f.all[f.owner].Ranges, n)
}

func (f *moduleFinder) moduleOf(n *Named) int {
	key := keyOf(n)
	k, ok := f.known[key]
	if !ok {
		k = len(f.all)
		f.known[key] = k
		f.all = append(f.all, Module{Name: n.Name, Base: key.base})
	}
	if m := &f.all[k]; path.IsAbs(n.Name) && !path.IsAbs(m.Name) {
		m.Name = n.Name
	}
	return k
}

func (f *moduleFinder) finish() *Modules {
	slices.SortStableFunc(f.all, func(a, b Module) int { return cmp.Compare(a.Base, b.Base) })
	m := &Modules{All: f.all}
	for i := range m.All {
		for _, p := range m.All[i].Ranges {
			m.ranges = append(m.ranges, moduleRange{p.Range, i})
		}
	}
	slices.SortFunc(m.ranges, func(a, b moduleRange) int { return cmp.Compare(a.First, b.First) })
	return m
}

// At returns the module that an address belongs to, nil where there is none, in
// O(log n).
func (m *Modules) At(a addr.Addr) *Module {
	i := sort.Search(len(m.ranges), func(i int) bool { return m.ranges[i].Last >= a })
	if i == len(m.ranges) || m.ranges[i].First > a {
		return nil
	}
	return &m.All[m.ranges[i].module]
}

// isUnnamed reports whether a name is one of those that formats give to memory
// without a name.
func isUnnamed(name string) bool {
	return name == "" || name == "[anon]" || name == "[anon:.bss]" || strings.HasPrefix(name, "load[")
}

// A Place is what an address belongs to.
type Place struct {
	Name   string
	Base   addr.Addr // the offset of an address is its distance in bytes from here
	Module bool      // the name is that of a module
}

// Places tell what addresses belong to, and find the addresses of places.
type Places struct {
	named   func() iter.Seq[Named]
	modules func() *Modules
}

// NewPlaces returns the Places of the ranges that named yields, which must ascend
// and be disjoint. They are gone through once to find modules, and once for each
// Resolve.
func NewPlaces(named func() iter.Seq[Named]) *Places {
	return &Places{named, sync.OnceValue(func() *Modules { return findModules(named()) })}
}

// Modules returns the modules among the ranges.
func (p *Places) Modules() *Modules { return p.modules() }

// In returns the place of an address a that lies in the range n.
func (p *Places) In(n Named, a addr.Addr) Place {
	own := Place{n.Name, n.base(), n.isFile()}
	if !own.Module && !isUnnamed(n.Name) {
		return own
	}
	m := p.modules().At(a)
	if m == nil || own.Module && keyOf(&n) != (moduleKey{path.Base(m.Name), m.Base}) {
		return own
	}
	return Place{m.Name, m.Base, true} // with the module's path for its file, or for its .bss
}

// ErrNoName is wrapped by the error about a name that nothing has.
var ErrNoName = errors.New("nothing in the image has this name")

// Resolve returns the address at an offset, in bytes, in the module or mapping of
// a name: of the whole name, or where nothing has that, of a path that ends with
// / and the name. The error wraps [ErrNoName], or lists what has the name where
// it is not one thing, or says that the offset is beyond the end.
func (p *Places) Resolve(name string, offset uint64) (addr.Addr, error) {
	found := p.find(name)
	switch {
	case len(found) == 0:
		return 0, fmt.Errorf("%q: %w", name, ErrNoName)
	case len(found) > 1:
		return 0, fmt.Errorf("%q: %d modules or mappings have this name: %s: give the address, or the full path where that tells them apart", name, len(found), list(found))
	}
	if f := found[0]; offset > f.end {
		return 0, fmt.Errorf("%s+%#x is beyond its end: it goes from %v to %v, up to +%#x", name, offset, f.base, f.base+addr.Addr(f.end), f.end)
	}
	return found[0].base + addr.Addr(offset), nil
}

// A holder is a module or mapping that has a name.
type holder struct {
	name  string
	base  addr.Addr
	end   uint64 // the offset of its last byte
	whole bool   // it has the whole name that was asked for
}

// find returns what has a name, ascending by base.
func (p *Places) find(name string) []holder {
	var found []holder
	take := func(of string, base, last addr.Addr) {
		if of == name || strings.HasSuffix(of, "/"+name) {
			found = append(found, holder{of, base, uint64(last - base), of == name})
		}
	}
	for n := range p.named() {
		take(n.Name, n.base(), n.Last)
	}
	for i := range p.modules().All { // modules reach to the end of their .bss
		m := &p.modules().All[i]
		take(m.Name, m.Base, m.last())
	}
	return distinct(found)
}

// distinct returns found, ascending by base, with those of one base joined. Where
// some have the whole name, it leaves out the others. It reuses found.
func distinct(found []holder) []holder {
	whole := slices.ContainsFunc(found, func(h holder) bool { return h.whole })
	slices.SortStableFunc(found, func(a, b holder) int { return cmp.Compare(a.base, b.base) })
	out := found[:0]
	for _, h := range found {
		if n := len(out); n > 0 && out[n-1].base == h.base {
			out[n-1].end = max(out[n-1].end, h.end)
			out[n-1].whole = out[n-1].whole || h.whole
			continue
		}
		out = append(out, h)
	}
	return slices.DeleteFunc(out, func(h holder) bool { return whole && !h.whole })
}

// list returns the first of found as one line of text.
func list(found []holder) string {
	const most = 10
	var names []string
	for _, h := range found[:min(len(found), most)] {
		names = append(names, fmt.Sprintf("%s at %v", h.name, h.base))
	}
	if n := len(found) - most; n > 0 {
		names = append(names, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(names, ", ")
}

// Places returns the places of what shows in the space.
func (s *Space) Places() *Places {
	s.placesOnce.Do(func() { s.places = NewPlaces(s.named) })
	return s.places
}

// named yields the intervals that are no holes, ascending.
func (s *Space) named() iter.Seq[Named] {
	return func(yield func(Named) bool) {
		for v := range s.Intervals(addr.All) {
			if v.Mapping != nil && !yield(v.named()) {
				return
			}
		}
	}
}

func (v *Interval) named() Named {
	m := v.Mapping
	return Named{v.Range, m.Name, m.PlaceOf(v.First), m.Perm, m.File}
}

// Place returns what an interval of the space, which must be no hole, belongs to.
// It is the same for all addresses of the interval.
func (s *Space) Place(v Interval) Place { return s.Places().In(v.named(), v.First) }
