package heap

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"vscan/engine/addr"
)

// Account says how much of the memory that a program could write is understood, and why
// the rest is not.
type Account struct {
	Writable        uint64           // bytes of anonymous memory that may be written and that the image holds
	Understood      uint64           // bytes of them that lie in chunks and heads which make sense
	Arenas          []Arena          // the arenas that were seen, recognised or refused
	Gaps            []Gap            // what lies in heaps and was not understood, ascending
	OtherAllocators []OtherAllocator // the other allocators that can be told
}

// ArenaKind says what sort of arena something is.
type ArenaKind uint8

const (
	ArenaMain   ArenaKind = iota // the main arena, which grows by brk
	ArenaThread                  // an arena of threads, in heaps of its own
	ArenaMapped                  // all chunks that were mapped one by one, which belong to no arena
)

// String returns "main", "thread" or "mapped".
func (k ArenaKind) String() string { return []string{"main", "thread", "mapped"}[min(k, ArenaMapped)] }

// Arena is an arena of glibc's malloc, or something that looks like one.
type Arena struct {
	Kind    ArenaKind
	At      addr.Addr    // the address of its malloc_state; 0 where it is not known
	Heaps   []addr.Range // its memory, ascending
	Objects uint64       // how many objects it has, free ones included
	Bytes   uint64       // the bytes of these
	Refused string       // why it was not recognised, or not all of it; "" if it was
}

// Gap is memory in a heap that was not understood.
type Gap struct {
	addr.Range
	Reason string // what was expected and what was found, and at which address
}

// OtherAllocator is an allocator other than glibc's malloc.
type OtherAllocator struct {
	Name     string // such as "jemalloc"
	Evidence string // what tells that it is there
	Bytes    uint64 // of its memory, as far as it was found
}

// Account returns the account of the memory that was looked at. The caller must not change
// it.
func (h *Heaps) Account() *Account { return &h.account }

// Internal returns the ranges, ascending and merged, that malloc keeps for itself: states of
// arenas, malloc's parameters, heads of heaps, what heaps have given back and may still be
// written, and caches of threads. The words in them are no references of the program's.
func (h *Heaps) Internal() []addr.Range { return h.internal }

// fillAccount fills in the account of what was found. The error is the cause of the
// context's end.
func (f *finder) fillAccount(h *Heaps) (err error) {
	a := &h.account
	understood := make([]addr.Range, 0, len(h.runs)+len(h.internal))
	for i := range h.runs {
		understood = append(understood, h.runs[i].Range)
	}
	understood = addr.Merge(append(understood, h.internal...))
	stacks := without(f.stacks, understood)
	aside := addr.Merge(append(without(f.bss(), understood), stacks...))
	a.Understood = sizeOf(addr.Intersect(understood, f.present))
	a.Writable = sizeOf(f.present) - sizeOf(addr.Intersect(aside, f.present))
	for i := range f.arenas {
		f.arenas[i].count(h)
	}
	slices.SortStableFunc(f.arenas, func(a, b Arena) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.At, b.At)) })
	a.Arenas = f.arenas
	a.Gaps = f.walker.gaps
	a.OtherAllocators, err = f.others(addr.Merge(append(understood, stacks...)))
	return err
}

// bss returns the memory of modules that is in no file, ascending.
func (f *finder) bss() (out []addr.Range) {
	if len(f.files) == 0 {
		return nil
	}
	for _, m := range f.space.Places().Modules().All {
		for _, p := range m.Ranges {
			if !p.File && !strings.HasPrefix(p.Name, "/") {
				out = append(out, p.Range)
			}
		}
	}
	return addr.Merge(out)
}

// without returns the parts of ranges that lie in none of the others, which are ascending and
// disjoint.
func without(ranges, others []addr.Range) (out []addr.Range) {
	for _, r := range ranges {
		r.Without(others, func(r addr.Range) { out = append(out, r) })
	}
	return out
}

// sizeOf returns the sum of the sizes of ranges in bytes.
func sizeOf(ranges []addr.Range) (sum uint64) {
	for _, r := range ranges {
		sum += r.Size()
	}
	return sum
}

// count counts the objects in the arena's heaps.
func (a *Arena) count(h *Heaps) {
	slices.SortFunc(a.Heaps, func(x, y addr.Range) int { return cmp.Compare(x.First, y.First) })
	for _, r := range a.Heaps {
		i := sort.Search(len(h.runs), func(i int) bool { return h.runs[i].First >= r.First })
		for ; i < len(h.runs) && r.Covers(h.runs[i].Range); i++ {
			x := &h.runs[i]
			a.Objects += uint64(x.hi - x.lo)
			for _, o := range h.objects[x.lo:x.hi] {
				a.Bytes += o.Size()
			}
		}
	}
}
