package automaton

import "math/bits"

// How a sieve tells how long matches are
//
// An expression of parts that have one length each, with jumps between them, is matched by going
// from jump to jump, without a look at what lies between:
//
//	a.{1,9}b.{1,9}c     memory  ..a....b..b.....c....
//	first jump                    [-------->|          to the last place in reach from which a match goes on
//	second jump                              [-->|     likewise
//
// The sieve has had all places from which the parts behind a jump match, on its way to the front; they are
// kept. A jump goes to the last of them that it reaches, where more turns are preferred, and to the
// first where fewer are: that is what a backtracking search takes first. It is also the shortest match if
// all jumps go to the first, and the longest if all go to the last: who begins a jump of single bytes further behind
// ends it as far behind or further. That does not hold for jumps in steps of several bytes; so of those only
// the first may be one, unless a match is what a backtracking search takes first.
//
// Of matches that are longer than the limit, none counts. A jump does not go so far that what has to
// come behind it has no room. A place from which no match goes on within the limit can still be among those kept. So where
// what was reached is too long, how long a match is is not told, unless it is the shortest: then none fits. Lazy jumps
// alone do not make it that, as turns of several bytes can go further from a nearer place.
//
// Looks are known for all places, but for those at the ends of the bytes in hand.
//
// INVARIANT: a length that is told is that of the match.

// A sieveJump is what follows head bytes of a match: up to most turns of length bytes, of a set or
// else of nodes; most < 0 stands for no bound.
type sieveJump struct {
	node    *sieveNode
	at      int // the number of its node
	head    int
	most    int
	rest    int  // how many bytes there are behind it at the least
	nearest bool // whether it goes to the first place that it can; else to the last
	open    bool // whether nothing stands behind it
}

// maxJumps is the most jumps of a sieve that tells lengths, and maxJumpBytes about how much memory
// may be taken to tell them. mostTurns is how many turns of several bytes a jump goes on for.
const (
	maxJumps     = 6
	maxJumpBytes = 256 << 10
	mostTurns    = 512
)

// lengths finds out whether the sieve tells how long matches are.
func (k *sieve) lengths(s Semantics, longest int) {
	var jumps []sieveJump
	gap, all, shortest := 0, 0, true
	for i := range k.nodes {
		n := &k.nodes[i]
		if n.alts == nil && n.look != 0 {
			continue
		}
		if n.length == 0 {
			return
		}
		gap += n.length * n.least
		all += n.length * n.least
		if n.least == n.most {
			continue
		}
		j := sieveJump{node: n, at: i, head: gap, most: -1, open: i+1 == len(k.nodes), nearest: s == Shortest || s == First && n.lazy}
		if n.most >= 0 {
			j.most = n.most - n.least
		}
		switch {
		case s == First && n.lazy && n.greedy:
			return
		case s != First && len(jumps) > 0 && j.steps():
			return
		case len(jumps) == maxJumps || (len(jumps)+1)*(longest+mostWindow)/4 > maxJumpBytes:
			return
		}
		shortest = shortest && j.nearest && (len(jumps) == 0 || !j.steps())
		jumps = append(jumps, j)
		gap = 0
	}
	before := 0 // how many bytes there are at the least in front of what a jump may have more
	for i := range jumps {
		before += jumps[i].head
		jumps[i].rest = all - before
	}
	k.jumps, k.tail, k.shortest, k.tells = jumps, gap, shortest, true
}

// steps reports whether a jump is of turns of several bytes, or of alternatives.
func (j *sieveJump) steps() bool { return j.node.set == -1 }

// passes returns about how many passes it takes to keep what the jump needs.
func (j *sieveJump) passes(c *sieveCompiler) int {
	if j.steps() {
		return c.cost(j.node.nodes) + 6
	}
	return 6
}

// A jumpEnds has what tells how long matches are, as bits of the places of a window and of what
// matches have behind it, ascending.
type jumpEnds struct {
	in     [][]uint64 // by jump: the places of its bytes or turns; empty where it need not be known
	behind [][]uint64 // by jump: the places of all that stands behind it; empty where nothing does
	end    int        // the last place
	tell   bool       // whether they tell lengths: not where looks ask of bytes that are not in hand
}

