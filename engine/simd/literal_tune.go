package simd

import (
	"bytes"
	"slices"
	"sync/atomic"
)

// Which bytes of a literal tell most is taken from a table, and memory may be full
// of just those: of user@host_, say, where user@host_8190 is looked for. So a
// kernel counts how often its first probes agreed in vain, and where that was too
// often, it puts the probes in another order, learnt from the memory at hand. What
// is found does not depend on the order.

// An order is the probes of a literal in the order in which they are compared. The
// first two are a pair (see pairUp), and are compared at every start, unless the
// order is wide: then the first four are. Only an order of a masked literal can be
// wide: where pairs let through too much, or no two probes are near enough.
type order struct {
	probes []probe
	wide   bool
}

// A tuning is the order of a literal's probes as it has been learnt so far. Scans
// that run at the same time share it.
type tuning struct {
	tuned atomic.Pointer[order]
	tries atomic.Int32
	hopes atomic.Int32 // in how many groups of a call tuned may agree in vain, where this is more than mayBeNear
}

// disappoints reports whether near, the number of a call's groups in which the
// first probes agreed in vain, is so large that another order should be learnt.
func (t *tuning) disappoints(near int) bool { return near > max(mayBeNear, int(t.hopes.Load())) }

const (
	// mayBeNear is in how many groups of a call, which has 512, the first
	// probes may agree in vain before another order is learnt. For a learnt
	// order it is twice the starts at which that agreed in its lesson, where
	// this is more.
	mayBeNear = 16

	// maxTries is how many times, at most, an order is learnt, which bounds the
	// time that it takes.
	maxTries = 64

	// tuneStarts is the most starts from which an order is learnt at a time.
	tuneStarts = 512

	// widePairs is at how many starts of a call the pair may agree before four
	// probes are compared at once: one in eight groups. It is an estimate, and
	// has not been tuned.
	widePairs = 64
)

// A lesson is the starts, from included, to excluded, from which an order is
// learnt.
type lesson struct {
	b        []byte
	from, to int
	count    [256]int // how often each byte occurs in b[from:to]
}

// lesson returns the lesson of the starts of b from from up to to, for a literal of
// size bytes. It returns nil after maxTries calls.
func (t *tuning) lesson(b []byte, size, from, to int) *lesson {
	if t.tries.Add(1) > maxTries {
		return nil
	}
	to = max(from, min(to, len(b)-size+1))
	return &lesson{b, from, to, histogram(b[from:to])}
}

// order returns the probes in the order that the starts suggest. It begins with the
// probe that agrees least often; each of the next three is the one that agrees
// least often at the starts where those before it do.
func (at *lesson) order(probes []probe) []probe {
	probes = slices.Clone(probes)
	slices.SortStableFunc(probes, at.compare)
	var starts []int
	for s := at.next(&probes[0], at.from); s < at.to && len(starts) < tuneStarts; s = at.next(&probes[0], s+1) {
		starts = append(starts, s)
	}
	for k := 1; k < min(4, len(probes)); k++ {
		best, least := k, len(starts)+1
		for i := k; i < len(probes); i++ {
			n := 0
			for _, s := range starts {
				if probes[i].agrees(at.b[s+int(probes[i].off)]) {
					n++
				}
			}
			if n < least {
				best, least = i, n
			}
		}
		q := probes[best]
		toFront(probes[k:], best-k)
		starts = slices.DeleteFunc(starts, func(s int) bool { return !q.agrees(at.b[s+int(q.off)]) })
	}
	return probes
}

// histogram returns how often each byte occurs in b. It counts in four tables by
// turns, since counting the same byte twice in a row in one table has to wait for
// the first count to be stored.
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

// compare orders probes by how many of the counted bytes they agree with, the
// fewest first.
func (at *lesson) compare(x, y probe) int { return at.sum(x) - at.sum(y) }

// sum returns how many of the counted bytes the probe agrees with.
func (at *lesson) sum(p probe) int {
	if byte(p.mask) == 0xff {
		return at.count[byte(p.val)]
	}
	sum := 0
	for c, n := range at.count {
		if p.agrees(byte(c)) {
			sum += n
		}
	}
	return sum
}

// next returns the first start from s on at which p agrees, or at.to.
func (at *lesson) next(p *probe, s int) int {
	if byte(p.mask) == 0xff {
		if i := bytes.IndexByte(at.b[s+int(p.off):at.to+int(p.off)], byte(p.val)); i >= 0 {
			return s + i
		}
		return at.to
	}
	for s < at.to && !p.agrees(at.b[s+int(p.off)]) {
		s++
	}
	return s
}

// adopt makes o the order from now on. Until it disappoints, it may agree in vain
// twice as often as its first probes agreed in the lesson.
func (t *tuning) adopt(o *order, at *lesson) {
	first := 2
	if o.wide {
		first = 4
	}
	t.hopes.Store(int32(2 * at.agreeing(o.probes[:min(first, len(o.probes))])))
	t.tuned.Store(o)
}

// agreeing returns at how many of the starts all of the probes agree.
func (at *lesson) agreeing(probes []probe) int {
	n := 0
	rarest := slices.MinFunc(probes, at.compare)
start:
	for s := at.next(&rarest, at.from); s < at.to; s = at.next(&rarest, s+1) {
		for i := range probes {
			if p := &probes[i]; !p.agrees(at.b[s+int(p.off)]) {
				continue start
			}
		}
		n++
	}
	return n
}

// retune learns an order for the probes of a literal from the starts of b from from
// up to to.
func (p *literalPlan) retune(b []byte, from, to int) {
	if len(p.probes) < 2 {
		return
	}
	if at := p.lesson(b, len(p.lit), from, to); at != nil {
		probes := at.order(p.probes)
		pairUp(probes)
		p.adopt(&order{probes: probes}, at)
	}
}

// retune learns an order for the probes of a masked literal from the starts of b
// from from up to to.
func (p *maskedPlan) retune(b []byte, from, to int) {
	if len(p.probes) < 2 {
		return
	}
	if at := p.lesson(b, len(p.lit), from, to); at != nil {
		probes := at.order(p.probes)
		o := order{probes, !pairUp(probes)}
		o.wide = o.wide || len(probes) > 2 && at.agreeing(probes[:2]) > widePairs
		p.adopt(&o, at)
	}
}

// maxDistance is how far apart the two probes of a pair may be, in bytes.
const maxDistance = 63

// pairUp makes the first two probes a pair: it takes the first probe that has
// another one within maxDistance, and the first such one, and puts the one further
// on in the literal first. It returns false, and changes nothing, where no two are
// that near.
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
