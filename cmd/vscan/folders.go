package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vscan/engine/image"
	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/internal/wording"
)

// imageArg is an image to search: as given, or found in a folder.
type imageArg struct {
	path  string
	found bool
}

// tally is the account of a whole run.
type tally struct {
	searched, withHits uint64 // images
	hits, scanned      uint64 // scanned: bytes
	started            time.Time
	skipped            []skipped // in the order of their first
}

// skipped is files that were passed over, for one reason.
type skipped struct {
	one, many string // what they are
	n         uint64
}

// Why a file below a folder is none to search.
var (
	skipHidden  = skipped{one: "hidden file or folder", many: "hidden files and folders"}
	skipLink    = skipped{one: "symbolic link", many: "symbolic links"}
	skipSpecial = skipped{one: "device, pipe or socket", many: "devices, pipes and sockets"}
	skipEmpty   = skipped{one: "empty file", many: "empty files"}
	skipUnknown = skipped{one: "file of no known format", many: "files of no known format"}
	skipProgram = skipped{one: "program or library", many: "programs and libraries"}
	skipUnread  = skipped{one: "file of a format that is not read", many: "files of formats that are not read"}
)

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

func (t *tally) numberOf(why skipped) uint64 {
	for _, s := range t.skipped {
		if s.one == why.one {
			return s.n
		}
	}
	return 0
}

// count adds an image that was searched.
func (t *tally) count(s *search.Summary) {
	t.searched++
	t.hits += s.Hits
	t.scanned += s.Scanned
	if s.Found() {
		t.withHits++
	}
}

// gather is the images that arguments stand for: with -r those below folders,
// in the order of their names, and those that a pattern of names has.
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

// noFolders refuses folders where they do not stand for what is in them.
func noFolders(images []string, recursive bool) error {
	var errs []error
	for _, name := range images {
		if info, err := os.Stat(name); err == nil && info.IsDir() && !recursive {
			errs = append(errs, fmt.Errorf("%s is a directory: name the image files in it, or search all of them with -r", name))
		}
	}
	return errors.Join(errs...)
}

// globFiles is the files that a pattern of names has, as a shell would have it;
// what is the name of a file, or has none, stands for itself.
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

// filesBelow is the files in a folder and in those filesBelow it. Links are not followed,
// so that nothing outside is searched and nothing twice.
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

// withoutPath is an error about a path without the path, which is one in the folder.
func withoutPath(err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// passOver reports whether a file below a folder, and what came of opening it, is
// no image to search. It closes what was opened. A dump in a format that is not
// read makes the search incomplete; a container that may hold one does so where
// nothing is found.
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

// maxTold is how many files of formats that are not read are told one by one.
const maxTold = 20

// noteTally tells how a search of folders went, or at a terminal one of several
// images.
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

// settle puts into the outcome what folders had: nothing was found is said only
// where all that may be an image was looked at.
func (s *searching) settle() {
	if s.f.recursive && !s.Found && (s.searched == 0 || s.numberOf(skipUnread) > 0) {
		s.Incomplete = true
	}
}
