package sets

import (
	"slices"
	"sync"
	"sync/atomic"
)

// An automaton finds the literals of a set where memory is full of them. There,
// filters let so much through that verifying it, sorting it and turning it into
// matches takes longer than following every byte. The automaton goes through memory
// backwards, and so has at each position all literals that begin there, in order:
//
//	memory    . . s e s s i o n . .
//	            ← it has read  i o n  ends some literal: state "ion"
//	          ← now  s i o n: state "sion", and so on
//	            ↑ state "session": these indexes begin here
//
// A state is the longest end of any literal that stands in memory from a position on. A
// table has the next state for each state and byte: this is Aho and Corasick,
// "Efficient string matching: an aid to bibliographic search" (1975), their
// deterministic automaton, of the literals turned round. It differs in this:
//
//  1. A row has a column for each byte that a literal has, and one for all other
//     bytes together, so that rows are short where literals are text.
//  2. The quarters of a stretch are followed side by side, since each step waits
//     for the one before.
//  3. States at which literals begin have the last rows, so that a comparison tells
//     whether a position has to be noted, without a branch or another load. Among these
//     and among the others, the states of short ends come first, since they are used
//     most.
type automaton struct {
	set     *literalSet
	longest int // the longest literal, in bytes
	most    int // the most numbers that the rows can have: literals may share ends

	column [256]uint8 // by byte
	width  uint32     // of a row: the number of columns, and one
	rows   []uint32   // a state is where its row begins; a row ends with the number of its list
	found  uint32     // the first state that has a list other than 0

	// List l is indexes[lists[l]:lists[l+1]], ascending; list 0 is empty.
	lists   []uint32
	indexes []uint32
}

const (
	// Memory is full of literals where a stretch has more than one candidate in
	// denseFrom bytes, and at least denseLeast.
	denseFrom, denseLeast = 10, 256
	// It still is as long as a stretch has one match in denseBelow bytes; else
	// filters are tried again after denseRetry bytes.
	denseBelow, denseRetry = 16, 64 << 10

	// denseStretch is the most bytes that are followed at a time.
	denseStretch = 2 << 10

	// maxRows is the most numbers that the rows may have, and maxIndexes the most
	// indexes that the lists may have for each index of the set. maxDense is the
	// longest literal that an automaton is made for, in bytes: so much is read
	// behind each quarter of a stretch.
	maxRows    = 8 << 20
	maxIndexes = 8
	maxDense   = 256

	// rowsPerCandidate is how many numbers of the rows are made in the time in
	// which one candidate is verified.
	rowsPerCandidate = 4
)

// A lazyAutomaton is the automaton of a set, made when it is needed, which most
// often it is not: when, where memory was full of literals, filters have let so much
// through that verifying it has taken as long as making one.
type lazyAutomaton struct {
	candidates atomic.Int64 // what filters let through where memory was full

	planned, made sync.Once
	plan, a       *automaton // nil where there can be none
}

// after adds the candidates of a stretch that is full of them. It returns the
// automaton once it is needed, nil before and where there can be none.
func (l *lazyAutomaton) after(set *literalSet, candidates int) *automaton {
	l.planned.Do(func() { l.plan = planAutomaton(set) })
	if l.plan == nil || l.candidates.Add(int64(candidates)) < int64(l.plan.most/rowsPerCandidate) {
		return nil
	}
	l.made.Do(func() {
		if l.plan.fill() {
			l.a = l.plan
		}
	})
	return l.a
}

// planAutomaton returns the automaton of a set, still to be filled. It returns nil
// where there can be none: where the set has masked or long literals, or there would
// be too many rows.
func planAutomaton(set *literalSet) *automaton {
	a := &automaton{set: set, lists: []uint32{0, 0}}
	states := 1
	for _, l := range set.lits {
		a.longest = max(a.longest, int(l.size))
		states += int(l.size)
	}
	if set.plain < len(set.lits) || a.longest > maxDense {
		return nil
	}
	a.assignColumns()
	if a.most = states * int(a.width); a.most > maxRows {
		return nil
	}
	return a
}

