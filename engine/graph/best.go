package graph

import (
	"cmp"
	"context"
	"slices"
	"unsafe"
)

// Best returns the best k chains, best first: those with fewer pointers, then those
// of the lower class of root, then those with the smaller sum of offsets, then by the
// addresses of their words. That is what sorting all chains would give, but where
// there are many Best does not list all of them:
//
//	for n = 1, 2, …, Depth; for each class of root:
//	    budget = 64 bytes
//	    repeat
//	        list the chains whose offsets sum up to budget at most, keep the best
//	        stop if there are enough, or if no chain can have a larger sum
//	        budget = 4 × budget
//
// leftOut, if not nil, is set to what was left out. The error is the cause of the
// context's end, or that of the graph's budget, and comes with the chains found before.
func (c *Chains) Best(ctx context.Context, k int, leftOut *LeftOut) ([]Chain, error) {
	if leftOut == nil {
		leftOut = &LeftOut{}
	}
	*leftOut = LeftOut{}
	var best []Chain
	for n := 1; n <= c.opt.Depth && len(best) < k; n++ {
		level, err := c.level(ctx, n)
		if err != nil {
			return best, err
		}
		for class := RootClass(0); class < rootClassCount && len(best) < k; class++ {
			some, err := c.bestOf(ctx, level, class, n, k-len(best), leftOut)
			best = append(best, some...)
			if err != nil {
				return best, err
			}
		}
	}
	return best, nil
}

const (
	fewWalks    = 1 << 16 // so many walks are all listed and sorted
	firstBudget = 64      // bytes that offsets may sum up to at first
)

// chainsAtOnce is for how many chains that are kept the budget is asked at a time.
const chainsAtOnce = 1 << 10

// chainBytes returns about how many bytes a chain takes that is kept: with what append leaves
// behind, in the list that is sorted, and in the one that is returned.
func chainBytes(ch *Chain) uint64 {
	return 3*uint64(unsafe.Sizeof(scoredChain{})) + uint64(len(ch.Words)+len(ch.Offsets))*8
}

// bestOf returns the best k chains of n pointers from roots of a class.
func (c *Chains) bestOf(ctx context.Context, level *level, class RootClass, n, k int, leftOut *LeftOut) ([]Chain, error) {
	walks := level.roots[class].walks
	if level.exact && walks.Sign() == 0 {
		return nil, nil
	}
	most := uint64(n) * uint64(max(c.high, -c.low)) // the most that offsets can sum up to
	budget := min(uint64(firstBudget), most)
	if level.exact && walks.IsUint64() && walks.Uint64() <= fewWalks {
		budget = most
	}
	for {
		var of LeftOut
		l := newLister(ctx, c, &of)
		top := &chainHeap{limit: k}
		share := c.f.g.budget.Share() // stays taken, with the chains
		l.yield = func(ch *Chain) bool {
			if n := len(top.chains); n%chainsAtOnce == 0 && n < k {
				if l.err = share.Take(chainsAtOnce*chainBytes(ch), forBest); l.err != nil {
					return false
				}
			}
			top.add(ch)
			if len(top.chains) < k {
				return true
			}
			// Chains come in ascending order of their words, so of those with
			// the same sum the later ones are worse: from here on only smaller
			// sums count.
			worst := top.chains[0].sum
			l.budget = max(worst, 1) - 1
			return worst > 0
		}
		l.list(class, n, budget)
		if l.err != nil {
			return top.sorted(), l.err
		}
		if len(top.chains) == k || budget == most {
			leftOut.Loops += of.Loops
			leftOut.NotInOthers += of.NotInOthers
			return top.sorted(), nil
		}
		share.Release()
		budget = min(4*budget, most)
	}
}

// chainHeap keeps the best chains of those that are added to it, as a heap with the
// worst of them at the top.
type chainHeap struct {
	limit  int
	chains []scoredChain
}

// scoredChain is a chain with the sum of its offsets.
type scoredChain struct {
	Chain
	sum uint64
}

// compareChains compares chains of one class and number of pointers: the better one is less.
func compareChains(a, b *scoredChain) int {
	return cmp.Or(cmp.Compare(a.sum, b.sum), slices.Compare(a.Words, b.Words))
}

// add keeps a copy of a chain if it is one of the best.
func (h *chainHeap) add(ch *Chain) {
	r := scoredChain{*ch, ch.offsetSum()}
	if len(h.chains) == h.limit {
		if compareChains(&r, &h.chains[0]) >= 0 {
			return
		}
		r.Chain = ch.clone()
		h.chains[0] = r
		h.down()
		return
	}
	r.Chain = ch.clone()
	h.chains = append(h.chains, r)
	for i := len(h.chains) - 1; i > 0; {
		up := (i - 1) / 2
		if compareChains(&h.chains[i], &h.chains[up]) <= 0 {
			break
		}
		h.chains[i], h.chains[up] = h.chains[up], h.chains[i]
		i = up
	}
}

// down moves the chain at the top down to where it belongs.
func (h *chainHeap) down() {
	for i := 0; ; {
		worst := i
		for k := 2*i + 1; k <= 2*i+2 && k < len(h.chains); k++ {
			if compareChains(&h.chains[k], &h.chains[worst]) > 0 {
				worst = k
			}
		}
		if worst == i {
			return
		}
		h.chains[i], h.chains[worst] = h.chains[worst], h.chains[i]
		i = worst
	}
}

// sorted returns the chains, best first.
func (h *chainHeap) sorted() []Chain {
	slices.SortFunc(h.chains, func(a, b scoredChain) int { return compareChains(&a, &b) })
	out := make([]Chain, len(h.chains))
	for i := range h.chains {
		out[i] = h.chains[i].Chain
	}
	return out
}
