// Package sets looks for any number of literals at once.
//
// New makes a [Kernel] of them. It splits the set into parts (parts.go), each with a filter of
// package simd, a vector loop that finds candidates, and tables by which these are verified:
//
//	singlePart   few literals: a kernel for each, without candidates
//	teddyPart    some tens: excerpts of 3 bytes in 8 buckets
//	gramPart     any number of 4 bytes and more: grams of memory at every 4th, 2nd or each position
//	pairPart     hundreds that are short or masked: pairs of bytes and what follows
//	shortPart    many of 1 to 3 bytes: a bitmap of pairs
//	runPart      runs of zeros, in sets of differences
//	automaton    where memory is full of the literals: every byte is followed
//
// Their hits are sorted, one stretch of memory at a time. [Methods] tells which literals are looked
// for by which method. The package is for the engine, and may change.
package sets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"vscan/engine/simd"
	"vscan/internal/interrupt"
)

// A Match is a literal of a set, and where it starts.
type Match struct {
	Off uint32 // in the block, in bytes
	Lit uint32 // the literal's index in what New was given
}

// A Kernel looks for all literals of a set at once. It is made once, and any number of goroutines
// may use it at the same time, each with a Scratch of its own.
type Kernel interface {
	// Scan reports every literal i at every s with from ≤ s < to where it
	// stands wholly in b, ascending by s, then by i, each once: dst[:n].
	// Matches may overlap; one may end beyond to, never beyond b.
	//
	// Scan stops early where dst might not hold what comes next. Then next is where to go on,
	// by another call with from = next and the other arguments the same: all matches below next
	// have been reported and none at or above it, and such a call always gets further. Where
	// next ≥ to, all is done. What lies in dst[n:] afterwards is undefined. For a nil scratch,
	// Scan makes a new one.
	//
	// Scan reads no byte outside b. Assembly is entered for at most 128 KiB at a time.
	//
	// Scan panics where len(dst) < MinMatches(), len(b) > simd.MaxBlock or
	// from < 0.
	Scan(dst []Match, b []byte, from, to int, scratch *Scratch) (n, next int)

	// MinMatches returns the least len(dst) that Scan accepts: simd.MinDst, or where that is
	// more, the most matches that can start at one offset. Some thousands are better: a call
	// does more then.
	MinMatches() int

	// Levels returns the levels of the filters that run, ascending, each once and never Auto.
	// There may be several, since the parts of a set are looked for by different methods, and not
	// every level has all of them. The code that verifies, and the automaton, are portable at
	// all levels, and do not count.
	Levels() []simd.Level
}

// A Scratch is the memory that a Scan of a set needs besides dst. Its zero value is ready. It may
// serve any number of kernels, one Scan at a time, and saves them allocations. It may keep tables
// of the set that it served last. What is found does not depend on it.
type Scratch struct {
	hits   []uint64 // the hits of a stretch: start<<32 | number of the literal
	spare  []uint64 // to sort them with
	far    []uint64 // what gramPart.stands has put off: number<<32 | start
	cand   []uint32 // the candidates that a kernel found
	begins []uint32 // where an excerpt may begin, see simd.Windows
	lists  []uint32 // where the list of a window begins, see gramPart.listsOf
	pairs  []uint64 // a start and a literal that may stand there, as in hits
	limit  int      // the most hits that it is of use to find at a time
	size   int      // the size of the next stretch, in bytes

	through int        // how many candidates the filters let through in the stretch
	dense   *automaton // of the set of whose literals memory is full here, else nil
	retry   int        // in how many bytes filters are tried again
	noted   []uint64   // for follow

	keyed *keyedScratch // for literals under keys
}

const (
	// maxStretch is the size of the longest stretch, in bytes: the starts that all parts of a
	// set look at before their hits are merged. So much stays in the cache from one part to the
	// next.
	maxStretch = 64 << 10

	// maxStretches is how many times longer a stretch may be where there is only one part.
	maxStretches = 4

	// candidates is the most that a kernel may find at a time.
	candidates = 4096

	// maxSet is the most bytes that the literals of a set may have together, their masks
	// included.
	maxSet = 1<<31 - 1
)

