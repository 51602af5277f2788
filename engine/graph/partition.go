package graph

import (
	"context"

	"vscan/engine/addr"
	"vscan/internal/interrupt"
)

// Edges are sorted by target in two steps: into partitions of pages while memory is
// swept, and then, one partition after another, by page.
//
// A partition is some thousand pages of targets that follow one another. Its size
// is counted in pages that are present, so that no partition gets most of the
// edges: programs reserve gigabytes of address space that they never use, and
// little points there.
//
//	targets     | present        | absent, reserved          | present |
//	weight        1 a page         1 for 256 pages, capped     1 a page
//	partitions  | 0      | 1     . 1                    | 2            |
const (
	partPages = 1 << 12 // the smallest weight of a partition: 16 MiB of present pages
	maxParts  = 512
	// absentWeight is how many absent pages weigh as much as a present one.
	absentWeight = 256
	// maxReserve is the most that one run of absent pages weighs.
	maxReserve = 4 * partPages

	pageShift = 12
	pageSize  = 1 << pageShift
)

// partRange is a part of a range of targets that lies in one partition.
type partRange struct {
	addr.Range
	base  uint64 // the offset of its first address from the start of the partition, in bytes
	part  int32
	bytes int32 // size of such an offset in an entry: 3, 4 or 8 bytes
}

// partition is a run of pages, by number.
type partition struct {
	first uint64 // the number of the first page
	pages uint64
}

// partitions cuts the targets into partitions, and returns these and the ranges
// that each of them has. present is the part of the targets that is present. The error is
// that of ctx.
func partitions(ctx context.Context, targets numbering, present []addr.Range) ([]partition, []partRange, error) {
	watch := interrupt.New(ctx)
	// A stretch is a part of a range that is present, or absent, as a whole.
	type stretch struct {
		addr.Range
		present bool
		page    uint64 // the number of its first page
		pages   uint64
	}
	stretches := make([]stretch, 0, len(targets.ranges))
	total, hint, p := uint64(0), 0, 0
	for _, r := range targets.ranges {
		for first := r.First; ; {
			if err := watch.Step(1); err != nil {
				return nil, nil, err
			}
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
	cut := make([]partRange, 0, len(stretches))
	fill := uint64(0)
	next := func(page uint64) { // begins a partition at a page
		if n := len(parts); n > 0 {
			parts[n-1].pages = page - parts[n-1].first
		}
		parts = append(parts, partition{first: page})
		fill = 0
	}
	for _, s := range stretches {
		for s.pages > 0 {
			if err := watch.Step(1); err != nil {
				return nil, nil, err
			}
			if len(parts) == 0 || fill >= want && s.page > parts[len(parts)-1].first {
				// A page that the stretch before shares stays in its partition.
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
				// Cut at a border of what a hint covers, so that two ranges do not take turns with one hint.
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
	return parts, cut, nil
}

// weight returns what a run of pages weighs.
func weight(present bool, pages uint64) uint64 {
	if present {
		return pages
	}
	return min(pages/absentWeight+1, maxReserve)
}
