package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/patterns"
	"vscan/patterns/yara"
)

// shownHit is a hit as outputs have it. Bytes is as much of it as is to be
// shown, which may be more than the engine gives.
type shownHit struct {
	engine.Hit
	pattern string     // its name
	rule    *yara.Rule // whose string it is; nil: of none
	value   string     // what the hit holds, as its kind reads it
	decoded bool       // whether there is a value
	text    bool       // whether the value is but Bytes as characters

	readable      string // Bytes as text, "" where they are none
	key           byte   // that the bytes are exclusive-ored with, if keyed
	keyed         bool
	before, after []byte // what lies around, side by side with the hit, as far as it is there
}

// keyText is the key as it is written, "" where there is none.
func (h *shownHit) keyText() string {
	if !h.keyed {
		return ""
	}
	return fmt.Sprintf("0x%02x", h.key)
}

// viewer makes shown hits of one image.
type viewer struct {
	space *engine.Space
	set   *patterns.Set
	bytes int // of a hit, at most so many are shown
	// around is how many bytes before and after a hit are shown; 0 where a
	// reporter shows them by itself.
	around uint64
	parsed bool      // whether hits go to programs, which get text and keys
	runs   *runsView // where the patterns are printable runs
	hit    shownHit
}

func (f *searchFlags) viewer(ctx context.Context, t *target, set *patterns.Set, opt engine.Options) *viewer {
	v := &viewer{space: t.space, set: set, bytes: int(f.bytes)}
	if f.format != "text" {
		v.parsed, v.around = true, f.context
	}
	if len(f.runs) > 0 {
		v.runs = newRunsView(ctx, t.space, set, f.runs, opt)
	}
	return v
}

// show is a hit as it is to be shown; it holds until the next. What of its
// bytes the engine does not give is read once more: in a live process they may
// have changed, or gone, since.
func (v *viewer) show(h engine.Hit) *shownHit {
	v.hit = shownHit{Hit: h, pattern: v.set.Patterns()[h.Pattern].Name}
	s := &v.hit
	if s.text = v.runs != nil; s.text {
		s.Len = v.runs.length(h)
	} else {
		s.value, s.decoded = v.set.Value(h.Pattern, v.first(h, v.set.ValueLen(h.Pattern)))
	}
	v.widen()
	if s.text {
		s.Bytes = s.Bytes[:v.runs.encodings[h.Pattern].RunLen(s.Bytes)] // nothing else gets to a terminal
		s.value, s.decoded = v.set.Value(h.Pattern, s.Bytes)
	}
	v.describe()
	return s
}

// first is the first n bytes of a hit, as far as they can be read; those that
// come with it where they will do.
func (v *viewer) first(h engine.Hit, n int) []byte {
	if n = min(n, h.Len); n <= len(h.Bytes) {
		return h.Bytes
	}
	b, _ := v.space.Bytes(h.Addr, n)
	return b
}

// describe adds what programs get besides the bytes: the same as text, and what
// lies around.
func (v *viewer) describe() {
	if !v.parsed {
		return
	}
	s := &v.hit
	s.readable, _ = v.set.Text(s.Pattern, s.Form, s.Bytes, len(s.Bytes) < s.Len)
	if v.around > 0 {
		s.before = v.before(s.Addr)
		s.after = v.after(s.Hit)
	}
}

// before is the bytes in front of an address, back to the first that is not
// there.
func (v *viewer) before(a addr.Addr) []byte {
	n := min(v.around, uint64(a))
	if n == 0 {
		return nil
	}
	d := hexdump{}
	d.read(v.space, addr.Range{First: a - addr.Addr(n), Last: a - 1})
	if k := len(d.holes); k > 0 {
		return d.bytes[d.holes[k-1].Last-d.first+1:]
	}
	return d.bytes
}

