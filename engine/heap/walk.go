package heap

import (
	"context"
	"fmt"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
)

// Chunks (malloc/malloc.c, "Chunk representations"). One follows another at once, and an object
// goes into the first word of the next chunk:
//
//	chunk  word   size of the chunk before, where that is free; else it belongs to that one's object
//	+word  word   size of this chunk; flags in the low three bits
//	+2word        the object, up to and with the first word of the next chunk
//
// Flags: 1 the chunk before is in use, 2 it was mapped on its own, 4 it is of a thread's arena. So
// whether a chunk is in use is told by the next one. A chunk that is free and in a bin never has
// flag 4, in no version of glibc: free, and whatever splits a chunk, write a size with flag 1 alone.
// Chunks in a cache or fastbin are marked as in use and keep their flags.
//
// Where memory that was added does not go on from the old, the old one ends with fenceposts, chunks
// too small for an object (sysmalloc).

const (
	chunkPrevUsed = 1
	chunkMapped   = 2
	chunkOther    = 4 // it is of a thread's arena
	chunkFlags    = 7
)

// chunkRange is memory in which the chunks of one arena are expected, from one to the next.
type chunkRange struct {
	first addr.Addr // the first chunk
	end   addr.Addr // the address behind the last chunk
	top   addr.Addr // the chunk that is the arena's top; 0 where it is not in this range, or not known
	other uint64    // chunkOther, or 0 in the main arena
	exact bool      // one chunk that makes no sense is enough to refuse the range
	piece bool      // the range ends with the first fenceposts

	binned []addr.Addr // chunks that the arena's bins hold, ascending
	cursor int         // the index in binned of the first chunk above what was asked for last
}

// walker follows chunks and keeps what it finds.
type walker struct {
	*reader
	ctx  context.Context
	look *reader // reads the chunks that are only looked at

	chunks []uint64 // the chunks of all runs: lengths in bytes, with what is known of each in the low bits
	runs   []run
	gaps   []Gap

	budget *budget.Budget
	room   int                     // how many chunks there is memory for
	stop   context.CancelCauseFunc // ends the search where the budget has no more
	caches []addr.Addr             // the objects that have the size of a thread's cache
	steps  uint64                  // how many chunks were looked at
}

// run is chunks that follow one another, or one chunk that was mapped.
type run struct {
	addr.Range            // the chunks, with their heads
	lo, hi     int        // walker.chunks: lo ≤ index < hi
	mapped     addr.Range // the object of a mapped chunk, which is not in walker.chunks
}

// What is known of a chunk, in the low bits of its length in walker.chunks.
const (
	lengthFree = 1
	lengthTop  = 2 // no chunk follows, whose first word would belong to its object
	lengthBits = 7
)

// trouble is why a chunk makes no sense.
type trouble uint8

const (
	fine trouble = iota
	unread
	tooSmall
	odd
	tooLarge
	wrongFlags
	wrongBefore
	misleading
	beforeFirst
	fencepost    // it is no chunk but a fencepost
	binDisagrees // a bin holds the chunk before, and this one says that it is in use
)

var troubles = [...]string{
	unread:       "the image does not hold it",
	tooSmall:     "it is smaller than any chunk",
	odd:          "it is no multiple of the alignment",
	tooLarge:     "it goes beyond the end of the heap, or into a chunk that is free",
	wrongFlags:   "its flags are those of another arena",
	wrongBefore:  "the size of the free chunk before it differs",
	misleading:   "it leads past chunks",
	beforeFirst:  "it is before the first chunk",
	fencepost:    "it is a fencepost",
	binDisagrees: "a bin holds the chunk before, and it does not say so",
}

// chunk is the head of a chunk as it was read.
type chunk struct {
	at       addr.Addr
	length   addr.Addr
	word     uint64 // its length with the flags
	prevUsed bool
}

