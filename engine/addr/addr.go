// Package addr holds the types that every other package shares: addresses,
// inclusive ranges of them, byte order and word size. It imports nothing of
// vscan and knows nothing of files, mappings or patterns. It is for programs
// that use vscan as a library.
//
// Addresses have a type and their ranges are inclusive, so that the last byte
// of a 64-bit address space is an address like any other. Offsets into a Go
// slice are ints and half-open. The two are never mixed.
package addr

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Addr is an address: the number of a byte, from 0 to 2^64 − 1.
type Addr uint64

// Max is the last address there is, 2^64 − 1.
const Max Addr = math.MaxUint64

// String returns the address in hexadecimal with 0x in front.
func (a Addr) String() string { return fmt.Sprintf("%#x", uint64(a)) }

// Add returns the address n bytes above a. It returns false where that would
// wrap round past Max; the address is of no use then.
func (a Addr) Add(n uint64) (Addr, bool) {
	s := a + Addr(n)
	return s, s >= a
}

// Sub returns the address n bytes below a. It returns false where that would
// wrap round below zero; the address is of no use then.
func (a Addr) Sub(n uint64) (Addr, bool) { return a - Addr(n), uint64(a) >= n }

// AlignUp returns the lowest address ≥ a that is a multiple of n. It returns
// false where there is none below 2^64. With an n of 0 or 1 it returns a.
func (a Addr) AlignUp(n uint64) (Addr, bool) {
	if n <= 1 || uint64(a)%n == 0 {
		return a, true
	}
	return a.Add(n - uint64(a)%n)
}

// AlignDown returns the highest address ≤ a that is a multiple of n. With an n
// of 0 or 1 it returns a.
func (a Addr) AlignDown(n uint64) Addr {
	if n <= 1 {
		return a
	}
	return a - a%Addr(n)
}

// IsAligned reports whether a is a multiple of n. For an n of 0 or 1 that is so
// of every address.
func (a Addr) IsAligned(n uint64) bool { return n <= 1 || uint64(a)%n == 0 }

// A Range is the addresses from First to Last, both included. INVARIANT:
// First ≤ Last, so a valid range holds at least one byte. The zero Range is the
// byte at 0. The byte at a is Range{First: a, Last: a}; for n bytes see [Sized].
type Range struct{ First, Last Addr }

// All is the whole address space, 2^64 bytes.
var All = Range{0, Max}

// Sized returns the range of n bytes that starts at first. It returns false
// where n is zero or the range would run past 2^64 − 1.
func Sized(first Addr, n uint64) (Range, bool) {
	if n == 0 {
		return Range{}, false
	}
	last, ok := first.Add(n - 1)
	return Range{first, last}, ok
}

// String returns the range as LO..HI in hexadecimal, both ends included: the
// form that ParseRange reads.
func (r Range) String() string { return r.First.String() + ".." + r.Last.String() }

// Valid reports whether First ≤ Last.
func (r Range) Valid() bool { return r.First <= r.Last }

// Size returns the number of bytes in the range. The whole address space has
// 2^64, which a uint64 cannot hold: for it, and for a range one byte shorter,
// Size returns 2^64 − 1. Code that has to be exact there uses Last − First.
func (r Range) Size() uint64 {
	if n := uint64(r.Last - r.First); n != math.MaxUint64 {
		return n + 1
	}
	return math.MaxUint64
}

// Sum returns the sum of sizes, 2^64 − 1 where it is more.
func Sum(sizes ...uint64) (sum uint64) {
	for _, n := range sizes {
		if sum += n; sum < n {
			return math.MaxUint64
		}
	}
	return sum
}

// Contains reports whether a lies in the range.
func (r Range) Contains(a Addr) bool { return r.First <= a && a <= r.Last }

// Covers reports whether all of o lies in the range.
func (r Range) Covers(o Range) bool { return r.First <= o.First && o.Last <= r.Last }

// Overlaps reports whether the two ranges share a byte.
func (r Range) Overlaps(o Range) bool { return r.First <= o.Last && o.First <= r.Last }

// Intersect returns the range of the bytes that both ranges hold. It returns
// false where they share none.
func (r Range) Intersect(o Range) (Range, bool) {
	x := Range{max(r.First, o.First), min(r.Last, o.Last)}
	return x, x.Valid()
}

// Merge sorts the ranges, joins those that overlap or touch, and returns the
// result: ascending, disjoint and with a gap between any two. It does not change
// its argument.
//
//	a----e            a----e
//	   c-----g    →   a-------g        (overlapping)
//	a--c              a--c
//	    d--g      →   a------g         (touching)
func Merge(ranges []Range) []Range {
	sorted := slices.Clone(ranges)
	slices.SortFunc(sorted, func(a, b Range) int { return cmp.Compare(a.First, b.First) })
	out := sorted[:0]
	for _, r := range sorted {
		if n := len(out); n > 0 && (r.First <= out[n-1].Last || r.First-1 == out[n-1].Last) {
			out[n-1].Last = max(out[n-1].Last, r.Last)
		} else {
			out = append(out, r)
		}
	}
	return out
}

// Intersect returns the ranges of the bytes that both lists hold, ascending and
// disjoint. The ranges of each list must be ascending and disjoint as well (see
// [Merge]).
func Intersect(a, b []Range) []Range {
	var out []Range
	for i, j := 0, 0; i < len(a) && j < len(b); {
		if x, ok := a[i].Intersect(b[j]); ok {
			out = append(out, x)
		}
		if a[i].Last < b[j].Last {
			i++
		} else {
			j++
		}
	}
	return out
}

// Without calls yield with the parts of r that none of others holds, ascending.
// others must be ascending and disjoint; those that do not overlap r are passed
// over.
//
//	r         |----------------------|
//	others  |---|     |--|         |----|
//	parts        |---|    |-------|
func (r Range) Without(others []Range, yield func(Range)) {
	for _, o := range others {
		if o.First > r.Last {
			break
		}
		if o.First > r.First {
			yield(Range{r.First, o.First - 1})
		}
		if o.Last >= r.Last {
			return
		}
		r.First = max(r.First, o.Last+1)
	}
	yield(r)
}
