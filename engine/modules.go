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

// How places are named. A place is a name and an offset in what it names, as
// libc.so.6+0x1d2000 or [heap]+0x10. In the memory of a file that was mapped,
// a module, the offset counts from the module's load base, whichever of its
// mappings the place is in; elsewhere it counts from where the mapping begins.
// What has a name of its own, and where its base is, is told by [Mapping.Name]
// and [Mapping.NameOffset].

// Named is a range of addresses and what it is called there: an [Interval] of a
// space, or what is left of one where the space itself is not at hand.
type Named struct {
	addr.Range
	Name       string
	NameOffset uint64 // as of a [Mapping], of the byte at Range.First
	Perm       Perm
	File       bool // as of a [Mapping]
}

// isFile reports whether the name is that of a file: it is said to be, or a path,
// of Unix or Windows.
func (n *Named) isFile() bool {
	drive := len(n.Name) > 2 && n.Name[1] == ':' && n.Name[2] == '\\'
	return n.File || path.IsAbs(n.Name) || drive
}

// base is where the offsets of what Name names count from, modulo 2^64.
func (n *Named) base() addr.Addr { return n.First - addr.Addr(n.NameOffset) }

// Module is the memory of one file, loaded or mapped at one place: the mappings
// of its name that have one base, and behind them the memory without a name that
// goes on where they end and may be written, which is the .bss. Where a heap
// begins just there, as without address space randomisation, it counts as .bss
// too. A file that was mapped twice is two modules.
type Module struct {
	Name  string    // as the image has it: a path
	Base  addr.Addr // offsets in the module count from here
	Parts []Named   // ascending, the .bss included
}

// last is the highest address of the module.
func (m *Module) last() addr.Addr { return m.Parts[len(m.Parts)-1].Last }

// Modules is the modules of a space. Where many addresses are asked for, each
// costs O(log n).
type Modules struct {
	All   []Module // by base
	parts []modulePart
}

// modulePart is the range of a part, and the index of its module.
type modulePart struct {
	addr.Range
	module int
}

// moduleKey tells modules apart. A file that was laid under a core has but the
// last part of the path that the core has for it.
type moduleKey struct {
	lastPart string
	base     addr.Addr
}

func keyOf(n *Named) moduleKey { return moduleKey{path.Base(n.Name), n.base()} }

// FindModules finds the modules of what has names. The ranges ascend and are
// disjoint.
func FindModules(named iter.Seq[Named]) *Modules {
	f := moduleFinder{known: map[moduleKey]int{}, owner: -1}
	for n := range named {
		f.take(n)
	}
	return f.finish()
}

// moduleFinder is modules while they are found.
type moduleFinder struct {
	all    []Module // in the order of their first parts
	known  map[moduleKey]int
	owner  int       // the module that the range before belongs to, −1 for none
	before addr.Addr // its last address
}

func (f *moduleFinder) take(n Named) {
	adjacent := f.owner >= 0 && f.before != addr.Max && f.before+1 == n.First
	switch {
	case n.isFile():
		f.owner = f.moduleOf(&n)
	case !adjacent || !isUnnamed(n.Name) || n.Perm&Write == 0:
		f.owner = -1
		return
	}
	f.before = n.Last
	f.all[f.owner].Parts = append(f.all[f.owner].Parts, n)
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
		for _, p := range m.All[i].Parts {
			m.parts = append(m.parts, modulePart{p.Range, i})
		}
	}
	slices.SortFunc(m.parts, func(a, b modulePart) int { return cmp.Compare(a.First, b.First) })
	return m
}

// At is the module that an address belongs to, nil where there is none.
func (m *Modules) At(a addr.Addr) *Module {
	i := sort.Search(len(m.parts), func(i int) bool { return m.parts[i].Last >= a })
	if i == len(m.parts) || m.parts[i].First > a {
		return nil
	}
	return &m.All[m.parts[i].module]
}

// isUnnamed reports whether a name is one that formats give to memory that has
// none.
func isUnnamed(name string) bool {
	return name == "" || name == "[anon]" || name == "[anon:.bss]" || strings.HasPrefix(name, "load[")
}

// Place is what an address belongs to.
type Place struct {
	Name   string
	Base   addr.Addr // the offset of an address is its distance from here
	Module bool      // whether the name is that of a module
}

// Places tells what addresses belong to, and finds the addresses of places.
type Places struct {
	named   func() iter.Seq[Named]
	modules func() *Modules
}

// NewPlaces tells the places of what has names. The ranges ascend and are
// disjoint; they are gone through once to find modules, and once for each name
// that is asked for.
func NewPlaces(named func() iter.Seq[Named]) *Places {
	return &Places{named, sync.OnceValue(func() *Modules { return FindModules(named()) })}
}

// Modules is the modules among them.
func (p *Places) Modules() *Modules { return p.modules() }

// In is the place of an address in a range that has a name.
func (p *Places) In(n Named, a addr.Addr) Place {
	own := Place{n.Name, n.base(), n.isFile()}
	if !own.Module && !isUnnamed(n.Name) {
		return own
	}
	m := p.modules().At(a)
	if m == nil || own.Module && keyOf(&n) != (moduleKey{path.Base(m.Name), m.Base}) {
		return own
	}
	return Place{m.Name, m.Base, true} // by its path, and its .bss
}

// ErrNoName is the error of a name that nothing has.
var ErrNoName = errors.New("nothing in the image has this name")

// Resolve is the address at an offset in what has a name: the whole name, or the
// last part of a path where nothing has the whole. The error is an [ErrNoName],
// or lists those that have the name where they are several, or says that the
// offset is beyond the end.
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

// holder is what has a name.
type holder struct {
	name  string
	base  addr.Addr
	end   uint64 // the offset of its last byte
	whole bool   // whether it has the whole name that was asked for
}

// find is what has a name, by base.
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
	for i := range p.modules().All { // they reach to the end of their .bss
		m := &p.modules().All[i]
		take(m.Name, m.Base, m.last())
	}
	return distinct(found)
}

// distinct makes one of what begins at one base, and leaves out what has but the
// last part of a name that others have in whole.
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

// list is some of them in a line.
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

// Places tells the places of what shows in the space.
func (s *Space) Places() *Places {
	s.placesOnce.Do(func() { s.places = NewPlaces(s.named) })
	return s.places
}

// named yields what shows, ascending.
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

// Place is what the interval, which is no hole, belongs to. Nowhere in it does
// that change.
func (s *Space) Place(v Interval) Place { return s.Places().In(v.named(), v.First) }
