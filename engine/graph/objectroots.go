package graph

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/heap"
)

// rootMap says of which class of roots a word is that lies in no object. A word that
// it has no class for is malloc's or the kernel's. INVARIANT: its ranges ascend and are
// disjoint.
type rootMap []rootRange

// rootRange is addresses whose words are roots of one class.
type rootRange struct {
	addr.Range
	class Anchor
}

// class returns the class of the word at a, and false where it has none. hint is the
// index of the range to look at first.
func (m rootMap) class(a addr.Addr, hint *int) (Anchor, bool) {
	if h := *hint; h < len(m) && m[h].Contains(a) {
		return m[h].class, true
	}
	i := sort.Search(len(m), func(i int) bool { return m[i].Last >= a })
	if i == len(m) || m[i].First > a {
		return 0, false
	}
	*hint = i
	return m[i].class, true
}

// rootMap makes a rootMap of what is known of modules, threads and malloc. Of two
// classes that have the same memory, the one that comes first in its list gets it.
func (g *Graph) rootMap(h *heap.Heaps, threads []Thread) rootMap {
	live, stale := g.stacks(h, threads)
	static, _ := g.RootRanges(Roots{Static: true})
	var m rootMap
	taken := slices.Clone(h.Internal())
	for _, part := range []struct {
		class  Anchor
		ranges []addr.Range
	}{{AnchorStatic, static}, {AnchorStale, stale}, {AnchorStack, live}, {AnchorThreadLocal, g.threadLocals(h, threads)}, {AnchorOther, g.otherMemory()}} {
		ranges := addr.Merge(slices.Clone(part.ranges))
		for _, r := range without(ranges, taken) {
			m = append(m, rootRange{r, part.class})
		}
		taken = addr.Merge(append(taken, ranges...))
	}
	slices.SortFunc(m, func(a, b rootRange) int { return cmp.Compare(a.First, b.First) })
	return m
}

// otherMemory returns all memory but what the kernel shows to every process, which
// holds times and code and nothing of the program's.
func (g *Graph) otherMemory() (out []addr.Range) {
	for i := range g.regions {
		if n := g.regions[i].Name; !strings.HasPrefix(n, "[vvar") && n != "[vdso]" && n != "[vsyscall]" {
			out = append(out, g.regions[i].Range)
		}
	}
	return out
}

// area returns the region of an index together with those that follow it, or that it
// follows, and that are mapped alike: a mapping may be several regions, as some of its
// pages are in memory and others not.
func (g *Graph) area(i int) addr.Range {
	lo, hi := i, i
	alike := func(a, b *Region) bool {
		return a.Last+1 == b.First && a.Name == b.Name && a.Perm == b.Perm && a.File == b.File && a.State != engine.Absent && b.State != engine.Absent
	}
	for lo > 0 && alike(&g.regions[lo-1], &g.regions[lo]) {
		lo--
	}
	for hi+1 < len(g.regions) && alike(&g.regions[hi], &g.regions[hi+1]) {
		hi++
	}
	return addr.Range{First: g.regions[lo].First, Last: g.regions[hi].Last}
}

// anonymous reports whether a region belongs to no file and has no name that the kernel
// gives, such as [heap].
func (g *Graph) anonymous(k int) bool {
	r := &g.regions[k]
	named := strings.HasPrefix(r.Name, "[") && !strings.HasPrefix(r.Name, "[anon")
	return !r.File && !named && !strings.HasPrefix(r.Name, "/")
}

// stacks returns the parts of stacks that are in use, and the parts below the stack
// pointers, which are stale.
//
//	area      |stale     |red zone|SP  frames   |control block, thread-local memory|
//	classes   AnchorStale AnchorStack
//
// What lies below the stack pointer is known to be stale in the mapping [stack], and in
// a mapping that also has the control block of the thread that runs in it. Other memory
// with a stack pointer in it may be many stacks, of coroutines, and much besides: all of
// it counts as in use. So does what lies between two stacks that share a mapping, since
// it is not known where the one begins. A stack that lies in an object is left to
// objectGraph.markRegisters.
func (g *Graph) stacks(h *heap.Heaps, threads []Thread) (live, stale []addr.Range) {
	lowest := map[addr.Range]*Thread{}
	for i := range threads {
		t := &threads[i]
		k := g.RegionAt(t.SP)
		if t.SP == 0 || k < 0 || g.regions[k].Perm != 0 && g.regions[k].Perm&engine.PermWrite == 0 || h.Contains(t.SP) {
			continue
		}
		area := g.area(k)
		ofThread := g.anonymous(k) || strings.HasPrefix(g.regions[k].Name, "[stack:")
		if g.regions[k].Name != "[stack]" && !(ofThread && area.Contains(t.Pointer) && t.Pointer > t.SP) {
			continue
		}
		if low := lowest[area]; low == nil || t.SP < low.SP {
			lowest[area] = t
		}
	}
	for i := range g.regions {
		if strings.HasPrefix(g.regions[i].Name, "[stack") {
			live = append(live, g.regions[i].Range)
		}
	}
	for area, t := range lowest {
		live = append(live, area)
		if used := t.SP - addr.Addr(min(t.RedZone, uint64(t.SP))); used > area.First {
			stale = append(stale, addr.Range{First: area.First, Last: used - 1})
		}
	}
	return addr.Merge(live), addr.Merge(stale)
}

// threadLocals returns the mappings that the control blocks of threads lie in. The one
// of the first thread of a static program lies in front of its heap.
func (g *Graph) threadLocals(h *heap.Heaps, threads []Thread) (out []addr.Range) {
	for _, t := range threads {
		if k := g.RegionAt(t.Pointer); t.Pointer != 0 && k >= 0 && (g.anonymous(k) || g.regions[k].Name == "[heap]") && !h.Contains(t.Pointer) {
			out = append(out, g.area(k))
		}
	}
	return addr.Merge(out)
}
