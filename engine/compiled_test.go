package engine

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"

	"vscan/engine/addr"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// Scanners of one Compiled, for several spaces, find the hits of the oracle, one after another
// and at the same time, whatever the workers before them have looked at.
func TestCompiled(t *testing.T) {
	rnd := testRand(t)
	for range testenv.Rounds(10, 60, 2000) {
		var texts []string
		for k := range 1 + rnd.IntN(6) {
			texts = append(texts, fmt.Sprintf("e%d=%s", k, randomExpr(rnd)))
			if rnd.IntN(2) == 0 {
				texts = append(texts, fmt.Sprintf("n%d=%s", k, randomPattern(rnd)))
			}
		}
		target := patterns.Target{WordSize: 8, Order: addr.Little, OrderKnown: true, MaxMatch: []int{0, 5, 20}[rnd.IntN(3)]}
		set := compileSet(t, target, texts...)
		opt := Options{Overlapping: rnd.IntN(4) == 0, Kernel: levels()[rnd.IntN(len(levels()))]}
		c, err := CompileSet(t.Context(), set, opt)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 3 {
			size := 1 + rnd.IntN(400)
			l := randomLayout(rnd, 5, size)
			want := naiveExprs(l, l.model(size), set, func(int) bool { return true }, opt.Overlapping)
			s := l.space(t)
			for range 2 {
				o := Options{Workers: 1 + rnd.IntN(4), ShardSize: []uint64{1, 7, 100, 4096}[rnd.IntN(4)], Overlapping: rnd.IntN(2) == 0}
				sc, err := c.Scanner(t.Context(), s, o)
				if err != nil {
					t.Fatal(err)
				}
				search := func() {
					if got := collectSized(t, sc); !slices.Equal(got, want) {
						t.Errorf("%v, %+v: %d hits, want %d\n%v\n%v\n%+v", texts, o, len(got), len(want), got, want, l)
					}
				}
				search()
				all.Go(search)
			}
		}
		all.Wait()
	}
}

// There are no more workers than shards.
func TestFewShardsFewWorkers(t *testing.T) {
	set := compileSet(t, patterns.Target{}, "ab")
	space := spaceOf(t, bytes.Repeat([]byte{'x'}, 10000))
	for size, want := range map[uint64]int{0: 1, 10001: 1, 4999: 3, 100: 8} {
		sc := compile(t, space, set, Options{Workers: 8, ShardSize: size})
		stats, err := sc.Scan(t.Context(), func(Hit) bool { return true })
		if err != nil || stats.Workers != want {
			t.Errorf("shards of %d bytes: %d workers, want %d, %v", size, stats.Workers, want, err)
		}
	}
}

// A scan that begins where another one ended knows nothing of matches that run on beyond it.
func TestScansBeginAnew(t *testing.T) {
	set := compileSet(t, patterns.Target{}, "re:a{2,4}")
	space := spaceAt(t, 0x1000, []byte("xxaaaaaaaaxx"))
	c, err := CompileSet(t.Context(), set, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []addr.Addr{0x1002, 0x1005, 0x1002, 0x1005} {
		starts := addr.Range{First: 0x1000, Last: 0x1004}
		if i%2 == 1 {
			starts = addr.Range{First: 0x1005, Last: addr.Max}
		}
		sc, err := c.Scanner(t.Context(), space, Options{Workers: 1, Starts: []addr.Range{starts}})
		if err != nil {
			t.Fatal(err)
		}
		if h, ok, err := sc.First(t.Context()); !ok || h.Addr != want || err != nil {
			t.Errorf("scan %d: the first hit is at %v, want %v, %v", i, h.Addr, want, err)
		}
	}
}
