package graphcmd

import (
	"vscan/engine/addr"
	"vscan/engine/graph"
)

// moduleOf is the module of an address and the offset in it, for the last columns of
// a table; nil where it is in none.
func moduleOf(l *graph.Locator, a addr.Addr) (name, offset any) {
	module, isModule := l.Name()
	if !isModule {
		return nil, nil
	}
	return module, l.Distance(a)
}
