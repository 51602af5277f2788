package automaton

import (
	"math/bits"
	"slices"
	"sync"
)

// A backward tells at which places matches begin, by going through memory once from its end to
// its beginning, however many places there are from which a match nearly goes on to its end:
//
//	a{1,500}b     memory  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaax…
//	              forward each a is a place from which 500 bytes are read, to no end
//	              back    no b was met, so there is no match at any place
//
// It is the automaton of the program read backwards. Its state in front of byte i is the set of
// instructions that read byte i and from which a match goes on to its end; it has a place at i if
// one of those is among the first that a match may read. What lies at the ends of bytes in hand,
// and what the limit of a match and preferences rule out, it does not know: then it has places at which no
// match begins. INVARIANT: it has all places at which one does.
//
// The turns of x{0,n}, where x is a set of bytes, are n instructions, of which each also matches what
// the one with fewer turns left does. So a state has only the one with the fewest, and there are n such
// states, not 2^n: [0-4000] is the distance to the nearest end of a match.
type backward struct {
	p       *machine
	from    []uint32 // where into begins, by instruction, and where it ends
	into    []uint32 // the instructions that lead to an instruction, one after another
	more    []uint32 // by instruction: of a turn, the one with a turn more; 0 where there is none
	first   []bool   // by instruction: whether it is among the first that a match may read
	tables  *tables
	anyLook int // the context in which all looks are taken to hold
	enter   int // the symbol that reads no byte but adds the first entry's instructions to a state; those of others follow
}

// optional is the turns of x{0,n} that a compiler has emitted: the instruction that reads the
// last turn, and how many there are. Those of earlier turns are two further each.
type optional struct {
	last  uint32
	turns int
}

// turn returns the instruction that reads a turn of which so many turns are left behind it.
func (o optional) turn(left int) uint32 { return o.last + 2*uint32(left) }

// matchEnd is the instruction at which matches end: it is emitted first.
const matchEnd = 0

// newBackward returns the backward of a program whose first instruction is start.
func newBackward(p *machine, start uint32, most int) *backward {
	n := len(p.insts)
	k := &backward{p: p, more: make([]uint32, n), first: make([]bool, n), anyLook: len(p.contextLooks)}
	passed := make([]bool, n) // whether the way round a turn is known without its instruction
	for _, o := range p.optionals {
		for left := range o.turns - 1 {
			k.more[o.turn(left)] = o.turn(left + 1)
			passed[o.turn(left)+1] = true
		}
	}
	k.from = make([]uint32, n+1)
	each := func(do func(pc, to uint32)) {
		for pc := range p.insts {
			i := &p.insts[pc]
			if i.op == opMatch || passed[pc] {
				continue
			}
			if do(uint32(pc), i.out); i.op == opAlt {
				do(uint32(pc), i.arg)
			}
		}
	}
	each(func(_, to uint32) { k.from[to+1]++ })
	for i := range n {
		k.from[i+1] += k.from[i]
	}
	k.into = make([]uint32, k.from[n])
	at := slices.Clone(k.from)
	each(func(pc, to uint32) {
		k.into[at[to]] = pc
		at[to]++
	})
	stack, seen := []uint32{start}, make([]bool, n)
	for len(stack) > 0 {
		pc := stack[len(stack)-1]
		if stack = stack[:len(stack)-1]; seen[pc] {
			continue
		}
		seen[pc] = true
		switch i := &p.insts[pc]; i.op {
		case opByte:
			k.first[pc] = true
		case opAlt:
			stack = append(stack, i.arg, i.out)
		case opLook:
			stack = append(stack, i.out)
		}
	}
	for _, o := range p.optionals { // a state has the last turn for all that match what it does
		for left := range o.turns {
			k.first[o.turn(left)] = k.first[o.turn(o.turns-1)]
		}
	}
	k.enter = p.numClasses * (k.anyLook + 1)
	k.tables = newTables(k.enter+len(p.entries.pcs), most, []uint32{matchEnd})
	k.tables.eager = true
	k.tables.other.Store(k.tables.state(nil, true, false))
	return k
}

// backwardBytes is about how many bytes a backward takes for an instruction.
const backwardBytes = 4 + 8 + 4 + 1

