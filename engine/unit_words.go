package engine

import (
	"slices"

	"vscan/engine/addr"
	"vscan/engine/simd"
	"vscan/engine/simd/sets"
	"vscan/patterns"
)

// A wordsKind is what word needles that are looked for in one pass have in
// common.
type wordsKind struct {
	size   int
	order  addr.ByteOrder
	stride int
}

// maxStride is the largest stride of a kernel, in bytes; where the alignment is
// larger, the emitter drops the hits that do not have it.
const maxStride = 64

func kindOf(n patterns.Needle) wordsKind {
	k := wordsKind{n.Words.Size, n.Words.Order, 1}
	for d := uint64(maxStride); d > 1 && k.stride == 1; d-- {
		if n.Align%d == 0 { // also where the alignment is a multiple of it
			k.stride = int(d)
		}
	}
	return k
}

// A wordsUnit is several needles of one kind: a kernel finds the words that are
// in the ranges of any of them, and a table tells of which.
type wordsUnit struct {
	kernel simd.Kernel
	order  addr.ByteOrder
	values valueTable
	unitTraits
}

// maxOwners is the most entries of a valueTable. Needles whose ranges overlap so
// much that there would be more are looked for in several passes.
const maxOwners = 1 << 20

// newWordUnits makes the units for the needles of a kind; which are their
// indices in all.
func newWordUnits(all []patterns.Needle, kind wordsKind, which []int32, level simd.Level) ([]unit, error) {
	spec := simd.WordSpec{Size: kind.size, Order: kind.order, Stride: kind.stride}
	if len(which) == 1 { // there is no value of which a table would have to tell the needle
		ranges := all[which[0]].Words.Ranges
		spec.Ranges = make([]simd.WordRange, len(ranges)) // of a graph there can be millions
		for i, r := range ranges {
			spec.Ranges[i] = simd.WordRange{Lo: r.Lo, Hi: r.Hi}
		}
		k, err := simd.NewWords(level, spec)
		if err != nil {
			return nil, err
		}
		return []unit{&kernelUnit{k, uint32(which[0]), traitsOf(kind, spec)}}, nil
	}
	values, ok := newValueTable(all, which)
	if !ok {
		half := len(which) / 2
		low, err := newWordUnits(all, kind, which[:half], level)
		if err != nil {
			return nil, err
		}
		high, err := newWordUnits(all, kind, which[half:], level)
		return append(low, high...), err
	}
	spec.Ranges = values.ranges()
	k, err := simd.NewWords(level, spec)
	if err != nil {
		return nil, err
	}
	return []unit{&wordsUnit{k, kind.order, values, traitsOf(kind, spec)}}, nil
}

// traitsOf returns what the engine has to know of a unit for words of a kind.
func traitsOf(kind wordsKind, spec simd.WordSpec) unitTraits {
	return unitTraits{stride: kind.stride, longest: kind.size, inZeros: spec.Ranges[0].Lo == 0}
}

func (u *wordsUnit) levels() []simd.Level { return []simd.Level{u.kernel.Level()} }

func (u *wordsUnit) find(t *tools, dst []sets.Match, b []byte, from, to int) ([]sets.Match, int) {
	n, next := u.kernel.Scan(t.offsets, b, from, to)
	for _, off := range t.offsets[:n] {
		for _, needle := range u.values.owners(u.order.Uint(b[off:][:u.longest])) {
			dst = append(dst, sets.Match{Off: off, Lit: uint32(needle)})
		}
	}
	return dst, next
}

// A valueTable tells which needles look for a value:
//
//	needle 0   [-----------]
//	needle 1        [---------------]      [--]
//	ranges     |----|------|--------|------|--|---
//	owners       0    0 1      1             1
type valueTable struct {
	los   []uint64 // where the ranges begin, ascending, the first one at 0
	first []int32  // range i has the needles have[first[i]:first[i+1]], ascending
	have  []int32
}

// newValueTable makes the table of the needles which. It returns false where the
// table would have more than maxOwners entries.
func newValueTable(all []patterns.Needle, which []int32) (valueTable, bool) {
	type end struct {
		at     uint64 // the first value for which the change holds
		needle int32
		opens  bool
	}
	var ends []end
	for _, i := range which {
		for _, r := range all[i].Words.Ranges {
			ends = append(ends, end{r.Lo, i, true})
			if r.Hi != ^uint64(0) {
				ends = append(ends, end{r.Hi + 1, i, false})
			}
		}
	}
	slices.SortFunc(ends, func(a, b end) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	t := valueTable{los: []uint64{0}, first: []int32{0}}
	var open []int32 // ascending
	for k := 0; k < len(ends); {
		at := ends[k].at
		if at > 0 {
			t.have = append(t.have, open...)
			t.first = append(t.first, int32(len(t.have)))
			t.los = append(t.los, at)
		}
		if len(t.have) > maxOwners {
			return valueTable{}, false
		}
		for closing := range 2 { // first those that end: a needle's next range may begin there
			for j := k; j < len(ends) && ends[j].at == at; j++ {
				e := ends[j]
				if e.opens != (closing == 1) {
					continue
				}
				i, has := slices.BinarySearch(open, e.needle)
				if e.opens && !has {
					open = slices.Insert(open, i, e.needle)
				} else if !e.opens && has {
					open = slices.Delete(open, i, i+1)
				}
			}
		}
		for k < len(ends) && ends[k].at == at {
			k++
		}
	}
	t.have = append(t.have, open...)
	t.first = append(t.first, int32(len(t.have)))
	return t, true
}

// owners returns the needles that look for v, ascending.
func (t *valueTable) owners(v uint64) []int32 {
	i, ok := slices.BinarySearch(t.los, v)
	if !ok {
		i--
	}
	return t.have[t.first[i]:t.first[i+1]]
}

// ranges returns the values that any needle looks for, ascending, with gaps
// between.
func (t *valueTable) ranges() []simd.WordRange {
	var out []simd.WordRange
	for i, lo := range t.los {
		if t.first[i] == t.first[i+1] {
			continue
		}
		hi := ^uint64(0)
		if i+1 < len(t.los) {
			hi = t.los[i+1] - 1
		}
		if n := len(out); n > 0 && out[n-1].Hi+1 == lo {
			out[n-1].Hi = hi
		} else {
			out = append(out, simd.WordRange{Lo: lo, Hi: hi})
		}
	}
	return out
}
