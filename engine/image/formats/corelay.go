package formats

import (
	"bytes"
	"path"
	"path/filepath"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
)

// What a core says of where a file lies that is to be laid over or under it.

// CoreOf returns the core of a process that an image is of, or nil.
func CoreOf(img *image.Image) *CoreFile {
	if img == nil {
		return nil
	}
	c, _ := img.Origin().(*CoreFile)
	return c
}

// PlacesOf returns the modules that a program may be: those that NT_FILE names or,
// in a core without that note, those whose header the core saved.
func (c *CoreFile) PlacesOf(p *Program) []*CoreModule {
	modules := c.Modules
	if len(modules) == 0 {
		modules = c.headed()
	}
	ms := candidates(modules, p.Path(), p.BuildID)
	if len(ms) == 0 && len(c.Modules) == 0 { // which of them has no path to tell
		ms = c.like(p, modules)
	}
	if len(ms) == 0 {
		ms = covering(modules, p)
	}
	return ms
}

// PlacesOfFile returns the modules that a file which is no program may be.
func (c *CoreFile) PlacesOfFile(file string) []*CoreModule { return candidates(c.Modules, file, nil) }

// like is the modules that begin with the bytes of a program.
func (c *CoreFile) like(p *Program, modules []CoreModule) []*CoreModule {
	var out []*CoreModule
	for i := range modules {
		if compared, err := c.Verify(p, []*CoreModule{&modules[i]}); compared && err == nil {
			out = append(out, &modules[i])
		}
	}
	return out
}

// covering is the module that has the first address of a program of fixed
// addresses: if that is another file, the program is not the one that ran.
func covering(modules []CoreModule, p *Program) []*CoreModule {
	for i := range modules {
		if _, ok := modules[i].OffsetAt(addr.Addr(p.low.vaddr)); ok && p.Typ == ElfExec {
			return []*CoreModule{&modules[i]}
		}
	}
	return nil
}

// BasesIn is where a program is in the modules that it may be. It has to fit
// one of them.
func (c *CoreFile) BasesIn(p *Program, ms []*CoreModule) ([]addr.Addr, error) {
	var bases []addr.Addr
	var why error // the first reason
	for _, m := range ms {
		base, err := c.baseOf(p, m)
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

// baseOf is where a program is in the module that it may be.
func (c *CoreFile) baseOf(p *Program, m *CoreModule) (addr.Addr, error) {
	compared, err := c.Verify(p, []*CoreModule{m})
	if err != nil {
		return 0, err
	}
	if m.Path == "" && compared { // a segment that begins with the header: no range of another is known
		return m.Base, p.Room(m.Base, c.Page)
	}
	return c.BaseIn(p, m)
}

// Writable reports whether the core says that the process could write at a.
func (c *CoreFile) Writable(a addr.Addr) bool {
	s := c.SegmentAt(a)
	return s != nil && s.Perm()&engine.PermWrite != 0
}

// AgreesAnywhere says why the segments of a program lie where none of the
// modules has them, or nil: one is where it was loaded, and others may be bytes
// of it that were mapped as those of any file.
func (c *CoreFile) AgreesAnywhere(p *Program, ms []*CoreModule) error {
	var why error
	for _, m := range ms {
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

// candidates are the modules that a file may be, by what tells most: its
// build-id, its path, the last part of that.
func candidates(modules []CoreModule, file string, buildID []byte) []*CoreModule {
	whole, err := filepath.Abs(file)
	if err != nil {
		whole = file
	}
	name := filepath.Base(file)
	for _, is := range []func(m *CoreModule) bool{
		func(m *CoreModule) bool { return buildID != nil && bytes.Equal(m.BuildID, buildID) },
		func(m *CoreModule) bool { return m.Path == whole },
		func(m *CoreModule) bool { return m.Path != "" && path.Base(Undeleted(m.Path)) == name },
	} {
		var out []*CoreModule
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
