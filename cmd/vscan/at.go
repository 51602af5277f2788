package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/patterns"
)

// addrSet is addresses, ascending, each once. They are where an earlier search
// hit, and can be many millions.
type addrSet []addr.Addr

// readHits is the addresses of the hits in the jsonl output of searches, of
// whatever images and patterns. Lines of other types are passed over, and so
// are empty ones. The error of a line that is no object with a type, or a hit
// without an address, names file and line.
func readHits(files []string, stdin io.Reader) (addrSet, error) {
	set := addrSet{} // not nil: no hits are no reason to look everywhere
	for _, name := range files {
		r := stdin
		if name == "-" {
			name = "standard input"
		} else {
			file, err := os.Open(name)
			if err != nil {
				return nil, fmt.Errorf("--at: %w", err)
			}
			defer file.Close()
			r = file
		}
		var err error
		if set, err = set.read(name, r); err != nil {
			return nil, fmt.Errorf("--at: %w", err)
		}
	}
	if !slices.IsSorted(set) {
		slices.Sort(set)
	}
	return slices.Compact(set), nil
}

// longestLine is more than vscan writes; --bytes 1048576 takes 8 MiB.
const longestLine = 32 << 20

func (s addrSet) read(name string, r io.Reader) (addrSet, error) {
	br := bufio.NewReaderSize(r, 1<<16)
	for line := 1; ; line++ {
		text, err := br.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			text = bytes.Clone(text)
			for err == bufio.ErrBufferFull && len(text) <= longestLine {
				var more []byte
				more, err = br.ReadSlice('\n')
				text = append(text, more...)
			}
		}
		if err == bufio.ErrBufferFull {
			return nil, fmt.Errorf("%s:%d: a line of more than %d bytes is none of vscan's", name, line, longestLine)
		}
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("%s:%d: %w", name, line, err)
		}
		if a, ok, bad := hitAddr(text); bad != nil {
			return nil, fmt.Errorf("%s:%d: %w: want the output of vscan find -o jsonl", name, line, bad)
		} else if ok {
			s = append(s, a)
		}
		if err == io.EOF {
			return s, nil
		}
	}
}

// hitAddr is the address of a hit. It is false where the line is something
// else.
func hitAddr(line []byte) (addr.Addr, bool, error) {
	if a, ok := plainHit(line); ok {
		return a, true, nil
	}
	if len(bytes.TrimSpace(line)) == 0 {
		return 0, false, nil
	}
	var object struct {
		Type *string
		Addr *string
	}
	err := json.Unmarshal(line, &object)
	switch {
	case err != nil:
		return 0, false, fmt.Errorf("no line of JSON: %w", err)
	case object.Type == nil:
		return 0, false, errors.New("an object without a type")
	case *object.Type != "hit":
		return 0, false, nil
	case object.Addr == nil:
		return 0, false, errors.New("a hit without an address")
	}
	a, err := addr.Parse(*object.Addr)
	return a, true, err
}

// plainHit reads a line as the command writes it, several times faster. What it
// looks for can be nothing but a key of the object: in a string the quotes
// would have a backslash in front.
func plainHit(line []byte) (addr.Addr, bool) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"type":"hit",`))
	before, rest, found := bytes.Cut(rest, []byte(`,"addr":"`))
	digits, _, closed := bytes.Cut(rest, []byte(`"`))
	if !ok || !found || !closed || bytes.IndexByte(before, '{') >= 0 || !json.Valid(line) {
		return 0, false
	}
	a, err := addr.Parse(string(digits))
	return a, err == nil
}

// cursor tells which of ascending addresses are in a set.
type cursor struct{ rest addrSet }

// has says whether a is in the set; a is never less than it was before.
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

// restrict makes a scan look only where a hit of the set can lie: at every
// address of s and behind it. Patterns that are verified may ask what lies
// around a match, and whether a match before it takes its bytes: of these all
// is looked at.
func (s addrSet) restrict(opt *engine.Options, set *patterns.Set) {
	if len(s) > 0 && len(set.Exprs()) > 0 {
		return
	}
	if len(s) > 0 {
		opt.Ranges = intersect(s.ranges(set.MaxLen()), opt.Ranges)
	}
	if len(s) == 0 || len(opt.Ranges) == 0 { // no ranges would be all there is
		opt.Where = func(*engine.Mapping) bool { return false }
	}
}

const (
	maxAtRanges = 1 << 16 // that a scan is given
	minAtGap    = 4096    // between two of them; less is looked at as well
)

// ranges is some ranges, ascending, that hold every address of s, which is not
// empty, and n − 1 bytes behind it.
func (s addrSet) ranges(n int) []addr.Range {
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

// intersect is what both lists of ranges hold, ascending; no ranges as the
// second are all there is. Those of a are ascending and disjoint.
func intersect(a, b []addr.Range) []addr.Range {
	if len(b) == 0 {
		return a
	}
	return addr.Intersect(a, addr.Merge(b))
}