// follow is the follower of the tables. States that tables.start leads to have matchEnd, since a match may end anywhere; those
// that tables.other leads to do not: from them, a match goes on through an entry that was added.
func (k *backward) follow(w *scratch, s *state, symbol int) (matched bool) {
	w.seen.clear()
	w.after.clear()
	if symbol >= k.enter {
		for _, pcs := range [][]uint32{s.threads, k.p.entries.pcs[symbol-k.enter]} {
			for _, pc := range pcs {
				w.after.add(pc)
			}
		}
		slices.Sort(w.after.dense)
		return false
	}
	class := symbol % k.p.numClasses
	holds := ^Look(0)
	if context := symbol / k.p.numClasses; context != k.anyLook {
		holds = k.p.contextLooks[context]
	}
	reads := func(pc uint32) {
		if class < len(k.p.classSample) && k.p.sets[k.p.insts[pc].arg].Has(k.p.classSample[class]) {
			w.after.add(pc)
		}
	}
	if len(s.threads) > 0 && s.threads[0] == matchEnd {
		w.after.add(matchEnd)
	}
	w.stack = append(w.stack[:0], s.threads...)
	for len(w.stack) > 0 {
		pc := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		if !w.seen.add(pc) {
			continue
		}
		if more := k.more[pc]; more != 0 {
			reads(more)
			for k.more[more] != 0 { // what the first turn is led to by holds for all
				more = k.more[more]
			}
			w.stack = append(w.stack, more)
			continue
		}
		for _, from := range k.into[k.from[pc]:k.from[pc+1]] {
			switch i := &k.p.insts[from]; {
			case i.op == opByte:
				reads(from)
			case i.op == opAlt, holds&Look(i.arg) != 0:
				w.stack = append(w.stack, from)
			}
		}
	}
	k.leastTurns(w)
	for _, pc := range w.after.dense {
		matched = matched || k.first[pc]
	}
	slices.Sort(w.after.dense)
	return matched
}

// leastTurns leaves of the turns of x{0,n} in w.after the one with the fewest turns left.
func (k *backward) leastTurns(w *scratch) {
	w.seen.clear()
	for _, pc := range w.after.dense {
		for more := k.more[pc]; more != 0 && w.seen.add(more); {
			more = k.more[more]
		}
	}
	w.after.dense = slices.DeleteFunc(w.after.dense, func(pc uint32) bool {
		i := w.seen.index[pc]
		return int(i) < len(w.seen.dense) && w.seen.dense[i] == pc
	})
}

// A lookback is what a track knows of the places of some bytes by a backward. What it takes to look
// back is paid for by what was wasted on places at which no match begins, and by what it saves.
type lookback struct {
	from, to int      // the places that it knows: b[from:to]
	places   []uint64 // a bit each, from from on: whether a match may begin there
	window   int      // how many places it is to look at the next time
	paid     bool     // whether it ruled out most places the last time

	wasted int // how many bytes were read since then from places at which no match begins
	failed int // how many such places
	span   int // how many bytes they lay in, with those in front of each of which nothing was asked
	last   int // up to where these go
	need   int // nothing is worth it before so much was wasted
	vain   int // how much all that found no match took so far, in bytes that could be read instead
	took   int // how much all that found a match took so far
	spent  int // how much more than it has saved it took, in bytes that could be read instead

	// What is known by a sieve.
	by     *sieve   // the one that found the places; nil where they were looked back for
	ends   jumpEnds // how long matches are, from the same place on
	unpaid int      // how often in a row it has not paid
	read   int      // how many bytes of matches were read that a sieve may have spared
	met    int      // how many matches
	slow   int      // how much it took, from places at which no match begins, to work out states
	credit int      // how often it is asked without a question
}

const (
	leastWindow = 4 << 10
	mostWindow  = 64 << 10

	// To work out a state takes about as long as to read perState bytes, and perThread more for
	// each of its threads.
	perState, perThread = 400, 100

	// A step without tables takes about as long as to read perStep bytes, and perStepThread more for
	// each thread.
	perStep, perStepThread = 30, 10

	// What was asked in more than so many bytes is halved, so that what came last counts most.
	mostAsked = 1 << 18

	// It may take so much before it has saved anything, and has saved at most so much.
	ahead, mostSaved = 1 << 18, 1 << 24
)

// failedAt notes that so many bytes were read from a place at which no match begins.
func (l *lookback) failedAt(place, read int) {
	l.wasted += read
	l.failed++
	l.vain += read + perPlace
	l.asked(place)
}

