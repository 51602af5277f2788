package yara

import (
	"fmt"

	"vscan/patterns"
)

// finish parts the rules in those that run and those that are skipped, and
// makes the patterns.
func (p *parser) finish() {
	for _, r := range p.all {
		if !r.Global || r.skip == "" {
			continue
		}
		for _, o := range p.all {
			if o.skip == "" {
				o.skip, o.skipAt = "it holds only where the global rule "+r.Name+" matches, which is skipped", position{o.File, o.Line}
			}
		}
	}
	seen := make(map[string]int)
	for _, r := range p.all {
		if r.skip != "" {
			p.rules.Skipped = append(p.rules.Skipped, Skipped{r.Name, r.skip, r.skipAt.file, r.skipAt.line})
			continue
		}
		r.index = len(p.rules.rules)
		p.rules.rules = append(p.rules.rules, r)
		if r.Global {
			p.rules.globals++
		}
		for _, s := range r.strings {
			p.rules.share(r, s, seen)
		}
	}
}

// share finds or adds the pattern of a string.
func (r *Rules) share(of *rule, s *str, seen map[string]int) {
	name := of.Name + "." + s.id
	i, ok := seen[s.key]
	if !ok {
		i = len(r.pats)
		seen[s.key] = i
		pat := s.pat
		at := s.at.src.position(s.at.pos)
		pat.Name, pat.File, pat.Line = name, at.file, at.line
		r.pats = append(r.pats, pat)
		r.shared = append(r.shared, shared{greedy: s.greedy, pinned: true})
		if len(s.rest) > 0 {
			r.link(pat, i, s.rest)
		}
	}
	s.pattern = i
	h := &r.shared[i]
	h.placed = h.placed || s.placed
	if !s.private {
		h.names = append(h.names, name)
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
