package main

import (
	"vscan/engine"
	"vscan/engine/addr"
	"vscan/patterns"
)

// shownHit is a hit as outputs have it. Bytes is as much of it as is to be
// shown, which may be more than the engine gives.
type shownHit struct {
	engine.Hit
	pattern string // its name
	value   string // what the hit holds, as its kind reads it
	decoded bool   // whether there is a value
	text    bool   // whether the value is but Bytes as characters
}

// viewer makes shown hits of one image.
type viewer struct {
	space *engine.Space
	set   *patterns.Set
	bytes int // of a hit, at most so many are shown
	hit   shownHit
}

func (f *searchFlags) viewer(t *target, set *patterns.Set) *viewer {
	return &viewer{space: t.space, set: set, bytes: int(f.bytes)}
}

// show is a hit as it is to be shown; it holds until the next. What of its
// bytes the engine does not give is read once more: in a live process they may
// have changed, or gone, since.
func (v *viewer) show(h engine.Hit) *shownHit {
	p := &v.set.Patterns()[h.Pattern]
	v.hit = shownHit{Hit: h, pattern: p.Name, text: p.Kind == patterns.Run}
	s := &v.hit
	if !s.text {
		s.value, s.decoded = v.set.Value(h.Pattern, h.Bytes)
	}
	if want := min(v.bytes, h.Len); want > len(h.Bytes) {
		rest, _ := v.space.Bytes(h.Addr+addr.Addr(len(h.Bytes)), want-len(h.Bytes))
		s.Bytes = append(h.Bytes[:len(h.Bytes):len(h.Bytes)], rest...)
	}
	s.Bytes = s.Bytes[:min(len(s.Bytes), v.bytes)]
	if s.text {
		s.value, s.decoded = v.set.Value(h.Pattern, s.Bytes)
	}
	return s
}
