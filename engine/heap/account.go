package heap

import (
	"cmp"
	"slices"
	"sort"
	"strings"

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
// states of arenas, malloc's parameters, heads of heaps and what heaps have given
// back and may be written, caches of threads. The words in them are no
// references of the program's.
func (h *Heaps) Own() []addr.Range { return h.own }

// accountOf fills in the account of what was found. The error is the cause of the
// context's end.
func (f *finder) accountOf(h *Heaps) (err error) {
	a := &h.account
	understood := make([]addr.Range, 0, len(h.runs)+len(h.own))
	for i := range h.runs {
		understood = append(understood, h.runs[i].Range)
	}
	understood = addr.Merge(append(understood, h.own...))
	stacks := without(f.stacks, understood)
	aside := addr.Merge(append(without(f.bss(), understood), stacks...))
	a.Understood = sizeOf(addr.Intersect(understood, f.present))
	a.Writable = sizeOf(f.present) - sizeOf(addr.Intersect(aside, f.present))
	for i := range f.arenas {
		f.arenas[i].count(h)
	}
	slices.SortStableFunc(f.arenas, func(a, b Arena) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.At, b.At)) })
	a.Arenas = f.arenas
	a.Gaps = f.k.gaps
	a.Others, err = f.others(addr.Merge(append(understood, stacks...)))
	return err
}

// bss is memory of modules that is of no file, ascending.
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

// without is what of ranges others leave, which are ascending and disjoint.
func without(ranges, others []addr.Range) (out []addr.Range) {
	for _, r := range ranges {
		r.Without(others, func(r addr.Range) { out = append(out, r) })
	}
	return out
}

// sizeOf is the sum of the sizes of ranges.
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
