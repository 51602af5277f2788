package search

import "vscan/patterns"

// Names returns the names of all hits that a search may have, in the order of the patterns,
// each once: they are the Names of any Summary.
func (q *Query) Names() []string {
	names, known := []string{}, map[string]bool{}
	of := q.hitNames()
	for _, p := range q.AllPatterns() {
		for _, name := range of(p) {
			if !known[name] {
				known[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// hitNames returns a function that returns the names of a pattern's hits: the names of the
// rules' strings that the pattern stands for, or else its own name.
func (q *Query) hitNames() func(patterns.Pattern) []string {
	of := map[string][]string{}
	if q.Rules != nil {
		for i, p := range q.Rules.Patterns() {
			of[p.Name] = q.Rules.Names(i)
		}
	}
	return func(p patterns.Pattern) []string {
		if names, ok := of[p.Name]; ok {
			return names
		}
		return []string{p.Name}
	}
}
