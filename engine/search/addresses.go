package search

import (
	"sort"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/patterns"
)

// Addresses are the addresses at which hits may begin, for example those where an
// earlier search hit. They are ascending, and each is there once. There may be many
// millions.
type Addresses []addr.Addr

// cursor tells which addresses are in a set. It is asked about ascending addresses.
type cursor struct{ rest Addresses }

// has reports whether a is in the set. It must not be less than at the call before.
func (c *cursor) has(a addr.Addr) bool {
	skip := 1 // is doubled, so that it takes one step where each hit is in the set, and few elsewhere
	for skip < len(c.rest) && c.rest[skip] <= a {
		skip *= 2
	}
	near := c.rest[:min(skip, len(c.rest))]
	i := sort.Search(len(near), func(i int) bool { return near[i] >= a })
	c.rest = c.rest[i:]
	return len(c.rest) > 0 && c.rest[0] == a
}

// restrict makes a scan look only where a hit that begins in s can lie. A pattern that
// is verified may ask what lies around a match, and whether a match before it holds its
// bytes. So where the set has such patterns, the scan still looks at everything.
func (s Addresses) restrict(opt *engine.Options, set *patterns.Set) {
	if len(s) > 0 && len(set.Exprs()) > 0 {
		return
	}
	if len(s) > 0 {
		opt.Ranges = within(s.ranges(set.MaxLen()), opt.Ranges)
	}
	if len(s) == 0 || len(opt.Ranges) == 0 { // a scan without ranges would look at everything
		opt.Where = func(*engine.Mapping) bool { return false }
	}
}

const (
	maxAtRanges = 1 << 16 // the most ranges that a scan is given
	minAtGap    = 4096    // ranges that lie closer together than so many bytes are joined
)

// ranges returns ranges, ascending and disjoint, that hold every address of s and the n
// − 1 bytes behind it. There are at most maxAtRanges of them, so they may hold more
// than that. s is not empty.
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

// within returns what of a lies in b. The ranges of a are ascending and disjoint. If b
// is empty, it stands for the whole address space.
func within(a, b []addr.Range) []addr.Range {
	if len(b) == 0 {
		return a
	}
	return addr.Intersect(a, addr.Merge(b))
}