// fill makes the rows and lists. It returns false where the lists would be too long.
func (a *automaton) fill() bool {
	whole := a.grow()
	order := a.complete(whole)
	if len(a.indexes) > maxIndexes*len(a.set.indexes) {
		return false
	}
	a.arrange(order)
	return true
}

// assignColumns sets column and width.
func (a *automaton) assignColumns() {
	var used [256]bool
	for u := range a.set.lits {
		for _, c := range a.set.bytes(uint32(u)) {
			used[c] = true
		}
	}
	for c, used := range used {
		if used {
			a.column[c] = uint8(a.width)
			a.width++
		}
	}
	if a.width < 256 {
		for c, used := range used {
			if !used {
				a.column[c] = uint8(a.width)
			}
		}
		a.width++
	}
	a.width++ // the number of the list
}

// row returns the row of state number n. Until arrange, rows have the numbers of
// states, not states.
func (a *automaton) row(n uint32) []uint32 { return a.rows[n*a.width:][:a.width] }

// grow makes a state of each end of a literal, 0 being that of the empty end. A row
// has in each column the state of the end that is longer by such a byte, or 0. grow
// returns for each state the literal that it is, or −1.
func (a *automaton) grow() (whole []int32) {
	a.rows = make([]uint32, a.most)
	whole = []int32{-1}
	for u := range a.set.lits {
		state := uint32(0)
		for _, c := range slices.Backward(a.set.bytes(uint32(u))) {
			next := &a.row(state)[a.column[c]]
			if *next == 0 {
				*next = uint32(len(whole))
				whole = append(whole, -1)
			}
			state = *next
		}
		whole[state] = int32(u)
	}
	a.rows = a.rows[:len(whole)*int(a.width)]
	return whole
}

// complete fills in the next states for bytes that make no longer end, and the
// lists. It returns the states, those of shorter ends first; not all of them where
// the lists become too long.
func (a *automaton) complete(whole []int32) (order []uint32) {
	list := a.width - 1
	backs := make([]uint32, len(whole)) // by state: the longest other end that its end begins with
	order = make([]uint32, 1, len(whole))
	for i := 0; i < len(order); i++ { // INVARIANT: the row of backs[state], which is shorter, is complete
		state := order[i]
		row, back := a.row(state), a.row(backs[state])
		if row[list] = back[list]; whole[state] >= 0 {
			row[list] = a.addList(uint32(whole[state]), back[list])
			if len(a.indexes) > maxIndexes*len(a.set.indexes) {
				break
			}
		}
		for c, next := range row[:list] {
			switch {
			case next == 0:
				row[c] = back[c] // of state 0, back is its own row
			case state != 0:
				backs[next] = back[c]
				fallthrough
			default:
				order = append(order, next)
			}
		}
	}
	return order
}

// arrange puts the rows into the given order, but those with a list behind the
// others, and turns the numbers of states into states.
func (a *automaton) arrange(order []uint32) {
	list := a.width - 1
	slices.SortStableFunc(order, func(n, m uint32) int {
		return int(min(a.row(n)[list], 1)) - int(min(a.row(m)[list], 1))
	})
	states := make([]uint32, len(order)) // by number
	for i, n := range order {
		states[n] = uint32(i) * a.width
	}
	rows := make([]uint32, 0, len(a.rows))
	a.found = uint32(cap(rows))
	for _, n := range order {
		row := a.row(n)
		if row[list] != 0 {
			a.found = min(a.found, states[n])
		}
		for _, next := range row[:list] {
			rows = append(rows, states[next])
		}
		rows = append(rows, row[list])
	}
	a.rows = rows
}

// addList adds a list of the indexes of literal u and those of another list, and
// returns its number.
func (a *automaton) addList(u, other uint32) uint32 {
	set := a.set
	first := len(a.indexes)
	a.indexes = append(a.indexes, a.indexes[a.lists[other]:a.lists[other+1]]...)
	if set.first == nil {
		a.indexes = append(a.indexes, set.indexes[u])
	} else {
		a.indexes = append(a.indexes, set.indexes[set.first[u]:set.first[u+1]]...)
	}
	slices.Sort(a.indexes[first:])
	a.lists = append(a.lists, uint32(len(a.indexes)))
	return uint32(len(a.lists) - 2)
}

