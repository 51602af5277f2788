//go:build !purego

package simd

import (
	"testing"

	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// Teddy for AVX2 reports what the reference does, whether it looks up the
// third byte late or not, which otherwise depends on how rare the first two
// are.
func TestTeddyLate(t *testing.T) {
	if err := teddyAVX2Needs.check(AVX2); err != nil {
		t.Skip(err)
	}
	rnd := testenv.Seeded(t, 25, 26)
	for _, letters := range []string{"abcdefghijklmnopqrstuvwxyz0123456789", "ab\x00", "\x00\x00\x00\x00\x00\x00a"} {
		for _, count := range []int{1, 3, 20} {
			var lits [][]byte
			for range count {
				lits = append(lits, simdtest.Letters(rnd, letters, 3+rnd.IntN(4)))
			}
			p := teddyOf(ByNibbles, lits...)
			b := simdtest.Letters(rnd, letters, 3000)
			for at := 0; at < len(b)-8; at += rnd.IntN(60) {
				copy(b[at:], lits[rnd.IntN(count)])
			}
			for n := 0; n < len(b); n += 1 + n/4 {
				for from := range 40 {
					want := simdtest.ScanAll(t, newTeddyRef(p), b[:n], from, n, MinDst)
					for _, busy := range []int32{0, 1 << 20} {
						k := newTeddyAVX2(p).(*teddyAsm)
						k.busy.Store(busy)
						simdtest.Same(t, simdtest.ScanAll(t, k, b[:n], from, n, MinDst), want, "%q: %d bytes from %d, late: %v", lits, n, from, busy == 0)
					}
				}
			}
		}
	}
	teddyPhases(t, ByNibbles, func(p *Teddy) []Kernel {
		atOnce := newTeddyAVX2(p).(*teddyAsm)
		atOnce.busy.Store(1 << 30)
		return []Kernel{newTeddyAVX2(p), atOnce}
	})
}
