package engine

import (
	"bytes"
	"slices"
	"testing"

	"vscan/engine/addr"
	"vscan/patterns"
)

// With MaxBytes a scan has the hits that begin in the first bytes, whatever shards,
// workers and mappings there are, and tells how many bytes it left out. Zeros that nothing
// matches do not count.
func TestMaxBytes(t *testing.T) {
	const part = 40_000
	data := bytes.Repeat([]byte("needle...."), part/10)
	at := func(first addr.Addr, n uint64) Mapping {
		r, _ := addr.Sized(first, n)
		return Mapping{Range: r, Source: BytesSource("m", data)}
	}
	zeroed := at(1<<20+part, 1<<40)
	zeroed.State, zeroed.Source = Zero, nil
	space, err := NewSpace(at(0x1000, part), at(1<<20, part), zeroed, at(1<<20+part+1<<40, part), at(1<<50, part))
	if err != nil {
		t.Fatal(err)
	}
	set := compileSet(t, patterns.Target{}, "needle", "text:e....n")
	scan := func(o Options) (hits []addr.Addr, stats Stats) {
		sc := compile(t, space, set, o)
		stats, err := sc.Scan(t.Context(), func(h Hit) bool { hits = append(hits, h.Addr); return true })
		if err != nil {
			t.Fatal(err)
		}
		if stats.Beyond != sc.Beyond() || stats.Scanned != sc.Bytes() {
			t.Errorf("%+v, %d in scope, %d beyond", stats, sc.Bytes(), sc.Beyond())
		}
		return hits, stats
	}
	all, stats := scan(Options{})
	if !stats.Complete() || stats.Scanned != 4*part+1<<40 {
		t.Fatalf("%+v", stats)
	}
	margin := uint64(set.MaxLen() - 1)
	starts := []addr.Addr{0x1000, 1 << 20, 1<<20 + part + 1<<40, 1 << 50}
	for _, most := range []uint64{1, 6, 9, part - 3, part, part + 1, 2*part - 1, 2 * part, 2*part + 5, 3*part + 77, 4*part - 1, 4 * part, 4*part + 1, 1 << 62} {
		// The last ones of the zeros, with which a match may begin, count as well.
		var want []addr.Addr
		for _, a := range all {
			n := uint64(0) // how many bytes lie before a
			for _, s := range starts {
				if s <= a {
					n += min(uint64(a-s), part)
				}
			}
			if a >= starts[2] {
				n += margin
			}
			if n < most {
				want = append(want, a)
			}
		}
		for _, o := range []Options{{}, {Workers: 3, ShardSize: 1000}, {Workers: 1, ShardSize: 7}} {
			o.MaxBytes = most
			got, stats := scan(o)
			if !slices.Equal(got, want) {
				t.Fatalf("at most %d bytes, %+v: %d hits, want %d", most, o, len(got), len(want))
			}
			if stats.Beyond+stats.Scanned != 4*part+1<<40 || stats.Complete() != (stats.Beyond == 0) {
				t.Errorf("at most %d bytes: %+v", most, stats)
			}
			if searched := stats.Scanned - (1<<40 - margin); most <= 4*part && searched > most {
				t.Errorf("at most %d bytes: %d searched", most, searched)
			}
		}
	}
	_, found, err := compile(t, space, set, Options{MaxBytes: 1}).First(t.Context())
	if !found || err != nil {
		t.Errorf("the first hit: %v, %v", found, err)
	}
	none := compile(t, space, compileSet(t, patterns.Target{}, "nowhere"), Options{MaxBytes: 5})
	if _, found, err = none.First(t.Context()); found || err == nil {
		t.Errorf("what is nowhere in the first bytes: %v, %v", found, err)
	}
	last := slices.Max(all)
	for h, err := range compile(t, space, set, Options{MaxBytes: part}).All(t.Context()) {
		if err == nil && h.Addr == last {
			t.Error("a hit that is left out")
		}
	}
}
