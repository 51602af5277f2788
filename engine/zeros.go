package engine

import (
	"slices"

	"vscan/engine/addr"
	"vscan/patterns"
)

// Zeros that nothing can match are not gone through: a process can have mapped
// terabytes that it never touched. What is left out of a zero piece is its
// middle. A match may run from the bytes before into its first overlap bytes,
// or begin in its last overlap bytes and run on into what follows; one that
// begins in between would consist of zeros alone.
//
//	run        |--- bytes ---|-------------- zeros --------------|--- bytes ---|
//	stretches  [--------------------)                       [------------------]
//	                         overlap                         overlap
//
// The stretches are what shards are cut from. Where a run begins and ends, for
// those who ask what lies around a match, is what it was.

// minSkip is the least number of zeros in a row that are worth two stretches
// instead of one.
const minSkip = 256 << 10

// stretches returns what of the plan's runs is to be gone through, and how many
// bytes are left out of it because they are zeros that nothing can match.
func (sc *Scanner) stretches() (cut []addr.Range, skipped uint64) {
	skips := sc.skips()
	if len(skips) == 0 {
		return sc.plan.runs, 0
	}
	for _, run := range sc.plan.runs {
		rest, more := run, true
		for more && len(skips) > 0 && skips[0].First <= run.Last {
			skip := skips[0]
			skips, skipped = skips[1:], addSize(skipped, skip)
			if skip.First > rest.First {
				cut = append(cut, addr.Range{First: rest.First, Last: skip.First - 1})
			}
			if more = skip.Last < run.Last; more {
				rest.First = skip.Last + 1
			}
		}
		if more {
			cut = append(cut, rest)
		}
	}
	return cut, skipped
}

// skips returns the middles of zero pieces that can be left out, ascending. Each
// lies in one run.
func (sc *Scanner) skips() []addr.Range {
	if slices.ContainsFunc(sc.units, func(u unit) bool { return u.traits().inZeros }) {
		return nil
	}
	var skips []addr.Range
	margin := uint64(sc.overlap)
	k := 0 // the run that holds the piece
	for _, p := range sc.plan.pieces {
		if p.source != zeros || uint64(p.Last-p.First) < max(sc.leastSkip, 2*margin+1) {
			continue
		}
		for sc.plan.runs[k].Last < p.First {
			k++
		}
		if p.First > sc.plan.runs[k].First {
			p.First += addr.Addr(margin)
		}
		if p.Last < sc.plan.runs[k].Last {
			p.Last -= addr.Addr(margin)
		}
		skips = append(skips, p.Range)
	}
	return skips
}

// zerosBegin reports whether a match of an expression can begin among zeros and
// consist of them alone, as far as such a match reaches and whatever lies
// around it is zero as well.
func zerosBegin(e *patterns.Expr) bool {
	memory := patterns.Memory{
		Bytes:  zeroBlock[:min(len(zeroBlock), 1+e.MaxLen)],
		Beyond: func(int) (byte, bool) { return 0, true },
	}
	return e.Matcher.Match(&memory, 0) > 0
}
