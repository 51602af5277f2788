package graph

import "vscan/engine/addr"

// Window is the offsets from Low to High, both included, in bytes, that may be added
// to a pointer.
type Window struct{ Low, High int64 }

// ValuesNear returns the values that lead to r: those to which an offset of the
// window can be added so that the sum lies in r. The range stops at both ends of the
// address space.
//
//	values      |---------------|
//	+ High      →→→→→→→→→→|
//	r                     |-----|
func (w Window) ValuesNear(r addr.Range) addr.Range {
	return addr.Range{First: minus(r.First, w.High), Last: minus(r.Last, w.Low)}
}

// minus returns a − o, or the end of the address space that this would pass.
func minus(a addr.Addr, o int64) addr.Addr {
	if o < 0 {
		if b, ok := a.Add(uint64(-o)); ok {
			return b
		}
		return addr.Max
	}
	b, ok := a.Sub(uint64(o))
	if !ok {
		return 0
	}
	return b
}

// successorFinder finds the edges whose sources are in the window of a value. It is
// quick where the value is near the one before: in a range of sources, numbers are
// addresses, shifted, plus a constant.
type successorFinder struct {
	hint    int
	covered addr.Range // the values around the last one whose windows lie in the same range of sources
	bias    uint64     // the number of a source in that range less its shifted address
}

// find returns the edges, by number, whose sources are from v+low to v+high:
// lo ≤ number < hi.
func (w *successorFinder) find(f *Forward, v addr.Addr, low, high int64) (lo, hi uint32) {
	src := &f.g.sources
	if w.covered.Contains(v) && w.covered.First > 0 {
		round := addr.Addr(1)<<src.shift - 1
		return f.rank(w.bias + uint64(v+addr.Addr(low)+round)>>src.shift), f.rank(w.bias + uint64(v+addr.Addr(high)+1+round)>>src.shift)
	}
	r, ok := windowAt(v, low, high)
	if !ok {
		return 0, 0
	}
	lo, hi = f.span(r, &w.hint)
	if i := src.find(r.Last, &w.hint); i < len(src.ranges) && src.ranges[i].First <= r.First && src.ranges[i].Last-src.ranges[i].First > 2<<src.shift {
		// The next values are covered if their windows go from the first word that begins in the range to the last one.
		in := src.ranges[i]
		first, okFirst := addOffset(in.First+1<<src.shift, -low)
		last, okLast := addOffset(in.Last-1<<src.shift, -high)
		if okFirst && okLast && first <= last && first > 0 {
			w.covered = addr.Range{First: first, Last: last}
			w.bias = src.first[i] - uint64(in.First)>>src.shift
		}
	}
	return lo, hi
}

// addOffset returns a + o, and false where that passes an end of the address space.
func addOffset(a addr.Addr, o int64) (addr.Addr, bool) {
	if o < 0 {
		return a.Sub(uint64(-o))
	}
	return a.Add(uint64(o))
}

// windowAt returns the addresses from v+low to v+high, as far as they lie in the
// address space, and false where none do.
func windowAt(v addr.Addr, low, high int64) (addr.Range, bool) {
	r := addr.Range{}
	var ok bool
	if low < 0 {
		if r.First, ok = v.Sub(uint64(-low)); !ok {
			r.First = 0
		}
	} else if r.First, ok = v.Add(uint64(low)); !ok {
		return r, false
	}
	if high < 0 {
		if r.Last, ok = v.Sub(uint64(-high)); !ok {
			return r, false
		}
	} else if r.Last, ok = v.Add(uint64(high)); !ok {
		r.Last = addr.Max
	}
	return r, true
}
