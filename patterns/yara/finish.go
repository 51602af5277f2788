package yara

import (
	"cmp"
	"fmt"

	"vscan/patterns"
)

// finish parts the rules in those that run and those that are skipped, and
// makes the patterns.
func (p *parser) finish() {
	p.rules.spaces = len(p.spaces)
	p.skipWithGlobals()
	seen := make(map[string]int)
	for _, r := range p.all {
		if r.skip != "" {
			p.rules.Skipped = append(p.rules.Skipped, r.skipped())
			continue
		}
		r.index = len(p.rules.rules)
		p.rules.rules = append(p.rules.rules, r)
		for _, s := range r.strings {
			p.rules.share(r, s, seen)
		}
	}
}

// skipWithGlobals skips all rules of a namespace of which a global rule is
// skipped.
func (p *parser) skipWithGlobals() {
	lost := make([]*rule, len(p.spaces))
	for _, r := range p.all {
		if r.Global && r.skip != "" && lost[r.ns.index] == nil {
			lost[r.ns.index] = r
		}
	}
	for _, r := range p.all {
		if g := lost[r.ns.index]; g != nil && r.skip == "" {
			r.skip = fmt.Sprintf("it holds only where the global rule %s matches, which is left out", cmp.Or(g.Name, fmt.Sprintf("of %s:%d", g.File, g.Line)))
			r.skipAt = position{r.File, r.Line, 0}
		}
	}
}

func (r *rule) skipped() Skipped {
	s := Skipped{
		Namespace: r.ns.name, Rule: r.Name, Global: r.Global, Reason: r.skip, Mistake: r.mistake, Undefined: r.undefined,
		File: r.skipAt.file, Line: r.skipAt.line, Column: r.skipAt.column,
	}
	if r.clash != nil {
		s.Clash = &r.clash.Rule
	}
	return s
}

// share finds or adds the pattern of a string.
func (r *Rules) share(of *rule, s *str, seen map[string]int) {
	name := of.FullName() + "." + s.id
	i, ok := seen[s.key]
	if !ok {
		i = len(r.pats)
		seen[s.key] = i
		pat := s.pat
		at := s.at.src.position(s.at.pos)
		pat.Name, pat.File, pat.Line = name, at.file, at.line
		r.pats = append(r.pats, pat)
		r.shared = append(r.shared, shared{greedy: s.greedy, empty: s.empty, pinned: true})
		if len(s.rest) > 0 {
			r.link(pat, i, s.rest)
		}
	}
	s.pattern = i
	h := &r.shared[i]
	h.placed = h.placed || s.placed
	if !s.private {
		h.names, h.owners = append(h.names, name), append(h.owners, &of.Rule)
	}
	if pin, ok := s.pin(); ok {
		h.pins = append(h.pins, pin)
	} else {
		h.pinned = false
	}
}

// link adds the patterns of the parts of a string but for the first one, which has
// the index head.
func (r *Rules) link(pat patterns.Pattern, head int, rest []patterns.Part) {
	c := &chain{index: len(r.chains), head: head}
	r.chains = append(r.chains, c)
	r.shared[head].chain = c
	for i, part := range rest {
		jump := span{uint64(part.Min), noLimit}
		if part.Max >= 0 {
			jump.hi = uint64(part.Max)
		}
		c.gaps = append(c.gaps, jump)
		part.Pattern.Name = fmt.Sprintf("%s.%d", pat.Name, i+2)
		part.Pattern.File, part.Pattern.Line = pat.File, pat.Line
		r.pats = append(r.pats, part.Pattern)
		r.shared = append(r.shared, shared{chain: c, part: i + 1})
	}
}
