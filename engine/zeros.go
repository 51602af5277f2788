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
// terabytes that it never touched, and a file can be one hole of terabytes. The addresses
// of a zero piece, or of a hole, are no starts, except the first and the last ones. A match
// that begins at one of the last, as many as the overlap, may go on into what follows, and
// one that consists of zeros alone may ask what stands beside them (\b); any other that
// begins among zeros would consist of zeros with zeros around.
//
//	run        |--- bytes ---|-------------- zeros --------------|--- bytes ---|
//	stretches  [---------------]                           [-------------------]
//	                         beside                  overlap + beside
//
// A hole is one at the time of Compile. Whether its file was written to since is told by who
// opened the file.

// minSkip is the fewest zeros in a row, less one, that are worth two stretches
// instead of one.
const minSkip = 256 << 10

// stretches returns what shards are cut from: the addresses of the plan's runs, in
// starts (all, where there are none), at which a match may begin; left are those that are
// left out because they are zeros, and bytes is how many there are of both. The error is
// that of ctx.
func (sc *Scanner) stretches(ctx context.Context, starts []addr.Range) (cut []shard.Stretch, left []addr.Range, bytes uint64, err error) {
	skips, err := sc.skips(ctx)
	if err != nil {
		return nil, nil, 0, err
	}
	watch := interrupt.New(ctx)
	if len(starts) == 0 {
		starts = []addr.Range{addr.All}
	}
	starts = addr.Merge(starts)
	cut = make([]shard.Stretch, 0, len(sc.plan.runs)+len(skips))
	for _, run := range sc.plan.runs {
		if err := watch.Step(1); err != nil {
			return nil, nil, 0, err
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
			for _, zeros := range skips {
				r, ok := zeros.Intersect(core)
				if !ok {
					break
				}
				left = append(left, r)
			}
		}
	}
	return cut, left, bytes, nil
}

// besideMatch is how many bytes on either side a match of an expression can depend on, at
// most: \b of UTF-16 looks at a code unit.
const besideMatch = 2

// beside returns how many bytes on either side a match of the set can depend on.
func (sc *Scanner) beside() uint64 {
	if len(sc.set.Exprs()) > 0 {
		return besideMatch
	}
	return 0
}

// amongZeros reports whether the matches that begin in core, in a piece, consist of zeros with
// zeros around: it is a zero piece, and its ends are far enough.
func (sc *Scanner) amongZeros(p *piece, core addr.Range) bool {
	if p.source != zeros || !sc.sized { // a match of a literal or a number that reaches beyond is found in a block of both pieces
		return p.source == zeros
	}
	beside := sc.beside()
	return uint64(core.First-p.First) >= beside && uint64(p.Last-core.Last) >= uint64(sc.overlap)+beside
}

// maxHoles is the most holes that are left out: a file can have a million, and each takes
// memory.
const maxHoles = 1 << 17

// skips returns the ranges in zero pieces and in holes where no match can begin,
// ascending, and sets holes. Each lies in one run. The error is that of ctx.
func (sc *Scanner) skips(ctx context.Context) ([]addr.Range, error) {
	if slices.ContainsFunc(sc.units, func(u unit) bool { return u.traits().inZeros }) {
		return nil, nil
	}
	watch := interrupt.New(ctx)
	var skips []addr.Range
	sc.holes = 0
	beside := sc.beside()
	atEnd := uint64(sc.overlap) + beside
	least := max(sc.leastSkip+1, atEnd+beside+1)
	skip := func(r addr.Range) {
		if uint64(r.Last-r.First) >= least-1 {
			skips = append(skips, addr.Range{First: r.First + addr.Addr(beside), Last: r.Last - addr.Addr(atEnd)})
		}
	}
	for _, p := range sc.plan.pieces {
		if err := watch.Step(1); err != nil {
			return nil, err
		}
		if p.source == zeros {
			skip(p.Range)
			continue
		}
		source, ok := sc.plan.sources[p.source].(HoleSource)
		if !ok || uint64(p.Last-p.First) < least-1 {
			continue
		}
		for n, off := p.Size(), uint64(0); off < n && sc.holes < maxHoles; {
			if err := watch.Step(holeSteps); err != nil {
				return nil, err
			}
			from, to := source.NextHole(p.off+off, p.off+n, least)
			if to > p.off+n || from > to || to <= p.off+off { // not as it should be
				break
			}
			if from < to {
				sc.holes++
				skip(addr.Range{First: p.First + addr.Addr(max(from, p.off)-p.off), Last: p.First + addr.Addr(to-1-p.off)})
			}
			off = to - p.off
		}
	}
	return skips, nil
}

// holeSteps is about how many steps of other loops it takes to ask for a hole.
const holeSteps = 1 << 10

// zerosBegin reports whether a match of an expression can begin among zeros and
// consist of them alone, where all around it is zero as well.
func zerosBegin(e *patterns.Expr) bool {
	memory := patterns.Memory{
		Bytes:  zeroBlock[:min(len(zeroBlock), 1+e.MaxLen)],
		Beyond: func(int) (byte, bool) { return 0, true },
	}
	return e.Matcher.Match(&memory, 0) > 0
}
