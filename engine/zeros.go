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
	if err := sc.findHoles(ctx); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(sc.units, func(u unit) bool { return u.traits().inZeros }) {
		return nil, nil
	}
	var skips []addr.Range
	beside := sc.beside()
	atEnd := uint64(sc.overlap) + beside
	least := max(sc.leastSkip+1, atEnd+beside+1)
	err := sc.zeroRanges(ctx, func(r addr.Range) {
		if uint64(r.Last-r.First) >= least-1 {
			skips = append(skips, addr.Range{First: r.First + addr.Addr(beside), Last: r.Last - addr.Addr(atEnd)})
		}
	})
	return skips, err
}

// findHoles sets holes: those in pieces that have more than leastSkip bytes. The error is that
// of ctx.
func (sc *Scanner) findHoles(ctx context.Context) error {
	watch := interrupt.New(ctx)
	sc.holes = nil
	for i := range sc.plan.pieces {
		if err := watch.Step(1); err != nil {
			return err
		}
		p := &sc.plan.pieces[i]
		err := eachHole(watch, sc.plan.sources[p.source], p.Range, p.off, sc.leastSkip+1, func(r addr.Range) bool {
			sc.holes = append(sc.holes, r)
			return len(sc.holes) < maxHoles
		})
		if err != nil || len(sc.holes) == maxHoles {
			return err
		}
	}
	return nil
}

// eachHole calls yield with the holes of a source of least bytes and more, ascending, until it
// returns false. r is what is asked for, and off the offset of its first byte in the source.
// The error is that of watch.
func eachHole(watch *interrupt.Watch, of Source, r addr.Range, off, least uint64, yield func(addr.Range) bool) error {
	source, ok := of.(HoleSource)
	if !ok || uint64(r.Last-r.First) < least-1 {
		return nil
	}
	for n, at := r.Size(), uint64(0); at < n; {
		if err := watch.Step(holeSteps); err != nil {
			return err
		}
		from, to := source.NextHole(off+at, off+n, least)
		if to > off+n || from > to || to <= off+at { // not as it should be
			return nil
		}
		if from < to && !yield(addr.Range{First: r.First + addr.Addr(max(from, off+at)-off), Last: r.First + addr.Addr(to-1-off)}) {
			return nil
		}
		at = to - off
	}
	return nil
}

// holeSteps is about how many steps of other loops it takes to ask for a hole.
const holeSteps = 1 << 10

// zeroRanges calls yield with the zero pieces and the holes, ascending. The error is that of
// ctx.
func (sc *Scanner) zeroRanges(ctx context.Context, yield func(addr.Range)) error {
	watch := interrupt.New(ctx)
	holes := sc.holes
	for i := range sc.plan.pieces {
		if err := watch.Step(1); err != nil {
			return err
		}
		p := &sc.plan.pieces[i]
		if p.source == zeros {
			yield(p.Range)
		}
		for ; len(holes) > 0 && holes[0].First <= p.Last; holes = holes[1:] {
			yield(holes[0])
		}
	}
	return nil
}

// zeroBytes returns how many of bytes are known to be zero. What lies behind the last stretch
// of a scan of MaxBytes is not searched, but for zeros that take no time. The error is that of
// ctx.
//
//	cut    [-----][----]…………………………   beyond
//	zeros    |--|    |------|   |-----|
//	left                        |---|
//	counted  |--|    |-|        |---|
func (sc *Scanner) zeroBytes(ctx context.Context) (n uint64, err error) {
	starts := []addr.Range{addr.All}
	if len(sc.opt.Starts) > 0 {
		starts = addr.Merge(sc.opt.Starts)
	}
	end, left := addr.Max, []addr.Range(nil)
	if sc.beyond > 0 {
		left = sc.left
		if len(sc.cut) == 0 {
			starts = nil
		} else {
			end = sc.cut[len(sc.cut)-1].Last
			left = addr.Intersect(left, []addr.Range{{First: end, Last: addr.Max}}) // end itself is in cut, and not in left
		}
	}
	for _, r := range left {
		n = addSize(n, r)
	}
	err = sc.zeroRanges(ctx, func(r addr.Range) {
		for len(starts) > 0 && starts[0].Last < r.First {
			starts = starts[1:]
		}
		for _, s := range starts {
			part, ok := r.Intersect(s)
			if !ok || part.First > end {
				break
			}
			part.Last = min(part.Last, end)
			n = addSize(n, part)
		}
	})
	return n, err
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
