// Package layer opens files to lay over or under an image: a run of a file's bytes, or
// an ELF program or library, which lies where its program headers say. It is for
// programs that use vscan as a library.
//
//	Open                     one file, at an address or where the image tells that it was mapped
//	OpenModules              all files that the core of a process names
//	Layer.LayOver, .LayUnder the space with what was opened
package layer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/image/core"
	"vscan/engine/image/elf"
	"vscan/engine/image/formats"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
	"vscan/internal/wording"
)

// Layer is what was made of a file, or of several, to lay over or under an
// image.
type Layer struct {
	// Mappings are each laid over those before it. LayOver and LayUnder do so.
	Mappings []engine.Mapping
	Modules  []image.Module // the files, where their bytes lie now
	Notes    []string       // what was done, one line each
	Missing  uint64         // bytes that the files should hold and do not: see Image.Missing
	LeftOut  []LeftOut      // of OpenModules: the files that were not laid, in the order of their addresses
	closers  []io.Closer
	writable []engine.Mapping // those of Mappings that the process could write at some time
}

// LeftOut is a file that an image names and that was not laid. What the image does
// not hold of its ranges, and nothing else shows, is not there to be looked at.
type LeftOut struct {
	Path   string       // as the image has it
	Ranges []addr.Range // where it was mapped
	Err    error        // why
	// NoFile: what was mapped could not be laid anyway, a device, memory that
	// processes share.
	NoFile bool
}

// LayOver returns the space with the layer over everything. The layer has to stay
// open as long as the space is used. The error is that of engine.Space.Add.
func (l *Layer) LayOver(s *engine.Space) (*engine.Space, error) { return s.Add(l.Mappings...) }

// LayUnder returns the space with the layer below everything: it shows through
// holes and through what was not saved. Its mappings are over one another as they
// are in LayOver. The layer has to stay open as long as the space is used. The error
// is that of engine.Space.AddUnder.
func (l *Layer) LayUnder(s *engine.Space) (*engine.Space, error) {
	ms := slices.Clone(l.Mappings)
	slices.Reverse(ms)
	return s.AddUnder(ms...)
}

// Files returns what the system tells of the files that were opened, as Image.Files does.
func (l *Layer) Files() []fs.FileInfo { return image.FilesOf(l.closers) }

// Close closes the sources of the mappings.
func (l *Layer) Close() error {
	var errs []error
	for _, c := range l.closers {
		errs = append(errs, c.Close())
	}
	l.closers = nil
	return errors.Join(errs...)
}

// Changed compares the files with what they were when they were opened, as image.Image
// does.
func (l *Layer) Changed() []image.Change {
	var all []image.Change
	for _, c := range l.closers {
		if f, ok := c.(interface{ Changed() []image.Change }); ok {
			all = append(all, f.Changed()...)
		}
	}
	return all
}

// note keeps a line; paths come from the image, and may hold what ends one.
func (l *Layer) note(format string, args ...any) {
	l.Notes = append(l.Notes, wording.Printable(fmt.Sprintf(format, args...)))
}

// Open opens a file to lay it over or under an image. An ELF program or
// library lies where its program headers say, unless the spec or o.Format says
// raw; without an address it lies where the image tells that it was loaded, and
// one that is not the file that was mapped there is refused, with the reason.
// All else is laid as it is; dumps, object files and compressed files are
// refused with an *[image.UnsupportedError] unless o.Format is FormatRaw. An
// *[image.UnplacedError] says that the spec has to have an address, a *[image.PageError] that
// a program cannot lie at the one that it has. The image may be nil where the spec
// has an address. Where ctx ends before the layer is open, the error wraps that of ctx.
func Open(ctx context.Context, img *image.Image, spec image.LayerSpec, o image.Options) (*Layer, error) {
	if o.Format != "" && o.Format != image.FormatRaw {
		return nil, fmt.Errorf("%s: a layer is laid as raw bytes, never as format %q", spec.Path, o.Format)
	}
	f, err := input.Open(spec.Path)
	if err != nil {
		return nil, err
	}
	l, err := layFile(ctx, img, f.Reader(), spec, o)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		f.Close()
		return nil, image.Interrupted(err, spec.Path, "finding where it lies in memory")
	}
	f.Map(o)
	l.closers = append(l.closers, f)
	return l, nil
}

