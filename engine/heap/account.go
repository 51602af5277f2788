package heap

import (
	"cmp"
	"slices"

	"vscan/engine/addr"
)

// Account is how much of the memory that a program could write is understood,
// and why the rest is not.
type Account struct {
	Writable   uint64  // bytes of anonymous memory that may be written and that the image holds
	Understood uint64  // of them: bytes in chunks and heads that verify
	Arenas     []Arena // seen, recognised or refused
	Gaps       []Gap   // what lies in a heap and was not understood, ascending
	Others     []Other // other allocators, where they can be told
}

// Kind says what sort of arena it is.
type Kind uint8

const (
	Main   Kind = iota // the main arena, which grows by brk
	Thread             // another arena, in heaps of its own
	Mapped             // chunks that were mapped one by one, of no arena
)

// String is "main", "thread" or "mapped".
func (k Kind) String() string { return []string{"main", "thread", "mapped"}[min(k, Mapped)] }

// Arena is an arena of glibc's malloc, or something that looks like one.
type Arena struct {
	Kind    Kind
	At      addr.Addr    // of its malloc_state; 0 where that is unknown
	Heaps   []addr.Range // its memory, ascending
	Objects uint64       // objects in it, free ones included
	Bytes   uint64       // bytes of these
	Refused string       // why it was not recognised; "" if it was
}

// Gap is memory in a heap that was not understood.
type Gap struct {
	addr.Range
	Reason string // what was expected and what was found, at which address
}

// Other is an allocator other than glibc's malloc.
type Other struct {
	Name     string // as "jemalloc"
	Evidence string // by what it was told
	Bytes    uint64 // of memory that is its own
}

// Account returns the account of the memory that was looked at. It must not be
// changed.
func (h *Heaps) Account() *Account { return &h.account }

// Own returns the ranges, ascending and merged, that malloc keeps for itself:
// states of arenas, heads of heaps, caches of threads. The words in them are no
// references of the program's.
func (h *Heaps) Own() []addr.Range { return h.own }

// accountOf fills in the account of what was found.
func (f *finder) accountOf(h *Heaps) {
	a := &h.account
	for _, r := range f.present {
		a.Writable += r.Size()
	}
	var understood []addr.Range
	for i := range h.runs {
		understood = append(understood, h.runs[i].Range)
	}
	understood = addr.Merge(append(understood, h.own...))
	for _, r := range addr.Intersect(understood, f.present) {
		a.Understood += r.Size()
	}
	for i := range f.arenas {
		f.arenas[i].count(h)
	}
	a.Arenas = f.arenas
	a.Gaps = f.k.gaps
}

// count counts the objects in the arena's heaps.
func (a *Arena) count(h *Heaps) {
	slices.SortFunc(a.Heaps, func(x, y addr.Range) int { return cmp.Compare(x.First, y.First) })
	for _, r := range a.Heaps {
		for i := range h.runs {
			x := &h.runs[i]
			if !r.Covers(x.Range) {
				continue
			}
			a.Objects += uint64(x.hi - x.lo)
			for _, o := range h.objects[x.lo:x.hi] {
				a.Bytes += o.Size()
			}
		}
	}
}
