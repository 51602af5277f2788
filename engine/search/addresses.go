package search

import (
	"sort"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/patterns"
)

// Addresses are addresses, ascending, each once: where an earlier search hit, say. There
// may be many millions.
type Addresses []addr.Addr

// cursor tells which of ascending addresses are in a set.
type cursor struct{ rest Addresses }

// has reports whether a is in the set; a is never less than it was before.
func (c *cursor) has(a addr.Addr) bool {
	skip := 1 // doubles: one step where hits and set are alike, few where not
	for skip < len(c.rest) && c.rest[skip] <= a {
		skip *= 2
	}
	near := c.rest[:min(skip, len(c.rest))]
	i := sort.Search(len(near), func(i int) bool { return near[i] >= a })
	c.rest = c.rest[i:]
	return len(c.rest) > 0 && c.rest[0] == a
}

// restrict makes a scan look only where a hit that begins in s can lie. Patterns that are
// verified may ask what lies around a match, and whether a match before it takes its
// bytes: for these all is looked at.
func (s Addresses) restrict(opt *engine.Options, set *patterns.Set) {
	if len(s) > 0 && len(set.Exprs()) > 0 {
		return
	}
	if len(s) > 0 {
		opt.Ranges = within(s.ranges(set.MaxLen()), opt.Ranges)
	}
	if len(s) == 0 || len(opt.Ranges) == 0 { // no ranges would be all there is
		opt.Where = func(*engine.Mapping) bool { return false }
	}
}

const (
	maxAtRanges = 1 << 16 // that a scan is given
	minAtGap    = 4096    // between two of them; less is looked at as well
)

// ranges returns some ranges, ascending, that hold every address of s, which is not
// empty, and n − 1 bytes behind it.
func (s Addresses) ranges(n int) []addr.Range {
	for gap := uint64(minAtGap); ; gap *= 2 {
		var out []addr.Range
		for _, a := range s {
			last, ok := a.Add(uint64(max(n, 1) - 1))
			if !ok {
				last = addr.Max
			}
			if k := len(out) - 1; k >= 0 && (a <= out[k].Last || uint64(a-out[k].Last) <= gap) {
				out[k].Last = last
				continue
			}
			if len(out) == maxAtRanges {
				break
			}
			out = append(out, addr.Range{First: a, Last: last})
		}
		if len(out) > 0 && s[len(s)-1] <= out[len(out)-1].Last {
			return out
		}
	}
}

// within returns what of a, whose ranges are ascending and disjoint, lies in b; where b
// has no ranges, it stands for all there is.
func within(a, b []addr.Range) []addr.Range {
	if len(b) == 0 {
		return a
	}
	return addr.Intersect(a, addr.Merge(b))
}