// layFile makes the layer of an opened file.
func layFile(ctx context.Context, img *image.Image, in input.Reader, spec image.LayerSpec, o image.Options) (*Layer, error) {
	if c := core.Of(img); c != nil {
		if err := c.Sort(ctx); err != nil {
			return nil, err
		}
	}
	head, tail, err := magic.Ends(in)
	if err != nil {
		return nil, err
	}
	if err := checkLayer(in.Path(), formats.Recognize(head, tail), o); err != nil {
		return nil, err
	}
	switch {
	case !isRaw(spec, o) && elf.IsProgram(head):
		return programLayer(ctx, img, in, spec, o)
	case spec.Unplaced && !isRaw(spec, o):
		return mappedLayer(img, in, o)
	case spec.Unplaced:
		return nil, &image.UnplacedError{Path: in.Path(), What: "raw bytes, which have none of their own"}
	}
	m, err := in.Run(spec)
	if err != nil {
		return nil, err
	}
	return &Layer{Mappings: []engine.Mapping{m}}, nil
}

// isRaw reports whether a file is laid as it is, whatever it holds.
func isRaw(s image.LayerSpec, o image.Options) bool {
	return s.Raw || s.Offset > 0 || s.Len > 0 || o.Format == image.FormatRaw
}

// checkLayer refuses what is no run of memory. k is what the file is, nil where
// that is not known.
func checkLayer(path string, k *magic.Format, o image.Options) error {
	if k == nil || k.Holds == image.HoldsProgram || o.Format == image.FormatRaw {
		return nil
	}
	if k.Open == nil {
		return k.Refuse(path)
	}
	return &image.UnsupportedError{Path: path, Format: k.Name, What: k.What, Holds: k.Holds,
		Advice: "a layer is raw bytes: open the file as an image", RawHelps: "lay its bytes as they are"}
}

// programLayer lays an ELF program or library.
func programLayer(ctx context.Context, img *image.Image, in input.Reader, spec image.LayerSpec, o image.Options) (*Layer, error) {
	p, err := elf.ReadWhole(ctx, in, o.Budget)
	if err != nil {
		return nil, err
	}
	l := new(Layer)
	if len(p.Loads) == 0 {
		if spec.Unplaced {
			return nil, &image.UnplacedError{Path: in.Path(), What: "an ELF file without load segments, which says nowhere where it lies in memory"}
		}
		m, err := in.Run(spec)
		l.Mappings = []engine.Mapping{m}
		l.note("%s: an ELF file without load segments: its bytes are laid as they are", in.Path())
		return l, err
	}
	page := pageSize(img)
	bases := []addr.Addr{spec.At}
	if spec.Unplaced {
		bases, err = l.findBases(ctx, img, p, page)
	} else {
		err = p.CheckBase(spec.At, page)
		l.noteOther(ctx, img, p, spec.At)
	}
	if err != nil {
		return nil, err
	}
	if err := takeMappings(o.Budget, in.Path(), budget.Product(uint64(len(bases)), uint64(len(p.Loads)))); err != nil {
		return nil, err
	}
	for i, base := range bases {
		l.layProgram(p, base, page)
		if i == 0 {
			l.Mappings = slices.Grow(l.Mappings, len(l.Mappings)*(len(bases)-1)) // as many each time
		}
		if i < maxToldFiles {
			l.note("%s: %s%s", p.Path(), p.Describe(base, page), unsure(ctx, img, p, base))
		}
	}
	if n := len(bases) - maxToldFiles; n > 0 {
		l.note("%s: laid at %s more", p.Path(), input.Plural(n, "place"))
	}
	if lost := p.Lost(); lost > 0 {
		l.noteLost(p, lost)
	}
	if spec.Unplaced || hasModuleAt(img, spec.At) {
		l.writable = writable(core.Of(img), l.Mappings)
		l.noteUnsaved(img, in.Path()+": ")
	}
	return l, nil
}

