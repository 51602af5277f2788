package search

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/internal/testenv"
)

// What is read ahead for hits is what is read for each alone, across mappings, before holes
// and at both ends of the address space; and it stays as it is when more is read.
func TestReadAhead(t *testing.T) {
	rnd := testenv.Rand(t)
	for range 200 {
		space := spaceWithHoles(t, rnd)
		ahead := readAhead{space: space}
		type hit struct {
			at        addr.Addr
			got, want []byte
		}
		var hits []hit
		add := func(a addr.Addr, n int) {
			want, _ := space.Bytes(a, n)
			got := ahead.bytes(a, n)
			hits = append(hits, hit{a, got, want})
			if len(got) > n || cap(got) != len(got) {
				t.Fatalf("%d bytes from %v on: %d, of which more can be written behind: %d", n, a, len(got), cap(got))
			}
		}
		a := addr.Addr(0)
		for a < 5*engine.PageSize {
			add(a, 1+rnd.IntN(engine.HitBytes))
			a += addr.Addr(rnd.IntN(1 << rnd.IntN(10)))
		}
		for back := 70; back > 0; back -= 1 + rnd.IntN(9) {
			add(-addr.Addr(back), 1+rnd.IntN(engine.HitBytes))
		}
		for _, h := range hits {
			if !bytes.Equal(h.got, h.want) {
				t.Fatalf("from %v on: %q, want %q", h.at, h.got, h.want)
			}
		}
	}
}

// spaceWithHoles returns a space with random mappings from 0 on, and one up to the highest address.
func spaceWithHoles(t *testing.T, rnd *rand.Rand) *engine.Space {
	t.Helper()
	var all []engine.Mapping
	add := func(at addr.Addr, n int) {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		m, err := engine.BytesMapping("", at, b)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	for range 1 + rnd.IntN(6) {
		add(addr.Addr(rnd.IntN(4*engine.PageSize)), 1+rnd.IntN(2*engine.PageSize))
	}
	add(addr.Max-99, 100)
	space, err := engine.NewSpace(all...)
	if err != nil {
		t.Fatal(err)
	}
	return space
}
