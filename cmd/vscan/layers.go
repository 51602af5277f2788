package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	imagelayer "vscan/engine/image/layer"
)

// What is laid over and under an image.

// layer is a file to lay over or under an image.
type layer struct {
	arg  string // as given
	spec image.LayerSpec
}

const layerForm = "want FILE@ADDR[+OFFSET[:LEN]]"

// parseLayer reads FILE@ADDR[+OFFSET[:LEN]].
func parseLayer(arg string) (image.LayerSpec, error) {
	path, at, ok := cutAt(arg)
	if !ok {
		return image.LayerSpec{}, errors.New(layerForm)
	}
	spec := image.LayerSpec{Path: path}
	at, rest, hasOffset := strings.Cut(at, "+")
	var err error
	if spec.At, err = addr.Parse(at); err != nil {
		return image.LayerSpec{}, err
	}
	if !hasOffset {
		return spec, nil
	}
	spec.Raw = true
	off, length, hasLen := strings.Cut(rest, ":")
	if spec.Offset, err = addr.ParseSize(off); err != nil {
		return image.LayerSpec{}, fmt.Errorf("offset %w", err)
	}
	if hasLen {
		if spec.Len, err = addr.ParseSize(length); err != nil {
			return image.LayerSpec{}, fmt.Errorf("length %w", err)
		}
		if spec.Len == 0 {
			return image.LayerSpec{}, errors.New("a length of 0 lays nothing")
		}
	}
	return spec, nil
}

// layerList collects layers.
type layerList []layer

func (l *layerList) String() string { return "" }
func (l *layerList) Type() string   { return "layer" }

// Set takes FILE as well: a path that exists wins.
func (l *layerList) Set(s string) error {
	_, missing := os.Stat(s)
	if missing == nil {
		*l = append(*l, layer{s, image.LayerSpec{Path: s, Unplaced: true}})
		return nil
	}
	spec, err := parseLayer(s)
	if _, _, hasAddr := cutAt(s); !hasAddr && err != nil {
		return fmt.Errorf("%s: %w, or a program or library that there is (%w)", s, err, missing)
	} else if err != nil {
		return fmt.Errorf("%s: %w", s, err)
	}
	*l = append(*l, layer{s, spec})
	return nil
}

// layWay is LayOver or LayUnder of a layer.
type layWay func(*imagelayer.Layer, *engine.Space) (*engine.Space, error)

// layerOptions say how layers are opened.
func (f *imageFlags) layerOptions() image.Options {
	opt := image.Options{NoMmap: f.noMmap, Sequential: f.once}
	if f.format == "raw" {
		opt.Format = "raw" // it speaks of the layers too
	}
	return opt
}

// lay opens a layer and adds it to the space.
func (t *target) lay(f *imageFlags, flag string, l layer, add layWay) error {
	opened, err := imagelayer.Open(t.Image, l.spec, f.layerOptions())
	if err == nil {
		if l.spec.Unplaced {
			t.nameAsImage(opened)
		}
		err = t.take(opened, add)
	}
	var unplaced *image.UnplacedError
	switch {
	case errors.As(err, &unplaced) && !unplaced.Program:
		return fmt.Errorf("%s: %s: %s for %s", flag, l.arg, layerForm, unplaced.What)
	case err != nil && l.spec.Unplaced:
		return fmt.Errorf("%s: %s: %w", flag, l.arg, err)
	case err != nil:
		return fmt.Errorf("%s %s: %w", flag, l.arg, err)
	}
	return nil
}

// nameAsImage calls a program that was laid where the image has it as the image
// calls it there, so that a name means all of it: what is in the image, and what
// is in the file.
func (t *target) nameAsImage(l *imagelayer.Layer) {
	if len(l.Modules) == 0 {
		return
	}
	paths := map[addr.Addr]string{}
	for _, m := range t.Modules {
		paths[m.Base] = m.Path
	}
	names := map[addr.Addr]string{} // of what was laid, by its first addresses
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

// layModules lays the files that the image names under everything.
func (t *target) layModules(f *imageFlags) error {
	flag := "--modules"
	switch {
	case f.sysroot != "" && f.modules:
		return errors.New("--modules takes files from their paths, --sysroot from a folder: give one of them")
	case f.sysroot != "":
		flag = "--sysroot " + f.sysroot
	case !f.modules:
		return nil
	}
	opened, err := imagelayer.OpenModules(t.Image, f.sysroot, f.layerOptions())
	if err == nil {
		err = t.take(opened, (*imagelayer.Layer).LayUnder)
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w", t.arg, flag, err)
	}
	t.leaveOut(opened.LeftOut)
	return nil
}

// leaveOut notes the files that were to be laid and were not, of which some memory
// is nowhere now.
func (t *target) leaveOut(files []imagelayer.LeftOut) {
	for i := range files {
		file, lost := &files[i], uint64(0)
		for _, r := range addr.Merge(file.Ranges) {
			for v := range t.space.Intervals(r) {
				if s := v.State(); s != engine.Present && s != engine.Zero {
					lost += v.Size()
				}
			}
		}
		if lost > 0 && !file.NoFile {
			t.leftOut, t.lost = append(t.leftOut, file.Path), t.lost+lost
		}
	}
}

// take adds an opened layer to the space.
func (t *target) take(l *imagelayer.Layer, add layWay) error {
	t.close = append(t.close, l)
	s, err := add(l, t.space)
	if err != nil {
		return err
	}
	t.space = s
	t.notes = append(t.notes, l.Notes...)
	t.files = append(t.files, l.Modules...)
	if t.Missing += l.Missing; t.Missing < l.Missing {
		t.Missing = l.Missing
	}
	return nil
}

// buildIDs tells the build-ids of the target's mappings.
func (t *target) buildIDs() *image.BuildIDs {
	return image.NewBuildIDs(slices.Concat(t.Modules, t.files)...)
}
