package graph

import (
	"fmt"
	"strings"

	"vscan/engine/addr"
)

// Roots says where chains begin. The zero value stands for the data of modules.
type Roots struct {
	Static bool         // the data of modules, .bss included
	Stack  bool         // the mappings whose names begin with [stack
	Names  []string     // mappings with these names, or with these as the last part of a path
	Ranges []addr.Range // these addresses
}

// RootClass says what the root of a chain is. Chains from lower classes come first.
type RootClass uint8

const (
	RootProgram RootClass = iota // the data of the program itself
	RootLibrary                  // the data of another module
	RootStack
	RootOther
	rootClassCount
)

// String returns "program", "library", "stack" or "other".
func (c RootClass) String() string {
	return []string{"program", "library", "stack", "other"}[min(c, RootOther)]
}

// byClass returns the addresses of roots, by class.
func (r Roots) byClass(g *Graph) (by [rootClassCount][]addr.Range, err error) {
	if !r.Static && !r.Stack && len(r.Names)+len(r.Ranges) == 0 {
		r.Static = true
	}
	if r.Static {
		for _, m := range g.Modules() {
			class := RootLibrary
			if m.Program {
				class = RootProgram
			}
			by[class] = append(by[class], m.Data...)
		}
	}
	for _, region := range g.regions {
		if r.Stack && strings.HasPrefix(region.Name, "[stack") {
			by[RootStack] = append(by[RootStack], region.Range)
		}
	}
	for _, name := range r.Names {
		ranges := g.NamedRanges(name)
		if len(ranges) == 0 {
			return by, fmt.Errorf("roots %q: no mapping has this name, and it is no address or range", name)
		}
		by[RootOther] = append(by[RootOther], ranges...)
	}
	by[RootOther] = append(by[RootOther], r.Ranges...)
	return by, nil
}

// RootRanges returns the addresses of roots, merged.
func (g *Graph) RootRanges(r Roots) ([]addr.Range, error) {
	by, err := r.byClass(g)
	var all []addr.Range
	for _, ranges := range by {
		all = append(all, ranges...)
	}
	return addr.Merge(all), err
}

// findRoots finds the edges that chains may begin with, by class. INVARIANT: an edge is in
// one class only, the lowest that has its address.
func (c *Chains) findRoots() error {
	by, err := c.opt.Roots.byClass(c.f.g)
	if err != nil {
		return err
	}
	hint := 0
	var taken []addr.Range // the addresses of the classes before
	for class := range by {
		for _, part := range without(addr.Merge(by[class]), taken) {
			if lo, hi := c.f.span(part, &hint); lo < hi {
				c.roots[class] = append(c.roots[class], edgeRange{lo, hi})
			}
		}
		taken = addr.Merge(append(taken, by[class]...))
	}
	return nil
}

// without returns the parts of ranges that lie in none of the others. Both are merged.
func without(ranges, others []addr.Range) []addr.Range {
	var out []addr.Range
	k := 0
	for _, r := range ranges {
		for k > 0 && others[k-1].Last >= r.First {
			k--
		}
		for ; k < len(others) && others[k].Last < r.First; k++ {
		}
		rest, left := r, true
		for j := k; left && j < len(others) && others[j].First <= rest.Last; j++ {
			if others[j].First > rest.First {
				out = append(out, addr.Range{First: rest.First, Last: others[j].First - 1})
			}
			if left = others[j].Last < rest.Last; left {
				rest.First = others[j].Last + 1
			}
		}
		if left {
			out = append(out, rest)
		}
	}
	return out
}

// NamedRanges returns the addresses of the mappings with a name, merged. Where no mapping has
// it, those count that have it as the last part of a path. The name "mapped" stands for all
// mappings.
func (g *Graph) NamedRanges(name string) []addr.Range {
	var whole, last []addr.Range
	for _, r := range g.regions {
		if r.Name == name || name == "mapped" {
			whole = append(whole, r.Range)
		} else if strings.HasSuffix(r.Name, "/"+name) {
			last = append(last, r.Range)
		}
	}
	if len(whole) == 0 {
		whole = last
	}
	return addr.Merge(whole)
}
