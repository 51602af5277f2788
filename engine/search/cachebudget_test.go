package search

import (
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image/layered"
)

// Each image for which a query has to be compiled anew takes what the first one took.
func TestCacheBudgetOfOne(t *testing.T) {
	space, err := engine.NewSpace(mappingOf(t, "[heap]", 0x1000, "abab"))
	if err != nil {
		t.Fatal(err)
	}
	img := layered.Of("image", space)
	img.WordSize, img.OrderKnown = 8, true
	b := budget.New(1 << 30)
	q := Query{Patterns: parsed(t, "ptr:@[heap]", "re:x[a-z]{3,9}", "text/i:password"), Workers: 1, Budget: b, Cache: NewCache(b)}
	defer q.Cache.Close()
	var taken []uint64
	for range 2 {
		s, err := q.Prepare(t.Context(), img)
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, b.Taken())
		s.Close()
	}
	if taken[0] != taken[1] {
		t.Errorf("the first image takes %d bytes and the second %d", taken[0], taken[1])
	}
}

// What a cache keeps and no search uses makes room for the hits of rules, so that no rule is
// undecided that would be decided without a cache.
func TestCacheMakesRoomForHits(t *testing.T) {
	dense, other := imageOf(t, strings.Repeat("ab", 50)), imageOf(t, "abab")
	other.WordSize, other.OrderKnown = 8, true
	q := Query{Rules: rulesOf(t, `rule places { strings: $a = "ab" condition: @a[1] == 0 }`), Workers: 1}
	undecided := func(c *Cache, b *budget.Budget, images ...*layered.Image) (n int) {
		q.Cache, q.Budget = c, b
		for _, img := range images {
			sum, err := q.Run(t.Context(), img, nil)
			if err != nil {
				t.Fatal(err)
			}
			n += len(sum.Rules.Undecided)
		}
		return n
	}
	whole := budget.New(1 << 30)
	q.Budget = whole
	s, err := q.Prepare(t.Context(), dense)
	if err != nil {
		t.Fatal(err)
	}
	const hits = 16 << 14 // the memory of hits is taken in steps of so many bytes
	tight := whole.Taken() + hits
	s.Close()
	if n := undecided(nil, budget.New(tight), other, dense); n > 0 {
		t.Fatalf("%d rules are undecided without a cache", n)
	}
	b := budget.New(tight)
	c := NewCache(b)
	defer c.Close()
	if n := undecided(c, b, other, dense); n > 0 {
		t.Errorf("%d rules are undecided", n)
	}
}

func mappingOf(t *testing.T, name string, at addr.Addr, text string) engine.Mapping {
	t.Helper()
	m, err := engine.BytesMapping(name, at, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}
