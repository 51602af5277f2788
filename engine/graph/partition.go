package graph

import (
	"vscan/engine/addr"
)

// Edges are sorted by target in two steps: into partitions of pages while
// memory is swept, and then one partition after another by page.
//
// A partition is some thousand pages of targets that follow one another. So that
// no partition gets most of the edges, its size is counted in pages that are
// present; the gigabytes of address space that programs reserve and never use
// count little, since little points at them.
const (
	partPages = 1 << 12 // the least pages of a partition, 16 MiB
	maxParts  = 512
	// absentWeight is how many absent pages count as one.
	absentWeight = 256
	// maxReserve is the most that one run of absent pages counts.
	maxReserve = 4 * partPages

	pageShift = 12
	pageSize  = 1 << pageShift
)

// partRange is a part of a range of targets that lies in one partition.
type partRange struct {
	addr.Range
	base  uint64 // what its first address is in the partition, in bytes from its first page
	part  int32
	bytes int32 // of an entry's place in the partition: 3, 4 or 8
}

// partition is a run of pages, by number.
type partition struct {
	first uint64 // page
	pages uint64
}

// partitions cuts the targets. present is what of the targets is present.
func partitions(targets numbering, present []addr.Range) ([]partition, []partRange) {
	// Stretches: ranges cut where presence changes.
	type stretch struct {
		addr.Range
		present bool
		page    uint64 // number of its first
		pages   uint64
	}
	var stretches []stretch
	total, hint, p := uint64(0), 0, 0
	for _, r := range targets.ranges {
		for first := r.First; ; {
			for p < len(present) && present[p].Last < first {
				p++
			}
			s := stretch{Range: addr.Range{First: first, Last: r.Last}}
			switch {
			case p == len(present) || present[p].First > r.Last:
			case present[p].First > first:
				s.Last = present[p].First - 1
			default:
				s.present, s.Last = true, min(r.Last, present[p].Last)
			}
			s.page, _ = targets.number(s.First, &hint)
			s.pages = uint64(s.Last>>pageShift-s.First>>pageShift) + 1
			stretches = append(stretches, s)
			total += weight(s.present, s.pages)
			if s.Last == r.Last {
				break
			}
			first = s.Last + 1
		}
	}
	want := max(partPages, total/maxParts+1)
	var parts []partition
	var cut []partRange
	fill := uint64(0)
	next := func(page uint64) { // begins a partition
		if n := len(parts); n > 0 {
			parts[n-1].pages = page - parts[n-1].first
		}
		parts = append(parts, partition{first: page})
		fill = 0
	}
	for _, s := range stretches {
		for s.pages > 0 {
			if len(parts) == 0 || fill >= want && s.page > parts[len(parts)-1].first {
				// A page that is shared with the stretch before stays there.
				if n := len(cut); n > 0 && cut[n-1].Last>>pageShift == s.First>>pageShift {
					fill = want - 1
				} else {
					next(s.page)
				}
			}
			fit, full := s.pages, false
			w := weight(s.present, s.pages)
			if w > want-min(fill, want-1) && w > 0 {
				fit = max(1, min(s.pages, s.pages/w*(want-min(fill, want-1))))
			}
			if fit < s.pages {
				// Where a hint covers, so that there are not two to take turns.
				const covers = 1 << (hintShift - pageShift)
				page := uint64(s.First) >> pageShift
				if aligned := (page + fit) &^ (covers - 1); aligned > page {
					fit = aligned - page
					full = true
				}
			}
			t := partRange{Range: s.Range, part: int32(len(parts) - 1)}
			if fit < s.pages {
				t.Last = (s.First>>pageShift+addr.Addr(fit))<<pageShift - 1
			}
			t.base = (s.page-parts[t.part].first)<<pageShift + uint64(s.First&(pageSize-1))
			cut = append(cut, t)
			if fill += weight(s.present, fit); full {
				fill = max(fill, want)
			}
			s.First, s.page, s.pages = t.Last+1, s.page+fit, s.pages-fit
		}
	}
	if n := len(parts); n > 0 {
		parts[n-1].pages = targets.count - parts[n-1].first
	}
	for i := range cut {
		switch n := parts[cut[i].part].pages; {
		case n <= 1<<(24-pageShift):
			cut[i].bytes = 3
		case n <= 1<<(32-pageShift):
			cut[i].bytes = 4
		default:
			cut[i].bytes = 8
		}
	}
	return parts, cut
}

// weight is what a run of pages counts.
func weight(present bool, pages uint64) uint64 {
	if present {
		return pages
	}
	return min(pages/absentWeight+1, maxReserve)
}
