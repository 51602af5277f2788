package yara

import (
	"math"
	"sort"
)

// A queue holds the hits of a part of a split string that may yet be part of a match, in
// the order of their addresses, one at an address. Hits enter at the end and leave at the
// front. A hit takes 4 bytes, or 8 where lengths differ.
//
//	places    first                                          last
//	          |--- block ---|--- block ---|-- block ..empty..|--- block
//	hits      x x t t x x x | x t t x x x | x x x            | x x
//
// INVARIANT: the places of a block hold hits whose addresses differ by less than 4 GiB.
// Where the next hit does not fit, the block's last places stay empty. A place marked t has
// a hit that was taken; it stays until it is at the front.
type queue struct {
	blocks      []*block // block i of all that there were has the places from i × blockHits on, blockHits of them; the first dropped blocks have left
	first, last int      // the hits have the places first to last, last excluded
	dropped     int      // how many blocks have left
	spare       *block   // a block that has left, to be used again
	hits        int

	// These bound the lengths of all hits so far, both included.
	shortest, longest uint64

	// If anyDone is set, all hits that end in done, both ends included, are taken.
	done    span
	anyDone bool
}

// A span is from lo to hi, both included. It is empty where lo is above hi.
type span struct{ lo, hi uint64 }

const blockHits = 4096

// A block is hits whose offsets from the first fit in 32 bits.
type block struct {
	base    uint64 // the address of the first hit
	offsets [blockHits]uint32
	used    int
	length  uint64             // of each hit, where lengths is nil
	lengths *[blockHits]uint32 // the length of each hit; nil where all have the same
	taken   *[blockHits / 64]uint64
}

// len returns the number of places, those of hits that were taken included.
func (q *queue) len() int { return q.last - q.first }

func (q *queue) block(i int) (*block, int) {
	return q.blocks[i/blockHits-q.dropped], i % blockHits
}

// start returns the address of the hit at place i; at an empty place, that of the hit in
// front.
func (q *queue) start(i int) uint64 {
	b, k := q.block(i)
	return b.base + uint64(b.offsets[min(k, b.used-1)])
}

// after returns the place of the hit behind the one at place i; last where there is none.
func (q *queue) after(i int) int {
	if i++; i == q.last {
		return i
	}
	if b, k := q.block(i); k >= b.used {
		i += blockHits - k
	}
	return i
}

// end returns the address behind the hit at place i.
func (q *queue) end(i int) uint64 {
	b, k := q.block(i)
	k = min(k, b.used-1)
	if b.lengths != nil {
		return b.base + uint64(b.offsets[k]) + uint64(b.lengths[k])
	}
	return b.base + uint64(b.offsets[k]) + b.length
}

// taken reports whether the hit at place i was taken, or there is none.
func (q *queue) taken(i int) bool {
	b, k := q.block(i)
	return k >= b.used || b.taken != nil && b.taken[k/64]>>(k%64)&1 != 0
}

func (q *queue) take(i int) {
	b, k := q.block(i)
	if b.taken == nil {
		b.taken = new([blockHits / 64]uint64)
	}
	b.taken[k/64] |= 1 << (k % 64)
}

// push adds a hit of n bytes at a, which lies behind all others.
func (q *queue) push(a, n uint64) {
	if q.longest == 0 {
		q.shortest = n
	}
	q.shortest, q.longest = min(q.shortest, n), max(q.longest, n)
	if q.last%blockHits > 0 {
		if b, _ := q.block(q.last - 1); a-b.base > math.MaxUint32 {
			q.last += blockHits - q.last%blockHits
		}
	}
	if q.last/blockHits-q.dropped == len(q.blocks) {
		b := q.spare
		if q.spare = nil; b == nil {
			b = new(block)
		}
		b.base, b.used, b.length, b.lengths, b.taken = a, 0, n, nil, nil
		q.blocks = append(q.blocks, b)
	}
	b, k := q.block(q.last)
	if b.lengths == nil && n != b.length {
		b.lengths = new([blockHits]uint32)
		for i := range b.lengths {
			b.lengths[i] = uint32(b.length)
		}
	}
	b.offsets[k] = uint32(a - b.base)
	if b.lengths != nil {
		b.lengths[k] = uint32(n)
	}
	b.used = k + 1
	q.last++
	q.hits++
}

// pop removes what is at the first place, and returns how many hits that was: 0 or 1.
func (q *queue) pop() (n int) {
	if b, k := q.block(q.first); k < b.used {
		n = 1
	}
	q.hits -= n
	q.first++
	switch {
	case q.first == q.last:
		q.clear()
	case q.first/blockHits > q.dropped:
		q.spare = q.blocks[0]
		q.blocks = q.blocks[1:]
		q.dropped++
	}
	return n
}

// clear removes all hits.
func (q *queue) clear() {
	if len(q.blocks) > 0 {
		q.spare = q.blocks[0]
	}
	q.blocks, q.first, q.last, q.dropped, q.hits = nil, 0, 0, 0, 0
}

// from returns the place of the first hit that begins at a or behind.
func (q *queue) from(a uint64) int {
	return q.first + sort.Search(q.len(), func(i int) bool { return q.start(q.first+i) >= a })
}

// each calls yield with the place of every hit that is not taken and whose end is in ends,
// until yield returns false. It reports whether yield never did.
func (q *queue) each(ends span, yield func(i int) bool) bool {
	if q.len() == 0 || ends.lo > ends.hi {
		return true
	}
	if q.anyDone && q.done.lo <= ends.hi && ends.lo <= q.done.hi {
		// What is done lies in the middle of ends or at one of its ends, so there is
		// something to look at on either side of it.
		ok := q.done.lo <= ends.lo || q.scan(span{ends.lo, q.done.lo - 1}, yield)
		return ok && (q.done.hi >= ends.hi || q.scan(span{q.done.hi + 1, ends.hi}, yield))
	}
	return q.scan(ends, yield)
}

func (q *queue) scan(ends span, yield func(i int) bool) bool {
	for i := q.from(ends.lo - min(ends.lo, q.longest)); i < q.last && q.start(i)+q.shortest <= ends.hi; i++ {
		if end := q.end(i); end >= ends.lo && end <= ends.hi && !q.taken(i) && !yield(i) {
			return false
		}
	}
	return true
}

// markDone notes that all hits whose end is in ends are taken.
func (q *queue) markDone(ends span) {
	switch {
	case ends.lo > ends.hi:
	case q.anyDone && ends.lo <= q.done.hi+1 && q.done.lo <= ends.hi+1:
		q.done = span{min(q.done.lo, ends.lo), max(q.done.hi, ends.hi)}
	default:
		q.done, q.anyDone = ends, true
	}
}
