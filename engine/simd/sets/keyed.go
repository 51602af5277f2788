package sets

import (
	"context"
	"errors"
	"fmt"
	"math"

	"vscan/engine/simd"
	"vscan/internal/interrupt"
)

// NewKeyed makes a kernel that finds every occurrence of every one of some literals under keys,
// as New does for plain literals: by the differences of neighbouring bytes, which do not depend
// on the key (simd/keyed.go), so that a literal under 256 keys takes about the memory and the
// time of one. One that Keyed.Check refuses is an error.
func NewKeyed(ctx context.Context, level simd.Level, lits []simd.Keyed) (_ Kernel, err error) {
	defer interrupt.Recover(&err)
	check := interrupt.NewChecker(ctx)
	if len(lits) == 0 {
		return nil, errors.New("a set without literals")
	}
	if len(lits) > math.MaxInt32 {
		return nil, fmt.Errorf("a set of %d literals: at most %d", len(lits), math.MaxInt32)
	}
	k := &keyedKernel{lits: make([]keyedLit, len(lits)), shortest: simd.MaxLiteral}
	total := 0
	for i, lit := range lits {
		check.Step(1 + len(lit.Bytes)/256)
		if err := lit.Check(); err != nil {
			return nil, fmt.Errorf("literal %d of the set: %w", i, err)
		}
		if total += len(lit.Bytes); total > maxSet {
			return nil, fmt.Errorf("a set of more than %d bytes", maxSet)
		}
		k.lits[i] = keyedLit{lit.Bytes[0], lit.Lo, lit.Hi - lit.Lo}
		k.shortest, k.longest = min(k.shortest, len(lit.Bytes)), max(k.longest, len(lit.Bytes))
	}
	if err := level.Check(); err != nil {
		return nil, err
	}
	if level == simd.Reference {
		return newKeyedRef(lits), nil
	}
	differences := make([]simd.Lit, len(lits))
	for i, lit := range lits {
		check.Step(1 + len(lit.Bytes)/256)
		differences[i].Bytes = lit.Differences()
	}
	k.Kernel, err = newKernel(ctx, level, differences, true)
	return k, err
}

// A keyedKernel finds literals under keys by their differences.
type keyedKernel struct {
	Kernel            // looks for the differences
	lits              []keyedLit
	shortest, longest int // of the literals, in bytes
}

// A keyedLit tells by the first byte of a literal's occurrence whether its key is one of those
// asked for: lo, and the span above it.
type keyedLit struct{ first, lo, span byte }

// keyedStretch is the most bytes that are turned into differences at a time, unless literals are
// very long.
const keyedStretch = maxStretch

func (k *keyedKernel) Scan(dst []Match, b []byte, from, to int, sc *Scratch) (n, next int) {
	checkScan(k.MinMatches(), dst, b, from)
	end := min(to, len(b)-k.shortest+1)
	if sc == nil {
		sc = new(Scratch)
	}
	if sc.keyed == nil {
		sc.keyed = new(keyedScratch)
	}
	stretch := max(keyedStretch, 2*k.longest)
	for lo := from; lo < end; {
		hi := min(end, lo+stretch)
		d := sc.keyed.buffer.Of(b[lo:min(len(b), hi+k.longest-1)])
		for at := 0; at < hi-lo; {
			if len(dst)-n < max(k.MinMatches(), min(len(dst)/2, 1024)) {
				return n, lo + at
			}
			var found int
			found, at = k.Kernel.Scan(dst[n:], d, at, hi-lo, &sc.keyed.scratch)
			n += k.keep(dst[n:n+found], b, lo)
		}
		lo = hi
	}
	return n, to
}

// keep keeps those of the matches of differences, counted from base in b, at which the literal
// stands under one of its keys, in front and counted from 0. It returns how many these are.
func (k *keyedKernel) keep(found []Match, b []byte, base int) (n int) {
	for _, m := range found {
		m.Off += uint32(base)
		found[n] = m
		if l := k.lits[m.Lit]; b[m.Off]^l.first-l.lo <= l.span {
			n++
		}
	}
	return n
}

// A keyedScratch is what a Scan of literals under keys needs besides dst.
type keyedScratch struct {
	buffer  simd.DifferenceBuffer
	scratch Scratch
}

// keyedRef compares every literal with memory at every position in turn.
type keyedRef struct{ lits []simd.Keyed }

func newKeyedRef(lits []simd.Keyed) keyedRef {
	k := keyedRef{make([]simd.Keyed, len(lits))}
	for i, lit := range lits {
		lit.Bytes = append([]byte(nil), lit.Bytes...)
		k.lits[i] = lit
	}
	return k
}

func (k keyedRef) MinMatches() int { return max(simd.MinDst, len(k.lits)) }

func (keyedRef) Levels() []simd.Level { return []simd.Level{simd.Reference} }

func (k keyedRef) Scan(dst []Match, b []byte, from, to int, _ *Scratch) (n, next int) {
	checkScan(k.MinMatches(), dst, b, from)
	for s := from; s < min(to, len(b)); s++ {
		if len(dst)-n < len(k.lits) {
			return n, s
		}
		for i := range k.lits {
			if k.lits[i].StandsAt(b[s:]) {
				dst[n] = Match{uint32(s), uint32(i)}
				n++
			}
		}
	}
	return n, to
}

// methods returns how literals under keys are looked for.
func (k *keyedKernel) methods(ctx context.Context) ([]Method, error) {
	all, err := Methods(ctx, k.Kernel)
	for i := range all {
		all[i].FirstLook = simd.DifferencesLook(all[i].FirstLook)
	}
	return all, err
}
