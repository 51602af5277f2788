package search

import (
	"context"
	"unicode/utf8"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/patterns"
)

// runsView finds the ends of printable runs, which the engine measures up to a certain
// length only.
type runsView struct {
	ctx       context.Context
	space     *engine.Space
	encodings []patterns.Encoding        // by pattern
	longest   []int                      // by pattern: the most bytes of a run that the engine measures
	ranges    []addr.Range               // what is scanned, ascending
	where     func(*engine.Mapping) bool // which mappings are scanned; nil: all
	buf       []byte                     // holds what is read of a long run; nil until there is one
}

func newRunsView(ctx context.Context, s *Search) *runsView {
	v := &runsView{
		ctx: ctx, space: s.img.Space, encodings: s.q.Runs, longest: make([]int, len(s.q.Runs)),
		ranges: addr.Merge(s.opt.Ranges), where: s.opt.Where,
	}
	if len(v.ranges) == 0 {
		v.ranges = []addr.Range{addr.All}
	}
	for _, e := range s.set.Exprs() {
		v.longest[e.Pattern] = e.MaxLen
	}
	return v
}

// length returns the length of a whole run in bytes, as far as it lies in what is
// scanned.
func (v *runsView) length(h engine.Hit) int {
	if h.Len < v.longest[h.Pattern]-2*utf8.UTFMax { // close to the limit, the next character may not have fitted
		return h.Len
	}
	if v.buf == nil {
		v.buf = make([]byte, 1<<16)
	}
	for n := h.Len; ; {
		a, ok := h.Addr.Add(uint64(n))
		if !ok || v.ctx.Err() != nil {
			return n
		}
		m, _ := v.space.Read(v.buf[:v.inScope(a, len(v.buf))], a)
		more := v.encodings[h.Pattern].RestLen(&patterns.Memory{Bytes: v.buf[:m], Beyond: v.from(a)}, 0)
		n += more
		if more == 0 || more <= len(v.buf)-utf8.UTFMax {
			return n
		}
	}
}

// from returns a function that returns the byte at an offset from a, and whether it can
// be read and is in what is scanned.
func (v *runsView) from(a addr.Addr) func(int) (byte, bool) {
	return func(i int) (byte, bool) {
		at, ok := a.Add(uint64(i))
		if i < 0 {
			at, ok = a.Sub(uint64(-i))
		}
		if !ok || v.inScope(at, 1) == 0 {
			return 0, false
		}
		b, err := v.space.Byte(at)
		return b, err == nil
	}
}

// inScope returns how many of the n bytes from a on are scanned, up to the first one
// that is not.
func (v *runsView) inScope(a addr.Addr, n int) int {
	last, ok := a.Add(uint64(n - 1))
	if !ok {
		last = addr.Max
	}
	for _, r := range v.ranges {
		if r.Contains(a) {
			seen := 0
			for part := range v.space.Intervals(addr.Range{First: a, Last: min(last, r.Last)}) {
				if part.Mapping == nil || v.where != nil && !v.where(part.Mapping) {
					break
				}
				seen = int(part.Last-a) + 1
			}
			return seen
		}
	}
	return 0
}
