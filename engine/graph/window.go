package graph

import "vscan/engine/addr"

// Window is offsets from Low to High, both included, in bytes.
type Window struct{ Low, High int64 }

// ValuesNear is the values that are near r: those to which an offset of the window
// can be added so that r is met. It stops at both ends of the address space.
func (w Window) ValuesNear(r addr.Range) addr.Range {
	return addr.Range{First: minus(r.First, w.High), Last: minus(r.Last, w.Low)}
}

// minus is a − o, or the end of the address space that it would pass.
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

// successorFinder finds the edges whose sources are in the window of a value. It
// is quick where the one before was near.
type successorFinder struct {
	hint    int
	covered addr.Range // the last value and its neighbours, whose windows lie in one range of sources
	bias    uint64     // what to add to an address of that range, shifted, for its number
}

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
		// From the first word that begins in the range to the last that can.
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

// addOffset is a + o; false where that wraps round.
func addOffset(a addr.Addr, o int64) (addr.Addr, bool) {
	if o < 0 {
		return a.Sub(uint64(-o))
	}
	return a.Add(uint64(o))
}

// windowAt is the addresses from v+low to v+high, as far as there are any.
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
