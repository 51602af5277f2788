package simd

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// In memory full of bytes that the table says are rare, the probes are put in
// another order, and the hits stay the same.
func TestLiteralTunes(t *testing.T) {
	rnd := testenv.Seeded(t, 7, 7)
	var text []byte
	for len(text) < 8*128<<10 {
		text = fmt.Appendf(text, "user@host_%d ", rnd.IntN(8192))
	}
	long := append(bytes.Repeat([]byte("user@host_"), 20), "8190 and so on"...)
	copy(text[300_000:], long)
	for _, lit := range []string{"user@host_8190", "st_819", "t_", "_8", string(long)} {
		want := placesOf(text, lit)
		perLevel(t, func(t *testing.T, l Level) {
			k, err := NewLiteral(l, []byte(lit))
			if err != nil {
				t.Fatal(err)
			}
			for range 3 { // the second and third time with what has been learnt
				simdtest.Same(t, simdtest.ScanAll(t, k, text, 0, len(text), 4096), want, "%.20q %s", lit, l)
			}
		})
	}
}

func placesOf(b []byte, lit string) (at []uint32) {
	for i := 0; i+len(lit) <= len(b); i++ {
		if string(b[i:i+len(lit)]) == lit {
			at = append(at, uint32(i))
		}
	}
	return at
}

// Whatever the order was, after pairUp the first two probes are near each other,
// the one further on in the literal in front, and no probe is lost.
func TestPairUp(t *testing.T) {
	rnd := testenv.Seeded(t, 8, 8)
	for range 10_000 {
		var probes []probe
		seen := map[uint32]bool{}
		for range 2 + rnd.IntN(6) {
			if off := rnd.Uint32N(400); !seen[off] {
				seen[off] = true
				probes = append(probes, probe{off: off})
			}
		}
		near := false
		for _, p := range probes {
			for _, q := range probes {
				near = near || p.off > q.off && p.off-q.off <= maxDistance
			}
		}
		n := len(probes)
		if got := pairUp(probes); got != near {
			t.Fatalf("%v: %v", probes, got)
		}
		if d := int(probes[0].off) - int(probes[min(1, n-1)].off); near && (d < 1 || d > maxDistance) {
			t.Fatalf("%v: the first two are %d apart", probes, d)
		}
		for _, p := range probes {
			delete(seen, p.off)
		}
		if len(seen) > 0 {
			t.Fatalf("%v: lost %v", probes, seen)
		}
	}
}

// A long literal whose rare bytes are far apart has a pair all the same.
func TestLiteralFarProbes(t *testing.T) {
	lit := bytes.Repeat([]byte("aeiost"), 400)
	for i := 100; i < len(lit); i += 120 {
		lit[i] = byte(0x80 + i/120)
	}
	p := newLiteralPlan(lit)
	if d := int(p.probes[0].off) - int(p.probes[1].off); d < 1 || d > maxDistance {
		t.Fatalf("the first two probes are %d apart", d)
	}
	b := append(append(bytes.Repeat([]byte("aeiost"), 700), lit...), "aeio"...)
	want := placesOf(b, string(lit))
	perLevel(t, func(t *testing.T, l Level) {
		k, err := NewLiteral(l, lit)
		if err != nil {
			t.Fatal(err)
		}
		simdtest.Same(t, simdtest.ScanAll(t, k, b, 0, len(b), MinDst), want, "%s", l)
	})
}

// TestMaskedTunes does what TestLiteralTunes does under masks, also where no pair
// is rare, or near enough.
func TestMaskedTunes(t *testing.T) {
	rnd := testenv.Fixed(9, 9)
	var text []byte
	for len(text) < 4*128<<10 {
		text = fmt.Appendf(text, "USER@host_%d ", rnd.IntN(8192))
	}
	gap := strings.Repeat("?", 70)
	for _, test := range []struct {
		lit, mask string
		wide      bool // in the end
	}{
		{"user@host_8190", "cccc==========", false},
		{"user@host_81", "cccc========", true},
		{"@host_?", "======h", true},
		{"us", "c=", false},
		{"u", "c", false},
		{"t" + gap + "s", "=" + gap + "=", true},
		{"t" + gap + "s" + gap + "@", "=" + gap + "=" + gap + "=", true},
	} {
		lit, mask := []byte(test.lit), maskOf(test.mask)
		ref, err := NewMasked(Reference, lit, mask)
		if err != nil {
			t.Fatal(err)
		}
		want := simdtest.ScanAll(t, ref, text, 0, len(text), 1<<20)
		perLevel(t, func(t *testing.T, l Level) {
			k, err := NewMasked(l, lit, mask)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				simdtest.Same(t, simdtest.ScanAll(t, k, text, 0, len(text), 4096), want, "%.20q %s", lit, l)
			}
		})
		p := newMaskedPlan(lit, mask)
		p.retune(text, 0, 128<<10)
		if got := p.tuned.Load().wide; got != test.wide {
			t.Errorf("%.20q: wide %v, want %v", lit, got, test.wide)
		}
	}
}

// In whatever order probes are, each is compared under its own mask, both where
// four are compared at once, and where a pair is and the others behind it.
func TestMaskedOrders(t *testing.T) {
	rnd := testenv.Seeded(t, 13, 14)
	rounds := 200
	if testing.Short() {
		rounds = 40
	}
	for round := range rounds {
		lit, mask := make([]byte, 2+rnd.IntN(12)), make([]byte, 14)
		for i := range lit {
			lit[i], mask[i] = byte(rnd.Uint32()), [...]byte{0xff, 0xf0, 0x0f, 0xdf, 0x7e, 0}[rnd.IntN(6)]
		}
		mask[0] = 0x3f
		mask = mask[:len(lit)]
		b := simdtest.Letters(rnd, everyByte, 3000)
		for at := rnd.IntN(100); at+len(lit) < len(b); at += 1 + rnd.IntN(200) {
			for i, m := range mask {
				b[at+i] = b[at+i]&^m | lit[i]&m
			}
			if rnd.IntN(2) == 0 { // next to a hit
				b[at+rnd.IntN(len(lit))] ^= 1 << rnd.IntN(8)
			}
		}
		p := newMaskedPlan(lit, mask)
		want := simdtest.ScanAll(t, newMaskedRef(p), b, 0, len(b), 1<<12)
		for _, l := range here() {
			k, err := choose(l, maskeds, p)
			if err != nil {
				t.Fatal(err)
			}
			for range 4 {
				probes := slices.Clone(p.probes)
				rnd.Shuffle(len(probes), func(i, j int) { probes[i], probes[j] = probes[j], probes[i] })
				wide := rnd.IntN(2) == 0
				p.tuned.Store(&order{probes, wide || !pairUp(probes) && len(probes) > 1})
				simdtest.Same(t, simdtest.ScanAll(t, k, b, 0, len(b), MinDst), want, "round %d, %s: %x under %x, wide: %v, probes %x", round, l, lit, mask, wide, probes)
			}
		}
	}
}
