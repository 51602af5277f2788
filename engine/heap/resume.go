package heap

import "vscan/engine/addr"

// Where a chunk makes no sense, its neighbours still can: what follows is looked
// for at every aligned address, as a chunk from which others lead on. How many have
// to: enough, where they differ in size, since a word of a program's data is as
// rarely a sensible size as that; more where they are all of one size, for an array
// of small numbers looks like that; any number, if they lead to the end.

const (
	enough  = 8
	alike   = 64
	toCheck = 64
)

// skip finds the chunk with which a region goes on behind the one at an address
// that makes no sense, or behind fenceposts, and keeps the gap. It returns 0 where
// there is none.
func (k *walker) skip(at addr.Addr, bad trouble, g *region) addr.Addr {
	word, _ := k.at(at + k.word)
	if bad == wrongBefore {
		word, _ = k.at(at)
	}
	from := at + 2*k.word
	resume := k.resume
	if bad == fence {
		resume = k.resumeFresh
		from = at
		if at >= g.end || g.piece || g.top == 0 && g.other != 0 {
			return 0
		}
	}
	next := resume(from, g)
	last := next - 1
	if next == 0 {
		if bad == fence && g.top == 0 { // behind the last part there is nothing
			return 0
		}
		last = g.end - 1
	}
	if at <= last {
		k.gap(addr.Range{First: at, Last: last}, bad, word)
	}
	return next
}

// resume is the first address from one on, in steps of the alignment, with a chunk
// that leads on far enough; 0: there is none.
func (k *walker) resume(from addr.Addr, g *region) addr.Addr {
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
		if bad == fine && k.leads(c, g, toCheck) {
			return at
		}
	}
	return 0
}

// resumeFresh is resume where the chunk is the first in memory that the system gave:
// nothing ever was before it.
func (k *walker) resumeFresh(from addr.Addr, g *region) addr.Addr {
	for {
		next := k.resume(from, g)
		if next == 0 {
			return 0
		}
		before, ok1 := k.at(next)
		size, ok2 := k.at(next + k.word)
		if ok1 && ok2 && before == 0 && size&chunkPrevUsed != 0 {
			return next
		}
		from = next + 2*k.word
	}
}

// unreadTo is the last address to try in memory that the image does not hold, of
// which at is one.
func (k *walker) unreadTo(at addr.Addr, g *region) addr.Addr {
	v := k.space.At(at + k.word)
	last := min(v.Last, g.end-1)
	if v.Mapping != nil && v.Mapping.Source != nil { // the source failed: try the next page
		last = min(last, at|0xfff)
	}
	step := 2 * k.word
	if to := last - (last-at)%step; to > at+step {
		return to - step
	}
	return at
}

// leads reports whether the chunk c leads on for so many chunks, or to the end of
// the region.
func (k *walker) leads(c chunk, g *region, most int) bool {
	differ := false
	first := c.length
	for n := 1; ; n++ {
		at := c.at + c.length
		if at == g.top || g.top == 0 && at == g.end {
			return true
		}
		next, bad := k.look.head(at, g)
		if bad == fence && next.prevUsed {
			return n > 1
		}
		if bad != fine && bad != fence {
			return n >= enough && differ || n >= alike
		}
		if !next.prevUsed {
			size, ok := k.look.at(at)
			if !ok || addr.Addr(size) != c.length || !c.prevUsed || c.word&chunkOther != 0 {
				return n >= enough && differ || n >= alike
			}
			differ = true // that a free chunk is said to be so at both ends is worth as much
		} else if c.word&chunkOther != g.other {
			return false
		}
		if bad == fence {
			return true
		}
		if n >= most {
			return true
		}
		differ = differ || next.length != first
		c = next
	}
}
