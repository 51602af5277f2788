package heap

import "vscan/engine/addr"

// Where a chunk makes no sense, its neighbours still can. What follows is looked for at every
// aligned address, as a chunk from which others lead on:
//
//	| chunk | chunk | damaged | …  gap  … | chunk | chunk | chunk | …
//	                                      ▲ resume: the first from which enough others lead on
//
// In pseudo-code:
//
//	for each aligned address behind the damage
//	    n = how many chunks lead on from there, one to the next
//	    if they lead to the top or the end of the range,
//	        or n ≥ 8 and they differ in size or are large, or n ≥ 32:
//	        go on here, unless chunks that lie in the first one rival it
//
// Eight are enough where sizes differ, since a word of a program's data is rarely a sensible
// size. An array of small numbers looks like chunks of one size, so more of these are asked for.
//
// A size can be a leftover: of a chunk that was joined with others and cut elsewhere since. Such
// a chunk leads on too, but there are chunks in it that also lead on: these are its rivals.

const (
	enoughDiffering = 8  // chunks that are enough if they differ in size or are large
	enoughAlike     = 32 // chunks that are enough if they are small and of one size
	chunksToCheck   = 64 // chunks after which no more are looked at
)

// skip finds the chunk with which a range goes on behind the chunk at an address that makes no
// sense, or behind fenceposts, and notes the gap. It returns 0 where there is none.
func (k *walker) skip(at addr.Addr, bad trouble, g *chunkRange) addr.Addr {
	word, _ := k.wordAt(at + k.word)
	if bad == wrongBefore {
		word, _ = k.wordAt(at)
	}
	if bad != fencepost {
		if c, next := k.misled(at, g); next != 0 {
			k.dropLast()
			k.gap(addr.Range{First: c.at, Last: next - 1}, misleading, c.word)
			return next
		}
	}
	from := at + 2*k.word
	resume := k.resume
	if bad == fencepost {
		resume = k.resumeFresh
		from = at
		if at >= g.end || g.piece || g.top == 0 && g.other != 0 {
			return 0
		}
	}
	next := resume(from, g)
	last := next - 1
	if next == 0 {
		if bad == fencepost && g.top == 0 { // nothing comes behind the last part
			return 0
		}
		last = g.end - 1
	}
	if at <= last {
		k.gap(addr.Range{First: at, Last: last}, bad, word)
	}
	return next
}

// resume returns the first address from one on, in steps of the alignment, with a chunk that
// leads on far enough, or 0 where there is none.
func (k *walker) resume(from addr.Addr, g *chunkRange) addr.Addr {
	for at := from; at < g.end; at += 2 * k.word {
		if k.steps++; k.steps&0xffff == 0 && k.ctx.Err() != nil {
			return 0
		}
		if at == g.top {
			if _, bad := k.headOfTop(at, g); bad == fine {
				return at
			}
		}
		c, bad := k.head(at, g)
		if bad == unread {
			at = k.unreadTo(at, g)
			continue
		}
		if bad == fine && k.leads(c, g, chunksToCheck) {
			to := k.rivals(c, g)
			if to == 0 {
				return at
			}
			at = to - 2*k.word
		}
	}
	return 0
}

// convinces reports whether n words that lead from one to the next are the heads of chunks. An
// array of numbers looks like chunks of one size, and a small one.
func (k *walker) convinces(n int, differ bool, last chunk) bool {
	return n >= enoughAlike || n >= enoughDiffering && (differ || last.length > 64*k.word)
}

// misled returns the chunk that has led to the address at, where there is none, and the first of
// the chunks that lie in it and lead past at: then the size of the former is wrong. It returns 0
// where there are none.
func (k *walker) misled(at addr.Addr, g *chunkRange) (c chunk, next addr.Addr) {
	const far = 1 << 20
	n := len(k.runs)
	if n == 0 || k.runs[n-1].Last+1 != at || k.runs[n-1].lo == k.runs[n-1].hi {
		return c, 0
	}
	c, bad := k.look.head(at-addr.Addr(k.chunks[len(k.chunks)-1]&^lengthBits), g)
	if bad != fine || c.at+c.length != at {
		return c, 0
	}
	for r := c.at + 4*k.word; r < at && r < c.at+far; r += 2 * k.word {
		x, bad := k.look.head(r, g)
		if bad != fine || r+x.length == at {
			continue
		}
		if n, to := k.count(x, g.end, g); n >= enoughAlike || n >= enoughDiffering && to > at && c.length > 1<<12 {
			if k.rivals(x, g) == 0 {
				return c, r
			}
		}
	}
	return c, 0
}

