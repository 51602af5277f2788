package layer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"sort"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/core"
	"vscan/engine/image/elf"
	"vscan/engine/image/input"
	"vscan/engine/image/magic"
)

// The files that a core names, found again and laid under it. NT_FILE tells of
// each range which part of the file was mapped there, so that is what is laid;
// the program headers of a program or library add what NT_FILE does not tell,
// what is zero in and behind its data.

const (
	maxModuleFiles = 4096 // files that are opened for one core
	maxToldFiles   = 20   // of those that could not be laid, how many are told
)

// OpenModules opens the files that the core of a process names in NT_FILE, to
// lay them under it: those of their paths where root is "", else those below
// the folder root, which is what / was on that machine, where each is looked for
// by its path and then by the last part of that. Programs and libraries are compared with what the core saved of
// them, by build-id or by their first bytes, and one that differs is left out;
// of other files nothing can be compared. What was left out is in
// Layer.LeftOut, and the first of it in the notes; it is an error where nothing is
// left, or the image names no files ([image.ErrNoModules]). Where ctx ends before all are
// laid, the error wraps that of ctx.
func OpenModules(ctx context.Context, img *image.Image, root string, o image.Options) (*Layer, error) {
	c := core.Of(img)
	if c == nil || len(c.Modules) == 0 {
		return nil, image.ErrNoModules
	}
	if root != "" {
		if info, err := os.Stat(root); err != nil {
			return nil, err
		} else if !info.IsDir() {
			return nil, fmt.Errorf("%s is no folder", root)
		}
	}
	g := gathering{ctx: ctx, img: img, core: c, root: root, o: o, layer: new(Layer)}
	paths := byPath(c.Modules)
	g.countNames(paths)
	err := c.Sort(ctx)
	for i, ms := range paths {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			g.layer.Close()
			return nil, image.Interrupted(err, img.Path, "laying file %d of %d that it names", i+1, len(paths))
		}
		g.take(ms)
	}
	if err = g.finish(); err == nil {
		err = ctx.Err()
	}
	if err != nil {
		g.layer.Close()
		return nil, image.Interrupted(err, img.Path, "laying the files that it names")
	}
	return g.layer, nil
}

// byPath returns the modules of each path, in the order of their first addresses.
func byPath(modules []core.Module) [][]*core.Module {
	var out [][]*core.Module
	place := map[string]int{}
	for i := range modules {
		m := &modules[i]
		k, ok := place[m.Path]
		if !ok {
			k = len(out)
			place[m.Path] = k
			out = append(out, nil)
		}
		out[k] = append(out[k], m)
	}
	return out
}

// gathering is the files of a core while they are looked for.
type gathering struct {
	ctx   context.Context
	img   *image.Image
	core  *core.Core // of img
	root  string
	o     image.Options
	layer *Layer
	names map[string]int // how many files have a last part of their path

	compared, others int // files that were laid
}

// take lays the file of some modules, which have one path.
func (g *gathering) take(ms []*core.Module) {
	if g.compared+g.others >= maxModuleFiles {
		g.fail(ms, fmt.Errorf("%s: more than %d files: left out", ms[0].Path, maxModuleFiles))
		return
	}
	var why error // of the first place that has a file, or else of the first
	for _, name := range g.places(ms[0].Path) {
		err := g.try(name, ms)
		if err == nil {
			return
		}
		if why == nil || errors.Is(why, os.ErrNotExist) && !errors.Is(err, os.ErrNotExist) {
			why = err
		}
	}
	g.fail(ms, why)
}

// fail notes why the file of some modules was not laid.
func (g *gathering) fail(ms []*core.Module, why error) {
	out := LeftOut{Path: ms[0].Path, Err: why, NoFile: errors.Is(why, errUnlayable) || isShared(ms[0].Path)}
	for _, m := range ms {
		for _, r := range m.Ranges {
			out.Ranges = append(out.Ranges, r.Range)
		}
	}
	g.layer.LeftOut = append(g.layer.LeftOut, out)
}

// errUnlayable is what is mapped and is no file that could be laid.
var errUnlayable = errors.New("no file")

// noFile is errUnlayable in the words of a path.
type noFile string

func (e noFile) Error() string        { return string(e) }
func (e noFile) Is(target error) bool { return target == errUnlayable }

