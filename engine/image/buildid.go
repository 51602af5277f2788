package image

import (
	"encoding/hex"
	"slices"
	"sort"

	"vscan/engine"
	"vscan/engine/addr"
)

// BuildIDs tells the build-ids of mappings.
type BuildIDs struct {
	byName map[string][]*idList
}

// idList is the ranges of the modules of one name whose bytes come from one
// source.
type idList struct {
	src    engine.Source
	ranges []FileRange
	ids    map[addr.Addr]string // by the first address of a range
}

// NewBuildIDs makes an index of those of the modules that have a build-id.
func NewBuildIDs(modules ...Module) *BuildIDs {
	x := &BuildIDs{map[string][]*idList{}}
	for i := range modules {
		if m := &modules[i]; m.BuildID != nil {
			x.list(m).add(m)
		}
	}
	for _, lists := range x.byName {
		for _, l := range lists {
			slices.SortStableFunc(l.ranges, byFirst)
		}
	}
	return x
}

// list returns the one that a module belongs to.
func (x *BuildIDs) list(m *Module) *idList {
	for _, l := range x.byName[m.Path] {
		if l.src == m.Source {
			return l
		}
	}
	l := &idList{src: m.Source, ids: map[addr.Addr]string{}}
	x.byName[m.Path] = append(x.byName[m.Path], l)
	return l
}

// add puts in the ranges of a module; those of layers may overlap.
func (l *idList) add(m *Module) {
	var ranges []addr.Range
	for _, r := range m.Ranges {
		ranges = append(ranges, r.Range)
	}
	id := hex.EncodeToString(m.BuildID)
	for _, r := range addr.Merge(ranges) {
		l.ranges = append(l.ranges, FileRange{Range: r})
		l.ids[r.First] = id
	}
}

// Of returns the build-id, in hexadecimal, of the module that the mapping's
// byte at a is of; "" where none is known.
func (x *BuildIDs) Of(m *engine.Mapping, a addr.Addr) string {
	for _, l := range x.byName[m.Name] {
		if m.Source != nil && m.Source != l.src {
			continue
		}
		i := sort.Search(len(l.ranges), func(i int) bool { return l.ranges[i].Last >= a })
		if i < len(l.ranges) && l.ranges[i].First <= a {
			return l.ids[l.ranges[i].First]
		}
	}
	return ""
}
