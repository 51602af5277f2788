package search

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image/layered"
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
		if rnd.IntN(2) == 0 {
			back := 1 + rnd.IntN(70)
			add(-addr.Addr(back), 1+rnd.IntN(back))
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

// The first that is read is what ends the address space.
func TestReadAheadAtTheEnd(t *testing.T) {
	space, err := engine.NewSpace(mappingOf(t, "", addr.Max-6, "hunter2"), mappingOf(t, "", 0, "zero"))
	if err != nil {
		t.Fatal(err)
	}
	for _, first := range []string{"", "zero", "ero"} {
		for n := range 7 {
			for m := range 10 {
				ahead := readAhead{space: space}
				if got := ahead.bytes(addr.Addr(4-len(first)), len(first)); string(got) != first {
					t.Errorf("%q, want %q", got, first)
				}
				a := addr.Max - addr.Addr(n)
				if got, want := string(ahead.bytes(a, m)), "hunter2"[6-n:][:min(m, n+1)]; got != want {
					t.Errorf("after %q, %d bytes from %v on: %q, want %q", first, m, a, got, want)
				}
			}
		}
	}
}

// Hits that end with the address space, of which more is shown than the engine hands over.
func TestShownAtTheEnd(t *testing.T) {
	long := strings.Repeat("A", 200)
	space, err := engine.NewSpace(mappingOf(t, "", addr.Max-206, long+"hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []*Query{
		{Rules: rulesOf(t, `rule r { strings: $a = "hunter2" condition: $a }`), Decode: true, Around: 16},
		{Patterns: parsed(t, "re:A{200}hunter2"), HitBytes: 1000, Decode: true, Around: 16},
		{Patterns: parsed(t, "text:hunter2"), HitBytes: 1000, Decode: true, Around: 1000},
	} {
		var r recorder
		if _, err := q.Run(t.Context(), layered.Of("top", space), &r); err != nil || !strings.Contains(strings.Join(r.lines, "\n"), `hunter2"`) {
			t.Errorf("%v, %q", err, r.lines)
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
