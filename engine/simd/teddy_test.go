package simd

import (
	"math/rand/v2"
	"testing"
)

// The filters let through the same, wherever the bytes begin and end, however
// dense windows are, and whichever way the last calls have made them go.
func TestTeddyFilters(t *testing.T) {
	rnd := rand.New(rand.NewPCG(10, 11))
	draw := func(b []byte, letters int) {
		for i := range b {
			b[i] = byte(rnd.IntN(letters))
		}
	}
	memory := make([]byte, 300<<10)
	rounds := 300
	if testing.Short() {
		rounds = 60
	}
	for round := range rounds {
		letters := []int{2, 3, 6, 20, 256}[rnd.IntN(5)]
		draw(memory, letters)
		for range rnd.IntN(3) { // pages of zeros
			at := rnd.IntN(len(memory))
			clear(memory[at:min(len(memory), at+rnd.IntN(20_000))])
		}
		var lits []Lit
		var all []uint32
		for i := range 1 + rnd.IntN(30) {
			l := make([]byte, 1+rnd.IntN(9))
			draw(l, letters)
			lits, all = append(lits, Lit{Bytes: l}), append(all, uint32(i))
		}
		set := newLiteralSet(lits)
		plan := newTeddyPlan(set, all[:len(set.lits)])
		ref := newTeddyRef(plan)
		kernels := map[Level]Kernel{}
		for _, l := range here() {
			k, err := choose(l, teddies, plan)
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
			want := scanAll(t, ref, b, from, to, room)
			for l, k := range kernels {
				same(t, scanAll(t, k, b, from, to, room), want, "round %d, %s, %d bytes from %d to %d", round, l, len(b), from, to)
			}
		}
	}
}
