package engine

import (
	"context"
	"slices"

	"vscan/engine/addr"
	"vscan/engine/shard"
	"vscan/internal/interrupt"
	"vscan/patterns"
)

// Zeros that nothing can match are not searched: a process can have mapped
// terabytes that it never touched. The addresses of a zero piece are no starts, except
// the last ones, as many as the overlap, if the run goes on behind the piece. A match
// that begins at one of these may go on into what follows; one that begins before them
// would consist of zeros alone.
//
//	run        |--- bytes ---|-------------- zeros --------------|--- bytes ---|
//	stretches  [-------------]                              [------------------]
//	                                                         overlap

// minSkip is the fewest zeros in a row, less one, that are worth two stretches
// instead of one.
const minSkip = 256 << 10

// stretches returns what shards are cut from: the addresses of the plan's runs, in
// starts (all, where there are none), at which a match may begin. bytes is how many
// these are together with those that are left out because they are zeros. The error is
// that of ctx.
func (sc *Scanner) stretches(ctx context.Context, starts []addr.Range) (cut []shard.Stretch, bytes uint64, err error) {
	skips, err := sc.skips(ctx)
	if err != nil {
		return nil, 0, err
	}
	watch := interrupt.New(ctx)
	if len(starts) == 0 {
		starts = []addr.Range{addr.All}
	}
	starts = addr.Merge(starts)
	cut = make([]shard.Stretch, 0, len(sc.plan.runs)+len(skips))
	for _, run := range sc.plan.runs {
		if err := watch.Step(1); err != nil {
			return nil, 0, err
		}
		for len(starts) > 0 && starts[0].Last < run.First {
			starts = starts[1:]
		}
		for _, s := range starts {
			core, ok := run.Intersect(s)
			if !ok {
				break // it begins behind the run
			}
			bytes = addSize(bytes, core)
			for len(skips) > 0 && skips[0].Last < core.First {
				skips = skips[1:]
			}
			core.Without(skips, func(r addr.Range) {
				cut = append(cut, shard.Stretch{Range: r, End: run.Last})
			})
		}
	}
	return cut, bytes, nil
}

// skips returns the ranges in zero pieces where no match can begin, ascending.
// Each lies in one run. The error is that of ctx.
func (sc *Scanner) skips(ctx context.Context) ([]addr.Range, error) {
	if slices.ContainsFunc(sc.units, func(u unit) bool { return u.traits().inZeros }) {
		return nil, nil
	}
	watch := interrupt.New(ctx)
	var skips []addr.Range
	margin := uint64(sc.overlap)
	k := 0 // the run that holds the piece
	for _, p := range sc.plan.pieces {
		if err := watch.Step(1); err != nil {
			return nil, err
		}
		if p.source != zeros || uint64(p.Last-p.First) < max(sc.leastSkip, margin) {
			continue
		}
		for sc.plan.runs[k].Last < p.First {
			k++
		}
		if p.Last < sc.plan.runs[k].Last {
			p.Last -= addr.Addr(margin)
		}
		skips = append(skips, p.Range)
	}
	return skips, nil
}

// zerosBegin reports whether a match of an expression can begin among zeros and
// consist of them alone, where all around it is zero as well.
func zerosBegin(e *patterns.Expr) bool {
	memory := patterns.Memory{
		Bytes:  zeroBlock[:min(len(zeroBlock), 1+e.MaxLen)],
		Beyond: func(int) (byte, bool) { return 0, true },
	}
	return e.Matcher.Match(&memory, 0) > 0
}
