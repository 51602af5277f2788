package heap

import (
	"fmt"
	"slices"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/heap/heaptest"
)

// want is what each object has to be, by its first address.
type want map[addr.Addr]State

// find finds the heaps in some mappings.
func find(t *testing.T, arch addr.Arch, mappings ...engine.Mapping) *Heaps {
	t.Helper()
	h, err := Find(t.Context(), mustSpace(t, mappings...), arch, Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkHeaps(t, h)
	return h
}

// checkHeaps checks what has to hold of any heaps.
func checkHeaps(t *testing.T, h *Heaps) {
	t.Helper()
	hint := 0
	for i, o := range h.objects {
		if !o.Valid() || i > 0 && o.First <= h.objects[i-1].Last {
			t.Fatalf("object %d is %v, the one before %v", i, o, h.objects[max(i, 1)-1])
		}
		for _, a := range []addr.Addr{o.First, o.First + addr.Addr(o.Size()/2), o.Last} {
			in := h.indexNear(a, &hint)
			if behind := a > o.Last-8 && in < 0; in != i && !behind { // its last word may be of the next head, which is damaged
				t.Fatalf("%v is in object %d, want %d: %v", a, in, i, o)
			}
		}
	}
	if own := h.Internal(); !slices.Equal(own, addr.Merge(own)) {
		t.Fatalf("own %v", own)
	}
	if a := h.Account(); a.Understood > a.Writable {
		t.Fatalf("%d bytes understood of %d", a.Understood, a.Writable)
	}
}

// check compares the objects with what is wanted. The tops of heaps need not be in it, but have to be free.
func (w want) check(t *testing.T, what any, h *Heaps) {
	t.Helper()
	seen := 0
	for _, o := range h.Objects() {
		state, ok := w[o.First]
		if ok {
			seen++
		}
		if ok && o.State != state || !ok && o.State != Free {
			t.Errorf("%v: object %v of %d bytes is %v, want %v (%v)", what, o.First, o.Size(), o.State, state, ok)
		}
	}
	if seen != len(w) {
		t.Errorf("%v: %d objects of %d; gaps %v", what, seen, len(w), h.Account().Gaps)
	}
}

// threadHeapAt returns a heap of a thread's arena: the first one of its arena if arena is 0.
func threadHeapAt(arch addr.Arch, base, arena, before addr.Addr, size int) *heaptest.Heap {
	w := arch.WordSize()
	head := 6 * w
	if arena == 0 { // its state follows
		arena = base + addr.Addr(head)
		head = (head+12+w-1)&^(w-1) + (12+254+5)*w + 16
		head = (head + 2*w - 1) &^ (2*w - 1)
	}
	h := heaptest.New(arch, base, size, chunkOther, head)
	h.Put(0, uint64(arena))
	h.Put(w, uint64(before))
	h.Put(2*w, uint64(size))
	h.Put(3*w, uint64(size))
	return h
}

// A thread's arena has two heaps with free chunks, which do not have the flag of such an arena, with
// fenceposts at the end of the first, and with fastbins, whose links may be mangled.
func TestThreadArena(t *testing.T) {
	for _, arch := range machines {
		for _, mangled := range []bool{false, true} {
			w := arch.WordSize()
			first := threadHeapAt(arch, 0x10000000, 0, 0, 0x3000)
			a, b := first.Add(10, true), first.Add(20, false)
			c, d := first.Add(4, true), first.Add(4, true)
			first.Add((0x3000-first.At())/w-4, false)
			first.Fence()
			second := threadHeapAt(arch, 0x14000000, 0x10000000+addr.Addr(6*w), 0x10000000, 0x2000)
			e, f, g := second.Add(6, true), second.Add(4, true), second.Add(300, true)
			top := second.Base + addr.Addr(second.At())
			second.End()
			head := addr.Addr(2 * w)
			link := func(h *heaptest.Heap, at, to addr.Addr) {
				v := uint64(to)
				if mangled {
					v ^= uint64(at) >> 12
				}
				h.Put(int(at-h.Base), v)
			}
			link(first, d, f-head) // a fastbin of d and f
			link(second, f, 0)
			first.PutState(6*w, heaptest.State{Top: top, Fast: []addr.Addr{d - head}, Memory: 0x5000, Apart: true})
			h := find(t, arch, first.Mapping(t, "x"), second.Mapping(t, "y"))
			want{a: Used, b: Free, c: Used, d: Fastbin, e: Used, f: Fastbin, g: Used}.check(t, arch, h)
			arenas := h.Account().Arenas
			if len(arenas) != 1 || arenas[0].Kind != ArenaThread || arenas[0].At != 0x10000000+addr.Addr(6*w) || len(arenas[0].Heaps) != 2 || arenas[0].Refused != "" || len(h.Account().Gaps) > 0 {
				t.Errorf("%v: %+v", arch, h.Account())
			}
			if own := h.Internal(); len(own) != 2 || own[0].First != first.Base || own[1].First != second.Base {
				t.Errorf("%v: own %v", arch, own)
			}
		}
	}
}

// stateAt is where in the data of libc the state is.
const stateAt = 0x500

// libc returns the data of a libc with the state of a main arena and its parameters.
func libc(t *testing.T, arch addr.Arch, s heaptest.State, base addr.Addr, mapped int, bytes uint64, old bool) engine.Mapping {
	t.Helper()
	w := arch.WordSize()
	l := heaptest.New(arch, 0x7000000, 0x3000, 0, 0)
	end := l.PutState(stateAt, s)
	at := end + 5*w // mp_
	for i, v := range []uint64{128 << 10, 128 << 10, 128 << 10, 8} {
		l.Put(at+i*w, v)
	}
	at += 5 * w
	if !old {
		at += 2*w + 4
	}
	for i, v := range []uint64{uint64(mapped), mostMapped, uint64(mapped), 0} {
		arch.Order().PutUint(l.Bytes[at+4*i:at+4*i+4], v)
	}
	at = (at + 16 + w - 1) &^ (w - 1)
	for _, v := range []uint64{bytes, bytes, uint64(base)} {
		l.Put(at, v)
		at += w
	}
	return l.Mapping(t, "/lib/libc.so.6")
}

// Others use brk too: the main arena goes on behind a block before its first chunk, and behind one that
// follows fenceposts.
func TestMainArenaAmongOthers(t *testing.T) {
	for _, arch := range machines {
		for _, old := range []bool{false, true} {
			w := arch.WordSize()
			m := heaptest.New(arch, 0x100000, 0x8000, 0, 0x140)
			for i := 0; i < 0x140; i += w {
				m.Put(i, 0x21)
			}
			a, b := m.Add(8, true), m.Add(6, false)
			c := m.Add(30, true)
			m.Add((0x2000-m.At())/w-4, false)
			m.Fence()
			for i := 0x2000; i < 0x3000; i += w {
				m.Put(i, 0x21)
			}
			m.From(0x3000)
			d, e := m.Add(4, true), m.Add(12, true)
			top := m.Base + addr.Addr(m.At())
			m.End()
			data := libc(t, arch, heaptest.State{Top: top, Memory: 0x8000 - 0x140}, 0x100140, 0, 0, old)
			h := find(t, arch, m.Mapping(t, "[heap]"), data)
			want{a: Used, b: Free, c: Used, d: Used, e: Used}.check(t, arch, h)
			gaps := h.Account().Gaps
			if len(gaps) != 1 || gaps[0].Range != (addr.Range{First: 0x102000, Last: 0x102fff}) {
				t.Errorf("%v: gaps %v", arch, gaps)
			}
			if h.Contains(0x102800) || !h.Contains(a) {
				t.Errorf("%v: what is not of malloc is in a heap", arch)
			}
			if own := h.Internal(); len(own) != 2 {
				t.Errorf("%v: own %v", arch, own)
			}
		}
	}
}

// Mapped chunks of all forms are found among other memory that was mapped beside them, also where that
// is the stack of a thread, which Linux puts into one mapping with what lies behind it.
func TestMappedChunks(t *testing.T) {
	for _, name := range []string{"z", "[stack:7]"} {
		testMappedChunks(t, name)
	}
}

func testMappedChunks(t *testing.T, name string) {
	for _, arch := range machines {
		w := addr.Addr(arch.WordSize())
		m := heaptest.New(arch, 0x2000000, 0x40000, 0, 0)
		put := func(at addr.Addr, before, size uint64) addr.Addr {
			m.Put(int(at), before)
			m.Put(int(at+w), size|chunkMapped)
			return m.Base + at + 2*w
		}
		for i := range 0x3000 / int(w) {
			m.Put(i*int(w), 7)
		}
		first := put(0x3000, 0, 0x4000)
		put(0x9000, 0, 0x9000) // the head that it had before it was aligned
		aligned := put(0xc000-2*w, uint64(0x3000-2*w), 0x9000-uint64(0x3000-2*w))
		newer := put(0x13000, 0, 0x5000-uint64(2*w))
		huge := put(0x18000, 1, 0x8000-uint64(2*w))
		for i := 0x20000 / int(w); i < 0x40000/int(w); i++ {
			m.Put(i*int(w), 0x1002)
		}
		heap := heaptest.New(arch, 0x100000, 0x1000, 0, 0)
		x := heap.Add(8, true)
		top := heap.Base + addr.Addr(heap.At())
		heap.End()
		data := libc(t, arch, heaptest.State{Top: top, Memory: 0x1000}, 0x100000, 4, 0x4000+0x9000+0x5000+0x8000, false)
		h := find(t, arch, m.Mapping(t, name), heap.Mapping(t, "[heap]"), data)
		want{x: Used, first: Used, aligned: Used, newer: Used, huge: Used}.check(t, arch, h)
		sizes := map[addr.Addr]uint64{first: 0x4000 - uint64(2*w), aligned: 0x6000, newer: 0x5000 - uint64(2*w), huge: 0x8000 - uint64(2*w)}
		hint := 0
		for at, size := range sizes {
			if i := h.indexNear(at, &hint); i < 0 || h.Objects()[i].Size() != size {
				t.Errorf("%v: chunk %v has not %#x bytes", arch, at, size)
			}
		}
	}
}

// Caches of all versions of glibc are found, with objects of another arena.
func TestCaches(t *testing.T) {
	for _, arch := range machines {
		for _, form := range cacheForms {
			for _, mangled := range []bool{false, true} {
				testCache(t, arch, form, mangled)
			}
		}
	}
}

func testCache(t *testing.T, arch addr.Arch, form cacheForm, mangled bool) {
	w := arch.WordSize()
	m := heaptest.New(arch, 0x100000, 0x6000, 0, 0)
	before := m.Add(8, true)
	words := (int(form.bytes(addr.Addr(w)))+w-1)/w + 1
	cache := m.Add(words+words%2, true)
	other := m.Add(words+words%2, true) // one of the same size that is none
	for i := range words - 1 {
		m.Put(int(other-m.Base)+i*w, uint64(i*5))
	}
	a, b, c := m.Add(6, true), m.Add(6, true), m.Add(6, true)
	used := m.Add(6, true)
	m.End()
	thread := threadHeapAt(arch, 0x4000000, 0, 0, 0x2000)
	d := thread.Add(6, true)
	thread.PutState(6*w, heaptest.State{Top: thread.Base + addr.Addr(thread.At()), Memory: 0x2000, Apart: true})
	thread.End()
	link := func(h *heaptest.Heap, at, to addr.Addr) {
		v := uint64(to)
		if mangled {
			v ^= uint64(at) >> 12
		}
		h.Put(int(at-h.Base), v)
	}
	link(m, a, d)
	link(thread, d, c)
	link(m, c, 0)
	link(m, b, 0)
	put := func(bin int, count uint64, head addr.Addr) {
		at := int(cache-m.Base) + bin*int(form.width)
		arch.Order().PutUint(m.Bytes[at:at+int(form.width)], count)
		m.Put(int(cache-m.Base)+int(form.bins*form.width)+bin*w, uint64(head))
	}
	if form.slots {
		for bin := range int(form.bins) {
			put(bin, 7, 0)
		}
		put(1, 4, a)
	} else {
		put(1, 3, a)
	}
	h := find(t, arch, m.Mapping(t, "[heap]"), thread.Mapping(t, "x"))
	w2 := want{before: Used, cache: Used, other: Used, a: Cached, c: Cached, d: Cached, b: Used, used: Used}
	w2.check(t, fmt.Sprint(arch, form, mangled), h)
	if own := h.Internal(); !slices.ContainsFunc(own, func(r addr.Range) bool { return r.Contains(cache) }) || slices.ContainsFunc(own, func(r addr.Range) bool { return r.Contains(other) }) {
		t.Errorf("%v %v: own %v", arch, form, own)
	}
}

// A cache is found behind any number of objects of its size that are no caches.
func TestCacheAmongMany(t *testing.T) {
	arch := addr.LE64
	m := heaptest.New(arch, 0x100000, 0x800000, 0, 0)
	for range 12000 {
		o := m.Add(82, true)
		for i := range 80 {
			m.Put(int(o-m.Base)+i*8, 0x7878787878787878)
		}
	}
	cache, a, b := m.Add(82, true), m.Add(4, true), m.Add(4, true)
	m.End()
	arch.Order().PutUint(m.Bytes[cache-m.Base:][:2], 1)
	m.Put(int(cache-m.Base)+128, uint64(a))
	h := find(t, arch, m.Mapping(t, "[heap]"))
	hint := 0
	if x, y := h.Objects()[h.indexNear(a, &hint)].State, h.Objects()[h.indexNear(b, &hint)].State; x != Cached || y != Used {
		t.Errorf("the objects are %v and %v, want cached and used", x, y)
	}
}
