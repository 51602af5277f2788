package graph

import (
	"vscan/engine"
	"vscan/engine/addr"
	"vscan/internal/wording"
)

// Locator tells where in a graph's memory addresses lie: in which region, and at
// which place in a module or a named mapping. Of many addresses most are in the
// region of the one before, so it keeps that. It is for one goroutine.
type Locator struct {
	g      *Graph
	region int // −1 in a hole
	place  engine.Place
}

// NewLocator returns a Locator for the memory of g.
func NewLocator(g *Graph) *Locator { return &Locator{g: g, region: -1} }

// Find goes to the region of an address, and reports whether there is one. The other
// methods want that.
func (l *Locator) Find(a addr.Addr) bool {
	if l.region < 0 || !l.g.Regions()[l.region].Contains(a) {
		l.set(l.g.RegionAt(a))
	}
	return l.region >= 0
}

// FindFirst goes to the region of the first address of r or, in a hole, to the first
// region that begins in r. It reports whether there is one.
func (l *Locator) FindFirst(r addr.Range) bool {
	if !l.Find(r.First) && r.Size() > 1 {
		l.set(l.g.FirstRegion(r))
	}
	return l.region >= 0
}

func (l *Locator) set(region int) {
	if l.region = region; region >= 0 {
		l.place = l.g.RegionPlace(region)
	}
}

// Mapping returns the name of the mapping.
func (l *Locator) Mapping() string { return l.g.Regions()[l.region].Name }

// Offset returns the offset of an address, in bytes, in what the mapping's name
// names; it is negative before its beginning.
func (l *Locator) Offset(a addr.Addr) int64 {
	r := &l.g.Regions()[l.region]
	return int64(r.PlaceOf(a))
}

// Name returns the name of the module or, where there is none, of the mapping, and
// whether it is a module.
func (l *Locator) Name() (name string, module bool) { return l.place.Name, l.place.Module }

// Distance returns the offset of an address, in bytes, in what Name names; it is
// negative before its beginning.
func (l *Locator) Distance(a addr.Addr) int64 { return int64(a - l.place.Base) }

// Text returns the place of an address, of a short name: "libc.so.6+0x10".
func (l *Locator) Text(a addr.Addr) string {
	return wording.Place(wording.ShortName(l.place.Name), l.Distance(a))
}

// TextOf returns the place of the first address of r in what lies in r first:
// "[heap]-0x38" where r begins before it, and "-" where r is a hole.
func (l *Locator) TextOf(r addr.Range) string {
	if !l.FindFirst(r) {
		return "-"
	}
	return l.Text(r.First)
}

// FirstRegion returns the index in Regions of the first region in r, −1 where there
// is none.
func (g *Graph) FirstRegion(r addr.Range) int {
	for i := range g.regions {
		if g.regions[i].Overlaps(r) {
			return i
		}
	}
	return -1
}