// asked notes that a place was asked about.
func (l *lookback) asked(place int) {
	if place < l.last {
		return
	}
	l.span += place + 1 - l.last
	l.last = place + 1
	if l.span > mostAsked {
		l.span, l.wasted, l.slow, l.failed, l.need = l.span/2, l.wasted/2, l.slow/2, l.failed/2, 0
	}
}

// reset forgets the places, since other bytes follow, of which those from from on are asked about.
func (l *lookback) reset(from int) { l.from, l.to, l.last = 0, 0, from }

// worthLookingBack reports whether what was wasted is half of what it takes to look back; where it
// paid the last time, a part of that.
func (l *lookback) worthLookingBack(longest int) bool {
	l.need = l.neededToLookBack(longest)
	return l.cost() > l.need && l.spent-l.cost() < ahead
}

// neededToLookBack returns how much must have been wasted for it to be worth looking back.
func (l *lookback) neededToLookBack(longest int) int {
	worth := (max(l.window, leastWindow) + longest) / 2
	if l.paid {
		worth /= 16
	}
	return l.needed(worth, 1)
}

// needed returns how much must have been wasted for it to be more than worth, and half of what it takes to find out all
// places of the bytes in which that was, where that takes perByte for each byte; where it paid the last time, a part of that.
func (l *lookback) needed(worth int, perByte float64) int {
	if l.paid {
		perByte /= 16
	}
	return max(worth, int(perByte*float64(l.span)/2))
}

// match returns the length of the match at a place, and whether that is known.
func (l *lookback) match(at, longest int) (n int, known bool) {
	if at < l.from || at >= l.to {
		return 0, false
	}
	i, k := at-l.from, l.by
	switch {
	case l.places[i/64]>>(i%64)&1 == 0:
		return 0, true
	case k == nil || !l.ends.tell:
		return 0, false
	}
	return l.ends.length(k, i, longest)
}

// next returns the first place from from on and below to, and whether it is known.
func (l *lookback) next(from, to int) (place int, known bool) {
	if from < l.from || from >= l.to {
		return from, false
	}
	end := min(to, l.to) - l.from
	if i := nextBit(l.places, from-l.from, end); i < end {
		return l.from + i, true
	}
	return l.from + end, l.from+end == to
}

// nextBit returns the number of the first bit that is set from bit i on, below end; end if there is none. Bit 0 is the lowest
// of the first word.
func nextBit(words []uint64, i, end int) int {
	for i < end {
		if word := words[i/64] >> (i % 64); word != 0 {
			return min(i+bits.TrailingZeros64(word), end)
		}
		i += 64 - i%64
	}
	return end
}

// begin makes room for the places of b from from on. Where b ends, looks are not known, and so many places can be left
// at which no match begins; so where there are looks, which reach bytes behind a place at the most, places from which a
// match reaches the end of b are left to a window of their own. Without looks, reach is 0.
func (l *lookback) begin(b []byte, from, reach int) {
	l.window = min(max(leastWindow, 2*l.window), mostWindow)
	l.from, l.to, l.by, l.need = from, min(len(b), from+l.window), nil, 0
	if most := len(b) - reach; reach > 0 && from < most {
		l.to = min(l.to, most)
	}
	l.places = slices.Grow(l.places[:0], l.window/64+1)[:(l.to-l.from+63)/64]
	clear(l.places)
}

// reach returns how many bytes behind a place, that one included, what looks ask of can lie; 0 where there are none.
func (p *machine) reach() int {
	if !p.asksLooks {
		return 0
	}
	return p.maxLen + 2 // the two bytes of a neighbour in a wide encoding
}

// left is how many places there are.
func (l *lookback) left() (n int) {
	for _, word := range l.places {
		n += bits.OnesCount64(word)
	}
	return n
}

// sieve returns the sieve by which the track is to know places; nil where it is to look back.
func (t *Track) sieve() *sieve {
	k := t.p.sieve()
	if k == nil || (!k.exact || k.price(1) > sieveFirst) && t.back.spent-t.back.wasted < ahead {
		return nil
	}
	return k
}

// sieveFirst is how many bytes could be read for each that a sieve takes, at most, if it is asked first.
const sieveFirst = 4