// hasModuleAt reports whether the image names a file that was mapped from an
// address on.
func hasModuleAt(img *image.Image, at addr.Addr) bool {
	return img != nil && slices.ContainsFunc(img.Modules, func(m image.Module) bool { return m.Base == at })
}

// unsure returns what a note adds where the image has a file at base, that may be the
// program, and holds nothing to compare the two.
func unsure(ctx context.Context, img *image.Image, p *elf.Program, base addr.Addr) string {
	c := core.Of(img)
	if c == nil {
		return ""
	}
	for i := range c.Modules {
		m := &c.Modules[i]
		if _, ok := m.OffsetAt(base); !ok {
			continue
		}
		if compared, err := c.Verify(ctx, p, []*core.Module{m}); err == nil && !compared {
			return ": compared with nothing, since the core saved neither its header nor its build-id: it may be another build"
		}
	}
	return ""
}

// mappingBytes is about how many bytes a mapping of a layer takes until it is part of a space:
// as the mapping, as memory that could be written, as a range of its module, and with the copies
// that are made when it is laid.
const mappingBytes = 400

// takeMappings takes the memory of so many mappings of a file that is to be laid.
func takeMappings(b *budget.Budget, path string, n uint64) error {
	if err := b.Take(budget.Product(n, mappingBytes), "the mappings of a layer"); err != nil {
		return fmt.Errorf("%s: %d mappings: %w", path, n, err)
	}
	return nil
}

// takeRanges takes the memory of the mappings that the ranges of modules make: where a file
// ends within one, these are two.
func takeRanges(b *budget.Budget, path string, ms []*core.Module) error {
	n := 0
	for _, m := range ms {
		n += len(m.Ranges)
	}
	return takeMappings(b, path, uint64(n))
}

// layProgram adds the program with its lowest page at base.
func (l *Layer) layProgram(p *elf.Program, base addr.Addr, page uint64) {
	name := input.BaseName(p.Path())
	ms := p.Lay(base, page, name)
	l.Mappings = append(l.Mappings, ms...)
	l.Modules = append(l.Modules, image.NewModule(name, p.BuildID, p.Source, ms))
}

func (l *Layer) noteLost(p *elf.Program, lost uint64) {
	l.note("%s: truncated: the file ends at offset %#x: %d bytes of its segments are lost", p.Path(), p.Size, lost)
	l.Missing = input.AddSat(l.Missing, lost)
}

// pageSize returns the size of a page of the memory, in bytes.
func pageSize(img *image.Image) uint64 {
	if c := core.Of(img); c != nil {
		return c.Page
	}
	return elf.PageSize
}

// findBases returns where the lowest page of a program was loaded, once or more, as
// the image tells.
func (l *Layer) findBases(ctx context.Context, img *image.Image, p *elf.Program, page uint64) ([]addr.Addr, error) {
	c := core.Of(img)
	if c == nil {
		bases, err := namedBases(img, p, page)
		if bases == nil && err == nil {
			return l.fixedBase(p, page, "the image does not tell what was loaded where")
		}
		return bases, err
	}
	ms, err := c.Candidates(ctx, p)
	if err != nil {
		return nil, err
	}
	if len(ms) == 0 {
		return l.fixedBase(p, page, "the core names no such file")
	}
	return c.BasesIn(ctx, p, ms)
}

