package layered

import (
	"context"
	"fmt"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/layer"
)

// layerOptions returns the options with which layers are opened.
func (o *Options) layerOptions() image.Options {
	opt := image.Options{Mmap: o.Mmap, Sequential: o.Sequential, Budget: o.Budget}
	if o.Format == image.FormatRaw {
		opt.Format = image.FormatRaw
	}
	return opt
}

// layOne opens a layer and adds it to the space.
func (t *Image) layOne(ctx context.Context, o Options, step Step, l Layer) error {
	opened, err := layer.Open(ctx, t.Image, l.Spec, o.layerOptions())
	if err == nil {
		if l.Spec.Unplaced {
			t.nameAsImage(opened)
		}
		err = t.add(o, opened, step == LayOver)
	}
	if err != nil {
		return &StepError{Step: step, Layer: l, Err: err}
	}
	return nil
}

// nameAsImage gives a program that was laid where the image has it the name that it has
// in the image. So one name means all of the program: what is in the image, and what is
// in the file.
func (t *Image) nameAsImage(l *layer.Layer) {
	if len(l.Modules) == 0 {
		return
	}
	paths := map[addr.Addr]string{}
	for _, m := range t.Modules {
		paths[m.Base] = m.Path
	}
	names := map[addr.Addr]string{} // by the first address of what was laid: its new name
	for i := range l.Modules {
		m := &l.Modules[i]
		path := paths[m.Ranges[0].First]
		if path == "" {
			continue
		}
		m.Path = path
		for _, r := range m.Ranges {
			names[r.First] = path
		}
	}
	for i := range l.Mappings {
		if name, ok := names[l.Mappings[i].First]; ok {
			l.Mappings[i].Name = name
		}
	}
}

// layModules lays the files that the image names below everything.
func (t *Image) layModules(ctx context.Context, o Options) error {
	if o.Sysroot == "" && !o.Modules {
		return nil
	}
	opened, err := layer.OpenModules(ctx, t.Image, o.Sysroot, o.layerOptions())
	if err == nil {
		err = t.add(o, opened, false)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", t.Arg, &StepError{Step: LayModules, Sysroot: o.Sysroot, Err: err})
	}
	if len(opened.LeftOut) == 0 {
		return nil
	}
	if err := t.index(ctx); err != nil {
		return err
	}
	t.leaveOut(opened.LeftOut)
	return ctx.Err()
}

// leaveOut notes which files were to be laid and were not, if the space lacks memory
// because of that.
func (t *Image) leaveOut(files []layer.LeftOut) {
	for i := range files {
		file, lost := &files[i], uint64(0)
		for _, r := range addr.Merge(file.Ranges) {
			for v := range t.Space.Intervals(r) {
				if s := v.State(); s != engine.Present && s != engine.Zero {
					lost += v.Size()
				}
			}
		}
		if lost > 0 && !file.NoFile {
			t.LeftOut, t.LeftOutBytes = append(t.LeftOut, file.Path), t.LeftOutBytes+lost
		}
	}
}

// add adds an opened layer to the space, over or under what is there.
func (t *Image) add(o Options, l *layer.Layer, over bool) error {
	t.opened = append(t.opened, l)
	if err := takeIndex(o.Budget, l.Mappings, false); err != nil {
		return err
	}
	lay := l.LayUnder
	if over {
		lay = l.LayOver
	}
	s, err := lay(t.Space)
	if err != nil {
		return err
	}
	t.Space = s
	t.LayerNotes = append(t.LayerNotes, l.Notes...)
	t.files = append(t.files, l.Modules...)
	if t.Missing += l.Missing; t.Missing < l.Missing {
		t.Missing = l.Missing
	}
	return nil
}
