package minidump

import (
	"bytes"
	"cmp"
	"slices"
	"sort"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image/elf"
	"vscan/engine/image/input"
	"vscan/engine/image/proc"
	"vscan/internal/interrupt"
)

// What was mapped: MINIDUMP_MEMORY_INFO, or on Linux the text of /proc/PID/maps, which has
// names too; and the modules. What of it was not saved is absent, and what was saved has
// the permissions and the names that are told here.

const (
	regionSize = 48      // of a MINIDUMP_MEMORY_INFO
	committed  = 0x1000  // MEM_COMMIT: there is memory, and not only a claim to addresses
	maxMaps    = 1 << 27 // bytes of maps that are read
)

// protections are the permissions that PAGE_* constants stand for, a bit each.
var protections = []struct {
	bit  uint64
	perm engine.Perm
}{
	{0x02, engine.PermRead},
	{0x04, engine.PermRead | engine.PermWrite},
	{0x08, engine.PermRead | engine.PermWrite}, // a copy is written
	{0x10, engine.PermExecute},
	{0x20, engine.PermRead | engine.PermExecute},
	{0x40, engine.PermRead | engine.PermWrite | engine.PermExecute},
	{0x80, engine.PermRead | engine.PermWrite | engine.PermExecute},
}

// permissions returns what a protection permits: the lowest bit that is known counts.
func permissions(protect uint64) engine.Perm {
	for _, p := range protections {
		if protect&p.bit != 0 {
			return engine.PermKnown | p.perm
		}
	}
	return engine.PermKnown
}

// area is a range of addresses of one name and permissions.
type area struct {
	addr.Range
	perm engine.Perm
	name string    // "" where none is told
	base addr.Addr // that offsets in what name names count from
	file bool      // name is that of a file
}

// readAreas finds out what was mapped.
func (d *reader) readAreas() error {
	regions, err := d.readMaps()
	if err == nil && regions == nil {
		regions, err = d.readRegions()
	}
	if err != nil {
		return err
	}
	if regions, err = d.disjoint(regions); err != nil {
		return err
	}
	d.areas = d.withModules(regions)
	return d.sort(d.areas)
}

// readRegions reads MemoryInfoList: the sizes of its head (4) and of an entry (4), the number
// of entries (8).
func (d *reader) readRegions() ([]area, error) {
	f, ok, err := d.begin(memoryInfoList, 16)
	if !ok {
		return nil, err
	}
	s, head, stride, count := d.streams[memoryInfoList], f.U32(0), f.U32(4), f.U64(8)
	if head < 16 || head > s.size || stride < regionSize || stride > 1<<16 {
		d.img.Note("MemoryInfoList at %v: a head of %d bytes and entries of %d cannot be: permissions are not read", d.Place(s.off), head, stride)
		return nil, nil
	}
	l := list{kind: memoryInfoList, Records: input.Records{At: s.off + head, Stride: stride, Size: regionSize}}
	l.count = d.capped(l.name(), l.At, d.inRoom(l, count, (s.size-head)/stride), d.most())
	var out []area
	err = d.each(l, func(_ uint64, f input.Fields) {
		if r, _, ok := d.sized(f.U64(0), f.U64(24)); ok && f.U32(32) == committed {
			out = append(out, area{Range: r, perm: permissions(f.U32(36))})
		}
	})
	return out, err
}

// readMaps reads the text of /proc/PID/maps. A line that is damaged is left out.
func (d *reader) readMaps() ([]area, error) {
	s, ok := d.streams[linuxMaps]
	if !ok {
		return nil, nil
	}
	if err := d.budget.Take(min(s.size, d.Size, maxMaps), "the maps of the process"); err != nil {
		return nil, d.at(err, streamNames[linuxMaps], s.off)
	}
	text, err := d.take(s.off, min(s.size, maxMaps))
	if err != nil {
		return nil, err
	}
	lines := d.capped(streamNames[linuxMaps], s.off, uint64(bytes.Count(text, []byte("\n")))+1, d.most())
	if err := d.budget.Take(lines*entryBytes, "the maps of the process"); err != nil {
		return nil, d.at(err, streamNames[linuxMaps], s.off)
	}
	var all []proc.Area
	for n := uint64(1); len(text) > 0 && n <= lines; n++ {
		if err := d.watch.Step(8); err != nil {
			return nil, err
		}
		var line []byte
		line, text, _ = bytes.Cut(text, []byte("\n"))
		line = bytes.TrimRight(line, "\x00")
		if len(line) == 0 {
			continue
		}
		a, err := proc.ParseArea(line)
		if err != nil {
			d.img.Note("the process's maps at %v: line %d: %v: left out", d.Place(s.off), n, err)
			continue
		}
		all = append(all, a)
	}
	return d.based(all)
}