// isShared reports whether a path is what the kernel calls memory that processes
// share: memfd_create(2), System V. There was no file of this name.
func isShared(path string) bool {
	return path != core.Undeleted(path) && (strings.HasPrefix(path, "/memfd:") || strings.HasPrefix(path, "/SYSV"))
}

// countNames counts the files that have one name, in different folders.
func (g *gathering) countNames(paths [][]*core.Module) {
	g.names = map[string]int{}
	seen := map[string]bool{}
	for _, ms := range paths {
		if p := cleanPath(ms[0].Path); !seen[p] {
			seen[p] = true
			g.names[path.Base(p)]++
		}
	}
}

// places returns where a file may be: paths, below the root where there is one.
func (g *gathering) places(name string) []string {
	if g.root == "" {
		return []string{core.Undeleted(name)}
	}
	clean := cleanPath(name)
	return []string{clean, "/" + path.Base(clean)}
}

// cleanPath returns a path that a core names, which never leads above the root.
func cleanPath(name string) string { return path.Clean("/" + core.Undeleted(name)) }

// oneOfSome reports whether what lies at a place below the root may be one of
// several files as well, which have that name in different folders.
func (g *gathering) oneOfSome(place string, ms []*core.Module) bool {
	whole := cleanPath(ms[0].Path)
	return g.root != "" && place != whole && g.names[path.Base(whole)] > 1
}

// try lays the file at a place as these modules, or says why it is not theirs.
func (g *gathering) try(place string, ms []*core.Module) error {
	if !strings.HasPrefix(ms[0].Path, "/") {
		return noFile(ms[0].Path + ": no path of a file")
	}
	file := place
	if g.root != "" {
		var err error
		if file, err = below(g.root, place); err != nil {
			return err
		}
	}
	if info, err := os.Stat(file); err != nil {
		return err
	} else if !info.Mode().IsRegular() {
		return noFile(file + " is not a regular file: what was mapped of it is not laid")
	}
	f, err := input.Open(file)
	if err != nil {
		return err
	}
	if err := g.lay(f.Reader(), ms, g.oneOfSome(place, ms)); err != nil {
		f.Close()
		return err
	}
	f.Map(g.o)
	g.layer.closers = append(g.layer.closers, f)
	return nil
}

// lay lays an opened file as these modules. One that may be that of others as
// well has to be compared.
func (g *gathering) lay(in input.Reader, ms []*core.Module, oneOfSome bool) error {
	head, _, err := magic.Ends(in)
	if err != nil {
		return err
	}
	var p *elf.Program
	compared := false
	if elf.IsProgram(head) {
		if p, compared, err = g.program(in, ms); err != nil {
			return err
		}
	}
	if !compared {
		if err := mayBe(in.Path(), p, ms); err != nil {
			return err
		}
	}
	if !compared && oneOfSome {
		return fmt.Errorf("%s: %d files that the core names are called so, and nothing tells whether this is %s", in.Path(), g.names[path.Base(cleanPath(ms[0].Path))], ms[0].Path)
	}
	if err := takeRanges(g.o.Budget, in.Path(), ms); err != nil {
		return err
	}
	for _, m := range ms {
		g.layer.layRanges(g.core, in, m, m.Path, p)
	}
	if p != nil && p.Lost() > 0 {
		g.layer.noteLost(p, p.Lost())
	}
	if compared {
		g.compared++
	} else {
		g.others++
	}
	return nil
}

// program reads a program or library that is to be these modules, nil where it
// is neither, and reports whether it has been compared.
func (g *gathering) program(in input.Reader, ms []*core.Module) (p *elf.Program, compared bool, err error) {
	p, err = elf.ReadWhole(g.ctx, in, g.o.Budget)
	var other *image.UnsupportedError
	if errors.As(err, &other) || err == nil && len(p.Loads) == 0 {
		return nil, false, nil // an object file, as any other file
	}
	if err != nil {
		return nil, false, err
	}
	compared, err = g.core.Verify(g.ctx, p, ms)
	if err != nil || compared {
		return p, compared, err
	}
	return p, false, g.core.FitsSomewhere(g.ctx, p, ms)
}

