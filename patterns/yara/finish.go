package yara

import (
	"cmp"
	"fmt"

	"vscan/internal/interrupt"
	"vscan/patterns"
)

// finish divides the rules into those that run and those that are skipped, and makes the
// patterns.
func (p *parser) finish(check *interrupt.Checker) {
	p.rules.numNamespaces = len(p.namespaces)
	p.skipWithGlobals()
	p.rules.pats, p.rules.info = make([]patterns.Pattern, 0, len(p.searches)), make([]patternInfo, 0, len(p.searches))
	for _, r := range p.allRules {
		check.Step(1)
		if r.skip != "" {
			p.rules.Skipped = append(p.rules.Skipped, r.skipped())
			continue
		}
		r.index = len(p.rules.rules)
		p.rules.rules = append(p.rules.rules, r)
		for _, s := range r.strings {
			check.Step(1)
			p.rules.addString(r, s)
		}
	}
}

// skipWithGlobals skips all rules of a namespace if one of its global rules is skipped.
func (p *parser) skipWithGlobals() {
	lost := make([]*rule, len(p.namespaces))
	for _, r := range p.allRules {
		if r.Global && r.skip != "" && lost[r.ns.index] == nil {
			lost[r.ns.index] = r
		}
	}
	for _, r := range p.allRules {
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
	if r.nameless {
		s.Rule = ""
	}
	if r.clash != nil {
		s.Clash = &r.clash.Rule
	}
	return s
}

// addString adds the pattern of a string, unless another string has the same.
func (r *Rules) addString(owner *rule, s *ruleString) {
	name := owner.FullName() + "." + s.id
	search, first := s.search, s.search
	if search.same != nil {
		first = search.same
	}
	i := int(first.index)
	if i < 0 {
		i = len(r.pats)
		first.index = int32(i)
		pat := search.first
		at := s.file.position(int(s.pos))
		pat.Name, pat.File, pat.Line = name, at.file, at.line
		r.pats = append(r.pats, pat)
		r.info = append(r.info, patternInfo{rule: &owner.Rule, preferLonger: search.preferLonger, empty: search.empty, pinned: true})
		if len(search.rest) > 0 {
			r.addParts(&owner.Rule, pat, i, search.rest)
		}
	}
	s.patternIndex, s.search, s.file = int32(i), nil, nil // neither is asked for any more
	h := &r.info[i]
	h.rules = append(h.rules, owner)
	h.asksPlaces = h.asksPlaces || s.asksPlaces
	if !s.private {
		h.names, h.owners = append(h.names, name), append(h.owners, &owner.Rule)
	}
	if pin, ok := s.pin(); ok {
		h.pins = append(h.pins, pin)
	} else {
		h.pinned = false
	}
}

// addParts adds the patterns of the parts of a split string, except for the first part,
// whose pattern is pat with index head.
func (r *Rules) addParts(owner *Rule, pat patterns.Pattern, head int, rest []patterns.Part) {
	c := &splitString{index: len(r.splits), firstPattern: head}
	r.splits = append(r.splits, c)
	r.info[head].split = c
	for i, part := range rest {
		jump := span{uint64(part.Min), noLimit}
		if part.Max >= 0 {
			jump.hi = uint64(part.Max)
		}
		c.jumps = append(c.jumps, jump)
		part.Pattern.Name = fmt.Sprintf("%s.%d", pat.Name, i+2)
		part.Pattern.File, part.Pattern.Line = pat.File, pat.Line
		r.pats = append(r.pats, part.Pattern)
		r.info = append(r.info, patternInfo{rule: owner, split: c, partIndex: i + 1})
	}
}
