package heap

import (
	"math/rand/v2"
	"slices"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/heap/heaptest"
	"vscan/internal/testenv"
)

// In a heap that was overwritten at 100 places, the objects that are not beside these are found as
// before, the rest is in a gap, and nothing is invented.
func TestDamage(t *testing.T) {
	rnd := testenv.Rand(t)
	for _, arch := range machines {
		w := arch.WordSize()
		m := heaptest.New(arch, 0x1000000, 0x200000, 0, 0)
		used := true
		for m.At() < 0x1f0000 {
			words := 4 + 2*rnd.IntN(20)
			at, before := m.At(), used
			used = !before || rnd.IntN(5) > 0 // free ones are joined
			m.Add(words, used)
			for i := 2; i < words; i++ {
				m.Put(at+i*w, content(rnd, m, arch))
			}
		}
		if !used {
			m.Add(4, true)
		}
		top := m.Base + addr.Addr(m.At())
		m.End()
		data := libc(t, arch, heaptest.State{Top: top, Memory: 0x200000}, m.Base, 0, 0, false)
		fillBins(t, m, &data, find(t, arch, m.Mapping(t, "[heap]"), data))
		whole := find(t, arch, m.Mapping(t, "[heap]"), data)
		if len(whole.Account().Gaps) > 0 || whole.Account().Arenas[0].Refused != "" {
			t.Fatalf("%v: %+v", arch, whole.Account())
		}
		hit := damage(rnd, arch, m, whole.Objects(), 100)
		checkDamaged(t, arch, whole, find(t, arch, m.Mapping(t, "[heap]"), data), hit)
	}
}

// fillBins makes the bins of the arena in data hold all chunks that are free.
func fillBins(t *testing.T, m *heaptest.Heap, data *engine.Mapping, h *Heaps) {
	t.Helper()
	var free []addr.Addr
	for _, o := range h.Objects()[:len(h.Objects())-1] {
		if o.State == Free {
			free = append(free, o.First)
		}
	}
	l := heaptest.New(m.Arch(), data.First, int(data.Size()), 0, 0)
	if _, err := mustSpace(t, *data).Read(l.Bytes, data.First); err != nil {
		t.Fatal(err)
	}
	for bin := range 40 {
		var some []addr.Addr
		for i := bin; i < len(free); i += 40 {
			some = append(some, free[i])
		}
		l.PutBin(stateAt, bin, m, some)
	}
	*data = l.Mapping(t, data.Name)
}

// content returns a word as programs have it: a number, text, an address.
func content(rnd *rand.Rand, m *heaptest.Heap, arch addr.Arch) uint64 {
	switch rnd.IntN(4) {
	case 0:
		return 0
	case 1:
		return uint64(rnd.IntN(100000))
	case 2:
		return uint64(m.Base) + rnd.Uint64N(0x200000)
	}
	return rnd.Uint64() & uint64(arch.MaxAddr())
}

// damage overwrites so many places with random bytes, text, addresses and zeros. It returns the objects
// that these places, and the heads of chunks around them, belong to.
func damage(rnd *rand.Rand, arch addr.Arch, m *heaptest.Heap, objects []Object, places int) []bool {
	hit := make([]bool, len(objects))
	w := arch.WordSize()
	for range places {
		i := 1 + rnd.IntN(len(objects)-3)
		at := int(objects[i].First-m.Base) - w // the size
		if rnd.IntN(2) == 0 {
			at += rnd.IntN(int(objects[i].Size()))
		}
		b := make([]byte, 1+rnd.IntN(40))
		switch rnd.IntN(4) {
		case 0:
			for k := range b {
				b[k] = byte(rnd.Uint32())
			}
		case 1:
			for k := range b {
				b[k] = 'A'
			}
		case 2:
			b = make([]byte, w)
			arch.Order().PutUint(b, uint64(objects[rnd.IntN(len(objects))].First))
		}
		copy(m.Bytes[at:], b)
		for k := i; k < len(objects) && objects[k].First < m.Base+addr.Addr(at+len(b)+w); k++ {
			hit[k] = true
		}
		hit[i-1] = true // whether it is free
	}
	return hit
}