// mayBe says why a file that could not be compared is not that of the modules,
// or nil: the core has a program there and this is none, or it has been deleted
// and this is another of its name.
func mayBe(file string, p *elf.Program, ms []*core.Module) error {
	for _, m := range ms {
		if m.Known && p == nil {
			return fmt.Errorf("%s does not fit: it is no ELF program or library, and what the core has at %v%s is one", file, m.Base, m.InBrackets())
		}
	}
	if ms[0].Path != core.Undeleted(ms[0].Path) {
		return fmt.Errorf("%s: the file that was mapped had been deleted, and nothing tells that this is it", file)
	}
	return nil
}

// finish makes the notes.
func (g *gathering) finish() error {
	done := g.compared + g.others
	if done == 0 {
		return fmt.Errorf("none of %s that the core names could be laid: %w", input.Plural(len(g.layer.LeftOut), "file"), g.layer.LeftOut[0].Err)
	}
	l := g.layer
	l.note("%s of the core laid under it: %d compared with what it saved of them, %d with nothing to compare", input.Plural(done, "file"), g.compared, g.others)
	for i := range l.LeftOut[:min(len(l.LeftOut), maxToldFiles)] {
		l.note("left out: %v", l.LeftOut[i].Err)
	}
	if n := len(l.LeftOut) - maxToldFiles; n > 0 {
		l.note("left out: %d more", n)
	}
	l.noteUnsaved(g.img, "")
	return nil
}

// layRanges lays a file as a module: each range from its offset on. Of a
// program whose segments lie there, what is zero in memory is laid over that.
func (l *Layer) layRanges(c *core.Core, in input.Reader, m *core.Module, name string, p *elf.Program) {
	start := len(l.Mappings)
	for _, r := range m.Ranges {
		whole := engine.Mapping{Range: r.Range, Source: in.Source, Offset: r.Offset, Name: name, NameOffset: uint64(r.First - c.LoadBase(r.First, m.Base)), File: true}
		if uint64(r.Last-r.First) > ^r.Offset {
			continue // its offsets would pass 2^64
		}
		if s := c.SegmentAt(r.First); s != nil {
			whole.Perm = s.Perm()
		}
		l.Mappings = append(l.Mappings, elf.PagesOfFile(whole, in.Size, c.Page)...)
	}
	var id []byte
	if p != nil {
		id = p.BuildID
		l.layProgramParts(c, start, m, name, p)
	}
	l.writable = append(l.writable, writable(c, l.Mappings[start:])...)
	l.Modules = append(l.Modules, image.NewModule(name, id, in.Source, l.Mappings[start:]))
}

// layProgramParts adds to the ranges of a module, which are the mappings from
// start on, what the program headers tell and NT_FILE does not.
func (l *Layer) layProgramParts(c *core.Core, start int, m *core.Module, name string, p *elf.Program) {
	base, err := c.BaseIn(p, m)
	if err != nil {
		return // mapped as bytes, not to be run
	}
	parts := p.Places(base, c.Page)
	for i := range l.Mappings[start:] {
		l.takePerm(&l.Mappings[start+i], parts)
	}
	for i := range parts {
		s, pl := parts[i].Segment, parts[i].Place
		if s.Memsz > s.Filesz {
			l.Mappings = append(l.Mappings, engine.Mapping{
				Range: addr.Range{First: pl.First + addr.Addr(pl.FileBytes), Last: pl.Last}, State: engine.Zero,
				Perm: s.Perm(), Name: name, NameOffset: uint64(pl.First-c.LoadBase(m.Base, m.Base)) + pl.FileBytes, Continuation: pl.FileBytes > 0, File: true,
			})
		}
	}
}

// takePerm gives a mapping the permissions of its segment where the core says
// none, and keeps those that could be written when the program was loaded.
func (l *Layer) takePerm(m *engine.Mapping, parts []elf.Part) {
	i := sort.Search(len(parts), func(i int) bool { return parts[i].First > m.First }) - 1
	if i < 0 || m.First > parts[i].Last {
		return
	}
	perm := parts[i].Segment.Perm()
	if m.Perm == 0 {
		m.Perm = perm
	}
	if perm&engine.PermWrite != 0 { // the loader relocates, and then takes the right to write
		l.writable = append(l.writable, *m)
	}
}
