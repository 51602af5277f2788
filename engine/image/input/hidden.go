package input

import (
	"cmp"
	"context"

	"vscan/engine"
	"vscan/internal/interrupt"
)

// Hidden returns two mappings that are present and overlap, the lower one first, of which
// one hides bytes of the other: those that show the same bytes of the file do not. Where
// there are none, both are nil. The error is that of ctx.
func Hidden(ctx context.Context, all []engine.Mapping) (a, b *engine.Mapping, err error) {
	mixed := false
	var before *engine.Mapping
	watch := interrupt.New(ctx)
	for i := range all {
		if err := watch.Step(1); err != nil {
			return nil, nil, err
		}
		if m := &all[i]; m.State == engine.Present {
			mixed = mixed || before != nil && m.First <= before.Last
			before = m
		}
	}
	if !mixed {
		return nil, nil, nil // of millions of mappings there are no copies
	}
	present := make([]engine.Mapping, 0, len(all))
	for _, m := range all {
		if m.State == engine.Present {
			present = append(present, m)
		}
	}
	if err := interrupt.SortStableFunc(ctx, present, func(a, b engine.Mapping) int { return cmp.Compare(a.First, b.First) }); err != nil {
		return nil, nil, err
	}
	widest := 0 // the one that goes on furthest
	for i := 1; i < len(present); i++ {
		a, b := &present[widest], &present[i]
		if same := a.Offset-uint64(a.First) == b.Offset-uint64(b.First); b.First <= a.Last && !same {
			return a, b, nil
		}
		if b.Last > a.Last {
			widest = i
		}
	}
	return nil, nil, nil
}
