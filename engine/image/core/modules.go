package core

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/elf"
	"vscan/engine/image/input"
	"vscan/internal/interrupt"
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
	image.FileRange
	path string
}

// Module is a file that was mapped, with what the core saved of it.
type Module struct {
	image.Module
	head input.Reader // the first bytes, where it is Known
	span uint64       // bytes behind Base that belong to it, 0 where that is not known
}

// Core is the core of a process, for what is asked after it was opened. It has the
// bytes of the file, and its ELF header.
type Core struct {
	input.Reader
	elf.Header
	loads  []elf.Segment // ascending by address, once sorted
	Page   uint64        // bytes of a page
	sorted bool          // loads are sorted
	spent  int           // segments that were looked for: see maxSegments

	Modules []Module // of NT_FILE, ascending by their first addresses

	bases map[addr.Addr]addr.Addr // by where a piece of a file begins: the load base of its module
}

// findModules makes the modules of what NT_FILE says.
func (c *reader) findModules() error {
	if c.isMachine() {
		return nil
	}
	core := &Core{Reader: c.Reader, Header: c.Header, loads: c.Loads, Page: c.page()}
	if u := c.fileUnit; u >= elf.PageSize && u <= 1<<20 && u&(u-1) == 0 {
		core.Page = u // linux writes offsets in pages; gdb in bytes, with a unit of 1
	}
	entries, err := ascending(c.ctx, c.entries)
	if err != nil {
		return err
	}
	if core.Modules, err = core.group(c.ctx, entries); err != nil {
		return err
	}
	for i := range core.Modules {
		c.Draft.Modules = append(c.Draft.Modules, core.Modules[i].Module)
	}
	c.core = core
	c.Draft.Keep(core)
	return nil
}

// ascending sorts entries and drops those that overlap one before them, which
// no kernel writes. The error is that of ctx.
func ascending(ctx context.Context, entries []fileEntry) ([]fileEntry, error) {
	if err := interrupt.SortStableFunc(ctx, entries, func(a, b fileEntry) int { return cmp.Compare(a.First, b.First) }); err != nil {
		return nil, err
	}
	out := entries[:0]
	for _, e := range entries {
		if n := len(out); n == 0 || e.First > out[n-1].Last {
			out = append(out, e)
		}
	}
	return out, nil
}

// group makes modules of entries. An entry goes on with the module of its path
// where it lies within the memory that the module's program headers ask for,
// or, where these were not saved, where no other file is in between.
func (c *Core) group(ctx context.Context, entries []fileEntry) ([]Module, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	if err := c.Sort(ctx); err != nil {
		return nil, err
	}
	watch := interrupt.New(ctx)
	var out []Module
	latest := map[string]int{} // by path
	for i, e := range entries {
		if err := watch.Step(1); err != nil {
			return nil, err
		}
		if k, ok := latest[e.path]; ok && out[k].goesOn(e, entries[i-1].path == e.path) {
			out[k].Ranges = append(out[k].Ranges, e.FileRange)
			continue
		}
		m := Module{Module: image.Module{Path: e.path, Ranges: []image.FileRange{e.FileRange}, Base: e.First, Source: c.Source}}
		if len(out) < maxIdentified {
			if err := c.identify(ctx, &m); err != nil {
				return nil, err
			}
		}
		latest[e.path] = len(out)
		out = append(out, m)
	}
	return out, nil
}

// goesOn reports whether an entry of its path belongs to the module. next says
// whether it follows the module without another file in between.
func (m *Module) goesOn(e fileEntry, next bool) bool {
	if m.span > 0 {
		return uint64(e.First-m.Base) < m.span
	}
	return next
}

// identify reads the ELF header that the core saved of a module. The error is that of ctx.
func (c *Core) identify(ctx context.Context, m *Module) error {
	r := m.Ranges[0]
	if r.Offset != 0 {
		return nil
	}
	off, n := c.saved(r.First)
	if n < 52 {
		return nil
	}
	head := c.Prefix(off, min(n, r.Size(), maxModuleHead))
	p, err := elf.ReadHead(ctx, head)
	if err != nil || p.Low.Off >= c.Page {
		return ctx.Err()
	}
	m.Known, m.Bias, m.BuildID, m.head = true, p.Bias(m.Base, c.Page), p.BuildID, head
	m.span = p.SpanFrom(m.Base, c.Page)
	return nil
}

// saved returns where in the core the byte at a is, and how many from there on are
// side by side; 0 where it was not saved.
func (c *Core) saved(a addr.Addr) (off, n uint64) {
	s := c.SegmentAt(a)
	if s == nil {
		return 0, 0
	}
	held, _ := s.Stored(s.Memsz, c.Size)
	d := uint64(a) - s.Vaddr
	if d >= held {
		return 0, 0
	}
	return s.Off + d, held - d
}

// Sort sorts the segments, unless they are sorted. Without it, the first SegmentAt does so,
// however long that takes. The error is that of ctx.
func (c *Core) Sort(ctx context.Context) error {
	if c.sorted {
		return nil
	}
	loads := slices.Clone(c.loads)
	if err := interrupt.SortStableFunc(ctx, loads, func(a, b elf.Segment) int { return cmp.Compare(a.Vaddr, b.Vaddr) }); err != nil {
		return err
	}
	c.loads, c.sorted = loads, true
	return nil
}

// SegmentAt returns the segment that an address lies in, or nil. Where segments
// overlap, which those of processes do not, it is one of them.
func (c *Core) SegmentAt(a addr.Addr) *elf.Segment {
	if !c.sorted {
		c.Sort(context.Background()) // which never ends
	}
	i := sort.Search(len(c.loads), func(i int) bool { return c.loads[i].Vaddr > uint64(a) }) - 1
	if i < 0 || uint64(a)-c.loads[i].Vaddr >= c.loads[i].Memsz {
		return nil
	}
	return &c.loads[i]
}

