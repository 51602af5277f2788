package simd

// frequency (rank_table.go) is how often each byte value occurs in memory
// images, in parts of 65,536 and at least 1. It was counted by mkrank.go over
// four samples of equal weight, without the pages that are zero throughout:
// the memory of a virtual machine running Linux, a Python and a Node.js
// process busy with strings, numbers and a database, and 122 small process
// cores and minidumps of many systems and machines, from the test data of
// debuggers and dump readers.
//
// Memory is not text: zero is the commonest byte by far, then 0xcc (padding
// between functions), 0xff and '0', while most of the upper half is rare. The
// table only steers which bytes of a literal are looked at first. What is
// found does not depend on it.

// oneIn is the frequency of something that occurs once in n bytes.
func oneIn(n float64) float64 { return 65536 / n }

// repeated is the frequency assumed of a byte value at one place where the
// same value stands at another place nearby: runs and fill patterns make that
// far commoner than the table says, yet not as common as zeros.
var repeated = oneIn(8)

// maxSpread is the length of a literal up to which every position is weighed.
// In longer ones it is the first and last of each value and evenly spaced ones.
const maxSpread = 512

// byRarity is up to n distinct positions of lit, the one first that tells most
// about whether lit is there, then the one that adds most to it, and so on:
// rare bytes before common ones, values not seen yet before repeated ones,
// and of equals the one furthest from all before it.
func byRarity(lit []byte, n int) []int {
	type place struct {
		off  int
		dist int // from the nearest position chosen
	}
	var places []place
	if len(lit) <= maxSpread {
		for i := range lit {
			places = append(places, place{i, len(lit)})
		}
	} else {
		var first, last [256]int
		for i, c := range lit {
			if first[c] == 0 {
				first[c] = i + 1
			}
			last[c] = i + 1
		}
		take := make(map[int]bool)
		for c := range first {
			take[first[c]-1], take[last[c]-1] = true, true
		}
		for i := range 64 {
			take[i*(len(lit)-1)/63] = true
		}
		for i := range lit {
			if take[i] {
				places = append(places, place{i, len(lit)})
			}
		}
	}
	var seen [256]bool
	weight := func(p place) float64 {
		f := float64(frequency[lit[p.off]])
		if seen[lit[p.off]] {
			f = max(f, repeated)
		}
		return f
	}
	var out []int
	for len(out) < n && len(places) > 0 {
		best := 0
		for i, p := range places[1:] {
			w, bw := weight(p), weight(places[best])
			if w < bw || w == bw && p.dist > places[best].dist {
				best = i + 1
			}
		}
		chosen := places[best].off
		out = append(out, chosen)
		seen[lit[chosen]] = true
		places = append(places[:best], places[best+1:]...)
		for i := range places {
			places[i].dist = min(places[i].dist, max(places[i].off-chosen, chosen-places[i].off))
		}
	}
	return out
}
