package main

import (
	"vscan/cmd/vscan/internal/report"
	"vscan/cmd/vscan/internal/wording"
	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/graph"
)

// located is where in a graph's memory an address lies. Of many addresses most
// are in the region of the one before.
type located struct {
	g      *graph.Graph
	region int // −1 in a hole
	place  engine.Place
}

func newLocated(g *graph.Graph) *located { return &located{g: g, region: -1} }

// find goes to the region of an address, and reports whether there is one.
func (l *located) find(a addr.Addr) bool {
	if l.region < 0 || !l.g.Regions()[l.region].Contains(a) {
		l.set(l.g.RegionAt(a))
	}
	return l.region >= 0
}

// findFirst is find, or goes to the first region that begins in a range behind
// the address: that of a page that begins before it.
func (l *located) findFirst(r addr.Range) bool {
	if !l.find(r.First) && r.Size() > 1 {
		l.set(firstRegion(l.g, r))
	}
	return l.region >= 0
}

func (l *located) set(region int) {
	if l.region = region; region >= 0 {
		l.place = l.g.RegionPlace(region)
	}
}

// mapping is the name of the mapping.
func (l *located) mapping() string { return l.g.Regions()[l.region].Name }

// offset is that of an address in what the mapping's name names; negative before
// its beginning.
func (l *located) offset(a addr.Addr) int64 {
	r := &l.g.Regions()[l.region]
	return int64(r.PlaceOf(a))
}

// distance is the offset of an address in the module or, where there is none,
// in what the mapping's name names.
func (l *located) distance(a addr.Addr) int64 { return int64(a - l.place.Base) }

// text is an address as module + offset or mapping + offset.
func (l *located) text(a addr.Addr) string {
	return placeText(report.ShortPath(l.place.Name), l.distance(a))
}

// placeText is a name and an offset in it.
func placeText(name string, offset int64) string {
	if offset < 0 {
		return name + wording.SignedHex(offset)
	}
	return name + "+" + wording.SignedHex(offset)
}

// module is the module of an address and the offset in it, for the last columns
// of a table; nil where it is in none.
func (l *located) module(a addr.Addr) (name, offset any) {
	if !l.place.Module {
		return nil, nil
	}
	return l.place.Name, l.distance(a)
}

// placeOfUnit is the place of the first byte of a unit of memory, in what lies in
// it first: -0x38 from where that begins, if the unit begins before it.
func placeOfUnit(g *graph.Graph, r addr.Range) string {
	l := newLocated(g)
	if !l.findFirst(r) {
		return "-"
	}
	return l.text(r.First)
}

// chainBase is where a chain begins, of a name that may be a path or short.
func chainBase(name string, p graph.Place) string { return placeText(name, int64(p.Offset)) }
