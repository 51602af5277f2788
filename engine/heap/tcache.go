package heap

import (
	"fmt"
	"sort"

	"vscan/engine"
	"vscan/engine/addr"
)

// A thread's cache (malloc/malloc.c, tcache_perthread_struct) is an object itself:
//
//	char counts[64]          glibc 2.26 to 2.29
//	uint16 counts[64]        2.30 to 2.41
//	uint16 num_slots[76]     since 2.42: how many more there may be
//	entry *entries[64 or 76]
//
// Each entry is the address of an object, which begins with the address of the next one, and so
// on to 0. Entry i has chunks of one size: (i + 2) × 2 words, or (i + 1) × 16 bytes where chunks
// are aligned to 16 and words have 4 bytes. From the 65th entry on an entry has the sizes between
// one power of two and the next. From glibc 2.32 on, links are mangled: xored with their own
// address shifted right by 12 bits (PROTECT_PTR).
//
// Caches are found by their size, and by what they hold: the cache of a thread may lie in the heap
// of any arena, and hold objects of others.

// cacheForm is how a cache is laid out.
type cacheForm struct {
	bins  addr.Addr // how many entries there are
	width addr.Addr // the size of a count in bytes
	slots bool      // whether counts are of what is missing
}

var cacheForms = []cacheForm{{64, 1, false}, {64, 2, false}, {76, 2, true}}

// bytes returns the size of a cache in bytes.
func (c cacheForm) bytes(word addr.Addr) addr.Addr { return c.bins * (c.width + word) }

// maxCaches is the most objects of the size of a cache that are looked at.
const maxCaches = 1 << 20

// cacheSized reports whether a chunk has the size of one that holds a cache.
func (k *walker) cacheSized(length addr.Addr) bool {
	for _, c := range cacheForms {
		if need := c.bytes(k.word) + k.word; length >= need && length < need+4*k.word {
			return true
		}
	}
	return false
}

// cacheMapped reports whether a chunk that was mapped on its own may hold a cache: a program may
// have chunks of that size mapped.
func (m *memory) cacheMapped(object addr.Range) bool {
	for _, c := range cacheForms {
		if need := c.bytes(m.word); m.fitsMapped(object, need) {
			return true
		}
	}
	return false
}

// fitsMapped reports whether a chunk that was mapped has the size that malloc gives it for so many
// bytes: whole pages.
func (m *memory) fitsMapped(object addr.Range, need addr.Addr) bool {
	size := object.Last - object.First + 1
	return size >= need && size-need < engine.PageSize
}

// marker marks the objects that lists of free ones hold.
type marker struct {
	*Heaps
	r      *reader
	hint   int
	gaps   []Gap // the gaps of all heaps, ascending
	budget int   // how many more links may be followed
	broken []Gap // links of lists that lead nowhere, or in a circle
}

// starting returns the index of the object that starts at a, or −1 where none does.
func (m *marker) starting(a addr.Addr) int {
	if i := m.indexNear(a, &m.hint); i >= 0 && m.objects[i].First == a {
		return i
	}
	return -1
}

// length returns the length of the chunk of an object in bytes.
func (m *marker) length(i int) addr.Addr {
	return m.objects[i].Last - m.objects[i].First + 1 + m.r.word
}

// link returns what the link at a refers to, mangled or not. It refers to an object if less is 0,
// else to the chunk that begins so many bytes before one.
func (m *marker) link(a, less addr.Addr) addr.Addr {
	word := m.r.pointer(a)
	if mangled := word ^ a>>12; mangled == 0 || m.starting(mangled+less) >= 0 || m.inGap(mangled+less) {
		return mangled
	}
	return word
}

// markCache marks what the object i holds, if it is a cache, and reports whether it is one. A cache
// that is empty holds nothing but zeros, and is told by being the first object of a heap.
func (m *marker) markCache(i int, run *runIndex) bool {
	length := m.length(i)
	first := i == run.lo && !run.mapped
	for _, c := range cacheForms {
		need := c.bytes(m.r.word) + m.r.word
		fits := length >= need && length < need+4*m.r.word
		if run.mapped {
			fits = m.r.fitsMapped(m.objects[i].Range, need-m.r.word)
		}
		if fits && m.markLists(m.objects[i].First, c, first) {
			return true
		}
	}
	return false
}

// markLists marks what the cache at a holds, if there is one of a form, and reports whether there
// is.
func (m *marker) markLists(a addr.Addr, c cacheForm, first bool) bool {
	lists, broken, ok := m.cached(a, c, first)
	if ok {
		for _, o := range lists {
			m.objects[o].State = Cached
		}
		m.broken = append(m.broken, broken...)
	}
	return ok
}

