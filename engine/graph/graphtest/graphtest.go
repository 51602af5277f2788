// Package graphtest makes files of graphs, for tests of what reads them.
package graphtest

import (
	"path/filepath"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/graph"
)

// File writes the graph of mappings, whose words are little-endian and of 8 bytes, and returns the path of its file.
func File(t *testing.T, mappings ...engine.Mapping) string {
	t.Helper()
	space, err := engine.NewSpace(mappings...)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "g")
	if _, err := graph.BuildFile(t.Context(), space, addr.LE64, graph.Options{}, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// Open opens the file of a graph until the test ends.
func Open(t *testing.T, path string) *graph.Graph {
	t.Helper()
	g, err := graph.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}
