package engine

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"vscan/engine/addr"
	"vscan/patterns"
)

// spaceOf is memory from address 0 on.
func spaceOf(t *testing.T, b []byte) *Space {
	t.Helper()
	s, err := NewSpace(Mapping{Range: addr.Range{Last: addr.Addr(len(b) - 1)}, Source: BytesSource("b", b)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Memory in which every byte begins a match, or what could be one: the hits are
// those of asking at one place after another, and many searches for a match go the same way.
func TestExprsInRuns(t *testing.T) {
	b := make([]byte, 600<<10)
	rnd := testRand(t)
	for at := 0; at < len(b); {
		n := 1 + rnd.IntN(200_000)
		run := b[at:min(len(b), at+n)]
		c := "ab\x00c"[rnd.IntN(4)]
		for i := range run {
			run[i] = c
		}
		at += len(run)
	}
	s := spaceOf(t, b)
	for _, text := range []string{`re:[ab]+`, `re/s:.+`, `re:a+b`, `re:\x00{3,}`, `re:a{8,}c?`, `re:(a|b)*?c`, `hex:61 [-] 62`, `re:\b\w+`} {
		set := compileSet(t, patterns.Target{MaxMatch: 500}, text)
		e := set.Exprs()[0]
		m := patterns.Memory{Bytes: b}
		var want []sizedHit
		for i := 0; i < len(b); i++ {
			if n := e.Matcher.Match(&m, i); n > 0 {
				want = append(want, sizedHit{plainHit{addr.Addr(i), 0, string(b[i : i+min(n, HitBytes)])}, n})
				if set.Patterns()[0].Disjoint() {
					i += n - 1
				}
			}
		}
		for _, opt := range []Options{{Workers: 1}, {Workers: 3, ShardSize: 70_000}} {
			if got := collectSized(t, compile(t, s, set, opt)); !slices.Equal(got, want) {
				t.Fatalf("%s, %+v: %d hits, want %d", text, opt, len(got), len(want))
			}
		}
	}
}

// A scan ends soon when its context does, whatever the matchers are at.
func TestCancelWhileVerifying(t *testing.T) {
	s := spaceOf(t, bytes.Repeat([]byte("ab"), 8<<20))
	for _, text := range []string{`re:a[ab]*c`, `re:[ab]*a[ab]{500}c`, `re:[ab]{1,900}?bb`, `hex:61 [-] 63`} {
		set := compileSet(t, patterns.Target{MaxMatch: 64 << 10}, text)
		ctx, cancel := context.WithCancel(t.Context())
		var at time.Time
		time.AfterFunc(50*time.Millisecond, func() { at = time.Now(); cancel() })
		stats, _ := compile(t, s, set, Options{Workers: 2}).Scan(ctx, func(Hit) bool { return true })
		if stats.Cancelled && time.Since(at) > time.Second { // 100 ms where nothing else runs
			t.Errorf("%s: went on for %v", text, time.Since(at))
		}
		cancel()
	}
}

// Matches of one encoding that overlap none that is kept are kept, whatever of
// the other they overlap that is dropped.
func TestEncodingsDropTogether(t *testing.T) {
	b := append(make([]byte, 6000), "a\x00b\x00cd\x00\x00e"...)
	b = append(b, make([]byte, 100)...)
	set := compileSet(t, patterns.Target{MaxMatch: 100}, `re/wa:ab|b\x00cd|d\x00\x00e`)
	for _, workers := range []int{1, 3} {
		got := collectSized(t, compile(t, spaceOf(t, b), set, Options{Workers: workers, ShardSize: 3000}))
		want := []sizedHit{
			{plainHit{6000, 0, "a\x00b\x00"}, 4},
			{plainHit{6005, 0, "d\x00\x00e"}, 4},
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}
