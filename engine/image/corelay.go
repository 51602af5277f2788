package image

import (
	"bytes"
	"path"
	"path/filepath"

	"vscan/engine"
	"vscan/engine/addr"
)

// What a core says of where a file lies that is to be laid over or under it.

// coreOf returns the core of a process that an image is of, or nil.
func coreOf(img *Image) *coreFile {
	if img == nil {
		return nil
	}
	c, _ := img.Origin().(*coreFile)
	return c
}

// placesOf returns the modules that a program may be: those that NT_FILE names or,
// in a core without that note, those whose header the core saved.
func (c *coreFile) placesOf(p *program) []*coreModule {
	modules := c.modules
	if len(modules) == 0 {
		modules = c.headed()
	}
	ms := candidates(modules, p.path(), p.buildID)
	if len(ms) == 0 && len(c.modules) == 0 { // which of them has no path to tell
		ms = c.like(p, modules)
	}
	if len(ms) == 0 {
		ms = covering(modules, p)
	}
	return ms
}

// placesOfFile returns the modules that a file which is no program may be.
func (c *coreFile) placesOfFile(file string) []*coreModule { return candidates(c.modules, file, nil) }

// like is the modules that begin with the bytes of a program.
func (c *coreFile) like(p *program, modules []coreModule) []*coreModule {
	var out []*coreModule
	for i := range modules {
		if compared, err := c.verify(p, []*coreModule{&modules[i]}); compared && err == nil {
			out = append(out, &modules[i])
		}
	}
	return out
}

// covering is the module that has the first address of a program of fixed
// addresses: if that is another file, the program is not the one that ran.
func covering(modules []coreModule, p *program) []*coreModule {
	for i := range modules {
		if _, ok := modules[i].offsetAt(addr.Addr(p.low.vaddr)); ok && p.typ == elfExec {
			return []*coreModule{&modules[i]}
		}
	}
	return nil
}

// basesIn is where a program is in the modules that it may be. It has to fit
// one of them.
func (c *coreFile) basesIn(p *program, ms []*coreModule) ([]addr.Addr, error) {
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
func (c *coreFile) baseOf(p *program, m *coreModule) (addr.Addr, error) {
	compared, err := c.verify(p, []*coreModule{m})
	if err != nil {
		return 0, err
	}
	if m.Path == "" && compared { // a segment that begins with the header: no range of another is known
		return m.Base, p.room(m.Base, c.page)
	}
	return c.baseIn(p, m)
}

// writable reports whether the core says that the process could write at a.
func (c *coreFile) writable(a addr.Addr) bool {
	s := c.segmentAt(a)
	return s != nil && s.perm()&engine.PermWrite != 0
}

// agreesAnywhere says why the segments of a program lie where none of the
// modules has them, or nil: one is where it was loaded, and others may be bytes
// of it that were mapped as those of any file.
func (c *coreFile) agreesAnywhere(p *program, ms []*coreModule) error {
	var why error
	for _, m := range ms {
		_, err := c.baseIn(p, m)
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
func candidates(modules []coreModule, file string, buildID []byte) []*coreModule {
	whole, err := filepath.Abs(file)
	if err != nil {
		whole = file
	}
	name := filepath.Base(file)
	for _, is := range []func(m *coreModule) bool{
		func(m *coreModule) bool { return buildID != nil && bytes.Equal(m.BuildID, buildID) },
		func(m *coreModule) bool { return m.Path == whole },
		func(m *coreModule) bool { return m.Path != "" && path.Base(undeleted(m.Path)) == name },
	} {
		var out []*coreModule
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
