package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"vscan/cmd/vscan/internal/cli"
	"vscan/engine/budget"
	"vscan/internal/interrupt"
)

// This file finds the files that folders, and patterns of names, stand for. A folder may have
// millions of them, and change meanwhile. So of the files of one folder the names alone are
// read ahead, to be sorted; what a file is, is asked when its turn has come.

// input is what an argument names, or a file that was found below a folder.
type input struct {
	Arg   string   // as layered.Open takes it
	Found bool     // it was found below a folder: it may be no image, or be gone by now
	Skip  *skipped // why it is left out; nil: it is to be opened
}

// walk goes through folders and files, and yields each in turn. Its methods return false once
// the walk has ended: nobody wants more, or the context ended, which was yielded as an error.
type walk struct {
	yield   func(input, error) bool
	budget  *budget.Budget // what the names of a folder may take; nil: any
	hidden  bool           // hidden files and folders are taken, too
	empty   bool           // files without a byte are taken, too
	choice  *choice        // which of the files are taken; nil: all
	results fs.FileInfo    // a folder that is left out; nil: none
	counted *skips         // where what is left out is counted, instead of yielded; nil: nowhere
}

// folder is one that the walk is in.
type folder struct {
	path    string
	below   string // the path from the folder that an argument names to this one, with slashes; "": that folder itself
	matched int    // which rule of choice was the last that matches it, or a folder that it lies in; see choice.last
}

// arg walks what an argument stands for: a pattern of names for the files that it matches,
// as a shell would have it. An argument that is the name of a file, or that matches
// nothing, stands for itself.
func (w *walk) arg(ctx context.Context, arg string) bool {
	if _, err := os.Lstat(arg); err == nil || !hasMeta(arg) {
		return w.named(ctx, arg)
	}
	some := false
	goOn := w.glob(ctx, arg, func(name string) bool {
		some = true
		return w.named(ctx, name)
	})
	return goOn && (some || w.named(ctx, arg))
}

// named walks a path that was given: a folder stands for the files below it, and may be a
// link to one. Whatever is not there is yielded, for whoever opens it says so, or knows it
// as a process or as FILE@ADDR.
func (w *walk) named(ctx context.Context, arg string) bool {
	if ctx.Err() != nil {
		return w.end(ctx)
	}
	info, err := os.Stat(arg)
	switch {
	case err != nil:
		return w.yield(input{Arg: arg}, nil)
	case info.IsDir():
		return w.folder(ctx, folder{path: arg, matched: -1})
	}
	if why := w.choice.leavesOut(w.choice.last(filepath.ToSlash(arg), -1), info); why != nil {
		return w.leave(input{Arg: arg, Skip: why})
	}
	return w.yield(input{Arg: arg}, nil)
}

// folder walks the files below a folder, in the order of their names. Links are not followed,
// so that nothing outside of the folder is searched, and nothing twice. Where the folder
// cannot be read, that is yielded with its path, and the walk goes on.
func (w *walk) folder(ctx context.Context, at folder) bool {
	if w.isResults(at.path) {
		return w.leave(input{Arg: at.path, Found: at.below != "", Skip: &skipResults})
	}
	names := w.budget.Share()
	defer names.Release()
	entries, err := listFolder(ctx, at.path, names)
	if ctx.Err() != nil {
		return w.end(ctx)
	}
	if err != nil && !w.failed(at.path, err) {
		return false
	}
	for _, e := range entries {
		if ctx.Err() != nil {
			return w.end(ctx)
		}
		if !w.entry(ctx, at, e) {
			return false
		}
	}
	return true
}

// isResults reports whether a folder is that of the results.
func (w *walk) isResults(folder string) bool {
	if w.results == nil {
		return false
	}
	info, err := os.Stat(folder)
	return err == nil && os.SameFile(info, w.results)
}

// entry walks what stands in a folder under one name.
func (w *walk) entry(ctx context.Context, at folder, e entry) bool {
	in := input{Arg: filepath.Join(at.path, e.name), Found: true}
	if !w.hidden && isHidden(e.name) {
		in.Skip = &skipHidden
		return w.leave(in)
	}
	below := path.Join(at.below, e.name)
	matched := w.choice.last(below, at.matched)
	if e.kind.IsDir() {
		if w.choice.leavesOutAll(matched) {
			in.Skip = &skipExcluded
			return w.leave(in)
		}
		if info, err := os.Lstat(in.Arg); err == nil && info.IsDir() { // it may have become a link
			return w.folder(ctx, folder{path: in.Arg, below: below, matched: matched})
		}
	}
	if in.Skip = w.skipFile(in.Arg, e.kind, matched); in.Skip != nil {
		return w.leave(in)
	}
	return w.yield(in, nil)
}

