package search

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vscan/engine/image"
	"vscan/engine/image/layered"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// BenchmarkSmallFiles opens and searches files of 4 KiB one after another, as find does, with a
// Cache: each has one hit of a literal.
func BenchmarkSmallFiles(b *testing.B) {
	rnd := testenv.Seeded(b, 1, 0)
	var words, rules strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&words, "word%x-%d\n", rnd.Uint64(), i)
	}
	for i := range 500 {
		fmt.Fprintf(&rules, "rule r%d { strings: $a = \"rule%x\" nocase $b = \"rule%x\" wide ascii $h = { %x [2-6] %x ?? 41 } condition: any of them or #h > 1 }\n",
			i, rnd.Uint64(), rnd.Uint64(), rnd.Uint32()|1<<31, rnd.Uint32()|1<<31)
	}
	lits, err := patterns.ParseLiterals(b.Context(), "words", strings.NewReader(words.String()))
	if err != nil {
		b.Fatal(err)
	}
	var paths []string
	dir := b.TempDir()
	for i := range 100 {
		page := make([]byte, 4096)
		for k := range page {
			page[k] = byte(rnd.Uint32())
		}
		copy(page[rnd.IntN(4000):], lits[i].Name)
		paths = append(paths, filepath.Join(dir, fmt.Sprint(i)))
		if err := os.WriteFile(paths[i], page, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for _, k := range []struct {
		name string
		q    Query
		hits uint64 // of one file
	}{
		{"one literal", Query{Patterns: lits[1000:1001]}, 0},
		{"2000 literals", Query{Patterns: lits}, 1},
		{"500 rules", Query{Rules: rulesOf(b, rules.String())}, 0},
	} {
		b.Run(k.name, func(b *testing.B) {
			k.q.Cache = NewCache(nil)
			defer k.q.Cache.Close()
			b.SetBytes(4096)
			for i := 0; b.Loop(); i++ {
				img, err := layered.Open(b.Context(), paths[i%len(paths)], layered.Options{Format: image.FormatRaw, Sequential: true})
				if err != nil {
					b.Fatal(err)
				}
				sum, err := k.q.Run(b.Context(), img, nil)
				if err != nil || sum.Hits != k.hits {
					b.Fatalf("%d hits, want %d: %v", sum.Hits, k.hits, err)
				}
				img.Close()
			}
		})
	}
}