// begin goes with r, as cat does, from the end of the expression to the first jump, and keeps what is needed of what it
// sees. It returns how many nodes are left in front.
func (e *jumpEnds) begin(f *sifting, r []uint64) int {
	k := f.k
	last := len(k.nodes)
	e.end, e.tell = f.end, k.tells && (!k.looks || f.before >= 0 && f.behind >= 0)
	for len(e.in) < len(k.jumps) {
		e.in, e.behind = append(e.in, nil), append(e.behind, nil)
	}
	for i := len(k.jumps) - 1; i >= 0; i-- {
		j := &k.jumps[i]
		f.cat(k.nodes[j.at+1:last], r)
		last = j.at + 1
		e.behind[i] = e.behind[i][:0]
		if !j.open {
			e.behind[i] = ascending(e.behind[i], r)
		}
		e.in[i] = e.in[i][:0]
		switch {
		case j.steps():
			turn := f.room()
			copy(turn, f.all)
			f.cat(j.node.nodes, turn)
			e.in[i] = ascending(e.in[i], turn)
			f.give(turn)
		case !j.nearest && j.node.set >= 0:
			e.in[i] = ascending(e.in[i], f.sets[j.node.set])
		}
	}
	return last
}

// ascending appends to list the bits of a sifting, from the first place to the last.
func ascending(list, r []uint64) []uint64 {
	for i := len(r) - 1; i >= 0; i-- {
		list = append(list, bits.Reverse64(r[i]))
	}
	return list
}

// length returns the length of the match that begins at a place at which one does, if it has at most longest
// bytes, else 0; and whether that is known.
func (e *jumpEnds) length(k *sieve, place, longest int) (n int, known bool) {
	at := place
	for i := range k.jumps {
		j := &k.jumps[i]
		at += j.head
		most := min(e.end, place+longest-j.rest) // how far the jump may go
		if j.most >= 0 {
			most = min(most, at+j.most*j.node.length)
		}
		switch {
		case j.steps():
			if at = e.stepped(j, i, at, most); at < 0 {
				return 0, false
			}
		case j.nearest:
			if !j.open {
				at = firstBit(e.behind[i], at)
			}
		default:
			if j.node.set >= 0 {
				most = firstGap(e.in[i], at, most)
			}
			if j.open {
				at = max(at, most)
			} else if at = lastBit(e.behind[i], at, most); at < 0 {
				return 0, len(k.jumps) == 1
			}
		}
	}
	if n = at + k.tail - place; n > longest {
		return 0, k.shortest
	}
	return n, true
}

// stepped returns where jump i leads from a place, turn by turn; −1 where that is not told.
func (e *jumpEnds) stepped(j *sieveJump, i, at, most int) int {
	in, behind, length := e.in[i], e.behind[i], j.node.length
	best := -1
	for range mostTurns {
		if j.open || has(behind, at) {
			if best = at; j.nearest {
				return best
			}
		}
		if at+length > most || !has(in, at) {
			return best
		}
		at += length
	}
	return -1
}

func has(list []uint64, i int) bool { return list[i/64]>>(i%64)&1 != 0 }

// firstBit returns the first place from i on that is in list. There must be one.
func firstBit(list []uint64, i int) int {
	q := i / 64
	word := list[q] >> (i % 64) << (i % 64)
	for word == 0 {
		q++
		word = list[q]
	}
	return 64*q + bits.TrailingZeros64(word)
}

// firstGap returns the first place from i on, and up to most, that is not in list; most if there is none.
func firstGap(list []uint64, i, most int) int {
	for i < most {
		if word := ^list[i/64] >> (i % 64); word != 0 {
			return min(most, i+bits.TrailingZeros64(word))
		}
		i += 64 - i%64
	}
	return most
}

// lastBit returns the last place up to most, and not before i, that is in list; −1 if there is none.
func lastBit(list []uint64, i, most int) int {
	if most < i {
		return -1
	}
	q := most / 64
	word := list[q] << (63 - most%64) >> (63 - most%64)
	for word == 0 {
		if q--; 64*q+63 < i {
			return -1
		}
		word = list[q]
	}
	if at := 64*q + 63 - bits.LeadingZeros64(word); at >= i {
		return at
	}
	return -1
}
