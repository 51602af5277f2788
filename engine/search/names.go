package search

import "vscan/patterns"

// Names returns the names of all hits that a search may have, in the order of the patterns,
// each once: they are the Names of any Summary.
func (q *Query) Names() []string {
	names, known := []string{}, map[string]bool{}
	all := q.AllPatterns()
	for i := range all {
		of, _ := q.namesAt(all, i)
		for _, name := range of {
			if !known[name] {
				known[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// namesAt returns the names of the hits of pattern i of all, which are AllPatterns: the names of
// the rules' strings that it stands for, or else its own name. It returns its index in the rules'
// patterns, too, −1 where it is none of them.
func (q *Query) namesAt(all []patterns.Pattern, i int) (names []string, index int) {
	if q.Rules != nil {
		if k := i - q.RulesAt; k >= 0 && k < len(q.Rules.Patterns()) {
			return q.Rules.Names(k), k
		}
	}
	return []string{all[i].Name}, -1
}
