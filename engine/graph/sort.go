package graph

import (
	"encoding/binary"
	"errors"
	"slices"
)

// sorter sorts partitions by page. It may be used again, for one partition at a
// time.
type sorter struct {
	*sweep
	room    int // entries that are sorted at once
	buf     []byte
	counts  []uint64
	entries []entry
	out     groupWriter
}

// densePages is the most pages of a partition that are counted in an array.
const densePages = 1 << 20

var errPiece = errors.New("the temporary file does not hold what was written to it")

// each calls f with all entries of the pieces, in order: the number of the
// source, the place of the target in the partition.
func (s *sorter) each(pieces []placed, size int, f func(source, place uint64)) error {
	mask := ^uint64(0) >> (64 - 8*size)
	for _, p := range pieces {
		b, err := s.kept.read(s.buf, *p.in, int(p.from), int(p.end-p.from))
		if err != nil {
			return err
		}
		if p.in.bytes == nil {
			s.buf = b
		}
		source := p.source
		for len(b) > 0 {
			d, n := uint64(b[0]), 1
			if d >= 0x80 {
				if d, n = binary.Uvarint(b); n <= 0 {
					return errPiece
				}
			}
			source += d
			if n+8 <= len(b) {
				f(source, binary.LittleEndian.Uint64(b[n:])&mask)
			} else if n+size <= len(b) {
				var last [8]byte
				copy(last[:], b[n:n+size])
				f(source, binary.LittleEndian.Uint64(last[:]))
			} else {
				return errPiece
			}
			b = b[n+size:]
		}
	}
	return nil
}

// sort writes the groups of a partition to s.out.
func (s *sorter) sort(part int) error {
	s.out.out, s.out.lines, s.out.edges = s.out.out[:0], s.out.lines[:0], 0
	pieces := s.ordered(part)
	if len(pieces) == 0 {
		return nil
	}
	size := s.placeBytes(part)
	first := s.parts[part].first
	if s.parts[part].pages > densePages {
		return s.sparse(pieces, size, first)
	}
	pages := int(s.parts[part].pages)
	s.counts = append(s.counts[:0], make([]uint64, pages+1)...)
	if err := s.each(pieces, size, func(_, place uint64) { s.counts[place>>pageShift]++ }); err != nil {
		return err
	}
	// As many pages at a time as there is room for; mostly all.
	next := make([]uint64, pages+1)
	for lo := 0; lo < pages; {
		hi, n := lo, uint64(0)
		for hi < pages && (hi == lo || n+s.counts[hi] <= uint64(s.room)) {
			next[hi] = n
			n += s.counts[hi]
			hi++
		}
		if n > 0 {
			s.entries = slices.Grow(s.entries[:0], int(n))[:n]
			entries, from, to := s.entries, uint64(lo), uint64(hi)
			err := s.each(pieces, size, func(source, place uint64) {
				if p := place >> pageShift; p >= from && p < to {
					entries[next[p]] = newEntry(source, place&offsetMask)
					next[p]++
				}
			})
			if err != nil {
				return err
			}
			for p, at := lo, uint64(0); p < hi; p++ {
				if c := s.counts[p]; c > 0 {
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

// sparse is sort for a partition of more pages than can be counted: most of
// them are reserved address space, and few have edges.
func (s *sorter) sparse(pieces []placed, size int, first uint64) error {
	counts := map[uint64]uint64{}
	if err := s.each(pieces, size, func(_, place uint64) { counts[place>>pageShift]++ }); err != nil {
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
		err := s.each(pieces, size, func(source, place uint64) {
			if at, ok := next[place>>pageShift]; ok {
				s.entries[at] = newEntry(source, place&offsetMask)
				next[place>>pageShift] = at + 1
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

// placeBytes is how long the places of a partition's targets are.
func (s *sweep) placeBytes(part int) int {
	i, _ := slices.BinarySearchFunc(s.cut, int32(part), func(t target, p int32) int { return int(t.part) - int(p) })
	return int(s.cut[i].bytes)
}