// SavedAll reports whether the core saved all of a range.
func (c *Core) SavedAll(r addr.Range) bool {
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

// headed returns the modules of a core that has no NT_FILE: its segments that begin
// with an ELF header, without a path.
func (c *Core) headed(ctx context.Context) ([]Module, error) {
	if err := c.Sort(ctx); err != nil {
		return nil, err
	}
	watch := interrupt.New(ctx)
	var out []Module
	for i := range c.loads {
		if err := watch.Step(1); err != nil {
			return nil, err
		}
		s := &c.loads[i]
		if held, _ := s.Stored(s.Memsz, c.Size); held < 52 || len(out) >= maxIdentified {
			continue
		}
		whole := addr.Range{First: addr.Addr(s.Vaddr), Last: addr.Addr(s.Vaddr + s.Memsz - 1)}
		m := Module{Module: image.Module{Base: whole.First, Ranges: []image.FileRange{{Range: whole}}}}
		if err := c.identify(ctx, &m); err != nil {
			return nil, err
		}
		if m.Known {
			out = append(out, m)
		}
	}
	return out, nil
}

// Verify compares a program with modules that it may be: by build-id and load segments
// or, where either has no build-id, by the first bytes that the core saved. It returns
// an error that says why the program cannot be the file that was mapped, and whether
// there was anything to compare. The error may be that of ctx as well.
func (c *Core) Verify(ctx context.Context, p *elf.Program, ms []*Module) (compared bool, err error) {
	if !p.SameMachine(&c.Header) {
		return false, fmt.Errorf("%s is for %s, and the process is %s", p.Path(), p.DescribeMachine(), c.DescribeMachine())
	}
	for _, m := range ms {
		if !m.Known {
			continue
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if p.BuildID != nil && m.BuildID != nil {
			if compared = true; !bytes.Equal(p.BuildID, m.BuildID) {
				return false, fmt.Errorf("%s has build-id %x, and what the core has at %v%s has %x: it is another build", p.Path(), p.BuildID, m.Base, m.InBrackets(), m.BuildID)
			}
			if !p.SameLoads(ctx, m.head) {
				if err := ctx.Err(); err != nil {
					return false, err
				}
				return false, fmt.Errorf("%s has the build-id of what the core has at %v%s, and not its load segments: the file was changed, or its bytes were taken out", p.Path(), m.Base, m.InBrackets())
			}
			continue
		}
		same, enough := elf.SameStart(p.Reader, m.head, &p.Header)
		if enough && !same {
			return false, fmt.Errorf("%s does not begin with the bytes that the core has at %v%s: it is another file", p.Path(), m.Base, m.InBrackets())
		}
		compared = compared || enough
	}
	return compared, nil
}

// InBrackets returns " (PATH)", to follow an address in a message, or "" where the core
// does not tell the path.
func (m *Module) InBrackets() string {
	if m.Path == "" {
		return ""
	}
	return " (" + m.Path + ")"
}

// BaseIn returns the address that the lowest page of a program has in a module. Where
// its segments and the module's ranges do not agree, the error says in what.
func (c *Core) BaseIn(p *elf.Program, m *Module) (addr.Addr, error) {
	low := p.Low.Off &^ (c.Page - 1)
	err := fmt.Errorf("%s does not fit: no range of it that was mapped begins with its lowest segment, at file offset %#x", p.Path(), low)
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
		err = fmt.Errorf("%s does not fit what was mapped at %v: %w", p.Path(), r.First, why)
	}
	return 0, err
}

// agrees says why a program at base does not have its segments where the
// module's ranges have them, or nil.
func (c *Core) agrees(p *elf.Program, m *Module, base addr.Addr) error {
	if err := p.CheckBase(base, c.Page); err != nil {
		return err
	}
	if p.Type == elf.TypeExec && p.Bias(base, c.Page) != 0 {
		return fmt.Errorf("it is of fixed addresses, and its lowest is %#x", p.LowPage(c.Page))
	}
	if c.spent += len(p.Loads); c.spent > maxSegments {
		return errors.New("the core names files at so many places that not all are looked at")
	}
	parts := p.Places(base, c.Page)
	for i := range parts {
		if pl := &parts[i]; pl.Filesz > 0 {
			if off, ok := m.OffsetAt(pl.First); !ok || off != pl.Place.Off {
				return fmt.Errorf("program header %d wants file offset %#x at address %v, and that was not mapped there", pl.Index, pl.Place.Off, pl.First)
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
func (c *Core) wanted(parts []elf.Part, r image.FileRange) bool {
	i := sort.Search(len(parts), func(i int) bool { return parts[i].First > r.First }) - 1
	if i >= 0 && r.First <= parts[i].Last {
		return uint64(r.First-parts[i].First) == r.Offset-parts[i].Place.Off
	}
	s := c.SegmentAt(r.First)
	return s == nil || s.Perm() == engine.PermKnown
}

// OffsetAt returns the file offset that a module has at an address, and whether the
// address lies in one of its ranges.
func (m *Module) OffsetAt(a addr.Addr) (uint64, bool) {
	i := sort.Search(len(m.Ranges), func(i int) bool { return m.Ranges[i].Last >= a })
	if i == len(m.Ranges) || m.Ranges[i].First > a {
		return 0, false
	}
	return m.Ranges[i].Offset + uint64(a-m.Ranges[i].First), true
}

// Undeleted returns a path without the " (deleted)" that the kernel puts behind that of a
// file which was deleted.
func Undeleted(p string) string { return strings.TrimSuffix(p, " (deleted)") }
