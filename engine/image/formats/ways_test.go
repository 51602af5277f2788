package formats_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// A flipping source is a file that is read and mapped by turns, as a coin falls.
type flipping struct {
	engine.Source                  // one of ways
	ways          [2]engine.Source // mapped, read

	mu     sync.Mutex
	rnd    *rand.Rand
	chosen [2]int
	took   uint64
}

func newFlipping(t *testing.T, path string, rnd *rand.Rand) *flipping {
	t.Helper()
	f := &flipping{rnd: testenv.From(rnd.Uint64(), 1)}
	for i, mmap := range []image.Mmap{image.MmapAlways, image.MmapNever} {
		img, err := formats.Open(t.Context(), path, image.Options{Format: image.FormatRaw, Mmap: mmap})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { img.Close() })
		f.ways[i] = img.Mappings[0].Source
	}
	f.Source = f.ways[rnd.IntN(2)]
	return f
}

func (f *flipping) Choose(_ uint64, n int) (engine.Way, int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.rnd.IntN(2)
	f.chosen[i]++
	return &flippingWay{f.ways[i], f}, 1 + f.rnd.IntN(n)
}

type flippingWay struct {
	engine.Source
	of *flipping
}

func (w *flippingWay) Took(n int, _ time.Duration) {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	w.of.took += uint64(n)
}