// credit is how often a sieve that has paid is asked without a question.
const credit = 8

// perPlace is how many bytes can be read in the time that it takes to ask about a place.
const perPlace = 40

// cost is what was wasted, with what it took to work out states and to ask about places.
func (l *lookback) cost() int { return l.wasted + l.slow + perPlace*l.failed }

// worthSieving is worthLookingBack for a sieve. What it takes is twice what was wasted at the most, but
// where it paid.
func (l *lookback) worthSieving(k *sieve, longest int) bool {
	if l.credit > 0 {
		return true
	}
	worth := k.price(max(l.window, leastWindow)+longest) / 2
	if l.paid {
		worth /= 16
	}
	need := l.needed(worth<<min(l.unpaid, 6), k.perByte())
	l.need = min(need, l.neededToLookBack(longest)) // later, it may be looked back instead
	return l.cost() > need
}

// sift finds out the places of b from from on with a sieve.
func (t *Track) sift(k *sieve, b []byte, from int) {
	l := &t.back
	l.begin(b, from, t.p.reach())
	l.by = k
	k.places(b, from, l.to, t.p.maxLen, l.places, &l.ends)
	out := l.to - from
	if !l.ends.tell {
		out -= l.left()
	}
	price := k.price(l.to - from + t.p.maxLen)
	t.ranges.last = 0                                  // of the ranges that are known now, nothing is counted
	saved := out * l.cost() / max(l.span, l.failed, 1) // if as much is wasted on as many bytes
	switch {
	case l.credit > 0:
		if l.credit--; out < (l.to-from)/8 {
			l.credit, l.paid = 0, false
		}
	case saved > 2*price:
		l.paid, l.unpaid, l.credit = true, 0, credit
	case saved > price/2:
		l.paid, l.unpaid = false, 0
	default:
		l.paid = false
		l.unpaid++
	}
	l.wasted, l.slow, l.failed, l.span, l.last, l.read, l.met = 0, 0, 0, 0, l.to, 0, 0
}

// lookBack finds out the places of b from from on.
func (t *Track) lookBack(b []byte, from int) {
	t.begin()
	l, p := &t.back, t.p
	l.begin(b, from, p.reach())
	r := retreat{k: p.backward(), m: matching{p: p, b: b}, i: min(len(b), l.to+p.maxLen)}
	r.s = r.k.tables.start.Load()
	r.left = ahead - (l.spent - l.cost())
	took, _ := r.places(l, nil)
	out := l.to - from - l.left()
	l.paid = out > (l.to-from)*3/4
	saved := out * l.cost() / max(l.span, l.failed, 1) / 8 // if as much is wasted on as many bytes
	l.spent = max(l.spent+took-l.cost()-saved, -mostSaved)
	t.ranges.last = 0
	l.wasted, l.slow, l.failed, l.span, l.last = 0, 0, 0, 0, l.to
}

// context returns the context of the place in front of byte i; anyLook where that needs bytes that
// are not in hand.
func (k *backward) context(m *matching, i int) int {
	if i < 2 || i+1 >= len(m.b) {
		return k.anyLook
	}
	if m.p.encoding == Plain {
		return int(k.p.contextOf[plainNeighbour[m.b[i-1]]*numNeighbours+plainNeighbour[m.b[i]]])
	}
	return int(k.p.contextOf[m.neighbourBefore(i)*numNeighbours+m.neighbourBehind(i)])
}

// plainNeighbour is neighbourOf of each byte.
var plainNeighbour = func() (of [256]uint8) {
	for c := range of {
		of[c] = uint8(neighbourOf(byte(c)))
	}
	return of
}()

// backwards has the backward and the sieve of a program, once they were asked for.
type backwards struct {
	once sync.Once
	is   *backward

	sieveOnce sync.Once
	sieve     *sieve
}

// sieve returns the sieve of the program, nil where it has none.
func (p *machine) sieve() *sieve {
	p.back.sieveOnce.Do(func() {
		p.back.sieve = newSieve(p.node, p.encoding, p.semantics, p.maxLen, p.tables.most/8)
	})
	return p.back.sieve
}

// backward returns the backward of the program.
func (p *machine) backward() *backward {
	p.back.once.Do(func() { p.back.is = newBackward(p, p.tables.start.Load().threads[0], p.tables.most) })
	return p.back.is
}