// cached returns what the cache at a holds if it has a form, and where its lists break off. It
// returns false where there is no such cache. A list that breaks off before it has as many objects
// as its count says speaks neither for a cache nor against one.
func (m *marker) cached(a addr.Addr, c cacheForm, first bool) (all []int, broken []Gap, ok bool) {
	w := m.r.word
	good, bad := 0, 0
	room := map[uint64]int{} // how many bins have each sum of count and length of list
	for i := range c.bins {
		head := a + c.bins*c.width + i*w
		count := m.r.uint(a+i*c.width, int(c.width))
		l := m.list(head, i)
		n := l.known()
		short := !l.whole && (c.slots || n < count) || !c.slots && n < count
		switch {
		case c.slots:
			room[n+count]++
			if n == 0 && m.r.pointer(head) != 0 {
				bad++
			}
		case n == 0 && count == 0 && l.whole:
		case len(l.objects) > 0 && (l.whole || l.round || n == count):
			good++
		case len(l.objects) == 0 || n > count:
			bad++
		}
		if short && len(broken) < maxBroken {
			broken = append(broken, m.breaksOff(l.end, fmt.Sprintf("a list of the thread's cache at %v", a)))
		}
		all = append(all, l.objects...)
	}
	if c.slots { // the sum is the same in all bins but those for large chunks
		same := 0
		for n, bins := range room {
			if n > 0 {
				same = max(same, bins)
			}
		}
		return all, broken, same >= 60 && bad <= 2
	}
	return all, broken, good > bad || first && good+bad == 0
}

// maxBroken is how many broken lists of a cache become gaps.
const maxBroken = 8

// breaksOff returns the gap of a link that does not lead on.
func (m *marker) breaksOff(link addr.Addr, what string) Gap {
	return Gap{addr.Range{First: link, Last: link + m.r.word - 1}, fmt.Sprintf("%v: %s breaks off: the link is %#x; objects that were freed and lie behind it count as in use", link, what, uint64(m.r.pointer(link)))}
}

// freeList is a list of objects as it was followed.
type freeList struct {
	objects []int
	lost    int       // how many are in gaps, or are not of the list's size
	whole   bool      // whether its end was found
	round   bool      // whether it leads back into itself
	end     addr.Addr // the address of the last link that was read
}

// known returns how many objects are in the list at least.
func (l *freeList) known() uint64 { return uint64(len(l.objects) + l.lost) }

// list follows the list of entry i, whose head is the word at an address. One whose head is damaged
// is followed as well. That a list leads back into itself is found as in Brent, "An improved Monte
// Carlo factorization algorithm", 1980: the last object whose position is a power of two is
// remembered.
func (m *marker) list(head, i addr.Addr) (l freeList) {
	w := m.r.word
	size := addr.Addr(0)
	mark, next := -1, 1 // the object that is remembered, and the position of the next one
	l.end = head
	for at := m.r.pointer(head); at != 0; at = m.link(at, 0) {
		o := m.starting(at)
		if o < 0 && !m.inGap(at) || o >= 0 && m.objects[o].State == Free || len(l.objects) == 1<<16 {
			return l
		}
		if m.budget--; m.budget < 0 { // only links of objects count, so what is no cache costs little
			return l
		}
		if l.round = o >= 0 && o == mark; l.round {
			l.objects = untilRepeated(append(l.objects, o))
			l.end = m.objects[l.objects[len(l.objects)-1]].First
			return l
		}
		length := addr.Addr(0)
		if o >= 0 {
			length = m.length(o)
		}
		l.end = at
		if fits := length == (i+2)*2*w || w == 4 && length == (i+1)*16 || i >= 64 && o >= 0; !fits || size != 0 && i < 64 && length != size {
			if l.lost++; l.lost > 2 {
				return l
			}
			continue
		}
		size = length
		l.objects = append(l.objects, o)
		if len(l.objects) == next {
			mark, next = o, 2*next
		}
	}
	l.whole = true
	return l
}

// untilRepeated returns the objects before the first that has been there before.
func untilRepeated(objects []int) []int {
	seen := map[int]bool{}
	for i, o := range objects {
		if seen[o] {
			return objects[:i]
		}
		seen[o] = true
	}
	return objects
}

// inGap reports whether an address is in memory of a heap that was not understood, and could be that
// of an object.
func (m *marker) inGap(a addr.Addr) bool {
	k := sort.Search(len(m.gaps), func(i int) bool { return m.gaps[i].Last >= a })
	return a%(2*m.r.word) == 0 && k < len(m.gaps) && m.gaps[k].First <= a
}
