package input

import (
	"cmp"
	"context"

	"vscan/engine/addr"
	"vscan/internal/interrupt"
)

// Overlap returns two of the ranges that overlap, by their indexes, the lower one first, and
// whether there are any. Ranges that ascend are gone through once; others are sorted, which takes
// another 8 bytes for each. The error is that of ctx.
func Overlap(ctx context.Context, ranges []addr.Range) (a, b int, found bool, err error) {
	watch := interrupt.New(ctx)
	ascend := true
	for i := 1; i < len(ranges) && ascend; i++ {
		if err := watch.Step(1); err != nil {
			return 0, 0, false, err
		}
		ascend = ranges[i-1].Last < ranges[i].First
	}
	if ascend {
		return 0, 0, false, nil
	}
	order := make([]int, len(ranges))
	for i := range order {
		order[i] = i
	}
	if err := interrupt.SortStableFunc(ctx, order, func(a, b int) int { return cmp.Compare(ranges[a].First, ranges[b].First) }); err != nil {
		return 0, 0, false, err
	}
	for i := 1; i < len(order); i++ { // the first that overlaps any overlaps the one before it
		if a, b := order[i-1], order[i]; ranges[b].First <= ranges[a].Last {
			return min(a, b), max(a, b), true, nil
		}
	}
	return 0, 0, false, nil
}
