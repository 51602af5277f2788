package search

// Names returns the names of all hits that a search may have, in the order of the patterns,
// each once: they are the Names of any Summary.
func (q *Query) Names() []string {
	names, known := []string{}, map[string]bool{}
	of := q.names()
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
