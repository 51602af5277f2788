package simd

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Way is how some literals of a set are looked for, for people to read.
type Way struct {
	Shape Shape
	Level Level
	How   string   // what is compared with memory first
	Lits  []uint32 // the literals' indexes in what NewLiterals was given, ascending

	// Rate is how often a byte of memory passes the first look, and what is
	// there has to be verified: an estimate from the frequency of bytes in
	// memory images. Other images have other bytes.
	Rate float64
}

// Ways is how a set that NewLiterals made is looked for, one way after another.
// Every literal is in one of them.
func Ways(k SetKernel) []Way {
	switch k := k.(type) {
	case setRef:
		all := make([]uint32, len(k.lits))
		for u := range all {
			all[u] = uint32(u)
		}
		return []Way{k.way(LiteralSet, Reference, "every literal at every place", all)}
	case *setKernel:
		var ways []Way
		for _, p := range k.parts {
			ways = append(ways, k.waysOf(p)...)
		}
		return ways
	}
	return nil
}

func (k *setKernel) waysOf(p setPart) []Way {
	switch p := p.(type) {
	case *singlePart:
		var ways []Way
		for i, kernel := range p.kernels {
			ways = append(ways, k.way(kernel.Shape(), kernel.Level(), FirstLook(k.lit(p.lits[i])), p.lits[i:i+1]))
		}
		return ways
	case *teddyPart:
		w := k.way(FewLiterals, p.level(), fmt.Sprintf("windows of %d bytes, %s", teddyWindow, p.tuned.Load().by), p.lits)
		w.Rate = p.rate()
		return []Way{w}
	case *gramPart:
		how := fmt.Sprintf("%d bytes at every place", p.size)
		if p.stride > 1 {
			how = fmt.Sprintf("%d bytes at every %d places", p.size, p.stride)
		}
		return []Way{k.way(LiteralSet, p.level(), how+", by a bitmap", p.lits)}
	case *pairPart:
		var lits []uint32
		for _, e := range p.entries {
			lits = append(lits, e.lit)
		}
		slices.Sort(lits) // one with a pair of several values has as many entries
		w := k.way(LiteralPairs, p.level(), fmt.Sprintf("windows of %d bytes at every place, and a bitmap of pairs", pairWindow), slices.Compact(lits))
		w.Rate = p.rate
		return []Way{w}
	case *shortPart:
		return []Way{k.way(LiteralSet, p.level(), "2 bytes at every place, by a bitmap", p.lits)}
	}
	return nil
}

// way is the literals u of the set as they were given, and what they let
// through together if each does what Rate says.
func (set *literalSet) way(shape Shape, level Level, how string, lits []uint32) Way {
	w := Way{Shape: shape, Level: level, How: how}
	for _, u := range lits {
		first, last := u, u+1
		if set.first != nil {
			first, last = set.first[u], set.first[u+1]
		}
		w.Lits = append(w.Lits, set.indexes[first:last]...)
		w.Rate += Rate(set.lit(u))
	}
	slices.Sort(w.Lits)
	w.Rate = math.Min(w.Rate, 1)
	return w
}

// lookedAt is how many bytes of a literal are taken to be looked at first.
const lookedAt = 4

// Rate is how often a literal's most telling bytes, up to four, may be expected
// to stand at a place in memory: the product of how often each does, but text
// follows text, and a byte itself, more often than that. It is an estimate.
func Rate(lit Lit) float64 {
	places := byRarity(masked(lit), lit.Mask, lookedAt)
	slices.Sort(places)
	rate := 1.
	var last byteSet
	for i, off := range places {
		set := lit.bytesAt(off)
		r := set.rate()
		if i > 0 {
			if set == last {
				r = max(r, 1./4)
			}
			if n := set.text(); n > 0 && last.text() > 0 {
				r = max(r, min(float64(n)/64, 1))
			}
		}
		rate *= r
		last = set
	}
	return rate
}

// FirstLook says which bytes of a literal a kernel of its own compares first:
// the two that tell most.
func FirstLook(lit Lit) string {
	var offs []string
	for _, off := range byRarity(masked(lit), lit.Mask, 2) {
		offs = append(offs, fmt.Sprint(off))
	}
	if len(offs) == 1 {
		return "byte " + offs[0] + " of it"
	}
	return "bytes " + strings.Join(offs, " and ") + " of it"
}

// masked is the bytes of a literal without the bits that do not count.
func masked(lit Lit) []byte {
	if lit.Mask == nil {
		return lit.Bytes
	}
	out := make([]byte, len(lit.Bytes))
	for i, c := range lit.Bytes {
		out[i] = c & lit.Mask[i]
	}
	return out
}