// find writes to dst the matches at the starts from lo up to hi, which are at most
// denseStretch, as long as all matches of an offset fit. It returns how many it
// wrote, and the offset of the first that it did not write; hi where it wrote all.
func (a *automaton) find(sc *Scratch, dst []Match, b []byte, lo, hi int) (n, stop int) {
	if sc.noted == nil {
		sc.noted = make([]uint64, denseStretch)
	}
	for _, note := range a.follow(sc.noted, b, lo, hi) {
		s, l := uint32(note>>32), a.rows[uint32(note)+a.width-1]
		list := a.indexes[a.lists[l]:a.lists[l+1]]
		if len(list) > len(dst)-n {
			return n, int(s)
		}
		for i, index := range list {
			dst[n+i] = Match{s, index}
		}
		n += len(list)
	}
	return n, hi
}

// follow returns the positions from lo up to hi at which literals begin, ascending,
// each as start<<32 | state. It writes them to notes, which must have room for
// hi − lo.
func (a *automaton) follow(notes []uint64, b []byte, lo, hi int) []uint64 {
	q := (hi - lo) / 4
	s0, s1, s2, s3, rest := lo, lo+q, lo+2*q, lo+3*q, lo+4*q
	b0, b1, b2, b3 := b[s0:s1], b[s1:s2], b[s2:s3], b[s3:rest]
	x0, x1, x2, x3 := a.ahead(b, s1), a.ahead(b, s2), a.ahead(b, s3), a.ahead(b, rest)
	n0, n1, n2, n3 := notes[:q], notes[q:2*q], notes[2*q:3*q], notes[3*q:4*q]
	i0, i1, i2, i3 := q, q, q, q // each quarter of notes is filled from its end
	rows, column, found := a.rows, &a.column, a.found
	for k := q - 1; k >= 0; k-- {
		x0 = rows[x0+uint32(column[b0[k]])]
		x1 = rows[x1+uint32(column[b1[k]])]
		x2 = rows[x2+uint32(column[b2[k]])]
		x3 = rows[x3+uint32(column[b3[k]])]
		// The index goes down by one unless the state is less than found.
		n0[i0-1] = uint64(s0+k)<<32 | uint64(x0)
		i0 -= 1 - int((x0-found)>>31)
		n1[i1-1] = uint64(s1+k)<<32 | uint64(x1)
		i1 -= 1 - int((x1-found)>>31)
		n2[i2-1] = uint64(s2+k)<<32 | uint64(x2)
		i2 -= 1 - int((x2-found)>>31)
		n3[i3-1] = uint64(s3+k)<<32 | uint64(x3)
		i3 -= 1 - int((x3-found)>>31)
	}
	n := copy(notes, n0[i0:])
	n += copy(notes[n:], n1[i1:])
	n += copy(notes[n:], n2[i2:])
	n += copy(notes[n:], n3[i3:])
	if rest < hi {
		return a.followOne(notes[:n], b, rest, hi)
	}
	return notes[:n]
}

// followOne appends to notes those of the positions from lo up to hi, which are few.
func (a *automaton) followOne(notes []uint64, b []byte, lo, hi int) []uint64 {
	x, n := a.ahead(b, hi), len(notes)
	for s := hi - 1; s >= lo; s-- {
		if x = a.rows[x+uint32(a.column[b[s]])]; x >= a.found {
			notes = append(notes, uint64(s)<<32|uint64(x))
		}
	}
	slices.Reverse(notes[n:])
	return notes
}

// ahead returns the state at s, for going on at s − 1: that of the bytes from s on,
// as many as the longest literal has less one.
func (a *automaton) ahead(b []byte, s int) uint32 {
	row := uint32(0)
	for _, c := range slices.Backward(b[s:min(len(b), s+a.longest-1)]) {
		row = a.rows[row+uint32(a.column[c])]
	}
	return row
}

// afterDense goes back to filters where these may be faster, by how many hits the last size
// bytes had.
func (sc *Scratch) afterDense(hits, size int) {
	if hits*denseBelow >= denseStretch {
		sc.retry = denseRetry
	} else if sc.retry -= size; sc.retry <= 0 {
		sc.dense, sc.size = nil, denseStretch
	}
}
