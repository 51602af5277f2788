package image

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
)

// The files that were mapped into a process, as the note NT_FILE of its core
// names them, and whether a file of today is one of them. Sources: linux
// fs/binfmt_elf.c, fill_files_note and vma_dump_size: of a program or library
// the kernel saves the first page (bit 4 of coredump_filter), which holds the
// ELF header, the program headers and mostly the build-id.

const (
	maxIdentified = 1 << 14  // modules whose ELF header is looked for in a core
	maxModuleHead = 64 << 10 // bytes of a module that are looked at for that
	maxSegments   = 1 << 20  // of programs, each as often as it may have been loaded
)

// fileEntry is an entry of NT_FILE.
type fileEntry struct {
	FileRange
	path string
}

// coreModule is a module of a core with what the core saved of it.
type coreModule struct {
	Module
	head input  // the first bytes, where it is Known
	span uint64 // bytes behind Base that belong to it, 0 where that is not known
}

// coreFile is the core of a process, for what is asked after it was opened.
type coreFile struct {
	input
	elfHeader
	loads []segment // ascending by address, once sorted
	page  uint64    // bytes of a page
	order bool      // loads are sorted
	spent int       // segments that were looked for: see maxSegments

	modules []coreModule // of NT_FILE, ascending by their first addresses

	bases map[addr.Addr]addr.Addr // by where a piece of a file begins: the load base of its module
}

// findModules makes the modules of what NT_FILE says.
func (c *elf) findModules() {
	if c.isMachine() {
		return
	}
	core := &coreFile{input: c.input, elfHeader: c.elfHeader, loads: c.loads, page: c.page()}
	if u := c.fileUnit; u >= filePage && u <= 1<<20 && u&(u-1) == 0 {
		core.page = u // linux writes offsets in pages; gdb in bytes, with a unit of 1
	}
	core.modules = core.group(ascending(c.entries))
	for i := range core.modules {
		c.img.Modules = append(c.img.Modules, core.modules[i].Module)
	}
	c.core = core
	c.img.Keep(core)
}

// ascending sorts entries and drops those that overlap one before them, which
// no kernel writes.
func ascending(entries []fileEntry) []fileEntry {
	slices.SortStableFunc(entries, func(a, b fileEntry) int { return cmp.Compare(a.First, b.First) })
	out := entries[:0]
	for _, e := range entries {
		if n := len(out); n == 0 || e.First > out[n-1].Last {
			out = append(out, e)
		}
	}
	return out
}

// group makes modules of entries. An entry goes on with the module of its path
// where it lies within the memory that the module's program headers ask for,
// or, where these were not saved, where no other file is in between.
func (c *coreFile) group(entries []fileEntry) []coreModule {
	var out []coreModule
	latest := map[string]int{} // by path
	for i, e := range entries {
		if k, ok := latest[e.path]; ok && out[k].goesOn(e, entries[i-1].path == e.path) {
			out[k].Ranges = append(out[k].Ranges, e.FileRange)
			continue
		}
		m := coreModule{Module: Module{Path: e.path, Ranges: []FileRange{e.FileRange}, Base: e.First, Source: c.src}}
		if len(out) < maxIdentified {
			c.identify(&m)
		}
		latest[e.path] = len(out)
		out = append(out, m)
	}
	return out
}

// goesOn reports whether an entry of its path belongs to the module. next says
// whether it follows the module without another file in between.
func (m *coreModule) goesOn(e fileEntry, next bool) bool {
	if m.span > 0 {
		return uint64(e.First-m.Base) < m.span
	}
	return next
}

// identify reads the ELF header that the core saved of a module.
func (c *coreFile) identify(m *coreModule) {
	r := m.Ranges[0]
	if r.Offset != 0 {
		return
	}
	off, n := c.saved(r.First)
	if n < 52 {
		return
	}
	head := c.prefix(off, min(n, r.Size(), maxModuleHead))
	p, err := readHead(head)
	if err != nil || p.low.off >= c.page {
		return
	}
	m.Known, m.Bias, m.BuildID, m.head = true, p.bias(m.Base, c.page), p.buildID, head
	m.span = p.spanFrom(m.Base, c.page)
}

// saved is where in the core the byte at a is, and how many from there on are
// side by side; 0 where it was not saved.
func (c *coreFile) saved(a addr.Addr) (off, n uint64) {
	s := c.segmentAt(a)
	if s == nil {
		return 0, 0
	}
	held, _ := s.stored(s.memsz, c.size)
	d := uint64(a) - s.vaddr
	if d >= held {
		return 0, 0
	}
	return s.off + d, held - d
}

// segmentAt is the segment at an address, nil where there is none. Where
// segments overlap, which those of processes do not, it is one of them.
func (c *coreFile) segmentAt(a addr.Addr) *segment {
	if !c.order {
		c.loads, c.order = slices.Clone(c.loads), true
		slices.SortStableFunc(c.loads, func(a, b segment) int { return cmp.Compare(a.vaddr, b.vaddr) })
	}
	i := sort.Search(len(c.loads), func(i int) bool { return c.loads[i].vaddr > uint64(a) }) - 1
	if i < 0 || uint64(a)-c.loads[i].vaddr >= c.loads[i].memsz {
		return nil
	}
	return &c.loads[i]
}

// savedAll reports whether the core saved all of a range.
func (c *coreFile) savedAll(r addr.Range) bool {
	for range 1 << 12 {
		_, n := c.saved(r.First)
		if n == 0 {
			return false
		}
		if n-1 >= uint64(r.Last-r.First) {
			return true
		}
		r.First += addr.Addr(n)
	}
	return false // pieces beyond number: nobody has told that they are all there
}