// checkDamaged compares what is found of a damaged heap with the whole one.
func checkDamaged(t *testing.T, arch addr.Arch, whole, damaged *Heaps, hit []bool) {
	t.Helper()
	gaps := damaged.Account().Gaps
	hint, lost, near, taken := 0, 0, 0, 0
	for i, o := range whole.Objects() {
		k := damaged.indexNear(o.First, &hint)
		found := k >= 0 && damaged.Objects()[k] == o
		told := slices.ContainsFunc(gaps, func(g Gap) bool { return g.Overlaps(o.Range) })
		switch {
		case found:
		case hit[i]:
			near++
		case !told: // a size that was changed led by chance to another chunk
			taken++
		default:
			lost++
		}
	}
	invented := 0
	for _, o := range damaged.Objects() {
		if k := whole.indexNear(o.First, &hint); k < 0 || whole.Objects()[k].First != o.First {
			invented++
		}
	}
	t.Logf("%v: %d objects, %d beside the damage lost, %d others, %d taken for part of one, %d invented, %d gaps", arch, len(whole.Objects()), near, lost, taken, invented, len(gaps))
	if lost > len(whole.Objects())/50 || taken > 25 || invented > 10 {
		t.Errorf("%v: %d lost, %d taken, %d invented", arch, lost, taken, invented)
	}
}

// Memory that is no heap is not taken for one: noise, numbers, sizes of chunks without order.
func TestNoHeap(t *testing.T) {
	rnd := testenv.Rand(t)
	kinds := []func() uint64{
		rnd.Uint64,
		func() uint64 { return rnd.Uint64N(1000) },
		func() uint64 { return rnd.Uint64N(2) * (rnd.Uint64N(40)*16 + 1) },
		func() uint64 { return rnd.Uint64N(2) * (rnd.Uint64N(14)*3*4096 + 2) }, // 128 pages are no multiple of three
		func() uint64 { return 0x21 },
		func() uint64 { return 0 },
	}
	for _, arch := range machines {
		for k, kind := range kinds {
			w := arch.WordSize()
			m := heaptest.New(arch, 0x10000000, 0x80000, 0, 0)
			for i := 0; i < len(m.Bytes); i += w {
				m.Put(i, kind()&uint64(arch.MaxAddr()))
			}
			h := find(t, arch, m.Mapping(t, "x"))
			if len(h.Objects()) > 0 {
				t.Errorf("%v, memory %d: %d objects", arch, k, len(h.Objects()))
			}
			if a := h.Account(); len(a.Arenas) > 0 || a.Writable != 0x80000 || a.Understood != 0 {
				t.Errorf("%v, memory %d: %+v", arch, k, a)
			}
		}
	}
}

// A heap of which the image lacks parts goes on behind them.
func TestHoles(t *testing.T) {
	for _, arch := range machines {
		w := arch.WordSize()
		m := heaptest.New(arch, 0x100000, 0x10000, 0, 0)
		for m.At() < 0xf000 {
			m.Add(4+(m.At()/w)%14&^1, true)
		}
		top := m.Base + addr.Addr(m.At())
		m.End()
		data := libc(t, arch, heaptest.State{Top: top, Memory: 0x10000}, m.Base, 0, 0, false)
		whole := find(t, arch, m.Mapping(t, "[heap]"), data)
		hole := engine.Mapping{Range: addr.Range{First: 0x104000, Last: 0x106fff}, State: engine.Absent, Perm: engine.PermKnown | engine.PermRead | engine.PermWrite, Name: "[heap]"}
		h := find(t, arch, m.Mapping(t, "[heap]"), hole, data)
		hint := 0
		for _, o := range whole.Objects() {
			k := h.indexNear(o.First, &hint)
			near := addr.Range{First: hole.First - 0x200, Last: hole.Last + 0x200}
			if !near.Overlaps(o.Range) && (k < 0 || h.Objects()[k] != o) {
				t.Errorf("%v: object %v is lost", arch, o.Range)
			}
		}
		if a := h.Account(); len(a.Gaps) != 1 || !a.Gaps[0].Covers(addr.Range{First: hole.First + 0x200, Last: hole.Last}) || a.Writable != 0x10000-0x3000 || a.Understood > a.Writable {
			t.Errorf("%v: %+v", arch, a)
		}
	}
}

