package heap

import (
	"context"
	"fmt"
	"slices"

	"vscan/engine"
	"vscan/engine/addr"
)

// Chunks that were mapped on their own (malloc/malloc.c, sysmalloc and memalign). What was
// mapped is whole pages:
//
//	| front … | word: front | word: size + flag 2 | object … |
//	|-- front-|------------------- size ---------------------|
//	a page                                                   the end of a page
//
// front is 0 unless memalign asked for a larger alignment. Since glibc 2.43 the size has two
// words less than that, and the lowest bit of the first word says that the chunk is in huge
// pages. Linux makes one mapping of several that lie side by side, so a chunk can begin at any
// page. mp_ has how many such chunks there are, and how many bytes they have.

// mappedChunk is a chunk that was mapped on its own.
type mappedChunk struct {
	addr.Range // what was mapped
	object     addr.Range
	atBorder   bool // whether it begins where a mapping begins, or behind another such chunk or a heap
}

// mappedAt reads the chunk that may have its head at an address of memory from first to last
// that belongs to no heap, and reports whether it makes sense.
func (r *reader) mappedAt(at, first, last addr.Addr) (c mappedChunk, ok bool) {
	before, ok1 := r.wordAt(at)
	size, ok2 := r.wordAt(at + r.word)
	if !ok1 || !ok2 || size&chunkFlags != chunkMapped {
		return c, false
	}
	length := addr.Addr(size &^ chunkFlags)
	front := addr.Addr(before &^ 1)
	if front > at-first || (at-front)%engine.PageSize != 0 || length < engine.PageSize/2 || length-1 > last-at {
		return c, false
	}
	start, end := at-front, at+length
	object := addr.Range{First: at + 2*r.word, Last: end - 1}
	switch {
	case end%engine.PageSize == 0 && before&1 == 0:
	case (end+2*r.word)%engine.PageSize == 0 && end+2*r.word-1 <= last:
		end += 2 * r.word
		object.Last = end - 1
	default:
		return c, false
	}
	return mappedChunk{Range: addr.Range{First: start, Last: end - 1}, object: object}, true
}

// mappedChunks finds them in memory that belongs to no heap, and keeps those that there are
// reasons to believe in: as many as malloc counts, or those that fill their mappings.
func (f *finder) mappedChunks() error {
	want, bytes, known := uint64(0), uint64(0), len(f.params) > 0
	for _, p := range f.params {
		want, bytes, known = want+p.mapped, bytes+p.bytes, known && p.at != 0
	}
	if known && want == 0 {
		return nil
	}
	found, err := f.mappedCandidates(known)
	if err != nil || len(found) == 0 && !known {
		return err
	}
	sum := uint64(0)
	for _, c := range found {
		sum += c.Size()
	}
	if !known || uint64(len(found)) > want || sum != bytes {
		if filling := f.fillingMappings(found); !known || uint64(len(found)) > want {
			found = filling
		}
	}
	a := Arena{Kind: ArenaMapped}
	for _, c := range found {
		f.walker.runs = append(f.walker.runs, run{Range: c.Range, mapped: c.object})
		a.Heaps = append(a.Heaps, c.Range)
		if f.cacheMapped(c.object) && len(f.walker.caches) < maxCaches {
			f.walker.caches = append(f.walker.caches, c.object.First)
		}
	}
	f.taken = append(f.taken, a.Heaps...)
	if known && uint64(len(found)) != want {
		a.Refused = fmt.Sprintf("malloc counts %d mapped chunks, and %d were found", want, len(found))
	} else if got := sizeOf(a.Heaps); known && got != bytes {
		a.Refused = fmt.Sprintf("malloc counts %d bytes in mapped chunks, and %d were found: the size of one is damaged", bytes, got)
	}
	if len(a.Heaps) > 0 || a.Refused != "" {
		f.arenas = append(f.arenas, a)
	}
	return nil
}

// fillingMappings returns the chunks that, side by side, fill what was mapped: from where a mapping begins,
// or a heap ends, to where one ends.
func (f *finder) fillingMappings(found []mappedChunk) (out []mappedChunk) {
	heaps := addr.Merge(f.taken)
	for i := 0; i < len(found); {
		k := i + 1
		for k < len(found) && found[k].First == found[k-1].Last+1 {
			k++
		}
		next := found[k-1].Last + 1
		s := f.spanOf(found[i].First)
		_, border := slices.BinarySearch(s.borders, next)
		if found[i].atBorder && (border || found[k-1].Last == s.Last || overlaps(heaps, addr.Range{First: next, Last: next})) {
			out = append(out, found[i:k]...)
		}
		i = k
	}
	return out
}

// mappedCandidates returns all that look like mapped chunks, ascending and disjoint. With
// everywhere, which is for when malloc counts some, all pages are looked at; otherwise only those
// where mappings begin.
func (f *finder) mappedCandidates(everywhere bool) (found []mappedChunk, err error) {
	taken := addr.Merge(f.taken)
	for i := range f.spans {
		s := &f.spans[i]
		parts := taken
		s.Range.Without(parts, func(r addr.Range) {
			if err == nil {
				found, err = f.mappedIn(r, s, everywhere, found)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// mappedIn appends the candidates in memory that belongs to no heap.
func (f *finder) mappedIn(free addr.Range, s *span, everywhere bool, found []mappedChunk) ([]mappedChunk, error) {
	atBorder := true
	first := free.First
	for at, ok := free.First.AlignUp(engine.PageSize); ok && at < free.Last; {
		if err := context.Cause(f.ctx); err != nil {
			return nil, err
		}
		_, border := slices.BinarySearch(s.borders, at)
		atBorder = atBorder || border
		if c, is := f.mappedAtPage(at, free.Last, atBorder); is {
			c.atBorder = atBorder || c.First == first
			found = append(found, c)
			first, atBorder = c.Last+1, true
			at, ok = first.AlignUp(engine.PageSize)
			continue
		}
		atBorder = false
		at, ok = at.Add(engine.PageSize)
		if !everywhere && ok {
			k, _ := slices.BinarySearch(s.borders, at)
			if k == len(s.borders) {
				break
			}
			at = s.borders[k]
		}
		if v := f.space.At(at); ok && v.State() != engine.Present {
			at, ok = v.Last.Add(1)
		}
	}
	return found, nil
}

// mappedAtPage returns the chunk in what may have been mapped from a page on: at its start, or,
// where it was aligned, further on. In the latter case memalign has left the head that the chunk
// had at first.
func (f *finder) mappedAtPage(at, last addr.Addr, atBorder bool) (c mappedChunk, ok bool) {
	for _, a := range f.firsts(at) {
		if c, ok = f.read.mappedAt(a, at, last); ok {
			break
		}
	}
	if !ok && !atBorder {
		return c, false
	}
	for align := 4 * f.word; align < last-at; align *= 2 {
		a := (at+2*f.word+align-1)&^(align-1) - 2*f.word
		if a-at < 4*f.word {
			a += align
		}
		if a >= last {
			break
		}
		if x, is := f.read.far().mappedAt(a, at, last); is && x.First == at {
			return x, true
		}
	}
	return c, ok
}