// head reads the head of the chunk at an address of a range, and says what is wrong with it.
func (r *reader) head(at addr.Addr, g *chunkRange) (c chunk, bad trouble) {
	word, ok := r.wordAt(at + r.word)
	length := addr.Addr(word &^ chunkFlags)
	c = chunk{at, length, word, word&chunkPrevUsed != 0}
	switch limit := g.limit(at); {
	case !ok:
		return c, unread
	case length <= 2*r.word && word&(chunkMapped|chunkOther) == 0 && r.fenceAt(&c, g):
		return c, fencepost
	case length < 4*r.word:
		return c, tooSmall
	case length&(2*r.word-1) != 0:
		return c, odd
	case length > limit-at:
		return c, tooLarge
	case word&chunkMapped != 0 || uint64(word)&chunkOther&^g.other != 0:
		return c, wrongFlags
	}
	return c, fine
}

// fenceAt reports whether a chunk of two words is a fencepost: the first of two, of which the second
// has, in a thread's arena, the size 0, or else two words again; or the second alone, where there was
// no room for the first. They end where a page ends, but for the alignment. It sets the chunk's length
// to that of both.
func (r *reader) fenceAt(c *chunk, g *chunkRange) bool {
	length := 4 * r.word
	if c.length == 0 {
		if c.word != chunkPrevUsed || g.other == 0 {
			return false
		}
		length = 2 * r.word
	} else if word, ok := r.wordAt(c.at + 3*r.word); !ok || word != chunkPrevUsed && word != uint64(2*r.word)|chunkPrevUsed {
		return false
	}
	c.length = length
	end := c.at + length
	return (end+15)&^15%engine.PageSize == 0 || (end+16)&^15%engine.PageSize == 0
}

// followRange follows the chunks of a range, past damage. It returns false where none makes sense, and
// where the range has to be exact and one does not.
func (k *walker) followRange(g chunkRange) (bool, error) {
	n, runs, caches := len(k.chunks), len(k.runs), len(k.caches)
	at := g.first
	for at < g.end {
		next, bad, err := k.follow(at, &g)
		if err != nil {
			return false, err
		}
		if bad == fine {
			break
		}
		if g.exact && bad != fencepost {
			k.chunks, k.runs, k.caches = k.chunks[:n], k.runs[:runs], k.caches[:caches]
			return false, nil
		}
		if at = k.skip(next, bad, &g); at == 0 {
			break
		}
	}
	if len(k.runs) == runs || g.exact && len(k.chunks)-n < 2 { // a single size that happens to be right is no heap
		k.chunks, k.runs, k.caches = k.chunks[:n], k.runs[:runs], k.caches[:caches]
		return false, nil
	}
	return true, nil
}

// follow appends the chunks from at on as one run, up to the end of the range or to a chunk that makes
// no sense. It returns where that is, and what is wrong there.
func (k *walker) follow(at addr.Addr, g *chunkRange) (addr.Addr, trouble, error) {
	first, n := at, len(k.chunks)
	var before chunk
	bad := fine
	for at < g.end {
		if k.steps++; k.steps&0xffff == 0 && k.ctx.Err() != nil {
			return 0, bad, context.Cause(k.ctx)
		}
		var c chunk
		if at == g.top {
			c, bad = k.headOfTop(at, g)
		} else {
			c, bad = k.head(at, g)
		}
		if bad != fine && bad != fencepost {
			break
		}
		if at > first && (!c.prevUsed || g.holds(before.at)) {
			if bad = k.behindFree(&c, &before, bad, g); bad == wrongBefore {
				break
			}
		}
		if bad == fencepost {
			at += c.length
			break
		}
		k.add(c)
		if at += c.length; at == g.end || c.at == g.top { // no chunk is behind the top, which is free
			k.chunks[len(k.chunks)-1] |= lengthFree | lengthTop
			break
		}
		before = c
	}
	if at > first {
		k.runs = append(k.runs, run{Range: addr.Range{First: first, Last: at - 1}, lo: n, hi: len(k.chunks)})
	}
	return at, bad, nil
}

