package heap

import "vscan/engine/addr"

// A thread has a pointer to its cache in its own memory (malloc/malloc.c, tcache), which libc lays at
// the same distance from the thread pointer in every thread. The caches that were recognised by what
// they hold tell the distance. The distance then tells the caches that hold nothing, which otherwise
// look like any block of zeros:
//
//	thread 1   …|  tcache  |………|tp      → a cache that was recognised: the distance is known
//	thread 2   …|  tcache  |………|tp      → an object of a cache's size: it is a cache as well

// threadMemory is how far from its thread pointer the memory of a thread is searched, in bytes on
// either side.
const threadMemory = 4096

// maxThreads is the most threads that are looked at.
const maxThreads = 1 << 16

// cachesOfThreads adds the caches of threads to malloc's own memory that are not known yet. threads
// are thread pointers, and known has the first bytes of the caches that were recognised.
func (f *finder) cachesOfThreads(m *marker, threads []addr.Addr, known map[addr.Addr]bool) {
	if len(threads) > maxThreads {
		tp := threads[maxThreads]
		f.bound(addr.Range{First: tp, Last: tp}, "thread pointer %v: caches of more than %d threads are not looked for: those that hold nothing count as objects", tp, maxThreads)
		threads = threads[:maxThreads]
	}
	distance, ok := f.cacheDistance(m, threads, known)
	if !ok {
		return
	}
	for _, tp := range threads {
		i := m.starting(m.r.pointer(tp + distance))
		if i < 0 || m.objects[i].State != Used || known[m.objects[i].First] || !f.walker.cacheSized(m.length(i)) {
			continue
		}
		known[m.objects[i].First] = true
		f.internal = append(f.internal, m.objects[i].Range)
	}
}

// cacheDistance returns how far from a thread pointer the pointer to the cache lies, to be added with
// a carry that is dropped: where most threads have a known cache, and of several such distances the
// smallest.
func (f *finder) cacheDistance(m *marker, threads []addr.Addr, known map[addr.Addr]bool) (distance addr.Addr, ok bool) {
	if len(known) == 0 {
		return 0, false
	}
	votes := make([]int, 2*threadMemory/f.word) // for each word from threadMemory before the thread pointer on
	for _, tp := range threads {
		for i := range votes {
			if known[m.r.pointer(tp+addr.Addr(i)*f.word-threadMemory)] {
				votes[i]++
			}
		}
	}
	best, nearest := 0, 0
	for i, n := range votes {
		far := max(i-len(votes)/2, len(votes)/2-i)
		if n > best || n == best && n > 0 && far < nearest {
			best, nearest = n, far
			distance = addr.Addr(i)*f.word - threadMemory
		}
	}
	return distance, best > 0
}
