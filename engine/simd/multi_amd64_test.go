//go:build !purego

package simd

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The filter for machines whose gathers are slow, which no other chooses,
// reports what the reference does, but for zeros.
func TestGramsNoGather(t *testing.T) {
	if err := gramsNoGatherNeeds.check(AVX2); err != nil {
		t.Skip(err)
	}
	rng := rand.New(rand.NewPCG(23, 24))
	for _, letters := range []string{"\x00\x00\x00a", "abcdefgh", "\x00"} {
		var lits [][]byte
		for range 300 {
			lits = append(lits, append(letter(rng, letters, 9), "\x01\x02\x03\x04"...))
		}
		set := newLiteralSet(Plain(lits...))
		var all []gramLiteral
		for u, l := range set.lits {
			all = append(all, gramLiteral{uint32(u), 0, l.size})
		}
		for _, fold := range []uint64{0, caseFold} {
			for size := 4; size <= 8; size++ {
				p := newGramPlan(set, all, 4, size, fold, false)
				b := letter(rng, letters, 3000)
				for n := 0; n < len(b); n += 1 + n/2 {
					for from := range 9 {
						want := scanAll(t, newGramRef(p), b[:n], from, n, MinDst)
						got := slices.DeleteFunc(scanAll(t, newGramsNoGather(p), b[:n], from, n, MinDst), func(at uint32) bool {
							s := int(at)
							return zerosAt(b[:n], s, s+p.size) &&
								(p.zeros == zeroNever || p.zeros == zeroEdge && zerosAt(b[:n], s-4, s+4+p.size))
						})
						same(t, got, want, "grams of %d, %d bytes from %d", size, n, from)
					}
				}
			}
		}
	}
}

// Teddy for AVX2 reports what the reference does whether it asks for the third
// byte late or not, which else depends on how rare the first two are.
func TestTeddyLate(t *testing.T) {
	if err := teddyAVX2Needs.check(AVX2); err != nil {
		t.Skip(err)
	}
	rng := rand.New(rand.NewPCG(25, 26))
	for _, letters := range []string{"abcdefghijklmnopqrstuvwxyz0123456789", "ab\x00", "\x00\x00\x00\x00\x00\x00a"} {
		for _, count := range []int{1, 3, 20} {
			var lits [][]byte
			for range count {
				lits = append(lits, letter(rng, letters, 3+rng.IntN(4)))
			}
			set := newLiteralSet(Plain(lits...))
			var all []uint32
			for u := range set.lits {
				all = append(all, uint32(u))
			}
			p := newTeddyPlan(set, all, byNibbles, nil)
			b := letter(rng, letters, 3000)
			for at := 0; at < len(b)-8; at += rng.IntN(60) {
				copy(b[at:], lits[rng.IntN(count)])
			}
			for n := 0; n < len(b); n += 1 + n/4 {
				for from := range 40 {
					want := scanAll(t, newTeddyRef(p), b[:n], from, n, MinDst)
					for _, busy := range []int32{0, 1 << 20} {
						k := newTeddyAVX2(p).(*teddyAsm)
						k.busy.Store(busy)
						same(t, scanAll(t, k, b[:n], from, n, MinDst), want, "%q: %d bytes from %d, late: %v", lits, n, from, busy == 0)
					}
				}
			}
		}
	}
	teddyPhases(t, byNibbles, func(p *teddyPlan) []Kernel {
		atOnce := newTeddyAVX2(p).(*teddyAsm)
		atOnce.busy.Store(1 << 30)
		return []Kernel{newTeddyAVX2(p), atOnce}
	})
}