// based finds out where the names of areas begin.
func (d *reader) based(all []proc.Area) ([]area, error) {
	if err := interrupt.SortStableFunc(d.ctx, all, func(a, b proc.Area) int { return cmp.Compare(a.First, b.First) }); err != nil {
		return nil, err
	}
	pieces := make([]elf.Piece, len(all))
	for i, a := range all {
		pieces[i] = elf.Piece{Range: a.Range, Offset: a.Offset, Name: a.Name}
	}
	bases, err := elf.LoadBases(d.ctx, pieces, func(int) (uint64, bool) { return 0, false })
	if err != nil {
		return nil, err
	}
	out := make([]area, len(all))
	for i, a := range all {
		out[i] = area{Range: a.Range, perm: a.Perm, name: a.Name, base: a.First}
		if len(a.Name) > 0 && a.Name[0] == '/' {
			out[i].base = bases[i]
		}
	}
	return out, nil
}

// sort puts areas in the order of their addresses.
func (d *reader) sort(areas []area) error {
	return interrupt.SortStableFunc(d.ctx, areas, func(a, b area) int { return cmp.Compare(a.First, b.First) })
}

// disjoint sorts areas, and cuts off each what one before it has.
func (d *reader) disjoint(areas []area) ([]area, error) {
	if err := d.sort(areas); err != nil {
		return nil, err
	}
	out := areas[:0]
	for _, a := range areas {
		if n := len(out); n > 0 && a.First <= out[n-1].Last {
			if a.Last <= out[n-1].Last {
				continue
			}
			a.First = out[n-1].Last + 1
		}
		out = append(out, a)
	}
	return out, nil
}

// withModules returns the regions, those that have no name cut where modules begin and end,
// and the parts of modules that no region has. They are in no order.
func (d *reader) withModules(regions []area) []area {
	out := make([]area, 0, len(regions)+2*len(d.modules))
	whole := make([]addr.Range, len(regions))
	for i, r := range regions {
		whole[i] = r.Range
		if r.name != "" {
			out = append(out, r)
			continue
		}
		r.Range.Without(d.moduleRanges(r.Range), func(rest addr.Range) {
			out = append(out, area{Range: rest, perm: r.perm})
		})
	}
	for _, m := range d.modules {
		i := sort.Search(len(regions), func(i int) bool { return regions[i].Last >= m.First })
		for k := i; k < len(regions) && regions[k].First <= m.Last; k++ {
			if x, ok := m.Range.Intersect(regions[k].Range); ok && regions[k].name == "" {
				out = append(out, m.area(x, regions[k].perm))
			}
		}
		m.Range.Without(whole[i:], func(rest addr.Range) { out = append(out, m.area(rest, 0)) })
	}
	return out
}

// moduleRanges returns the ranges of the modules that are in a range, ascending.
func (d *reader) moduleRanges(r addr.Range) []addr.Range {
	var out []addr.Range
	for i := sort.Search(len(d.modules), func(i int) bool { return d.modules[i].Last >= r.First }); i < len(d.modules) && d.modules[i].First <= r.Last; i++ {
		out = append(out, d.modules[i].Range)
	}
	return out
}

// area returns a part of the module as an area.
func (m *module) area(r addr.Range, perm engine.Perm) area {
	return area{Range: r, perm: perm, name: m.path, base: m.First, file: true}
}

// areaAt returns the index of the first area that ends at or behind an address.
func (d *reader) areaAt(a addr.Addr) int {
	i, _ := slices.BinarySearchFunc(d.areas, a, func(x area, a addr.Addr) int { return cmp.Compare(x.Last, a) })
	return i
}