// headed is the modules of a core that has no NT_FILE: its segments that begin
// with an ELF header, without a path.
func (c *coreFile) headed() []coreModule {
	c.segmentAt(0) // sorts
	var out []coreModule
	for i := range c.loads {
		s := &c.loads[i]
		if held, _ := s.stored(s.memsz, c.size); held < 52 || len(out) >= maxIdentified {
			continue
		}
		whole := addr.Range{First: addr.Addr(s.vaddr), Last: addr.Addr(s.vaddr + s.memsz - 1)}
		m := coreModule{Module: Module{Base: whole.First, Ranges: []FileRange{{Range: whole}}}}
		if c.identify(&m); m.Known {
			out = append(out, m)
		}
	}
	return out
}

// verify says why a program cannot be the file that is mapped as these modules,
// or nil, and whether it has been compared at all: by build-id and load segments
// or, where either has no build-id, by the first bytes that the core saved.
func (c *coreFile) verify(p *program, ms []*coreModule) (compared bool, err error) {
	if !p.sameMachine(&c.elfHeader) {
		return false, fmt.Errorf("%s is for %s, and the process is %s", p.path(), p.describeMachine(), c.describeMachine())
	}
	for _, m := range ms {
		if !m.Known {
			continue
		}
		if p.buildID != nil && m.BuildID != nil {
			if compared = true; !bytes.Equal(p.buildID, m.BuildID) {
				return false, fmt.Errorf("%s has build-id %x, and what the core has at %v%s has %x: it is another build", p.path(), p.buildID, m.Base, m.named(), m.BuildID)
			}
			if !p.sameLoads(m.head) {
				return false, fmt.Errorf("%s has the build-id of what the core has at %v%s, and not its load segments: the file was changed, or its bytes were taken out", p.path(), m.Base, m.named())
			}
			continue
		}
		same, enough := sameStart(p.input, m.head, &p.elfHeader)
		if enough && !same {
			return false, fmt.Errorf("%s does not begin with the bytes that the core has at %v%s: it is another file", p.path(), m.Base, m.named())
		}
		compared = compared || enough
	}
	return compared, nil
}

// named is " (PATH)", or nothing.
func (m *coreModule) named() string {
	if m.Path == "" {
		return ""
	}
	return " (" + m.Path + ")"
}

// baseIn is where the lowest page of a program is in a module, or why its
// segments and the module's ranges do not agree.
func (c *coreFile) baseIn(p *program, m *coreModule) (addr.Addr, error) {
	low := p.low.off &^ (c.page - 1)
	err := fmt.Errorf("%s does not fit: no range of it that was mapped begins with its lowest segment, at file offset %#x", p.path(), low)
	tries := 0
	for _, r := range m.Ranges {
		if r.Offset != low {
			continue
		}
		if tries++; tries > 64 {
			break // no file is mapped so often within one module
		}
		why := c.agrees(p, m, r.First)
		if why == nil {
			return r.First, nil
		}
		err = fmt.Errorf("%s does not fit what was mapped at %v: %w", p.path(), r.First, why)
	}
	return 0, err
}

// agrees says why a program at base does not have its segments where the
// module's ranges have them, or nil.
func (c *coreFile) agrees(p *program, m *coreModule, base addr.Addr) error {
	if err := p.room(base, c.page); err != nil {
		return err
	}
	if p.typ == elfExec && p.bias(base, c.page) != 0 {
		return fmt.Errorf("it is of fixed addresses, and its lowest is %#x", p.lowPage(c.page))
	}
	if c.spent += len(p.loads); c.spent > maxSegments {
		return errors.New("the core names files at so many places that not all are looked at")
	}
	parts := p.places(base, c.page)
	for i := range parts {
		if pl := &parts[i]; pl.filesz > 0 {
			if off, ok := m.offsetAt(pl.first); !ok || off != pl.place.off {
				return fmt.Errorf("program header %d wants file offset %#x at address %v, and that was not mapped there", pl.index, pl.place.off, pl.first)
			}
		}
	}
	for _, r := range m.Ranges {
		if !c.wanted(parts, r) {
			return fmt.Errorf("file offset %#x was mapped at address %v, and no program header wants that", r.Offset, r.First)
		}
	}
	return nil
}

// wanted reports whether a range of a module is one that segments ask for.
// Between segments the loader leaves pages of the file that nobody may touch.
func (c *coreFile) wanted(parts []part, r FileRange) bool {
	i := sort.Search(len(parts), func(i int) bool { return parts[i].first > r.First }) - 1
	if i >= 0 && r.First <= parts[i].last {
		return uint64(r.First-parts[i].first) == r.Offset-parts[i].place.off
	}
	s := c.segmentAt(r.First)
	return s == nil || s.perm() == engine.PermKnown
}

// offsetAt is the file offset that a module has at an address.
func (m *coreModule) offsetAt(a addr.Addr) (uint64, bool) {
	i := sort.Search(len(m.Ranges), func(i int) bool { return m.Ranges[i].Last >= a })
	if i == len(m.Ranges) || m.Ranges[i].First > a {
		return 0, false
	}
	return m.Ranges[i].Offset + uint64(a-m.Ranges[i].First), true
}

// undeleted is a path without what the kernel puts behind that of a file that
// was deleted.
func undeleted(p string) string { return strings.TrimSuffix(p, " (deleted)") }
