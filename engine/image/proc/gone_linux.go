package proc

import (
	"vscan/engine"
	"vscan/engine/addr"
)

// The areas are read first and the pages behind that, and of memory that went away between
// the two the pages say the same as of memory that was never touched. So the areas are read
// once more.

// readGone has what is no longer what it was, and was taken for untouched, read from the
// process: what is there by then is found, and what is not there is unreadable.
func (p *process) readGone(vmas []vma) error {
	if p.pages == nil {
		return nil // all of it is read
	}
	now, err := readAreas(p.ctx, p.dir+"/maps")
	if err != nil {
		return err
	}
	gone := goneOf(vmas, now)
	if len(gone) == 0 {
		return nil
	}
	mappings := make([]engine.Mapping, 0, len(p.Mappings)+2*len(gone))
	for _, m := range p.Mappings {
		for len(gone) > 0 && gone[0].Last < m.First {
			gone = gone[1:]
		}
		untouched := m.State == engine.Zero || m.State == engine.Present && m.Source != p.mem
		rest, more := m, true
		for i := 0; untouched && more && i < len(gone) && gone[i].First <= rest.Last; i++ {
			r, _ := gone[i].Intersect(rest.Range)
			if r.First > rest.First {
				mappings = append(mappings, partOf(&rest, addr.Range{First: rest.First, Last: r.First - 1}))
			}
			read := partOf(&rest, r)
			read.State, read.Source, read.Offset = engine.Present, p.mem, uint64(r.First)
			mappings = append(mappings, read)
			if more = r.Last < rest.Last; more {
				rest = partOf(&rest, addr.Range{First: r.Last + 1, Last: rest.Last})
			}
		}
		if more {
			mappings = append(mappings, rest)
		}
	}
	p.Mappings = mappings
	return nil
}

// partOf returns a part of a mapping.
func partOf(m *engine.Mapping, r addr.Range) engine.Mapping {
	part := *m
	part.Range = r
	part.NameOffset = m.PlaceOf(r.First)
	part.Continuation = m.Continuation || r.First > m.First
	if m.State == engine.Present {
		part.Offset = m.OffsetOf(r.First)
	}
	return part
}

// goneOf returns the ranges of areas where there is nothing any more, or something else;
// both lists ascend.
func goneOf(before, now []vma) []addr.Range {
	var gone []addr.Range
	for i := range before {
		v := &before[i]
		for len(now) > 0 && now[0].Last < v.First {
			now = now[1:]
		}
		rest, more := v.Range, true
		for j := 0; more && j < len(now) && now[j].First <= rest.Last; j++ {
			if !v.mapsAs(&now[j]) {
				continue
			}
			r, _ := now[j].Intersect(rest)
			if r.First > rest.First {
				gone = append(gone, addr.Range{First: rest.First, Last: r.First - 1})
			}
			if more = r.Last < rest.Last; more {
				rest.First = r.Last + 1
			}
		}
		if more {
			gone = append(gone, rest)
		}
	}
	return gone
}

// mapsAs reports whether two areas have the same behind an address that both have: the same
// bytes of a file, or memory of the same kind.
func (v *vma) mapsAs(w *vma) bool {
	if v.dev != w.dev || v.inode != w.inode || v.shared != w.shared {
		return false
	}
	return !v.hasFile() || v.offset-uint64(v.First) == w.offset-uint64(w.First)
}