// New makes a kernel that finds every occurrence of every literal of a set of any size, overlapping
// ones too. The literals are copied; one that Lit.Check refuses, and a set without literals or of 2
// GiB or more, are errors. A literal that is given several times is reported once for each index.
//
// There is a kernel at each level. A level that this machine lacks is an error.
//
// The set is looked for in parts, so that few short literals do not slow down many long ones, and
// one stretch of memory at a time, so that it is in the cache for all but the first part: see
// [Methods]. A kernel takes some hundred bytes a literal, and the literals themselves twice. Once
// scans have come upon much memory that is full of the literals, a set of up to some thousand takes
// up to 32 MiB more, and twice that for a moment.
//
// Where ctx ends before the kernel is made, the error is its cause.
func New(ctx context.Context, level simd.Level, lits []simd.Lit) (Kernel, error) {
	return newKernel(ctx, level, lits, false)
}

// newKernel does what New does. differences tells that the literals are differences of neighbouring
// bytes, as are the bytes in which they are looked for.
func newKernel(ctx context.Context, level simd.Level, lits []simd.Lit, differences bool) (k Kernel, err error) {
	defer interrupt.Recover(&err)
	check := interrupt.NewChecker(ctx)
	if err := level.Check(); err != nil {
		return nil, err
	}
	if len(lits) == 0 {
		return nil, errors.New("a set without literals")
	}
	if len(lits) > math.MaxInt32 {
		return nil, fmt.Errorf("a set of %d literals: at most %d", len(lits), math.MaxInt32)
	}
	total := 0
	for i, lit := range lits {
		check.Step(1)
		if err := lit.Check(); err != nil {
			return nil, fmt.Errorf("literal %d of the set: %w", i, err)
		}
		if total += len(lit.Bytes) + len(lit.Mask); total > maxSet {
			return nil, fmt.Errorf("a set of more than %d bytes", maxSet)
		}
	}
	set := newLiteralSet(lits, check)
	set.check, set.differences = check, differences
	defer func() { set.check = nil }() // tables that are made anew while scanning do not end
	if level == simd.Reference {
		return newSetRef(set), nil
	}
	return newSetKernel(level, set)
}

// clipSet checks the arguments of a Scan for a set, and panics as Scan has to. It returns the end
// of the starts to look at, exclusive, for literals of at least size bytes.
func clipSet(set *literalSet, dst []Match, b []byte, from, to, size int) int {
	checkScan(max(simd.MinDst, set.most), dst, b, from)
	return min(to, len(b)-size+1)
}

// checkScan checks the arguments of a Scan that needs room for least matches, and panics as Scan
// has to.
func checkScan(least int, dst []Match, b []byte, from int) {
	switch {
	case len(dst) < least:
		panic(fmt.Sprintf("sets: room for %d matches, want at least %d", len(dst), least))
	case len(b) > simd.MaxBlock:
		panic(fmt.Sprintf("sets: a block of %d bytes, want at most %d", len(b), simd.MaxBlock))
	case from < 0:
		panic(fmt.Sprintf("sets: scan from %d", from))
	}
}

// A setPart looks for some of the literals of a set.
type setPart interface {
	// find appends to sc.hits all hits of the part with a start from lo up to hi, in any order,
	// each once. It gives up, and returns false, where sc.hits exceeds sc.limit.
	find(sc *Scratch, b []byte, lo, hi int) bool

	level() simd.Level
}

// A setKernel is a set in parts.
type setKernel struct {
	*literalSet
	parts    []setPart
	shortest int // the size of the shortest literal, in bytes
	dense    lazyAutomaton
}

func (k *setKernel) MinMatches() int { return max(simd.MinDst, k.most) }

func (k *setKernel) Levels() []simd.Level {
	var levels []simd.Level
	for _, p := range k.parts {
		levels = append(levels, p.level())
	}
	slices.Sort(levels)
	return slices.Compact(levels)
}

