package graph

import (
	"encoding/binary"
	"errors"
	"slices"
)

// sorter sorts partitions by page, one at a time. It may be used again.
type sorter struct {
	*sweep
	room    int // the most entries that are sorted at once
	pieces  []storedPiece
	buf     []byte
	batch   edgeBatch
	counts  []uint64
	next    []uint64
	entries []entry
	out     groupWriter
}

// newSorter returns a sorter for partitions of at most so many edges. Its buffers
// are made large enough at once, since growing would leave short ones behind.
// Memory that is never written to costs nothing.
func (s *sweep) newSorter(room, most int) *sorter {
	w := &sorter{sweep: s, room: room, entries: make([]entry, 0, min(room, most))}
	w.out.out = make([]byte, 0, 4*min(room, most))
	return w
}

// edgeBatch is some edges as the sweep found them.
type edgeBatch struct {
	n       int
	sources [batchEdges]uint64 // numbers of the sources
	offsets [batchEdges]uint64 // of the targets from the start of the partition, in bytes
}

const batchEdges = 512

// densePages is the most pages of a partition whose edges are counted in an array.
const densePages = 1 << 20

var errPiece = errors.New("the temporary file does not hold what was written to it")

// eachBatch calls f with all entries of the pieces, in order, some at a time. size
// is the size in bytes of an entry's offset.
func (s *sorter) eachBatch(pieces []storedPiece, size int, f func(*edgeBatch)) error {
	for _, p := range pieces {
		b, err := s.chunks.read(s.buf, *p.in, int(p.from), int(p.end-p.from))
		if err != nil {
			return err
		}
		if p.in.bytes == nil {
			s.buf = b
		}
		source := p.source
		for len(b) > 0 {
			if source, b = s.batch.fill(source, b, size); s.batch.n == 0 {
				return errPiece
			}
			f(&s.batch)
		}
	}
	return nil
}

// fill takes as many entries from b as there is room for, and returns the source of
// the last one and the rest of b. size is the size in bytes of an entry's offset,
// and source is the source of the entry before. The batch is empty where b holds no
// whole entry.
func (u *edgeBatch) fill(source uint64, b []byte, size int) (uint64, []byte) {
	n := 0
	if size < 8 {
		// One load holds a difference of one byte or two, and the offset.
		mask, at := uint64(1)<<(8*size)-1, 0
		for n < batchEdges && at+8 <= len(b) {
			v := binary.LittleEndian.Uint64(b[at:])
			two := v >> 7 & 1
			if v>>15&two != 0 {
				break
			}
			source += v&0x7f | v>>1&0x3f80&-two
			u.sources[n], u.offsets[n] = source, v>>(8+8*two&63)&mask
			at += 1 + size + int(two)
			n++
		}
		if n > 0 {
			u.n = n
			return source, b[at:]
		}
	}
	for n < batchEdges && len(b) > 0 {
		d, k := binary.Uvarint(b)
		if k <= 0 || len(b) < k+size {
			u.n = 0
			return source, b
		}
		var place [8]byte
		copy(place[:], b[k:k+size])
		source += d
		u.sources[n], u.offsets[n] = source, binary.LittleEndian.Uint64(place[:])
		b = b[k+size:]
		if n++; size < 8 && len(b) >= 8 {
			break
		}
	}
	u.n = n
	return source, b
}

// sort writes the groups of a partition to s.out. It is a counting sort: one pass
// over the entries counts those of each page, and a second one puts each where its
// page begins.
func (s *sorter) sort(part int) error {
	s.out.out, s.out.lines, s.out.edges = s.out.out[:0], s.out.lines[:0], 0
	pieces := s.ordered(s.pieces[:0], part)
	s.pieces = pieces
	if len(pieces) == 0 {
		return nil
	}
	size := s.offsetBytes(part)
	first := s.parts[part].first
	if s.parts[part].pages > densePages {
		return s.sortSparse(pieces, size, first)
	}
	pages := int(s.parts[part].pages)
	counts, next := zeros(&s.counts, pages), zeros(&s.next, pages)
	err := s.eachBatch(pieces, size, func(some *edgeBatch) {
		for _, place := range some.offsets[:some.n] {
			counts[place>>pageShift]++
		}
	})
	if err != nil {
		return err
	}
	// Take as many pages at a time as there is room for, which mostly is all.
	for lo := 0; lo < pages; {
		hi, n := lo, uint64(0)
		for hi < pages && (hi == lo || n+counts[hi] <= uint64(s.room)) {
			next[hi] = n
			n += counts[hi]
			hi++
		}
		if n > 0 {
			entries := zeros(&s.entries, int(n))
			from, some := uint64(lo), next[lo:hi]
			err := s.eachBatch(pieces, size, func(u *edgeBatch) {
				for i, place := range u.offsets[:u.n] {
					if p := place>>pageShift - from; p < uint64(len(some)) {
						entries[some[p]] = newEntry(u.sources[i], place&offsetMask)
						some[p]++
					}
				}
			})
			if err != nil {
				return err
			}
			for p, at := lo, uint64(0); p < hi; p++ {
				if c := counts[p]; c > 0 {
					s.out.add(first+uint64(p), entries[at:at+c])
					at += c
				}
			}
		}
		lo = hi
	}
	s.out.flush()
	return nil
}

// zeros returns n zeros, in the memory of b where that suffices.
func zeros[T any](b *[]T, n int) []T {
	if cap(*b) < n {
		*b = make([]T, n)
		return *b
	}
	*b = (*b)[:n]
	clear(*b)
	return *b
}

// sortSparse is sort for a partition of more pages than an array can count. Most of
// these pages are reserved address space, and few have edges.
func (s *sorter) sortSparse(pieces []storedPiece, size int, first uint64) error {
	counts := map[uint64]uint64{}
	err := s.eachBatch(pieces, size, func(some *edgeBatch) {
		for _, place := range some.offsets[:some.n] {
			counts[place>>pageShift]++
		}
	})
	if err != nil {
		return err
	}
	pages := make([]uint64, 0, len(counts))
	for p := range counts {
		pages = append(pages, p)
	}
	slices.Sort(pages)
	for lo := 0; lo < len(pages); {
		next := map[uint64]uint64{}
		hi, n := lo, uint64(0)
		for hi < len(pages) && (hi == lo || n+counts[pages[hi]] <= uint64(s.room)) {
			next[pages[hi]] = n
			n += counts[pages[hi]]
			hi++
		}
		s.entries = slices.Grow(s.entries[:0], int(n))[:n]
		err := s.eachBatch(pieces, size, func(some *edgeBatch) {
			for i, place := range some.offsets[:some.n] {
				if at, ok := next[place>>pageShift]; ok {
					s.entries[at] = newEntry(some.sources[i], place&offsetMask)
					next[place>>pageShift] = at + 1
				}
			}
		})
		if err != nil {
			return err
		}
		at := uint64(0)
		for _, p := range pages[lo:hi] {
			s.out.add(first+p, s.entries[at:at+counts[p]])
			at += counts[p]
		}
		lo = hi
	}
	s.out.flush()
	return nil
}

// offsetBytes returns the size in bytes of the offsets of a partition's targets.
func (s *sweep) offsetBytes(part int) int {
	i, _ := slices.BinarySearchFunc(s.partRanges, int32(part), func(t partRange, p int32) int { return int(t.part) - int(p) })
	return int(s.partRanges[i].bytes)
}
