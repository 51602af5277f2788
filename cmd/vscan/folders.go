package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vscan/cmd/vscan/internal/cli"
	"vscan/engine/image"
	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/internal/wording"
)

// imageArg names an image to search.
type imageArg struct {
	path  string
	found bool // whether it was found below a folder, and not given as an argument
}

// tally is the account of all images of a command.
type tally struct {
	searched, withHits uint64 // how many images were searched, and how many of them have a hit
	hits, scanned      uint64 // hits, and bytes that were scanned
	started            time.Time
	skipped            []skipped // a reason each, in the order in which they came up first
}

// skipped counts the files that were passed over for one reason.
type skipped struct {
	one, many string // what one such file is called, and several
	n         uint64
}

// The reasons for which a file below a folder is not searched.
var (
	skipHidden  = skipped{one: "hidden file or folder", many: "hidden files and folders"}
	skipLink    = skipped{one: "symbolic link", many: "symbolic links"}
	skipSpecial = skipped{one: "device, pipe or socket", many: "devices, pipes and sockets"}
	skipEmpty   = skipped{one: "empty file", many: "empty files"}
	skipOutput  = skipped{one: "file that the output goes to", many: "files that the output goes to"}
	skipUnknown = skipped{one: "file of no known format", many: "files of no known format"}
	skipProgram = skipped{one: "program or library", many: "programs and libraries"}
	skipUnread  = skipped{one: "file of a format that is not read", many: "files of formats that are not read"}
)

// skip counts a file that is passed over.
func (t *tally) skip(why skipped) {
	for i := range t.skipped {
		if t.skipped[i].one == why.one {
			t.skipped[i].n++
			return
		}
	}
	why.n = 1
	t.skipped = append(t.skipped, why)
}

// numberOf returns how many files were passed over for a reason.
func (t *tally) numberOf(why skipped) uint64 {
	for _, s := range t.skipped {
		if s.one == why.one {
			return s.n
		}
	}
	return 0
}

// count adds the account of an image that was searched.
func (t *tally) count(s *search.Summary) {
	t.searched++
	t.hits += s.Hits
	t.scanned += s.Scanned
	if s.Found() {
		t.withHits++
	}
}

// gather returns the images that arguments stand for. With -r, a folder stands for the
// files below it in the order of their names, and a pattern of names for the files that
// it matches.
func (s *searching) gather(args []string) []imageArg {
	s.started = time.Now()
	var all []imageArg
	for _, arg := range args {
		if !s.f.recursive {
			all = append(all, imageArg{path: arg})
			continue
		}
		for _, name := range globFiles(arg) {
			if info, err := os.Stat(name); err == nil && info.IsDir() {
				all = append(all, s.filesBelow(name)...)
			} else {
				all = append(all, imageArg{path: name})
			}
		}
	}
	return all
}

// noFolders returns an error for each image that is a folder, unless folders stand for
// the files below them.
func noFolders(images []string, recursive bool) error {
	var errs []error
	for _, name := range images {
		if info, err := os.Stat(name); err == nil && info.IsDir() && !recursive {
			errs = append(errs, fmt.Errorf("%s is a directory: name the image files in it, or search all of them with -r", name))
		}
	}
	return errors.Join(errs...)
}

// globFiles returns the files that a pattern of names matches, as a shell would. An
// argument that is the name of a file, or that matches nothing, stands for itself.
func globFiles(arg string) []string {
	if _, err := os.Lstat(arg); err == nil || !strings.ContainsAny(arg, "*?[") {
		return []string{arg}
	}
	found, err := filepath.Glob(arg)
	if err != nil {
		return []string{arg}
	}
	var names []string
	for _, name := range found {
		if !isHidden(filepath.Base(name)) || isHidden(filepath.Base(arg)) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return []string{arg}
	}
	return names
}

func isHidden(name string) bool { return strings.HasPrefix(name, ".") && name != "." && name != ".." }