// namedBases returns where a program was loaded as an image tells that is no ELF core but
// names its modules, as a minidump does: by their build-ids, or else by the last part of
// their paths. It is nil where none is the program.
func namedBases(img *image.Image, p *elf.Program, page uint64) ([]addr.Addr, error) {
	if img == nil {
		return nil, nil
	}
	var named []addr.Addr
	var other error // why one of that name is not the program
	for i := range img.Modules {
		m := &img.Modules[i]
		sameName := path.Base(core.Undeleted(m.Path)) == input.BaseName(p.Path())
		sameID := len(m.BuildID) > 0 && bytes.HasPrefix(p.BuildID, m.BuildID) // an old minidump has the first bytes of one
		switch {
		case sameID, sameName && (m.BuildID == nil || p.BuildID == nil):
			if err := p.CheckBase(m.Base, page); err != nil {
				return nil, err
			}
			named = append(named, m.Base)
		case sameName:
			other = fmt.Errorf("%s has build-id %x, and what the image has at %v (%s) has %x: it is another build", p.Path(), p.BuildID, m.Base, m.Path, m.BuildID)
		}
	}
	if named != nil {
		return named, nil
	}
	return nil, other
}

// fixedBase returns where a program of fixed addresses lies, whatever the image.
func (l *Layer) fixedBase(p *elf.Program, page uint64, why string) ([]addr.Addr, error) {
	if p.Type != elf.TypeExec {
		return nil, &image.UnplacedError{Path: p.Path(), Program: true, Why: why}
	}
	base := addr.Addr(p.LowPage(page))
	l.note("%s: %s: nothing tells whether it is the program that ran", p.Path(), why)
	return []addr.Addr{base}, p.CheckBase(base, page)
}

// noteOther tells where the program that is laid at an address is not the one
// that the image has there.
func (l *Layer) noteOther(ctx context.Context, img *image.Image, p *elf.Program, at addr.Addr) {
	c := core.Of(img)
	if c == nil {
		return
	}
	for i := range c.Modules {
		if m := &c.Modules[i]; m.Base == at {
			if _, err := c.Verify(ctx, p, []*core.Module{m}); err != nil {
				l.note("%v", err)
			}
		}
	}
}

// noteUnsaved counts the ranges that the process could write, that the core
// did not save and that the layer shows instead.
func (l *Layer) noteUnsaved(img *image.Image, prefix string) {
	c := core.Of(img)
	if c == nil {
		return
	}
	var ranges []addr.Range
	for i := range l.writable {
		if m := &l.writable[i]; m.State != engine.Absent && !c.SavedAll(m.Range) {
			ranges = append(ranges, m.Range)
		}
	}
	if n := len(addr.Merge(ranges)); n > 0 {
		l.note("%s%s not saved in the core %s what the file has, which the process may have changed", prefix, input.Plural(n, "writable range"), verb(n, "shows", "show"))
	}
}

// writable returns those of the mappings that the process could write, as they or
// the core say.
func writable(c *core.Core, ms []engine.Mapping) []engine.Mapping {
	var out []engine.Mapping
	for i := range ms {
		if ms[i].Perm&engine.PermWrite != 0 || c != nil && c.Writable(ms[i].First) {
			out = append(out, ms[i])
		}
	}
	return out
}

// verb returns the form that goes with a number.
func verb(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

// mappedLayer lays a file that is no program where the image says that it was
// mapped.
func mappedLayer(img *image.Image, in input.Reader, o image.Options) (*Layer, error) {
	c := core.Of(img)
	if c == nil {
		return nil, &image.UnplacedError{Path: in.Path(), What: "what is no ELF program or library"}
	}
	ms := c.CandidatesOf(in.Path())
	if ms == nil {
		return nil, &image.UnplacedError{Path: in.Path(), What: "what is no ELF program or library, and no file that the core names"}
	}
	if err := takeRanges(o.Budget, in.Path(), ms); err != nil {
		return nil, err
	}
	l := new(Layer)
	for _, m := range ms {
		if m.Known {
			return nil, fmt.Errorf("%s does not fit: it is no ELF file, and what the core has at %v%s is one", in.Path(), m.Base, m.InBrackets())
		}
		l.layRanges(c, in, m, input.BaseName(in.Path()), nil)
		l.note("%s: laid where the core says that %s was mapped, from %v", in.Path(), m.Path, m.Base)
	}
	l.noteUnsaved(img, in.Path()+": ")
	return l, nil
}
