package sets

import (
	"context"
	"fmt"
	"math"
	"slices"

	"vscan/engine/simd"
	"vscan/internal/interrupt"
)

// A Method tells people how some literals of a set are looked for.
type Method struct {
	Shape     simd.Shape
	Level     simd.Level
	FirstLook string   // in words, what is compared with memory first
	Lits      []uint32 // the literals' indexes in what New was given, ascending

	// Rate is the share of positions, from 0 to 1, that the first comparison
	// is expected to let through, and that have to be verified. It is an
	// estimate from the frequency of bytes in memory images; other images
	// have other bytes.
	Rate float64
}

// Methods returns how the literals of a set that New or NewKeyed made are looked for. Every
// literal is in exactly one method. The error is the cause of the end of ctx.
func Methods(ctx context.Context, k Kernel) (_ []Method, err error) {
	defer interrupt.Recover(&err)
	check := interrupt.NewChecker(ctx)
	switch k := k.(type) {
	case *keyedKernel:
		return k.methods(ctx)
	case keyedRef:
		w := Method{Shape: simd.LiteralSet, Level: simd.Reference, FirstLook: "every literal at every position"}
		for i, lit := range k.lits {
			check.Step(256)
			w.Lits = append(w.Lits, uint32(i))
			w.Rate += lit.Rate()
		}
		w.Rate = math.Min(w.Rate, 1)
		return []Method{w}, nil
	case setRef:
		all := make([]uint32, len(k.lits))
		for u := range all {
			all[u] = uint32(u)
		}
		return []Method{k.method(check, simd.LiteralSet, simd.Reference, "every literal at every position", all)}, nil
	case *setKernel:
		var methods []Method
		for _, p := range k.parts {
			methods = append(methods, k.methodsOf(check, p)...)
		}
		return methods, nil
	}
	return nil, nil
}

func (k *setKernel) methodsOf(check *interrupt.Checker, p setPart) []Method {
	switch p := p.(type) {
	case *singlePart:
		var methods []Method
		for i, kernel := range p.kernels {
			methods = append(methods, k.method(check, kernel.Shape(), kernel.Level(), simd.FirstLook(k.lit(p.lits[i])), p.lits[i:i+1]))
		}
		return methods
	case *teddyPart:
		w := k.method(check, simd.FewLiterals, p.level(), fmt.Sprintf("excerpts of %d bytes, %s", simd.TeddyExcerpt, p.tuned.Load().By), p.lits)
		w.Rate = p.rate()
		return []Method{w}
	case *gramPart:
		how := fmt.Sprintf("%d bytes at every position", p.Size)
		if p.stride > 1 {
			how = fmt.Sprintf("%d bytes at every %d positions", p.Size, p.stride)
		}
		return []Method{k.method(check, simd.LiteralSet, p.level(), how+", by a bitmap", p.lits)}
	case *pairPart:
		w := k.method(check, simd.LiteralPairs, p.level(), fmt.Sprintf("excerpts of %d bytes at every position, and a bitmap of pairs", simd.PairExcerpt), p.lits)
		w.Rate = p.rate()
		return []Method{w}
	case *runPart:
		return []Method{k.method(check, simd.LiteralSet, p.level(), "runs of zeros", p.lits)}
	case *shortPart:
		return []Method{k.method(check, simd.LiteralSet, p.level(), "2 bytes at every position, by a bitmap", p.lits)}
	}
	return nil
}

// method returns a Method with the indexes at which the literals were given; its Rate
// is the sum of what simd.Rate says of each, at most 1.
func (set *literalSet) method(check *interrupt.Checker, shape simd.Shape, level simd.Level, firstLook string, lits []uint32) Method {
	w := Method{Shape: shape, Level: level, FirstLook: firstLook}
	for _, u := range lits {
		check.Step(2)
		first, last := u, u+1
		if set.first != nil {
			first, last = set.first[u], set.first[u+1]
		}
		w.Lits = append(w.Lits, set.indexes[first:last]...)
		w.Rate += simd.Rate(set.lit(u))
	}
	slices.Sort(w.Lits)
	w.Rate = math.Min(w.Rate, 1)
	return w
}