// filesBelow returns the files below a folder. Links are not followed, so that nothing
// outside of the folder is searched, and nothing twice.
func (s *searching) filesBelow(folder string) []imageArg {
	var all []imageArg
	fs.WalkDir(os.DirFS(folder), ".", func(path string, d fs.DirEntry, err error) error {
		name := filepath.Join(folder, filepath.FromSlash(path))
		switch {
		case err != nil:
			s.fail(fmt.Errorf("%s: %w", name, withoutPath(err)))
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
		case path != "." && isHidden(d.Name()):
			s.skip(skipHidden)
			if d.IsDir() {
				return fs.SkipDir
			}
		case d.IsDir():
		case d.Type()&fs.ModeSymlink != 0:
			s.skip(skipLink)
		case !d.Type().IsRegular():
			s.skip(skipSpecial)
		case isEmpty(d) && !s.f.image.TakesEmpty():
			s.skip(skipEmpty)
		case isOutput(d):
			s.skip(skipOutput)
		default:
			all = append(all, imageArg{name, true})
		}
		return nil
	})
	return all
}

func isEmpty(d fs.DirEntry) bool {
	info, err := d.Info()
	return err == nil && info.Size() == 0
}

func isOutput(d fs.DirEntry) bool {
	info, err := d.Info()
	return err == nil && cli.IsOutput(info)
}

// withoutPath returns an error about a path without the path, which is relative to the
// folder: callers put the whole path in front.
func withoutPath(err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// passOver reports whether a file that was found below a folder is not searched; t and
// err are what came of opening it. It counts such a file, and closes it if it is open.
// A dump of a format that is not read makes the search incomplete at once. A container,
// which may hold a dump, does so in settle, and only where nothing was found.
func (s *searching) passOver(path string, t *layered.Image, err error) bool {
	var unread *image.UnsupportedError
	switch {
	case err == nil && t.Format == string(image.FormatRaw) && s.f.image.Format == "" && !strings.EqualFold(filepath.Ext(path), ".vmem"):
		t.Close()
		s.skip(skipUnknown)
	case err == nil || !errors.As(err, &unread):
		return false
	case unread.IsProgram():
		s.skip(skipProgram)
	default:
		if s.skip(skipUnread); !s.f.quiet && s.numberOf(skipUnread) <= maxTold {
			s.Note("not searched: %v", err)
		}
		s.Incomplete = s.Incomplete || unread.IsDump()
	}
	return true
}

// maxTold is the most files of formats that are not read that are told one by one.
const maxTold = 20

// noteTally tells how the search of folders went, and at a terminal also how the search
// of several images went.
func (s *searching) noteTally() {
	if s.f.quiet || !s.f.recursive && !(s.f.several && s.f.format == "text" && s.Interactive()) {
		return
	}
	line := fmt.Sprintf("%s searched, %s in %s, %s in %.3f s", wording.Count(s.searched, "image"), wording.Count(s.hits, "hit"),
		wording.Count(s.withHits, "image"), wording.Size(s.scanned), time.Since(s.started).Seconds())
	if s.f.list != "" {
		line = fmt.Sprintf("%s searched, %d with a hit", wording.Count(s.searched, "image"), s.withHits)
	}
	var why []string
	for _, k := range s.skipped {
		what := k.many
		if k.n == 1 {
			what = k.one
		}
		why = append(why, fmt.Sprintf("%d %s", k.n, what))
	}
	if len(why) > 0 {
		line += "; skipped: " + strings.Join(why, ", ")
	}
	if s.numberOf(skipUnknown) > 0 {
		line += " (--image-format raw searches files of any format as they are)"
	}
	s.Note("%s", line)
}

// settle makes the outcome incomplete where nothing was found and folders have files
// that may be images and were not looked at, for then it is not known that there is
// nothing.
func (s *searching) settle() {
	if s.f.recursive && !s.Found && (s.searched == 0 || s.numberOf(skipUnread) > 0) {
		s.Incomplete = true
	}
}
