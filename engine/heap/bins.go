package heap

import (
	"slices"
	"sort"

	"vscan/engine/addr"
)

// maxBinned is the most chunks of an arena's bins that are followed.
const maxBinned = 1 << 22

// binned returns the chunks that an arena's bins hold, ascending (malloc/malloc.c, "Bins").
// A bin is a ring, whose head is two words of the arena's state that count as the fd and bk
// of a chunk:
//
//	   ┌──────────────────────────────────────────┐
//	   ▼ fd                fd                fd   │
//	head ────────► chunk ────────► chunk ─────────┘
//	     ◄────────       ◄────────
//	       bk              bk
//
// A chunk is believed if the chunk before it in the ring is the one that it leads back to.
// Where a ring is broken, it is followed from its other end as well.
//
// INVARIANT: what a bin holds is free, so no other chunk reaches into it, whatever its size
// says.
func (f *finder) binned(s *state) (out []addr.Addr) {
	w := f.word
	r := f.reader(1 << 14)
	r.aligned = true
	for i := range addr.Addr(binCount) {
		head := s.bins + 2*i*w - 2*w
		if forth := r.ring(head, 2*w, 3*w, &out); !forth {
			r.ring(head, 3*w, 2*w, &out)
		}
	}
	if len(out) >= maxBinned {
		last := out[len(out)-1]
		f.bound(addr.Range{First: last, Last: last + 4*w - 1}, "chunk %v: %d chunks of the arena's bins were followed: free chunks that lie behind it in its bin, and in the bins behind, are told by their sizes alone", last, maxBinned)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// ring appends the chunks of a ring from its head on. forth and back are the offsets, in a
// chunk, of the words that lead on and back. It returns false where the ring is broken.
func (r *reader) ring(head, forth, back addr.Addr, out *[]addr.Addr) bool {
	before := head
	for len(*out) < maxBinned {
		at, ok := r.wordAt(before + forth)
		next := addr.Addr(at)
		if !ok || next == head {
			return ok
		}
		if from, ok := r.wordAt(next + back); !ok || addr.Addr(from) != before || next%r.word != 0 || r.spanOf(next) == nil {
			return false
		}
		*out = append(*out, next)
		before = next
	}
	return true
}

// limit returns the address that the chunk at an address must not go beyond: the end of the
// range, the top, or the next chunk that a bin holds.
func (g *chunkRange) limit(at addr.Addr) addr.Addr {
	limit := g.end
	if g.top > at {
		limit = g.top
	}
	if k := g.cursor; k < len(g.binned) && (g.binned[k] <= at || k > 0 && g.binned[k-1] > at) {
		g.cursor = sort.Search(len(g.binned), func(i int) bool { return g.binned[i] > at })
	} else if k == len(g.binned) && k > 0 && g.binned[k-1] > at {
		g.cursor = sort.Search(len(g.binned), func(i int) bool { return g.binned[i] > at })
	}
	if g.cursor < len(g.binned) {
		limit = min(limit, g.binned[g.cursor])
	}
	return limit
}

// holds reports whether a bin holds the chunk at an address, which is near the one that limit
// was asked for last.
func (g *chunkRange) holds(at addr.Addr) bool {
	const near = 3
	if g.cursor == len(g.binned) || g.binned[g.cursor] > at {
		for i := g.cursor - 1; i >= max(0, g.cursor-near); i-- {
			if g.binned[i] <= at {
				return g.binned[i] == at
			}
		}
		if g.cursor <= near {
			return false
		}
	}
	_, is := slices.BinarySearch(g.binned, at)
	return is
}
