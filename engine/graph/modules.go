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

// Module is the memory of one program file or library, as [engine.Module] has
// it.
type Module struct {
	Name    string    // as the image has it: a path
	Base    addr.Addr // offsets in it count from here
	Program bool      // the program itself rather than a library: see Graph.Modules
	Data    []addr.Range
}

// Modules is the modules of the image, by base. Data is what of them may be
// written, all where the image tells no permissions. The program is the module
// with the lowest base whose name is not that of a shared library.
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

// dataOf is what of a module may be written.
func dataOf(m *engine.Module) []addr.Range {
	var data []addr.Range
	for _, p := range m.Ranges {
		if p.Perm == 0 || p.Perm&engine.PermWrite != 0 {
			data = append(data, p.Range)
		}
	}
	return addr.Merge(data)
}

// Places tells the places of the regions.
func (g *Graph) Places() *engine.Places {
	g.placesOnce.Do(func() { g.names = engine.NewPlaces(g.named) })
	return g.names
}

func (g *Graph) named() iter.Seq[engine.Named] {
	return func(yield func(engine.Named) bool) {
		for i := range g.regions {
			if !yield(g.regions[i].named()) {
				return
			}
		}
	}
}

func (r *Region) named() engine.Named {
	return engine.Named{Range: r.Range, Name: r.Name, NameOffset: r.NameOffset, Perm: r.Perm, File: r.File}
}

// PlaceOf is the offset of the byte at a, which lies in the region, in what Name
// names.
func (r *Region) PlaceOf(a addr.Addr) uint64 { return r.NameOffset + uint64(a-r.First) }

// PlaceIn is what the region of an index in Regions belongs to.
func (g *Graph) PlaceIn(region int) engine.Place {
	r := &g.regions[region]
	return g.Places().In(r.named(), r.First)
}

// Place is an address as it can be told again in another run of the program:
// a module or a named region, and the distance from its base. Of a module that is
// its lowest address, whichever of its mappings holds the address. In a hole there
// is no name, and Offset is the address.
type Place struct {
	Name   string
	Base   addr.Addr
	Offset uint64 // in bytes
}

// String is the name and the offset in hexadecimal, "/usr/bin/prog+0x4060", or,
// without a name, the address.
func (p Place) String() string {
	if p.Name == "" {
		return (p.Base + addr.Addr(p.Offset)).String()
	}
	if n := int64(p.Offset); n < 0 { // before what has the name
		return fmt.Sprintf("%s-%#x", p.Name, -uint64(n))
	}
	return fmt.Sprintf("%s+%#x", p.Name, p.Offset)
}

// places finds what addresses belong to.
type places struct {
	g     *Graph
	of    []engine.Place         // by region
	bases map[string][]addr.Addr // of what has a name, ascending
}

func (g *Graph) newPlaces() *places {
	p := &places{g: g, of: make([]engine.Place, len(g.regions)), bases: map[string][]addr.Addr{}}
	for i := range g.regions {
		at := g.PlaceIn(i)
		p.of[i] = at
		p.bases[at.Name] = append(p.bases[at.Name], at.Base)
	}
	for name, bases := range p.bases {
		slices.Sort(bases)
		p.bases[name] = slices.Compact(bases)
	}
	return p
}

// at is the place of an address that is mapped.
func (p *places) at(a addr.Addr) Place {
	i := p.g.RegionAt(a)
	if i < 0 {
		return Place{Offset: uint64(a)}
	}
	of := &p.of[i]
	return Place{of.Name, of.Base, uint64(a - of.Base)}
}

// find is the address of a place of another graph; false where nothing has the
// name. Of several that have it, it is the one that is as far up.
func (p *places) find(at Place, from *places) (addr.Addr, bool) {
	i, ok := slices.BinarySearch(from.bases[at.Name], at.Base)
	if bases := p.bases[at.Name]; ok && i < len(bases) {
		return bases[i].Add(at.Offset)
	}
	return 0, false
}

// Place tells what an address belongs to. Of many addresses it is slow.
func (g *Graph) Place(a addr.Addr) Place { return g.newPlaces().at(a) }
