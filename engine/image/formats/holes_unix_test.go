//go:build unix

package formats_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// A search that passes over the holes of a file has the hits of one that reads every byte:
// with holes that begin and end at odd places, of files on disk and in memory, mapped and
// not, and whether patterns match zeros or not.
func TestHolesAreSearchedExactly(t *testing.T) {
	rnd := testenv.Rand(t)
	dirs := []string{t.TempDir()}
	if dir, err := os.MkdirTemp("/dev/shm", "holes"); err == nil {
		t.Cleanup(func() { os.RemoveAll(dir) })
		dirs = append(dirs, dir)
	}
	sets := [][]string{
		{"text:needle", `hex:610000`, `re:\x00{2}b`}, {`re:a\x00{1,200}b`, `re:\b\x00{3}`, `re:\x00{3}\b`}, {"u64le:1..0x626262"}, {`re:[ab]+`, "text/w:ab"},
		{`hex:6100000000`}, {"re:\\b\\x00"}, {`re:\x00{5}[ab]`, "text:needle"},
	}
	passed := 0
	for round := range testenv.Rounds(2, 4, 60) {
		for k, dir := range dirs {
			path := filepath.Join(dir, fmt.Sprintf("%d", round))
			size := 1<<20 + rnd.IntN(8<<20)
			want := make([]byte, size)
			file, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			for range 1 + rnd.IntN(5) { // what is written, some of it zeros
				at := rnd.IntN(size)
				b := make([]byte, min(size-at, 1+rnd.IntN(9000)))
				for i := range b {
					b[i] = "ab\x00\x00"[rnd.IntN(4)]
				}
				copy(b, []string{"needle", "", "a"}[rnd.IntN(3)])
				copy(want[at:], b)
				if _, err := file.WriteAt(b, int64(at)); err != nil {
					t.Fatal(err)
				}
			}
			if err := file.Truncate(int64(size)); err != nil {
				t.Fatal(err)
			}
			file.Close()
			img, err := formats.Open(t.Context(), path, image.Options{Format: image.FormatRaw, Mmap: []image.Mmap{image.MmapAuto, image.MmapAlways, image.MmapNever}[rnd.IntN(3)], Sequential: true})
			if err != nil {
				t.Fatal(err)
			}
			// Besides all of it, as segments of cores show it: parts, in any order.
			plain, sources := engine.BytesSource("plain", want), []engine.Mapping{img.Mappings[0]}
			for range rnd.IntN(3) {
				off := rnd.IntN(size)
				n := 1 + rnd.IntN(size-off)
				last := sources[len(sources)-1].Last
				sources = append(sources, engine.Mapping{Range: addr.Range{First: last + 1, Last: last + addr.Addr(n)}, Source: img.Mappings[0].Source, Offset: uint64(off)})
			}
			texts := sets[rnd.IntN(len(sets))]
			opt := engine.Options{Workers: 1 + rnd.IntN(3), ShardSize: uint64(100_000 + rnd.IntN(4<<20))}
			got, work := hitsOf(t, sources, texts, opt)
			for i := range sources {
				sources[i].Source = plain
			}
			all, bytes := hitsOf(t, sources, texts, opt)
			if !slices.Equal(got, all) {
				t.Errorf("round %d, folder %d, %q: %d hits with holes, %d without", round, k, texts, len(got), len(all))
			}
			if work < bytes {
				passed++
			}
			img.Close()
			os.Remove(path)
		}
	}
	if passed == 0 {
		t.Skip("the file systems tell no holes")
	}
}

// hitsOf returns all hits in mappings, and how many bytes take time.
func hitsOf(t *testing.T, mappings []engine.Mapping, texts []string, opt engine.Options) (hits []string, work uint64) {
	t.Helper()
	space, err := engine.NewSpace(mappings...)
	if err != nil {
		t.Fatal(err)
	}
	pats := make([]patterns.Pattern, len(texts))
	for i, text := range texts {
		if pats[i], err = patterns.Parse(text); err != nil {
			t.Fatal(err)
		}
	}
	set, err := patterns.Compile(t.Context(), pats, patterns.Target{MaxMatch: 256, OrderKnown: true})
	if err != nil {
		t.Fatal(err)
	}
	sc, err := engine.Compile(t.Context(), space, set, opt)
	if err != nil {
		t.Fatal(err)
	}
	for h, err := range sc.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		hits = append(hits, fmt.Sprintf("%v %d %d", h.Addr, h.Pattern, h.Len))
	}
	return hits, sc.Work()
}
