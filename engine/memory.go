package engine

import "vscan/patterns"

// This file estimates how much memory a scanner takes besides its set, which
// Options.Budget is asked for before it is spent. Tests compare it with what is
// allocated.

const (
	// A literal takes about literalBytes and literalPart for each of its bytes in the
	// tables of filters and of what verifies, a number in ranges wordsBytes and rangeBytes
	// for each range.
	literalBytes, literalPart = 150, 7
	wordsBytes, rangeBytes    = 150, 16

	// An expression takes exprBytes, and exprWorkerBytes with each worker; an anchor is
	// a literal.
	exprBytes, exprWorkerBytes = 200, 120

	// A mapping takes about planBytes in the plan and in what shards are cut from.
	planBytes = 80

	// workerBytes is about what a worker takes for blocks that are copied together, and
	// for matches on their way to the caller.
	workerBytes = 3 << 20
)

// shortBytes is about how many bytes more a literal of at most shortLen bytes takes while the
// tables of pairs are chosen that look for it.
const shortLen, shortBytes = 4, 700

// buildNeed returns about how many bytes are taken while what looks for a set is built,
// and free again afterwards.
func buildNeed(set *patterns.Set) (n uint64) {
	for _, w := range set.Needles() {
		if w.Words == nil && len(w.Lit) <= shortLen {
			n += shortBytes * uint64(literalsOf(w.Lit, w.Keys))
		}
	}
	return n
}

// needOfSet returns about how many bytes what looks for a set takes, without workers.
func needOfSet(set *patterns.Set) (n uint64) {
	for _, w := range set.Needles() {
		if w.Words != nil {
			n += wordsBytes + rangeBytes*uint64(len(w.Words.Ranges))
		} else {
			n += uint64(literalsOf(w.Lit, w.Keys)) * (literalBytes + literalPart*uint64(len(w.Lit)))
		}
	}
	for _, e := range set.Exprs() {
		n += exprBytes
		for _, a := range e.Anchors {
			n += uint64(literalsOf(a.Lit, a.Keys)) * (literalBytes/2 + literalPart*uint64(len(a.Lit)))
		}
	}
	return n
}

// needOfWorkers returns about how many bytes so many workers take that look for a set.
func needOfWorkers(set *patterns.Set, workers int) uint64 {
	return uint64(workers) * (workerBytes + 5*uint64(set.MaxLen()) + exprWorkerBytes*uint64(len(set.Exprs())))
}