// dropLast drops the last chunk of the last run.
func (k *walker) dropLast() {
	r := &k.runs[len(k.runs)-1]
	at := r.Last + 1 - addr.Addr(k.chunks[len(k.chunks)-1]&^lengthBits)
	k.chunks = k.chunks[:len(k.chunks)-1]
	if c := len(k.caches) - 1; c >= 0 && k.caches[c] == at+2*k.word {
		k.caches = k.caches[:c]
	}
	r.hi--
	r.Last = at - 1
	if r.lo == r.hi {
		k.runs = k.runs[:len(k.runs)-1]
	}
}

// rivals asks rival of the first chunks from c on.
func (k *walker) rivals(c chunk, g *chunkRange) addr.Addr {
	for range 4 {
		if to := k.rival(c, g); to != 0 {
			return to
		}
		next, bad := k.look.head(c.at+c.length, g)
		if bad != fine || next.at == g.top {
			break
		}
		c = next
	}
	return 0
}

// rival returns where to go on instead of at the chunk c, if its size may be a leftover: of a
// chunk that was part of a larger one, which was cut elsewhere since. Then there are chunks in it
// that lead to its end. If they are many, they are what is there now, and the first is returned.
// If they are few, they may be the leftover, and only what is behind both is sure: the end is
// returned. 0 says that there are none.
func (k *walker) rival(c chunk, g *chunkRange) addr.Addr {
	const far = 1 << 20
	end := c.at + c.length
	if next, bad := k.look.head(end, g); bad == fine && !next.prevUsed {
		return 0 // c is free, and both its ends say so
	}
	for at := c.at + 4*k.word; at < end && at < c.at+far; at += 2 * k.word {
		x, bad := k.look.head(at, g)
		if bad != fine || x.length >= end-at+1 && at+x.length != end {
			continue
		}
		switch n, to := k.count(x, end, g); {
		case n >= enoughAlike:
			return at
		case to == end && n > 1:
			return end
		}
	}
	return 0
}

// count counts the chunks from c on that begin before end, up to enoughAlike, and returns where
// they lead to.
func (k *walker) count(c chunk, end addr.Addr, g *chunkRange) (n int, at addr.Addr) {
	for n = 1; n < enoughAlike; n++ {
		if at = c.at + c.length; at >= end {
			return n, at
		}
		next, bad := k.look.head(at, g)
		if bad != fine {
			return n, at
		}
		if !next.prevUsed {
			if size, ok := k.look.wordAt(at); !ok || addr.Addr(size) != c.length || !c.prevUsed {
				return n, at
			}
		}
		c = next
	}
	return n, at
}

// resumeFresh is resume for the first chunk of memory that the system gave: nothing was ever
// before it.
func (k *walker) resumeFresh(from addr.Addr, g *chunkRange) addr.Addr {
	for {
		next := k.resume(from, g)
		if next == 0 {
			return 0
		}
		before, ok1 := k.wordAt(next)
		size, ok2 := k.wordAt(next + k.word)
		if ok1 && ok2 && before == 0 && size&chunkPrevUsed != 0 {
			return next
		}
		from = next + 2*k.word
	}
}

// unreadTo returns the last address to try in the memory around at that the image does not hold.
func (k *walker) unreadTo(at addr.Addr, g *chunkRange) addr.Addr {
	v := k.space.At(at + k.word)
	last := min(v.Last, g.end-1)
	if v.Mapping != nil && v.Mapping.Source != nil { // the source failed here: try the next page
		last = min(last, at|0xfff)
	}
	step := 2 * k.word
	if to := last - (last-at)%step; to > at+step {
		return to - step
	}
	return at
}

// leads reports whether the chunk c leads on for so many chunks, or to the top or the end of the
// range, or for as many as convince.
func (k *walker) leads(c chunk, g *chunkRange, most int) bool {
	differ := false
	first := c.length
	for n := 1; ; n++ {
		at := c.at + c.length
		if at == g.top || g.top == 0 && at == g.end && !g.piece {
			return true
		}
		next, bad := k.look.head(at, g)
		if bad == fencepost && next.prevUsed {
			return n > 1
		}
		if bad != fine && bad != fencepost {
			return k.convinces(n, differ, c)
		}
		if !next.prevUsed {
			size, ok := k.look.wordAt(at)
			if !ok || addr.Addr(size) != c.length || !c.prevUsed || c.word&chunkOther != 0 {
				return k.convinces(n, differ, c)
			}
			differ = true // a free chunk that has its size at both ends is worth as much
		} else if c.word&chunkOther != g.other {
			return false
		}
		if bad == fencepost {
			return true
		}
		if n >= most {
			return true
		}
		differ = differ || next.length != first
		c = next
	}
}
