package automaton

import (
	"bytes"
	"math/bits"

	"vscan/engine/simd"
)

// A lead is how matches begin: with least to most bytes of prefix, and then a byte of stop;
// no byte of stop is in prefix. So at each place, the first byte of stop from there on
// decides whether a match can begin there. Where there is none for long, no match begins
// for long. A lead is used where it rules out more places than the first byte of a match
// does; an e-mail address is looked for by its @:
//
//	[a-z0-9.]+@[a-z]+\.[a-z]{2,}     …, mail to someone.else@example.org, …
//	prefix    stop                              <----------^
//
//	find the next byte of stop, at q
//	go back from q as long as bytes are in prefix, at most most bytes
//	the first place from there on that a match can begin with, up to q − least, is it
//	if there is none, go on behind q
type lead struct {
	prefix, stop [256]bool
	stops        *simd.Marker // nil where oneStop
	canBegin     *[256]bool   // the bytes that a match can begin with
	oneStop      bool         // whether stop is one byte, stopByte
	stopByte     byte
	share        float64 // about how often a byte of stop is met
	least, most  int
}

// A leadSets is the sets of a lead.
type leadSets struct {
	run, stop   Set
	least, most int // most < 0 stands for no bound
}

// findLead returns how matches of n begin, if the stop of that is met less often than rarest,
// and how often it is met. Otherwise it returns an empty stop, and rarest.
func findLead(n *Node, rarest float64) (best leadSets, share float64) {
	var walked leadSets
	items := beginning(n)
	for i, item := range items {
		if item.Op == OpLook {
			continue
		}
		stop, empty := firstOf(items[i:])
		if !empty && disjoint(walked.run, stop) {
			if p := byteShare(stop); p < rarest {
				best, rarest = walked, p
				best.stop = stop
			}
		}
		lo, hi := item.Lengths()
		walked.run = walked.run.Or(item.bytes())
		walked.least, walked.most = plus(walked.least, lo), plus(walked.most, hi)
	}
	return best, rarest
}

// newLead returns the lead of n, if its stop is met less often than rarest. Otherwise it
// returns nil.
func newLead(n *Node, p *machine, rarest float64) *lead {
	best, share := findLead(n, rarest)
	if best.stop.Len() == 0 {
		return nil
	}
	if best.most < 0 || best.most > p.maxLen {
		best.most = p.maxLen
	}
	l := &lead{canBegin: &p.canBegin, oneStop: best.stop.Len() == 1, share: share, least: best.least, most: best.most}
	if !l.oneStop {
		l.stops = newMarker(best.stop)
	}
	for c := range 256 {
		l.prefix[c], l.stop[c] = best.run.Has(byte(c)), best.stop.Has(byte(c))
		if l.stop[c] {
			l.stopByte = byte(c)
		}
	}
	return l
}

// maxBeginning is how many nodes are looked at for how matches begin.
const maxBeginning = 32

// beginning returns the first nodes that stand side by side in n, as flatten has them.
func beginning(n *Node) []*Node {
	items := flatten(make([]*Node, 0, maxBeginning), n)
	return items[:min(len(items), maxBeginning)]
}

// flatten appends the nodes that stand side by side in n. The first turn of a repetition of
// such nodes is taken apart too. Nodes far behind are left out.
func flatten(items []*Node, n *Node) []*Node {
	switch {
	case n.Op == OpCat:
		for _, sub := range n.Subs {
			if len(items) > maxBeginning {
				break
			}
			items = flatten(items, sub)
		}
		return items
	case n.Op == OpRepeat && n.Min > 0 && n.Subs[0].Op == OpCat:
		items = flatten(items, n.Subs[0])
		return append(items, Repeat(n.Subs[0], n.Min-1, max(n.Max-1, -1), n.Lazy))
	}
	return append(items, n)
}

// bytes returns all bytes that matches of n are made of.
func (n *Node) bytes() Set {
	s := n.Set // empty except for OpSet
	for _, sub := range n.Subs {
		s = s.Or(sub.bytes())
	}
	return s
}

func disjoint(s, t Set) bool {
	for i := range s {
		if s[i]&t[i] != 0 {
			return false
		}
	}
	return true
}

// byteShare returns about how often a byte of a set is met.
func byteShare(s Set) float64 {
	p := 0.0
	for i, word := range s {
		for ; word != 0; word &= word - 1 {
			p += frequency[64*i+bits.TrailingZeros64(word)]
		}
	}
	return p
}

// scanned is what the search for one place has found out that helps the search for the
// next.
type scanned struct {
	// For a uniform lead, b[from:to] is in its set. For a lead, no byte of b[from:to] is one of
	// stop.
	from, to int

	found bool // for a lead: whether b[to] is a byte of stop
	low   int  // for a lead: b[low:to] is in prefix

	runs runs // for a uniform lead
}

// next is machine.findNext for a program with a lead.
func (l *lead) next(b []byte, from, to int, k *scanned) int {
	end := min(len(b), to+l.most) // a byte of stop does not matter from here on
	for from < to {
		// A match begins with least bytes of prefix. Where the last of so many from here on is none of these,
		// no match begins up to that one.
		for i := from + l.least - 1; l.least > 1 && i < len(b) && !l.prefix[b[i]]; i += l.least {
			if from = i + 1; from >= to {
				return to
			}
		}
		if from < k.from || from > k.to {
			k.from, k.to, k.found, k.low = from, from, false, 0
		}
		if !k.found && k.to < end {
			q := l.find(b[k.to:end])
			if q < 0 {
				k.to = end
				return to
			}
			k.to += q
			k.found, k.low = true, k.to
		}
		q := k.to
		if q >= end {
			return to
		}
		lowest := max(from, q-l.most)
		at := max(k.low, lowest)
		for at > lowest && l.prefix[b[at-1]] {
			at--
		}
		k.low = min(k.low, at)
		for ; at <= q-l.least; at++ {
			if l.canBegin[b[at]] {
				return min(at, to)
			}
		}
		from = q + 1
	}
	return to
}

// find returns the offset of the first byte of stop, −1 if there is none.
func (l *lead) find(b []byte) int {
	if l.oneStop {
		return bytes.IndexByte(b, l.stopByte)
	}
	return indexOf(b, &l.stop, l.stops)
}

// indexOf returns the offset of the first byte of b that is in a set, −1 where there is none.
func indexOf(b []byte, set *[256]bool, marker *simd.Marker) int {
	const near = 64 // bytes, of which one is in the set as often as not
	for i, c := range b[:min(near, len(b))] {
		if set[c] {
			return i
		}
	}
	var marks [16]uint64
	for i := near; i < len(b); i += 64 * len(marks) {
		block := b[i:min(i+64*len(marks), len(b))]
		marker.Mark(marks[:], block)
		for j, word := range marks[:(len(block)+63)/64] {
			if word != 0 {
				return i + 64*j + bits.TrailingZeros64(word)
			}
		}
	}
	return -1
}

// newMarker returns the marker of a set.
func newMarker(s Set) *simd.Marker {
	m, err := simd.NewMarker(simd.Auto, simd.ByteSet(s))
	if err != nil {
		panic(err) // there is always a level
	}
	return m
}