// Scan goes from stretch to stretch. Where memory is full of the literals, the automaton searches a
// stretch, if there is one; else the parts do. Where these have more hits than there is room for,
// those that fit are reported, and the next call finds the others again. So that this is never much
// of the work, stretches become shorter as hits become denser, and a call ends where another
// stretch would probably not fit.
func (k *setKernel) Scan(dst []Match, b []byte, from, to int, sc *Scratch) (n, next int) {
	end := clipSet(k.literalSet, dst, b, from, to, k.shortest)
	if sc == nil {
		sc = new(Scratch)
	}
	if sc.cand == nil {
		sc.cand = make([]uint32, candidates)
		sc.size = maxStretch
	}
	full := maxStretch
	if len(k.parts) == 1 {
		full = maxStretches * maxStretch // no other part has to find it in the cache
	}
	for lo := from; lo < end; {
		if a := sc.dense; a != nil && a.set == k.literalSet {
			hi := min(end, lo+denseStretch)
			m, stop := a.find(sc, dst[n:], b, lo, hi)
			n += m
			sc.afterDense(m, stop-lo)
			if lo = stop; stop < hi {
				return n, stop
			}
			continue
		}
		hi := min(end, lo+sc.size)
		sc.hits = sc.hits[:0]
		sc.limit = 2*(len(dst)-n) + 1024
		sc.through = 0
		whole := k.find(sc, b, lo, hi)
		if sc.through >= denseLeast && sc.through*denseFrom > hi-lo {
			if sc.dense = k.dense.after(k.literalSet, sc.through); sc.dense != nil {
				sc.retry = denseRetry
				if !whole {
					continue
				}
			}
		}
		if !whole {
			sc.size = max(1, (hi-lo)/4)
			if n > len(dst)/2 {
				return n, lo
			}
			continue
		}
		if k.first == nil {
			// Each literal was given once: hits are sorted by what is reported.
			for i, h := range sc.hits {
				sc.hits[i] = h>>32<<32 | uint64(k.indexes[uint32(h)])
			}
		}
		sc.hits, sc.spare = sortHits(sc.hits, sc.spare, lo, hi)
		m, stop := k.emit(dst[n:], sc.hits, hi)
		n += m
		if stop < hi {
			if stop > lo {
				sc.size = min(full, 1+(stop-lo)*len(dst)/max(m, 1)*7/8) // about what fits
			}
			return n, stop
		}
		if len(sc.hits) < len(dst)/2 {
			sc.size = min(full, 2*sc.size)
		}
		if lo = hi; lo < end && m > len(dst)-n {
			return n, lo // as many matches again would not fit
		}
	}
	return n, to
}

// find has every part find its hits with a start from lo up to hi. It returns false where one gave
// up.
func (k *setKernel) find(sc *Scratch, b []byte, lo, hi int) bool {
	for _, p := range k.parts {
		if !p.find(sc, b, lo, hi) {
			return false
		}
	}
	return true
}

// emit turns hits, which must be sorted, into matches, as long as all matches of an offset fit into
// dst. It returns how many it wrote, and the offset of the first that it did not write; hi where it
// wrote all. Hits are of indexes where each literal was given once, and else of literals.
func (k *setKernel) emit(dst []Match, hits []uint64, hi int) (n, stop int) {
	if k.first == nil {
		return emitOnce(dst, hits, hi)
	}
	for i := 0; i < len(hits); {
		s := uint32(hits[i] >> 32)
		j, count := i, 0
		for ; j < len(hits) && uint32(hits[j]>>32) == s; j++ {
			count += k.count(uint32(hits[j]))
		}
		if count > len(dst)-n {
			return n, int(s)
		}
		here := dst[n : n+count]
		n += count
		at := 0
		for _, h := range hits[i:j] {
			u := uint32(h)
			for _, index := range k.indexes[k.first[u]:k.first[u+1]] {
				here[at] = Match{s, index}
				at++
			}
		}
		if j > i+1 {
			slices.SortFunc(here, func(a, b Match) int { return cmp.Compare(a.Lit, b.Lit) })
		}
		i = j
	}
	return n, hi
}

// emitOnce does what emit does where hits are of indexes.
func emitOnce(dst []Match, hits []uint64, hi int) (n, stop int) {
	if len(hits) > len(dst) {
		s := hits[len(dst)] >> 32 // of the first for which there is no room
		hi = int(s)
		hits = hits[:len(dst)]
		for len(hits) > 0 && hits[len(hits)-1]>>32 == s {
			hits = hits[:len(hits)-1]
		}
	}
	for i, h := range hits {
		dst[i] = Match{uint32(h >> 32), uint32(h)}
	}
	return len(hits), hi
}
