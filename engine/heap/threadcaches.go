package heap

import "vscan/engine/addr"

// A thread has a pointer to its cache in its own memory, which libc lays at the same
// distance from the thread pointer in every thread. Where that is, the caches tell
// that were recognised by what they hold; then it tells those that hold nothing, and
// so look like any block of zeros:
//
//	thread 1   …|  tcache  |………|tp      → a cache that was recognised: the distance
//	thread 2   …|  tcache  |………|tp      → an object of a cache's size: a cache as well

// threadMemory is how far from its thread pointer a thread's memory is searched, in
// bytes on either side.
const threadMemory = 4096

// maxThreads is how many threads are asked.
const maxThreads = 1 << 16

// cachesOfThreads notes the caches that threads, of which these are the thread
// pointers, have and that are not among known, the first bytes of caches.
func (f *finder) cachesOfThreads(m *marker, threads []addr.Addr, known map[addr.Addr]bool) {
	threads = threads[:min(len(threads), maxThreads)]
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

// cacheDistance returns how far from a thread pointer the pointer to the cache lies, to
// be added with a carry that is dropped: where most threads have a known one, and of
// several such places the nearest.
func (f *finder) cacheDistance(m *marker, threads []addr.Addr, known map[addr.Addr]bool) (distance addr.Addr, ok bool) {
	if len(known) == 0 {
		return 0, false
	}
	votes := make([]int, 2*threadMemory/f.word) // by place, from threadMemory before the thread pointer on
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
