package simd

import (
	"slices"
	"sync/atomic"
)

// Which bytes of a literal tell most is a guess from a table, and memory may be
// full of just those: of user@host_, say, where user@host_8190 is looked for. So
// a kernel counts how often its first probes agreed in vain, and where that was
// too often, the probes are put in another order, learnt from the memory at
// hand. What is found does not depend on it.

// tuning is the order of a literal's probes as it has been learnt so far. Scans
// at the same time share it.
type tuning struct {
	tuned atomic.Pointer[[]probe]
	tries atomic.Int32
}

const (
	// mayBeNear is in how many groups of a call the first probes may agree
	// in vain before they are put in question; a call has 256 groups.
	mayBeNear = 16

	// maxTries bounds the time that is spent on learning.
	maxTries = 64

	// tuneStarts is how many starts, at most, are learnt from at a time.
	tuneStarts = 512
)

// retune learns from the starts from to to of b. The new order begins with the
// probe that agrees least often; each of the next two is the one that agrees
// least often where those before it do.
func (p *literalPlan) retune(b []byte, from, to int) {
	if len(p.probes) < 2 || p.tries.Add(1) > maxTries {
		return
	}
	to = min(to, len(b)-len(p.lit)+1)
	var count [256]int
	for _, c := range b[from:max(from, to)] {
		count[c]++
	}
	order := slices.Clone(p.probes)
	slices.SortStableFunc(order, func(x, y probe) int { return count[byte(x.val)] - count[byte(y.val)] })
	var starts []int
	for s := from; s < to && len(starts) < tuneStarts; s++ {
		if b[s+int(order[0].off)] == byte(order[0].val) {
			starts = append(starts, s)
		}
	}
	for k := 1; k < min(3, len(order)); k++ {
		best, least := k, len(starts)+1
		for i := k; i < len(order); i++ {
			n := 0
			for _, s := range starts {
				if b[s+int(order[i].off)] == byte(order[i].val) {
					n++
				}
			}
			if n < least {
				best, least = i, n
			}
		}
		q := order[best]
		toFront(order[k:], best-k)
		starts = slices.DeleteFunc(starts, func(s int) bool { return b[s+int(q.off)] != byte(q.val) })
	}
	pairUp(order)
	p.tuned.Store(&order)
}

// maxDistance is how far apart the two probes may be that are compared with
// memory at every start.
const maxDistance = 63

// pairUp puts in front the first probe that has another one within maxDistance,
// and behind it the first such one; of these two, the one further on is the
// first. It is false where there are no two that near.
func pairUp(probes []probe) bool {
	for i := range probes {
		for j := range probes {
			d := int(probes[i].off) - int(probes[j].off)
			if i == j || d < -maxDistance || d > maxDistance {
				continue
			}
			toFront(probes, i)
			if j < i {
				j++
			}
			toFront(probes[1:], j-1)
			if d < 0 {
				probes[0], probes[1] = probes[1], probes[0]
			}
			return true
		}
	}
	return false
}

// toFront moves probe i to the front.
func toFront(probes []probe, i int) {
	p := probes[i]
	copy(probes[1:], probes[:i])
	probes[0] = p
}
