package simd

import (
	"bytes"
	"testing"

	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// teddyOf returns tables with the first bytes of literals as excerpts.
func teddyOf(by TeddyBy, lits ...[]byte) *Teddy {
	t := &Teddy{By: by}
	for i, lit := range Plain(lits...) {
		var excerpt [TeddyExcerpt]ByteSet
		for k := range excerpt {
			excerpt[k] = lit.BytesAt(k)
		}
		t.Add(i%TeddyBuckets, &excerpt)
	}
	return t
}

// byteses returns strings as literals.
func byteses(lits ...string) [][]byte {
	var out [][]byte
	for _, lit := range lits {
		out = append(out, []byte(lit))
	}
	return out
}

// The filters let through the same, wherever the bytes begin and end, however
// dense excerpts are, and whichever way the last calls have made them go.
func TestTeddyFilters(t *testing.T) {
	rnd := testenv.Seeded(t, 10, 11)
	draw := func(b []byte, letters int) {
		for i := range b {
			b[i] = byte(rnd.IntN(letters))
		}
	}
	memory := make([]byte, 300<<10)
	for round := range testenv.Rounds(60, 120, 300) {
		letters := []int{2, 3, 6, 20, 256}[rnd.IntN(5)]
		draw(memory, letters)
		for range rnd.IntN(3) { // pages of zeros
			at := rnd.IntN(len(memory))
			clear(memory[at:min(len(memory), at+rnd.IntN(20_000))])
		}
		var lits [][]byte
		for range 1 + rnd.IntN(30) {
			l := make([]byte, 1+rnd.IntN(9))
			draw(l, letters)
			lits = append(lits, l)
		}
		by := []TeddyBy{ByNibbles, BySevens}[rnd.IntN(2)]
		plan := teddyOf(by, lits...)
		ref := newTeddyRef(plan)
		kernels := map[Level]Kernel{}
		for _, l := range here() {
			k, err := NewTeddy(l, plan)
			if err != nil {
				t.Fatal(err)
			}
			kernels[l] = k
		}
		for range 4 {
			first := rnd.IntN(200)
			b := memory[first : first+rnd.IntN(len(memory)-first)]
			if rnd.IntN(2) == 0 {
				b = b[:min(len(b), rnd.IntN(600))]
			}
			from := rnd.IntN(len(b) + 1)
			if rnd.IntN(2) == 0 {
				from = min(len(b), rnd.IntN(70))
			}
			to := from + rnd.IntN(len(b)-from+1)
			room := MinDst + rnd.IntN(3000)
			want := simdtest.ScanAll(t, ref, b, from, to, room)
			for l, k := range kernels {
				simdtest.Same(t, simdtest.ScanAll(t, k, b, from, to, room), want, "round %d, %s, %s, %d bytes from %d to %d", round, l, by, len(b), from, to)
			}
		}
	}
}

func TestTeddyPhases(t *testing.T) {
	perLevel(t, func(t *testing.T, l Level) {
		for _, by := range []TeddyBy{ByNibbles, BySevens} {
			teddyPhases(t, by, func(p *Teddy) []Kernel {
				k, err := NewTeddy(l, p)
				if err != nil {
					t.Fatal(err)
				}
				return []Kernel{k}
			})
		}
	})
}

// teddyPhases has kernels look for one excerpt at a time, and for the end of
// one, at every phase, among zeros, of which it may have some, and among other
// bytes.
func teddyPhases(t *testing.T, by TeddyBy, kernels func(p *Teddy) []Kernel) {
	for _, lits := range [][][]byte{byteses("xyz", "abc"), byteses("x\x00\x00"), byteses("\x00x\x00"), byteses("\x00\x00x"), byteses("x\x00y"), byteses("\x00xy"), byteses("x")} {
		p := teddyOf(by, lits...)
		for _, k := range kernels(p) {
			for _, filler := range []byte{0, '-', 'a', 'x' | 0x80} {
				b := bytes.Repeat([]byte{filler}, 700)
				for at := 0; at < 600; at += testenv.Rounds(7, 5, 1) { // odd, to come to every phase
					copy(b[at:], lits[0])
					want := simdtest.ScanAll(t, newTeddyRef(p), b, 0, len(b), MinDst)
					if len(want) == 0 {
						t.Fatalf("%q at %d is not found", lits[0], at)
					}
					simdtest.Same(t, simdtest.ScanAll(t, k, b, 0, len(b), MinDst), want, "%q at %d, among %x", lits[0], at, filler)
					for i := range lits[0] {
						b[at+i] = filler
						want := simdtest.ScanAll(t, newTeddyRef(p), b, 0, len(b), MinDst)
						simdtest.Same(t, simdtest.ScanAll(t, k, b, 0, len(b), MinDst), want, "the end of %q at %d, among %x", lits[0], at, filler)
					}
				}
			}
		}
	}
}