// skipFile returns why a file below a folder is left out, nil where it is not.
func (w *walk) skipFile(name string, kind fs.FileMode, matched int) *skipped {
	if !kind.IsDir() {
		if why := skipKind(kind); why != nil {
			return why
		}
	}
	if !w.choice.takes(matched) {
		return &skipExcluded
	}
	info, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &skipGone
	case err != nil:
		return nil // whoever opens it says what is wrong
	case skipKind(info.Mode()) != nil:
		return skipKind(info.Mode())
	case info.Size() == 0 && !w.empty:
		return &skipEmpty
	case cli.IsOutput(info):
		return &skipOutput
	}
	return w.choice.leavesOut(matched, info)
}

// skipKind returns why what is no regular file is left out.
func skipKind(kind fs.FileMode) *skipped {
	switch {
	case kind&fs.ModeSymlink != 0:
		return &skipLink
	case !kind.IsRegular():
		return &skipSpecial
	}
	return nil
}

// leave yields what is left out, or counts it.
func (w *walk) leave(in input) bool {
	if w.counted != nil {
		w.counted.add(in.Skip)
		return true
	}
	return w.yield(in, nil)
}

// failed yields that a folder or a list could not be read.
func (w *walk) failed(name string, err error) bool {
	return w.yield(input{Arg: name}, fmt.Errorf("%s: %w", name, withoutPath(err)))
}

// end yields the cause of the end of ctx.
func (w *walk) end(ctx context.Context) bool {
	w.yield(input{}, context.Cause(ctx))
	return false
}

// hasMeta reports whether a path is a pattern of names.
func hasMeta(path string) bool { return strings.ContainsAny(path, "*?[") }

// glob calls each for the files that a pattern of names matches, folder by folder in the order
// of their names, until it returns false. What is hidden matches only where the pattern has
// the dot.
func (w *walk) glob(ctx context.Context, pattern string, each func(string) bool) bool {
	if !hasMeta(pattern) {
		if _, err := os.Lstat(pattern); err != nil {
			return true
		}
		return each(pattern)
	}
	dir, last := filepath.Split(pattern)
	dir = withoutSeparator(dir)
	in := func(dir string) bool { return w.globIn(ctx, dir, last, each) }
	if !hasMeta(dir) {
		return in(dir)
	}
	return dir == pattern || w.glob(ctx, dir, in)
}

// withoutSeparator returns a folder without the separators at its end, unless it is a root.
func withoutSeparator(dir string) string {
	trimmed := strings.TrimRightFunc(dir, func(r rune) bool { return r < utf8.RuneSelf && os.IsPathSeparator(uint8(r)) })
	switch {
	case dir == "":
		return "."
	case trimmed == filepath.VolumeName(dir) && trimmed != dir:
		return trimmed + string(filepath.Separator)
	}
	return trimmed
}

// globIn does what glob does in one folder. What is none has no files.
func (w *walk) globIn(ctx context.Context, dir, pattern string, each func(string) bool) bool {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return true
	}
	if !hasMeta(pattern) {
		name := filepath.Join(dir, pattern)
		_, err := os.Lstat(name)
		return err != nil || each(name)
	}
	if _, err := filepath.Match(pattern, ""); err != nil {
		return true
	}
	names := w.budget.Share()
	defer names.Release()
	entries, err := listFolder(ctx, dir, names)
	if ctx.Err() != nil {
		return w.end(ctx)
	}
	if err != nil && !w.failed(dir, err) {
		return false
	}
	for _, e := range entries {
		if isHidden(e.name) && !w.hidden && !isHidden(pattern) {
			continue
		}
		if ok, _ := filepath.Match(pattern, e.name); ok && !each(filepath.Join(dir, e.name)) {
			return false
		}
	}
	return true
}

// entry is a name in a folder, and what kind of file it names.
type entry struct {
	name string
	kind fs.FileMode
}

const (
	// listAtOnce is how many names of a folder are read between two questions to the context.
	listAtOnce = 1024
	// entryBytes is about how much memory a name takes besides its bytes, while entries are
	// gathered and sorted.
	entryBytes = 72
)

// listFolder returns what stands in a folder, in the order of the names, for which it asks the
// budget. Where reading ends early, what was read by then comes with the error, unless there
// is no memory for it.
func listFolder(ctx context.Context, name string, names *budget.Budget) ([]entry, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []entry
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		var some []fs.DirEntry
		some, err = f.ReadDir(listAtOnce)
		size := 0
		for _, d := range some {
			size += len(d.Name())
		}
		if err := names.Take(uint64(size+len(some)*entryBytes), "the names in the folder"); err != nil {
			return nil, err
		}
		all = appendEntries(all, some, size)
		if err != nil {
			break
		}
	}
	if err == io.EOF {
		err = nil
	}
	if ended := interrupt.SortFunc(ctx, all, func(a, b entry) int { return strings.Compare(a.name, b.name) }); ended != nil {
		return nil, ended
	}
	return all, err
}

// appendEntries appends entries whose names have so many bytes together. They share a text.
func appendEntries(all []entry, some []fs.DirEntry, size int) []entry {
	var b strings.Builder
	b.Grow(size)
	for _, d := range some {
		b.WriteString(d.Name())
	}
	text := b.String()
	for _, d := range some {
		n := len(d.Name())
		all = append(all, entry{text[:n], d.Type()})
		text = text[n:]
	}
	return all
}