// Memory that is made to lead the walk astray costs no more than its size allows: each step is counted.
func TestHostile(t *testing.T) {
	for _, arch := range machines {
		w := arch.WordSize()
		fill := map[string]func(i int) uint64{
			"empty bins":      func(i int) uint64 { return 0x100000 + uint64(i&^1*w) - 2*uint64(w) },
			"most empty bins": func(i int) uint64 { return (0x100000 + uint64(i&^1*w) - 2*uint64(w)) * uint64((i/2)%5/1&1) },
			"small chunks":    func(i int) uint64 { return uint64(4*w) | chunkPrevUsed },
			"caches":          func(i int) uint64 { return 0x100000 + uint64(i*w) },
			"largest":         func(i int) uint64 { return (1<<63 | 1) & uint64(arch.MaxAddr()) },
			"fenceposts":      func(i int) uint64 { return uint64(2*w) | chunkPrevUsed },
			"mapped":          func(i int) uint64 { return 0x1000 | chunkMapped },
			"odd":             func(i int) uint64 { return uint64(i%9*2*w) | uint64(i%3) },
		}
		for name, word := range fill {
			m := heaptest.New(arch, 0x100000, 0x100000, 0, 0)
			for i := range len(m.Bytes) / w {
				m.Put(i*w, word(i)&uint64(arch.MaxAddr()))
			}
			space := mustSpace(t, m.Mapping(t, "[heap]"), libc(t, arch, heaptest.State{Top: 0x1f0000, Memory: 0x100000}, 0x100000, 3, 0x9000, false))
			mem := newMemory(space, arch)
			f := newFinder(t.Context(), mem)
			if err := f.find(); err != nil {
				t.Fatal(err)
			}
			if most := uint64(200 * len(m.Bytes) / w); f.walker.steps > most {
				t.Errorf("%v, %s: %d steps", arch, name, f.walker.steps)
			}
			checkHeaps(t, f.heaps())
		}
	}
}

// Any number of mappings costs what they hold and no more: here of chunks that were mapped one by one,
// each with another mapping beside it.
func TestManyMappings(t *testing.T) {
	arch := addr.LE64
	const n = 30000
	m := heaptest.New(arch, 0x10000000, 2*n*0x1000, 0, 0)
	var mappings []engine.Mapping
	for i := range n {
		m.Put(2*i*0x1000+8, 0x1000|chunkMapped)
	}
	whole := m.Mapping(t, "")
	for i := range 2 * n {
		part := whole
		part.Range = addr.Range{First: m.Base + addr.Addr(i*0x1000), Last: m.Base + addr.Addr(i*0x1000+0xfff)}
		part.Offset = uint64(i * 0x1000)
		mappings = append(mappings, part)
	}
	data := libc(t, arch, heaptest.State{Top: 0x7000000 + stateAt + 16 + 10*8}, 0, n, n*0x1000, false)
	h := find(t, arch, append(mappings, data)...)
	if a := h.Account(); len(h.Objects()) != n || len(a.Arenas) != 2 || a.Arenas[1].Objects != n || a.Arenas[1].Refused != "" {
		t.Errorf("%d objects, want %d; %d arenas", len(h.Objects()), n, len(a.Arenas))
	}
}