// flippingPatterns are looked for by kernels of several kinds.
func flippingPatterns(t *testing.T) *patterns.Set {
	t.Helper()
	var all []patterns.Pattern
	for _, text := range []string{"needle", "hex:6e ?? 65", "re:e{3,40}d", "u16le:0x6565..0x6570"} {
		p, err := patterns.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	set, err := patterns.Compile(t.Context(), all, patterns.Target{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// The hits of a scan are the same whichever way each of its blocks goes, and however large
// the blocks are.
func TestWaysAgree(t *testing.T) {
	rnd := testenv.Rand(t)
	for range testenv.Rounds(2, 3, 60) {
		data := make([]byte, 1+rnd.IntN(3<<20))
		for i := range data {
			data[i] = "needlx\x00"[rnd.IntN(7)]
		}
		for range rnd.IntN(200) {
			copy(data[rnd.IntN(len(data)):], "needle")
		}
		path := filepath.Join(t.TempDir(), "memory")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		source := newFlipping(t, path, rnd)
		plain := engine.BytesSource("memory", data)
		var mixed, want []engine.Mapping
		for at := addr.Addr(rnd.IntN(1 << 20)); len(want) < 1+rnd.IntN(20); {
			off := rnd.IntN(len(data))
			n := 1 + rnd.IntN(min(len(data)-off, 1<<(4+rnd.IntN(20))))
			m := engine.Mapping{Range: addr.Range{First: at, Last: at + addr.Addr(n-1)}, Source: source, Offset: uint64(off), Name: "memory"}
			mixed = append(mixed, m)
			m.Source = plain
			want = append(want, m)
			at += addr.Addr(n + rnd.IntN(3)*rnd.IntN(5000))
		}
		set := flippingPatterns(t)
		opt := engine.Options{Workers: 1 + rnd.IntN(3), ShardSize: 1 << (12 + rnd.IntN(11))}
		got, stats := scanOf(t, mixed, set, opt)
		expected, _ := scanOf(t, want, set, opt)
		if !slices.Equal(got, expected) || !stats.Complete() {
			t.Fatalf("%d hits, want %d; %+v", len(got), len(expected), stats)
		}
		bytes := uint64(0)
		for _, w := range stats.Ways {
			bytes += w.Bytes
		}
		if bytes != source.took {
			t.Errorf("%d bytes in the account of ways, and %d were told: %v", bytes, source.took, stats.Ways)
		}
	}
}

type placedHit struct {
	at      addr.Addr
	pattern int
	size    int
}

func scanOf(t *testing.T, mappings []engine.Mapping, set *patterns.Set, opt engine.Options) (hits []placedHit, stats engine.Stats) {
	t.Helper()
	space, err := engine.NewSpace(mappings...)
	if err != nil {
		t.Fatal(err)
	}
	sc, err := engine.Compile(t.Context(), space, set, opt)
	if err != nil {
		t.Fatal(err)
	}
	stats, err = sc.Scan(t.Context(), func(h engine.Hit) bool {
		hits = append(hits, placedHit{h.Addr, h.Pattern, h.Len})
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return hits, stats
}

// A file that is cut and grown again while its blocks go one way and the other: what was
// there all the time is found, nothing else is but zeros, and what is gone is told.
func TestWaysOfAChangingFile(t *testing.T) {
	const size, rest = 24 << 20, 5<<20 + 77
	rnd := testenv.Rand(t)
	for _, grown := range []int64{0, 16 << 20, size} {
		path := filepath.Join(t.TempDir(), "memory")
		data := bytes.Repeat([]byte("needle.."), size/8)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		source := newFlipping(t, path, rnd)
		m := engine.Mapping{Range: addr.Range{First: 0, Last: size - 1}, Source: source, Name: "memory"}
		space, err := engine.NewSpace(m)
		if err != nil {
			t.Fatal(err)
		}
		sc, err := engine.Compile(t.Context(), space, flippingPatterns(t), engine.Options{Workers: 2, ShardSize: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		needles, stats := 0, engine.Stats{}
		var last addr.Addr
		stats, err = sc.Scan(t.Context(), func(h engine.Hit) bool {
			if h.Addr == 0 && h.Pattern == 0 {
				if err := os.Truncate(path, rest); err != nil {
					t.Fatal(err)
				}
				if grown > 0 {
					if err := os.Truncate(path, grown); err != nil {
						t.Fatal(err)
					}
				}
			}
			if h.Pattern == 0 {
				if h.Addr%8 != 0 {
					t.Fatalf("a hit at %v", h.Addr)
				}
				needles, last = needles+1, h.Addr
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if needles < rest/8 || uint64(last) >= size {
			t.Errorf("grown to %d: %d needles, the last at %v", grown, needles, last)
		}
		if gone := stats.UnreadableBytes(); stats.Scanned+gone != size || grown < size && gone == 0 {
			t.Errorf("grown to %d: %d bytes scanned and %d gone", grown, stats.Scanned, gone)
		}
	}
}

// The same with the choice that a file makes itself, which goes both ways in any file that is
// large enough: it is cut, and grown again, where the first trial of mapping is over or under way.
func TestOwnWaysOfAChangingFile(t *testing.T) {
	const size, step = 72 << 20, 64 << 10
	rnd := testenv.Rand(t)
	data := bytes.Repeat([]byte("nothing\n"), size/8)
	for at := 0; at < size; at += step {
		copy(data[at:], "needle")
	}
	set := flippingPatterns(t)
	for _, grown := range []int64{0, 48 << 20, size} {
		path := filepath.Join(t.TempDir(), "memory")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		img, err := formats.Open(t.Context(), path, image.Options{Format: image.FormatRaw, Sequential: true})
		if err != nil {
			t.Fatal(err)
		}
		defer img.Close()
		space, err := engine.NewSpace(img.Mappings...)
		if err != nil {
			t.Fatal(err)
		}
		sc, err := engine.Compile(t.Context(), space, set, engine.Options{Workers: 1 + rnd.IntN(2)})
		if err != nil {
			t.Fatal(err)
		}
		at := addr.Addr(4<<20 + rnd.IntN(8<<20)) // where it is cut, once hits have come so far
		rest := int64(at) - int64(rnd.IntN(1<<20))
		cut, needles := false, int64(0)
		stats, err := sc.Scan(t.Context(), func(h engine.Hit) bool {
			if h.Pattern != 0 {
				return true
			}
			if !cut && h.Addr >= at {
				cut = true
				for _, n := range []int64{rest, max(rest, grown)} {
					if err := os.Truncate(path, n); err != nil {
						t.Fatal(err)
					}
				}
			}
			if h.Addr != addr.Addr(needles*step) && !cut || h.Addr%step != 0 {
				t.Fatalf("a hit at %v, %d before it", h.Addr, needles)
			}
			needles++
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if needles < int64(at)/step || !cut {
			t.Errorf("cut at %d, grown to %d: %d needles", rest, grown, needles)
		}
		if gone := stats.UnreadableBytes(); stats.Scanned+gone != size || grown < size && gone == 0 {
			t.Errorf("cut at %d, grown to %d: %d bytes scanned and %d gone", rest, grown, stats.Scanned, gone)
		}
		if len(stats.Ways) != 2 {
			t.Errorf("not both ways: %v", stats.Ways)
		}
	}
}