// after is the bytes behind a hit, up to the first that is not there.
func (v *viewer) after(h engine.Hit) []byte {
	last := h.Addr + addr.Addr(h.Len-1)
	n := min(v.around, uint64(addr.Max-last))
	if n == 0 {
		return nil
	}
	b := make([]byte, n)
	m, _ := v.space.Read(b, last+1)
	return b[:m]
}

// showAs is a hit of a string of a rule, under its name there.
func (v *viewer) showAs(h engine.Hit, name string, rule *yara.Rule) *shownHit {
	if v.parsed {
		h.Form = v.form(h)
	}
	v.hit = shownHit{Hit: h, pattern: name, rule: rule}
	v.widen()
	v.describe()
	return &v.hit
}

// form is Hit.Form of a hit of which only the place was kept: the first of its
// pattern's expressions that has a match of its length there; 0 where the pattern
// has but one, or memory has changed since.
func (v *viewer) form(h engine.Hit) int {
	all := v.set.Exprs()
	first, _ := slices.BinarySearchFunc(all, h.Pattern, func(e patterns.Expr, p int) int { return cmp.Compare(e.Pattern, p) })
	n := 0
	for first+n < len(all) && all[first+n].Pattern == h.Pattern {
		n++
	}
	if n < 2 {
		return 0
	}
	m := patterns.Memory{Beyond: func(i int) (byte, bool) {
		a, ok := h.Addr.Add(uint64(i))
		if i < 0 {
			a, ok = h.Addr.Sub(uint64(-i))
		}
		if !ok {
			return 0, false
		}
		b, err := v.space.Byte(a)
		return b, err == nil
	}}
	if m.Bytes, _ = v.space.Bytes(h.Addr, h.Len); len(m.Bytes) < h.Len {
		return 0
	}
	for i := range n {
		if all[first+i].Matcher.Match(&m, 0) == h.Len {
			return i + 1
		}
	}
	return 0
}

// widen makes the bytes of a hit as many as are to be shown. Its key is told by
// those that came with it, however few these are.
func (v *viewer) widen() {
	s := &v.hit
	if v.parsed && len(s.Bytes) > 0 {
		s.key, s.keyed = v.set.XorKey(s.Pattern, s.Bytes)
	}
	if want := min(v.bytes, s.Len); want > len(s.Bytes) {
		rest, _ := v.space.Bytes(s.Addr+addr.Addr(len(s.Bytes)), want-len(s.Bytes))
		s.Bytes = append(s.Bytes[:len(s.Bytes):len(s.Bytes)], rest...)
	}
	s.Bytes = s.Bytes[:min(len(s.Bytes), v.bytes)]
}

// runsView finds the ends of printable runs: the engine measures them so far
// and no further.
type runsView struct {
	ctx       context.Context
	space     *engine.Space
	encodings []patterns.Encoding // by pattern
	longest   []int               // bytes that the engine measures, by pattern
	ranges    []addr.Range        // in scope, ascending
	where     func(*engine.Mapping) bool
	buf       []byte
}

func newRunsView(ctx context.Context, s *engine.Space, set *patterns.Set, encodings []patterns.Encoding, opt engine.Options) *runsView {
	v := &runsView{
		ctx: ctx, space: s, encodings: encodings, longest: make([]int, len(encodings)),
		ranges: addr.Merge(opt.Ranges), where: opt.Where,
	}
	if len(v.ranges) == 0 {
		v.ranges = []addr.Range{addr.All}
	}
	for _, e := range set.Exprs() {
		v.longest[e.Pattern] = e.MaxLen
	}
	return v
}

// length is the whole length of a run in bytes, as far as it is in scope.
func (v *runsView) length(h engine.Hit) int {
	if h.Len < v.longest[h.Pattern]-2*utf8.UTFMax { // of which the last character may not have fitted
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

// from gives the bytes around an address that the scan looks at.
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

// inScope is how many of the n bytes from a on the scan looks at, up to the
// first that it does not.
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