// behindFree marks the chunk before c as free, because the head of c says so, or because a bin holds it.
// Where the two sizes of the chunk before differ, there is a gap, or, where nothing leads on from c
// either, trouble.
func (k *walker) behindFree(c, before *chunk, bad trouble, g *chunkRange) trouble {
	held, size, reason := g.holds(before.at), c.word, binDisagrees
	if !c.prevUsed {
		at, ok := k.wordAt(c.at)
		if ok && addr.Addr(at) == before.length {
			k.chunks[len(k.chunks)-1] |= lengthFree
			return bad
		}
		if bad == fine && !k.leads(*c, g, enoughDiffering) {
			return wrongBefore
		}
		size, reason = at, wrongBefore
	}
	if held {
		k.chunks[len(k.chunks)-1] |= lengthFree
	}
	k.gap(addr.Range{First: c.at, Last: c.at + 2*k.word - 1}, reason, size)
	return bad
}

// headOfTop reads the head of an arena's top. The top goes to the end of the range, or, where other
// memory follows, not as far.
func (k *walker) headOfTop(at addr.Addr, g *chunkRange) (chunk, trouble) {
	above := chunkRange{first: at, end: g.end, other: g.other}
	c, bad := k.head(at, &above)
	if bad == fine && !c.prevUsed {
		bad = wrongFlags
	}
	return c, bad
}

// add appends a chunk to those that were followed.
func (k *walker) add(c chunk) {
	if k.cacheSized(c.length) && len(k.caches) < maxCaches {
		k.caches = append(k.caches, c.at+2*k.word)
	}
	if len(k.chunks) >= k.room && !k.makeRoom() {
		return
	}
	k.chunks = append(k.chunks, uint64(c.length))
}

// objects appends the objects of a run.
func (k *walker) objects(r run, to []Object) []Object {
	if r.lo == r.hi {
		return append(to, Object{Range: r.mapped})
	}
	at := r.First
	for _, c := range k.chunks[r.lo:r.hi] {
		o := Object{Range: addr.Range{First: at + 2*k.word, Last: at + addr.Addr(c&^lengthBits) + k.word - 1}}
		if c&lengthFree != 0 {
			o.State = Free
		}
		if c&lengthTop != 0 {
			o.Last -= k.word
		}
		to = append(to, o)
		at += addr.Addr(c &^ lengthBits)
	}
	return to
}

// A chunk takes 8 bytes in a slice that has room to grow, and memory for chunkStep of them is
// taken at a time; an object takes 24.
const (
	chunkBytes  = 12
	chunkStep   = 1 << 15
	objectBytes = 24
	forObjects  = "the objects of the heaps"
)

// makeRoom takes memory for more chunks. Without it, the search ends.
func (k *walker) makeRoom() bool {
	if err := k.budget.Take(chunkStep*chunkBytes, forObjects); err != nil {
		k.stop(err)
		return false
	}
	k.room += chunkStep
	return true
}

// maxGaps is how many gaps get a reason of their own.
const maxGaps = 1 << 16

// gap notes what was not understood. word is what was found there.
func (k *walker) gap(r addr.Range, bad trouble, word uint64) {
	reason := "further damage"
	if len(k.gaps) < maxGaps {
		reason = fmt.Sprintf("chunk %v: its size is %#x: %s", r.First, word, troubles[bad])
		switch bad {
		case wrongBefore:
			reason = fmt.Sprintf("chunk %v: the chunk before is said to be free and to have %#x bytes, and has others", r.First, word)
		case fencepost:
			reason = fmt.Sprintf("%v: behind the end of a heap and before its next part: not of malloc", r.First)
		case beforeFirst:
			reason = fmt.Sprintf("%v: before the first chunk that others follow: not of malloc, or damaged", r.First)
		case binDisagrees:
			reason = fmt.Sprintf("chunk %v: a bin holds the chunk before, which is free, and this one does not say so: its size is %#x", r.First, word)
		case unread:
			reason = fmt.Sprintf("chunk %v: the image does not hold its size", r.First)
		}
	}
	k.gaps = append(k.gaps, Gap{r, reason})
}
