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

// order is the probes of a literal in an order. The first two are a pair, unless
// it is wide: then four are asked for at once. Only masked literals are wide:
// where pairs let through too much, or none are near enough.
type order struct {
	probes []probe
	wide   bool
}

// tuning is the order of a literal's probes as it has been learnt so far. Scans
// at the same time share it.
type tuning struct {
	tuned atomic.Pointer[order]
	tries atomic.Int32
	hopes atomic.Int32 // in how many groups of a call the tuned order may agree in vain; 0: mayBeNear
}

// disappoints says whether the first probes agreed in vain in so many groups of
// a call, near, that they are put in question.
func (t *tuning) disappoints(near int) bool { return near > max(mayBeNear, int(t.hopes.Load())) }

const (
	// mayBeNear is in how many groups of a call the first probes may agree
	// in vain before they are put in question; a call has 512 groups. Where the
	// best order does so more often, twice as often is what is put up with.
	mayBeNear = 16

	// maxTries bounds the time that is spent on learning.
	maxTries = 64

	// tuneStarts is how many starts, at most, are learnt from at a time.
	tuneStarts = 512

	// widePairs is how many starts of a call may be expected to have the pair
	// before four probes are asked for at once: one in eight groups. It is
	// an estimate, and has not been tuned.
	widePairs = 64
)

// learn is the probes in the order that the starts from to to of b suggest; size
// is the literal's. The order begins with the probe that agrees least often; each
// of the next three is the one that agrees least often where those before it do.
// It is nil where there has been enough learning.
func (t *tuning) learn(probes []probe, b []byte, size, from, to int) []probe {
	if len(probes) < 2 || t.tries.Add(1) > maxTries {
		return nil
	}
	to = min(to, len(b)-size+1)
	count := histogram(b[from:max(from, to)])
	probes = slices.Clone(probes)
	slices.SortStableFunc(probes, func(x, y probe) int { return x.sum(&count) - y.sum(&count) })
	var starts []int
	for s := from; s < to && len(starts) < tuneStarts; s++ {
		if probes[0].agrees(b[s+int(probes[0].off)]) {
			starts = append(starts, s)
		}
	}
	for k := 1; k < min(4, len(probes)); k++ {
		best, least := k, len(starts)+1
		for i := k; i < len(probes); i++ {
			n := 0
			for _, s := range starts {
				if probes[i].agrees(b[s+int(probes[i].off)]) {
					n++
				}
			}
			if n < least {
				best, least = i, n
			}
		}
		q := probes[best]
		toFront(probes[k:], best-k)
		starts = slices.DeleteFunc(starts, func(s int) bool { return !q.agrees(b[s+int(q.off)]) })
	}
	return probes
}

// histogram counts bytes, in four tables by turns: to count the same byte again
// at once means to wait for the first count to be stored.
func histogram(b []byte) (count [256]int) {
	var turns [4][256]int32
	for len(b) >= 4 {
		turns[0][b[0]]++
		turns[1][b[1]]++
		turns[2][b[2]]++
		turns[3][b[3]]++
		b = b[4:]
	}
	for _, c := range b {
		count[c]++
	}
	for c := range count {
		for i := range turns {
			count[c] += int(turns[i][c])
		}
	}
	return count
}

// sum adds up the counts of the bytes that the probe agrees with.
func (p probe) sum(count *[256]int) int {
	if byte(p.mask) == 0xff {
		return count[byte(p.val)]
	}
	sum := 0
	for c, n := range count {
		if p.agrees(byte(c)) {
			sum += n
		}
	}
	return sum
}

// adopt makes o the order from now on, which is hoped to do as well elsewhere as
// at the starts from to to of b.
func (t *tuning) adopt(o *order, b []byte, size, from, to int) {
	first := 2
	if o.wide {
		first = 4
	}
	n := agreeing(o.probes[:min(first, len(o.probes))], b, size, from, to)
	t.hopes.Store(int32(2 * n))
	t.tuned.Store(o)
}

// agreeing is how many of the starts from to to of b all of the probes agree
// with; size is the literal's.
func agreeing(probes []probe, b []byte, size, from, to int) int {
	n := 0
start:
	for s := from; s < min(to, len(b)-size+1); s++ {
		for i := range probes {
			if p := &probes[i]; !p.agrees(b[s+int(p.off)]) {
				continue start
			}
		}
		n++
	}
	return n
}

// retune puts the probes of a literal in another order.
func (p *literalPlan) retune(b []byte, from, to int) {
	if probes := p.learn(p.probes, b, len(p.lit), from, to); probes != nil {
		pairUp(probes)
		p.adopt(&order{probes: probes}, b, len(p.lit), from, to)
	}
}

// retune puts the probes of a masked literal in another order.
func (p *maskedPlan) retune(b []byte, from, to int) {
	probes := p.learn(p.probes, b, len(p.lit), from, to)
	if probes == nil {
		return
	}
	o := order{probes, !pairUp(probes)}
	o.wide = o.wide || len(probes) > 2 && agreeing(probes[:2], b, len(p.lit), from, to) > widePairs
	p.adopt(&o, b, len(p.lit), from, to)
}

// maxDistance is how far apart the probes may be that are compared with memory
// at every start.
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
