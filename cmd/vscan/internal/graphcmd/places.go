package graphcmd

import (
	"vscan/engine/addr"
	"vscan/engine/graph"
)

// moduleOf returns the module of the address that l has found and the offset there, as
// values of a table's columns; nil where it lies in no module.
func moduleOf(l *graph.Locator, a addr.Addr) (name, offset any) {
	module, isModule := l.Name()
	if !isModule {
		return nil, nil
	}
	return module, l.Distance(a)
}
