package core

import (
	"bytes"
	"cmp"
	"fmt"
	"sort"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image/elf"
	"vscan/internal/interrupt"
)

// How the mappings of a process core are called: as /proc/PID/maps calls them,
// as far as the core tells. Linux and gdb write a segment a mapping, so a segment
// has one name, but for what files and the heap cover of it.
//
//   - NT_FILE tells the paths of files. Without it AT_PHDR leads to the program
//     headers of the program, and AT_EXECFN tells its path: heap.go.
//   - [stack] holds what AT_RANDOM and AT_EXECFN point to. Where there is no
//     auxiliary vector it holds the stack pointer of the first thread.
//   - [stack:N] holds the stack pointer of the thread N, as Linux before 4.5
//     called it in maps. It is what the thread runs on: a coroutine's stack or
//     one for signals too, but of a program in Go none is named: its goroutines'
//     stacks are in its heap. Of threads in one mapping, which has been made of
//     stacks side by side, it is the one of the lowest number.
//   - [vdso] is where AT_SYSINFO_EHDR points, and [vvar] lies below.
//   - [heap]: heap.go.
//
// What has no name in maps keeps the number of its segment: load[4].

// namer names the parts of segments.
type namer struct {
	*reader
	sorted   []*elf.Segment    // by address; of those that begin together, by index
	files    []fileSpan        // mapped when the core was written; ascending, disjoint
	segments map[uint32]string // by the index of the program header
	spans    []fileSpan        // what is named inside segments; ascending, disjoint
	cuts     int               // how many more borders may be cut at
}

// newNamer returns the namer of the core's segments. The error is that of c.ctx.
func (c *reader) newNamer() (*namer, error) {
	n := &namer{reader: c, files: c.files, segments: make(map[uint32]string)}
	n.sorted = make([]*elf.Segment, len(c.Loads))
	for i := range c.Loads {
		n.sorted[i] = &c.Loads[i]
	}
	if err := interrupt.SortStableFunc(c.ctx, n.sorted, func(a, b *elf.Segment) int { return cmp.Compare(a.Vaddr, b.Vaddr) }); err != nil {
		return nil, err
	}
	p, err := n.findMain()
	if err != nil {
		return nil, err
	}
	n.nameLandmarks()
	if err := n.setBases(); err != nil {
		return nil, err
	}
	n.spans = joined(n.files)
	if heap, ok := n.findHeap(p); ok {
		if n.spans, err = disjoint(c.ctx, append(n.spans, fileSpan{Range: heap, name: "[heap]", base: heap.First})); err != nil {
			return nil, err
		}
	}
	n.nameStacks()
	n.cuts = 2 * len(n.spans)
	return n, c.ctx.Err() // what was left out because of it is in no name
}

// rangeOf returns the addresses of a segment, cut at the last one that there is.
func (n *namer) rangeOf(s *elf.Segment) addr.Range {
	first := addr.Addr(s.Vaddr)
	return addr.Range{First: first, Last: first + addr.Addr(min(s.Memsz-1, uint64(n.MaxAddr()-first)))}
}

// at returns the index in sorted of the segment that holds an address, -1 without
// one. Segments of real cores do not overlap; where they do, no more than a few
// are looked at.
func (n *namer) at(a addr.Addr) int {
	i := sort.Search(len(n.sorted), func(i int) bool { return n.sorted[i].Vaddr > uint64(a) })
	for k := i - 1; k >= max(0, i-8); k-- {
		if n.rangeOf(n.sorted[k]).Contains(a) {
			return k
		}
	}
	return -1
}

// read fills b with the memory at an address, as far as the segment there goes
// and the file holds it, and returns how much that is. Names are made of it, so
// what cannot be read is not there.
func (n *namer) read(b []byte, a addr.Addr) int {
	i := n.at(a)
	if i < 0 {
		return 0
	}
	s := n.sorted[i]
	off := uint64(a) - s.Vaddr
	held, _ := s.Stored(s.Memsz, n.Size)
	if off >= held {
		return 0
	}
	got, err := n.reader.Fill(b[:min(uint64(len(b)), held-off)], s.Off+off)
	if err != nil {
		return 0
	}
	return got
}

// fileAt returns the index of the first file that ends at or behind an address.
func fileAt(files []fileSpan, a addr.Addr) int {
	return sort.Search(len(files), func(i int) bool { return files[i].Last >= a })
}

// anonymous reports whether no file is mapped in a range.
func (n *namer) anonymous(r addr.Range) bool {
	i := fileAt(n.files, r.First)
	return i == len(n.files) || n.files[i].First > r.Last
}

// name gives a segment a name unless it has one.
func (n *namer) name(s *elf.Segment, name string) {
	if _, ok := n.segments[s.Index]; !ok {
		n.segments[s.Index] = name
	}
}

// nameLandmarks names what the auxiliary vector points to, and [vsyscall], whose
// address is fixed: linux arch/x86/include/uapi/asm/vsyscall.h.
func (n *namer) nameLandmarks() {
	for _, mark := range []struct {
		typ  uint64
		name string
	}{{atSysinfo, "[vdso]"}, {atRandom, "[stack]"}, {atExecFn, "[stack]"}} {
		if a, ok := n.auxv[mark.typ]; ok {
			if i := n.at(addr.Addr(a)); i >= 0 {
				n.name(n.sorted[i], mark.name)
			}
		}
	}
	if i := n.at(addr.Addr(n.auxv[atSysinfo])); i >= 0 && n.auxv[atSysinfo] != 0 {
		n.nameVvar(i)
	}
	const x86vsyscall = 0xffffffffff600000
	if i := n.at(x86vsyscall); i >= 0 && n.sorted[i].Vaddr == x86vsyscall && n.Machine == 62 && n.Wide {
		n.name(n.sorted[i], "[vsyscall]")
	}
}

