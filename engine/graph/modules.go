package graph

import (
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
)

// Module is the memory of one program file or library, as in [engine.Module].
type Module struct {
	Name    string       // its path, as the image has it
	Base    addr.Addr    // the address that offsets in it count from
	Program bool         // whether it is the program rather than a library: see Graph.Modules
	Data    []addr.Range // the part that may be written, .bss included
}

// Modules returns the modules of the image, by base. Data is the part of a module
// that may be written, or all of it where the image tells no permissions. The program
// is the module with the lowest base that has data and whose name is not that of a
// shared library.
func (g *Graph) Modules() []Module {
	var modules []Module
	for _, m := range g.Places().Modules().All {
		modules = append(modules, Module{Name: m.Name, Base: m.Base, Data: dataOf(&m)})
	}
	for i := range modules {
		if base := path.Base(modules[i].Name); !strings.HasSuffix(base, ".so") && !strings.Contains(base, ".so.") && len(modules[i].Data) > 0 {
			modules[i].Program = true
			break
		}
	}
	return modules
}

// dataOf returns the part of a module that may be written.
func dataOf(m *engine.Module) []addr.Range {
	var data []addr.Range
	for _, p := range m.Ranges {
		if p.Perm == 0 || p.Perm&engine.PermWrite != 0 {
			data = append(data, p.Range)
		}
	}
	return addr.Merge(data)
}

// Places returns the names of the regions, by which addresses are told and found.
func (g *Graph) Places() *engine.Places {
	g.placesOnce.Do(func() { g.names = engine.NewPlaces(g.named) })
	return g.names
}

// named yields the regions as the engine names memory.
func (g *Graph) named() iter.Seq[engine.Named] {
	return func(yield func(engine.Named) bool) {
		for i := range g.regions {
			if !yield(g.regions[i].named()) {
				return
			}
		}
	}
}

// named returns the region as the engine names memory.
func (r *Region) named() engine.Named {
	return engine.Named{Range: r.Range, Name: r.Name, NameOffset: r.NameOffset, Perm: r.Perm, File: r.File}
}

// PlaceOf returns the offset, in what Name names, of the byte at a, which has to lie
// in the region.
func (r *Region) PlaceOf(a addr.Addr) uint64 { return r.NameOffset + uint64(a-r.First) }

// RegionPlace returns what the region with an index in Regions belongs to.
func (g *Graph) RegionPlace(region int) engine.Place {
	r := &g.regions[region]
	return g.Places().In(r.named(), r.First)
}

// Place is an address in a form that holds in another run of the program too: a module
// or a named region, and the distance from its base. The base of a module is its
// lowest address, whichever of its mappings holds the address. In a hole Name is
// empty, and Offset is the address.
type Place struct {
	Name   string
	Base   addr.Addr
	Offset uint64 // bytes from Base; those before it wrap round
}

// String returns the name and the offset in hexadecimal, as "/usr/bin/prog+0x4060",
// or, where there is no name, the address.
func (p Place) String() string {
	if p.Name == "" {
		return (p.Base + addr.Addr(p.Offset)).String()
	}
	if n := int64(p.Offset); n < 0 { // the address lies before what has the name
		return fmt.Sprintf("%s-%#x", p.Name, -uint64(n))
	}
	return fmt.Sprintf("%s+%#x", p.Name, p.Offset)
}

// placeFinder finds the places of many addresses, and the addresses of places in
// another graph.
type placeFinder struct {
	g        *Graph
	byRegion []engine.Place         // what each region belongs to
	bases    map[string][]addr.Addr // for each name: the bases of what has it, ascending
}

// newPlaceFinder prepares a placeFinder in time O(regions).
func (g *Graph) newPlaceFinder() *placeFinder {
	p := &placeFinder{g: g, byRegion: make([]engine.Place, len(g.regions)), bases: map[string][]addr.Addr{}}
	for i := range g.regions {
		at := g.RegionPlace(i)
		p.byRegion[i] = at
		p.bases[at.Name] = append(p.bases[at.Name], at.Base)
	}
	for name, bases := range p.bases {
		slices.Sort(bases)
		p.bases[name] = slices.Compact(bases)
	}
	return p
}

// at returns the place of an address.
func (p *placeFinder) at(a addr.Addr) Place {
	i := p.g.RegionAt(a)
	if i < 0 {
		return Place{Offset: uint64(a)}
	}
	of := &p.byRegion[i]
	return Place{of.Name, of.Base, uint64(a - of.Base)}
}

// find returns the address, in this graph, of a place of another graph, and false
// where nothing here has its name. Where several things have the name, in both graphs,
// the n-th by address stands for the n-th.
func (p *placeFinder) find(at Place, from *placeFinder) (addr.Addr, bool) {
	i, ok := slices.BinarySearch(from.bases[at.Name], at.Base)
	if bases := p.bases[at.Name]; ok && i < len(bases) {
		return bases[i].Add(at.Offset)
	}
	return 0, false
}

// Place returns what an address belongs to.
func (g *Graph) Place(a addr.Addr) Place {
	i := g.RegionAt(a)
	if i < 0 {
		return Place{Offset: uint64(a)}
	}
	of := g.RegionPlace(i)
	return Place{of.Name, of.Base, uint64(a - of.Base)}
}
