package core

import (
	"bytes"
	"context"
	"path"
	"path/filepath"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/elf"
)

// What a core says of where a file lies that is to be laid over or under it.

// Of returns the core of a process that an image is of, or nil.
func Of(img *image.Image) *Core {
	if img == nil {
		return nil
	}
	c, _ := img.Origin().(*Core)
	return c
}

// Candidates returns the modules that a program may be: those that NT_FILE names or,
// in a core without that note, those whose header the core saved. The error is that of
// ctx.
func (c *Core) Candidates(ctx context.Context, p *elf.Program) ([]*Module, error) {
	modules := c.Modules
	if len(modules) == 0 {
		var err error
		if modules, err = c.headed(ctx); err != nil {
			return nil, err
		}
	}
	ms := candidates(modules, p.Path(), p.BuildID)
	if len(ms) == 0 && len(c.Modules) == 0 { // which of them has no path to tell
		var err error
		if ms, err = c.like(ctx, p, modules); err != nil {
			return nil, err
		}
	}
	if len(ms) == 0 {
		ms = covering(modules, p)
	}
	return ms, nil
}

// CandidatesOf returns the modules that a file which is no program may be.
func (c *Core) CandidatesOf(file string) []*Module { return candidates(c.Modules, file, nil) }

// like returns the modules that begin with the bytes of a program.
func (c *Core) like(ctx context.Context, p *elf.Program, modules []Module) ([]*Module, error) {
	var out []*Module
	for i := range modules {
		compared, err := c.Verify(ctx, p, []*Module{&modules[i]})
		if compared && err == nil {
			out = append(out, &modules[i])
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// covering returns the module that has the first address of a program of fixed
// addresses: if that is another file, the program is not the one that ran.
func covering(modules []Module, p *elf.Program) []*Module {
	for i := range modules {
		if _, ok := modules[i].OffsetAt(addr.Addr(p.Low.Vaddr)); ok && p.Type == elf.TypeExec {
			return []*Module{&modules[i]}
		}
	}
	return nil
}

// BasesIn returns the addresses at which a program was loaded as the modules that it
// may be, of its lowest page each. Where it fits none of them, the error says why not
// the first.
func (c *Core) BasesIn(ctx context.Context, p *elf.Program, ms []*Module) ([]addr.Addr, error) {
	var bases []addr.Addr
	var why error // the first reason
	for _, m := range ms {
		base, err := c.baseOf(ctx, p, m)
		if ended := ctx.Err(); ended != nil {
			return nil, ended
		}
		if err == nil {
			bases = append(bases, base)
		} else if why == nil {
			why = err
		}
	}
	if bases == nil {
		return nil, why
	}
	return bases, nil
}

// baseOf returns where a program is in the module that it may be.
func (c *Core) baseOf(ctx context.Context, p *elf.Program, m *Module) (addr.Addr, error) {
	compared, err := c.Verify(ctx, p, []*Module{m})
	if err != nil {
		return 0, err
	}
	if m.Path == "" && compared { // a segment that begins with the header: no range of another is known
		return m.Base, p.CheckBase(m.Base, c.Page)
	}
	return c.BaseIn(p, m)
}

// Writable reports whether the core says that the process could write at a.
func (c *Core) Writable(a addr.Addr) bool {
	s := c.SegmentAt(a)
	return s != nil && s.Perm()&engine.PermWrite != 0
}

// FitsSomewhere returns nil where one of the modules has the segments of a program
// where the program wants them, else an error that says why the first has not. One
// module is enough: others may be bytes of the file that were mapped as those of any
// file.
func (c *Core) FitsSomewhere(ctx context.Context, p *elf.Program, ms []*Module) error {
	var why error
	for _, m := range ms {
		if err := ctx.Err(); err != nil {
			return err
		}
		_, err := c.BaseIn(p, m)
		if err == nil {
			return nil
		}
		if why == nil {
			why = err
		}
	}
	return why
}

// candidates returns the modules that a file may be, by what tells most: its
// build-id, its path, the last part of that.
func candidates(modules []Module, file string, buildID []byte) []*Module {
	whole, err := filepath.Abs(file)
	if err != nil {
		whole = file
	}
	name := filepath.Base(file)
	for _, is := range []func(m *Module) bool{
		func(m *Module) bool { return buildID != nil && bytes.Equal(m.BuildID, buildID) },
		func(m *Module) bool { return m.Path == whole },
		func(m *Module) bool { return m.Path != "" && path.Base(Undeleted(m.Path)) == name },
	} {
		var out []*Module
		for i := range modules {
			if is(&modules[i]) {
				out = append(out, &modules[i])
			}
		}
		if out != nil {
			return out
		}
	}
	return nil
}
