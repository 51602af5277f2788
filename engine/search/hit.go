package search

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/patterns"
	"vscan/patterns/yara"
)

// Hit is a hit with all that there is to show of it. Its Bytes are as many as
// Query.HitBytes asks for, which may be more than the engine gives.
type Hit struct {
	engine.Hit
	Name string     // the name of its pattern, or of the rule's string that it is a hit of
	Rule *yara.Rule // the rule that has this string; nil: it is no hit of a rule's string

	// Value is what the hit holds, as the kind of its pattern reads it: a number, the key
	// of a key schedule, or the characters of a run. HasValue says that there is a value,
	// and Run that the hit is a run.
	Value    string
	HasValue bool
	Run      bool

	// With Query.Decode, Text is Bytes as text, or "" where they are no text, and Key is
	// the byte that they are exclusive-ored with, if HasKey is set.
	Text   string
	Key    byte
	HasKey bool

	// With Query.Around, these are the bytes in front of the hit and behind it, up to the
	// first that is not there.
	Before, After []byte
}

// Clone returns the hit with bytes of its own, to be kept.
func (h *Hit) Clone() *Hit {
	c := *h
	c.Bytes, c.Before, c.After = bytes.Clone(h.Bytes), bytes.Clone(h.Before), bytes.Clone(h.After)
	return &c
}

// KeyText returns the key as 0x and two digits, or "" where there is none.
func (h *Hit) KeyText() string {
	if !h.HasKey {
		return ""
	}
	return fmt.Sprintf("0x%02x", h.Key)
}

// viewer makes, of the engine's hits in one image, hits with all that there is to show
// of them.
type viewer struct {
	*Search
	bytes int       // most bytes of a hit that are shown
	runs  *runsView // nil: the patterns are no runs of characters
	ahead readAhead // for bytes that the engine has not handed over
	hit   Hit       // what show and showAs have returned last
}

// viewer returns a viewer of the hits of the search.
func (s *Search) viewer(ctx context.Context) *viewer {
	v := &viewer{Search: s, bytes: s.q.hitBytes(), ahead: readAhead{space: s.img.Space}}
	if len(s.q.Runs) > 0 {
		v.runs = newRunsView(ctx, s)
	}
	return v
}

// show returns a hit as it is to be shown. It is valid until the next call of show or
// showAs. Bytes that the engine has not handed over are read from memory once more; in
// a live process they may have changed since, or be gone.
func (v *viewer) show(h engine.Hit) *Hit {
	v.hit = Hit{Hit: h, Name: v.set.Patterns()[h.Pattern].Name}
	s := &v.hit
	if s.Run = v.runs != nil; s.Run {
		s.Len = v.runs.length(h)
	} else {
		s.Value, s.HasValue = v.set.Value(h.Pattern, v.first(h, v.set.ValueLen(h.Pattern)))
	}
	v.widen()
	if s.Run {
		s.Bytes = s.Bytes[:v.runs.encodings[h.Pattern].RunLen(s.Bytes)] // bytes that have changed since get to no terminal
		s.Value, s.HasValue = v.set.Value(h.Pattern, s.Bytes)
	}
	v.describe()
	return s
}

// first returns at least the first n bytes of a hit, or all bytes of a shorter one, as far
// as they can be read. They are taken from the hit where it has that many.
func (v *viewer) first(h engine.Hit, n int) []byte {
	if n = min(n, h.Len); n <= len(h.Bytes) {
		return h.Bytes
	}
	return v.ahead.bytes(h.Addr, n)
}

// describe adds, with Query.Decode, the text of the bytes and what lies around the hit.
func (v *viewer) describe() {
	if !v.q.Decode {
		return
	}
	s := &v.hit
	s.Text, _ = v.set.Text(s.Pattern, s.Form, s.Bytes, len(s.Bytes) < s.Len)
	if v.q.Around > 0 {
		s.Before = v.before(s.Addr)
		s.After = v.after(s.Hit)
	}
}

// before returns the bytes in front of an address, back to the first that is not there.
func (v *viewer) before(a addr.Addr) []byte {
	n := min(v.q.Around, uint64(a))
	if n == 0 {
		return nil
	}
	first := a - addr.Addr(n)
	if b := v.ahead.bytes(first, int(min(n, math.MaxInt))); uint64(len(b)) == n {
		return b
	}
	b := make([]byte, n)
	if gaps := v.img.Space.ReadAvailable(b, first); len(gaps) > 0 {
		return b[gaps[len(gaps)-1].Last-first+1:]
	}
	return b
}

// after returns the bytes behind a hit, up to the first that is not there.
func (v *viewer) after(h engine.Hit) []byte {
	last := h.Addr + addr.Addr(h.Len-1)
	n := min(v.q.Around, uint64(addr.Max-last))
	if n == 0 {
		return nil
	}
	return v.ahead.bytes(last+1, int(min(n, math.MaxInt)))
}

// showAs does what show does for a hit of a rule's string, which has a name there.
func (v *viewer) showAs(h engine.Hit, name string, rule *yara.Rule) *Hit {
	if v.q.Decode {
		h.Form = v.form(h)
	}
	v.hit = Hit{Hit: h, Name: name, Rule: rule}
	v.widen()
	v.describe()
	return &v.hit
}

// form returns Hit.Form for a hit of which only the place was kept. That is the number,
// from 1, of the first expression of its pattern that has a match of this length there;
// it is 0 where the pattern has at most one expression, or memory has changed since.
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
		b, err := v.img.Space.Byte(a)
		return b, err == nil
	}}
	if m.Bytes = v.ahead.bytes(h.Addr, h.Len); len(m.Bytes) < h.Len {
		return 0
	}
	for i := range n {
		if all[first+i].Matcher.Match(&m, 0) == h.Len {
			return i + 1
		}
	}
	return 0
}

// widen gives the hit as many bytes as are to be shown. The key is computed before
// that, from the bytes that came with the hit, since it may be that none are to be
// shown.
func (v *viewer) widen() {
	s := &v.hit
	if v.q.Decode && len(s.Bytes) > 0 {
		s.Key, s.HasKey = v.set.XorKey(s.Pattern, s.Bytes)
	}
	if want := min(v.bytes, s.Len); want > len(s.Bytes) {
		rest := v.ahead.bytes(s.Addr+addr.Addr(len(s.Bytes)), want-len(s.Bytes))
		s.Bytes = append(s.Bytes[:len(s.Bytes):len(s.Bytes)], rest...)
	}
	s.Bytes = s.Bytes[:min(len(s.Bytes), v.bytes)]
}
