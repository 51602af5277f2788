package graph

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
)

// Module is the memory of one program file or library: its mappings, and the
// memory without a name that goes on where its last mapping ends and may be
// written, which is its .bss. Where a heap begins just there, as without address
// space randomisation, it counts as .bss too.
type Module struct {
	Name    string    // as the image has it: a path
	Base    addr.Addr // the lowest address
	Program bool      // the program itself rather than a library: see Graph.Modules
	Data    []addr.Range
}

// Modules is the modules of the image, by base. Data is what of them may be
// written, all where the image tells no permissions. The program is the module
// with the lowest base whose name is not that of a shared library.
func (g *Graph) Modules() []Module {
	byName := map[string]int{}
	var modules []Module
	owner := -1 // the module that the region before belongs to
	for i, r := range g.regions {
		adjacent := i > 0 && g.regions[i-1].Last != addr.Max && g.regions[i-1].Last+1 == r.First
		switch {
		case path.IsAbs(r.Name):
			k, known := byName[r.Name]
			if !known {
				k = len(modules)
				byName[r.Name] = k
				modules = append(modules, Module{Name: r.Name, Base: r.First})
			}
			owner = k
		case owner < 0 || !adjacent || !unnamed(r.Name) || r.Perm&engine.Write == 0:
			owner = -1
			continue
		}
		if r.Perm == 0 || r.Perm&engine.Write != 0 {
			modules[owner].Data = append(modules[owner].Data, r.Range)
		}
	}
	slices.SortStableFunc(modules, func(a, b Module) int { return cmp.Compare(a.Base, b.Base) })
	for i := range modules {
		modules[i].Data = addr.Merge(modules[i].Data)
	}
	for i := range modules {
		if base := path.Base(modules[i].Name); !strings.HasSuffix(base, ".so") && !strings.Contains(base, ".so.") && len(modules[i].Data) > 0 {
			modules[i].Program = true
			break
		}
	}
	return modules
}

// unnamed says whether a region's name is one that formats give to memory
// without a name.
func unnamed(name string) bool {
	return name == "" || name == "[anon]" || strings.HasPrefix(name, "load[")
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
	return fmt.Sprintf("%s+%#x", p.Name, p.Offset)
}

// places finds what addresses belong to.
type places struct {
	g       *Graph
	modules []Module
	bases   map[string]addr.Addr // of modules and regions by name
	bss     map[addr.Addr]int    // the first address of a region to the module whose .bss it is
}

func (g *Graph) newPlaces() *places {
	p := &places{g: g, modules: g.Modules(), bases: map[string]addr.Addr{}, bss: map[addr.Addr]int{}}
	for _, r := range g.regions {
		if _, known := p.bases[r.Name]; !known {
			p.bases[r.Name] = r.First
		}
	}
	for i, m := range p.modules {
		for _, d := range m.Data {
			for k := g.RegionAt(d.First); k >= 0 && k < len(g.regions) && d.Contains(g.regions[k].First); k++ {
				p.bss[g.regions[k].First] = i
			}
		}
	}
	return p
}

// at is the place of an address that is mapped.
func (p *places) at(a addr.Addr) Place {
	i := p.g.RegionAt(a)
	if i < 0 {
		return Place{Offset: uint64(a)}
	}
	r := &p.g.regions[i]
	name := r.Name
	if k, ok := p.bss[r.First]; ok {
		name = p.modules[k].Name
	}
	base := p.bases[name]
	return Place{name, base, uint64(a - base)}
}

// find is the address of a place; false where nothing has the name.
func (p *places) find(at Place) (addr.Addr, bool) {
	base, ok := p.bases[at.Name]
	if !ok {
		return 0, false
	}
	return base.Add(at.Offset)
}

// Place tells what an address belongs to. Of many addresses it is slow.
func (g *Graph) Place(a addr.Addr) Place { return g.newPlaces().at(a) }
