package graph

import (
	"path/filepath"
	"strings"
	"testing"

	"vscan/engine/addr"
)

// Who refers to one of four words that an eighth of a heap of 256 MiB points at:
// four million references; to a window of their page; and to a word near them.
func BenchmarkHub(b *testing.B) {
	size := 256 << 20
	if testing.Short() {
		size = 16 << 20
	}
	path := filepath.Join(b.TempDir(), "graph")
	if _, err := BuildFile(b.Context(), bigSpace(b, size), addr.LE64, Options{}, path); err != nil {
		b.Fatal(err)
	}
	g, err := Open(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	const page = 0x7f00_0000_1000
	for _, c := range []struct {
		name string
		r    addr.Range
		most int
	}{
		{"all-of-one", addr.Range{First: page + 0x238, Last: page + 0x238}, 0},
		{"first-1000", addr.Range{First: page + 0x238, Last: page + 0x238}, 1000},
		{"beside", addr.Range{First: page + 0x258, Last: page + 0x2ff}, 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				n = 0
				for _, err := range g.To(c.r) {
					if err != nil {
						b.Fatal(err)
					}
					if n++; n == c.most {
						break
					}
				}
			}
			checkHub(b, c.most, n)
		})
	}
	all := addr.Range{First: page + 0x238, Last: page + 0x238}
	b.Run("batches-of-one", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n = 0
			for edges, err := range g.ToBatches(all) {
				if err != nil {
					b.Fatal(err)
				}
				n += len(edges)
			}
		}
		checkHub(b, 0, n)
	})
	b.Run("count-of-one", func(b *testing.B) {
		n := uint64(0)
		for b.Loop() {
			if n, err = g.CountTo(all); err != nil {
				b.Fatal(err)
			}
		}
		checkHub(b, 0, int(n))
	})
}

// checkHub checks how many edges were found, of a part or of all.
func checkHub(b *testing.B, most, n int) {
	b.Helper()
	b.ReportMetric(float64(n), "edges")
	want := most
	switch strings.TrimRight(b.Name()[len("BenchmarkHub/"):], "-0123456789") {
	case "beside":
		want = 10
	case "all-of-one", "batches-of-one", "count-of-one":
		want = 1048016
	}
	if n != want && !testing.Short() {
		b.Fatalf("%d edges, want %d", n, want)
	}
}
