package engine

import (
	"context"
	"math"
	"testing"

	"vscan/engine/addr"
	"vscan/internal/testenv"
)

// What is hidden is what a byte map says: offsets of a source that a mapping has, and no address shows.
func TestHidden(t *testing.T) {
	rnd := testenv.Seeded(t, 21, 3)
	sources := []Source{BytesSource("a", make([]byte, 40)), BytesSource("b", make([]byte, 40))}
	one := func() Mapping {
		first := addr.Addr(rnd.IntN(20))
		m := Mapping{Range: addr.Range{First: first, Last: first + addr.Addr(rnd.IntN(10))}}
		switch rnd.IntN(5) {
		case 0:
			m.State = Absent
		case 1:
			m.State = Zero
		case 2: // where the file has it, so that another shows the same bytes
			m.Source, m.Offset = sources[rnd.IntN(2)], uint64(first)
		default:
			m.Source, m.Offset = sources[rnd.IntN(2)], uint64(rnd.IntN(20))
		}
		return m
	}
	type byteOf struct {
		source Source
		off    uint64
	}
	some := 0
	for range testenv.Rounds(500, 2000, 100_000) {
		s, err := NewSpace(one())
		for range rnd.IntN(5) {
			if err == nil && rnd.IntN(3) > 0 {
				s, err = s.Add(one())
			} else if err == nil {
				s, err = s.AddUnder(one(), one())
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		hidden := map[byteOf]bool{}
		for _, m := range s.Mappings() {
			for a := m.First; m.Source != nil && a <= m.Last; a++ {
				hidden[byteOf{m.Source, m.OffsetOf(a)}] = true
			}
		}
		for a := range addr.Addr(40) {
			if m := s.At(a).Mapping; m != nil && m.Source != nil {
				delete(hidden, byteOf{m.Source, m.OffsetOf(a)})
			}
		}
		some += min(len(hidden), 1)
		for range 2 { // it is kept
			if n, err := s.Hidden(t.Context()); err != nil || n != uint64(len(hidden)) {
				for i, m := range s.Mappings() {
					t.Logf("layer %d: %+v", i, m)
				}
				t.Fatalf("%d bytes are hidden, %v, want %d", n, err, len(hidden))
			}
		}
	}
	if some == 0 {
		t.Error("nothing was hidden anywhere")
	}
}

// Sizes at the end of the addresses do not wrap.
func TestHiddenAtTheEnds(t *testing.T) {
	src := ReaderSource("all", nil, math.MaxUint64)
	all := Mapping{Range: addr.All, Source: src}
	zero := Mapping{Range: addr.All, State: Zero}
	last := Mapping{Range: addr.Range{First: addr.Max, Last: addr.Max}, State: Zero}
	for name, c := range map[string]struct {
		mappings []Mapping
		want     uint64
	}{
		"all of it":     {[]Mapping{all, zero}, math.MaxUint64},
		"the last byte": {[]Mapping{all, last}, 1},
		"twice":         {[]Mapping{all, all}, 0},
		"none":          {[]Mapping{last, all}, 0},
	} {
		s, err := NewSpace(c.mappings...)
		if err != nil {
			t.Fatal(name, err)
		}
		if n, err := s.Hidden(t.Context()); err != nil || n != c.want {
			t.Errorf("%s: %d, %v, want %d", name, n, err, c.want)
		}
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	s, err := NewSpace(all, last)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Hidden(ended); err == nil {
		t.Error("no error of a context that has ended")
	}
}
