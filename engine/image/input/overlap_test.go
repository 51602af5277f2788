package input

import (
	"context"
	"testing"

	"vscan/engine/addr"
	"vscan/internal/testenv"
)

// Overlap finds two ranges that overlap exactly where comparing all of them does.
func TestOverlap(t *testing.T) {
	rnd := testenv.Rand(t)
	for range testenv.Rounds(2000, 10000, 1_000_000) {
		ranges := make([]addr.Range, rnd.IntN(6))
		for i := range ranges {
			ranges[i].First = addr.Addr(rnd.IntN(40))
			ranges[i].Last = ranges[i].First + addr.Addr(rnd.IntN(6))
		}
		some := false
		for i := range ranges {
			for j := range i {
				some = some || ranges[i].Overlaps(ranges[j])
			}
		}
		a, b, found, err := Overlap(t.Context(), ranges)
		if err != nil || found != some || found && (a >= b || !ranges[a].Overlaps(ranges[b])) {
			t.Fatalf("%v: %d, %d, %v, %v", ranges, a, b, found, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	descending := make([]addr.Range, 1<<16)
	for i := range descending {
		a := addr.Addr(len(descending) - i)
		descending[i] = addr.Range{First: a, Last: a}
	}
	if _, _, _, err := Overlap(ctx, descending); err == nil {
		t.Error("no error of a context that has ended")
	}
}