// nameVvar names the data of the vDSO, which end where its code begins and may
// only be read. Since Linux 6.13 those of the clocks are a mapping of their own
// on x86: arch/x86/entry/vdso/vma.c, map_vdso.
func (n *namer) nameVvar(vdso int) {
	clocks := n.dataBelow(vdso)
	if clocks < 0 {
		return
	}
	if data := n.dataBelow(clocks); data >= 0 {
		n.name(n.sorted[clocks], "[vvar_vclock]")
		n.name(n.sorted[data], "[vvar]")
		return
	}
	n.name(n.sorted[clocks], "[vvar]")
}

// dataBelow returns the index of the segment that ends where segment i begins, if it
// is a small one that may only be read and no file; else -1.
func (n *namer) dataBelow(i int) int {
	if i == 0 {
		return -1
	}
	s := n.sorted[i-1]
	r := n.rangeOf(s)
	if r.Last+1 != addr.Addr(n.sorted[i].Vaddr) || s.Perm() != engine.PermKnown|engine.PermRead || s.Memsz > 512<<10 || !n.anonymous(r) {
		return -1
	}
	return i - 1
}

// nameStacks names what the threads run on, where it may be written and is
// neither a file nor the heap.
func (n *namer) nameStacks() {
	named := false
	for _, name := range n.segments {
		named = named || name == "[stack]"
	}
	ofGo := n.ofGo()
	for _, t := range byNumber(n.threads) {
		i := n.at(t.SP)
		if i < 0 || n.sorted[i].Perm()&engine.PermWrite == 0 {
			continue
		}
		if k := fileAt(n.spans, t.SP); k < len(n.spans) && n.spans[k].Contains(t.SP) {
			continue
		}
		name := fmt.Sprintf("[stack:%d]", t.ID)
		if first := t.ID == n.pid || len(n.threads) == 1; first && !named {
			name = "[stack]"
		} else if ofGo {
			continue
		}
		n.name(n.sorted[i], name)
	}
}

// ofGo reports whether a module of the process is written in Go: goroutines have
// their stacks in Go's heap, which has no name. The data of such a module begin
// with the marker of its build information, give or take what the linker puts in
// front: debug/buildinfo, buildInfoMagic.
func (n *namer) ofGo() bool {
	b := make([]byte, 64<<10)
	budget := 16 << 20
	for _, s := range n.sorted {
		if n.watch.Step(1) != nil {
			return false
		}
		if s.Perm()&engine.PermWrite == 0 || n.anonymous(n.rangeOf(s)) {
			continue
		}
		got := n.read(b, addr.Addr(s.Vaddr))
		if bytes.Contains(b[:got], []byte("\xff Go buildinf:")) {
			return true
		}
		if budget -= len(b); budget <= 0 {
			break
		}
	}
	return false
}

// unsaved returns what NT_FILE lists and no segment has: it was mapped, and is absent.
// gdb's gcore leaves out what it takes to be as in the file. What its permissions
// are is not told.
// The error is that of n.ctx.
func (n *namer) unsaved() ([]engine.Mapping, error) {
	if len(n.files) == 0 {
		return nil, nil
	}
	ranges := make([]addr.Range, len(n.sorted))
	for i, s := range n.sorted { // ascending by first address, so that merging them sorts nothing
		ranges[i] = n.rangeOf(s)
	}
	saved := addr.Merge(ranges)
	var out []engine.Mapping
	for _, f := range n.files {
		if err := n.watch.Step(1); err != nil {
			return nil, err
		}
		for len(saved) > 0 && saved[0].Last < f.First {
			saved = saved[1:]
		}
		f.Range.Without(saved, func(r addr.Range) {
			out = append(out, engine.Mapping{Range: r, State: engine.Absent, Name: f.name, NameOffset: uint64(r.First - f.base)})
		})
	}
	return out, nil
}

// split cuts a segment where files begin and end inside it. A part is called
// with its name, and with the address that offsets in what it names count from.
//
//	segment        |----------------------|
//	files      |--a--|     |--b--|
//	parts          |a| name|--b--|  name  |
//
// Every border of a file lies in one segment, unless segments overlap. What
// goes beyond that is not cut any more: a hostile file could have a million
// segments over a million files.
func (n *namer) split(s *elf.Segment, r addr.Range, part func(r addr.Range, name string, begin addr.Addr)) {
	whole := r.First
	name, ok := n.segments[s.Index]
	if !ok {
		name = n.defaultName(s)
	}
	for i := fileAt(n.spans, r.First); i < len(n.spans) && n.spans[i].First <= r.Last; i++ {
		f := n.spans[i]
		x, _ := r.Intersect(f.Range)
		if x.First > r.First {
			if n.cuts--; n.cuts < 0 {
				break
			}
			part(addr.Range{First: r.First, Last: x.First - 1}, name, whole)
		}
		if x.Last == r.Last {
			part(x, f.name, f.base)
			return
		}
		if n.cuts--; n.cuts < 0 {
			r.First = x.First
			break
		}
		part(x, f.name, f.base)
		r.First = x.Last + 1
	}
	if n.cuts == -1 {
		n.Draft.Note("NT_FILE: segments overlap: from address %v on they are not named after files", r.First)
		n.cuts--
	}
	part(r, name, whole)
}
