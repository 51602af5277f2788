package main

import (
	"context"
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
	skipped            skips
}

// skips counts files that are passed over: a reason each, in the order in which they came up
// first.
type skips struct{ all []skipped }

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
	skipBeside  = skipped{one: "file whose memory lies in another beside it", many: "files whose memory lies in others beside them"}
	skipUnread  = skipped{one: "file of a format that is not read", many: "files of formats that are not read"}

	skipResults  = skipped{one: "folder of results", many: "folders of results"}
	skipExcluded = skipped{one: "file or folder left out by name", many: "files and folders left out by name"}
	skipLarge    = skipped{one: "file larger than --max-size", many: "files larger than --max-size"}
	skipOld      = skipped{one: "file older than --newer", many: "files older than --newer"}
	skipGone     = skipped{one: "file that vanished meanwhile", many: "files that vanished meanwhile"}
)

// Reason returns why a file is left out, as what it is.
func (s *skipped) Reason() string { return s.one }

// add counts a file that is passed over.
func (s *skips) add(why *skipped) {
	for i := range s.all {
		if s.all[i].one == why.one {
			s.all[i].n++
			return
		}
	}
	s.all = append(s.all, skipped{why.one, why.many, 1})
}

// numberOf returns how many files were passed over for a reason.
func (s *skips) numberOf(why *skipped) uint64 {
	for _, k := range s.all {
		if k.one == why.one {
			return k.n
		}
	}
	return 0
}

// String returns how many files were passed over for which reason; "" for none.
func (s *skips) String() string {
	var why []string
	for _, k := range s.all {
		what := k.many
		if k.n == 1 {
			what = k.one
		}
		why = append(why, fmt.Sprintf("%d %s", k.n, what))
	}
	return strings.Join(why, ", ")
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
func (s *searching) gather(ctx context.Context, args []string) []imageArg {
	s.started = time.Now()
	var all []imageArg
	if !s.f.recursive {
		for _, arg := range args {
			all = append(all, imageArg{path: arg})
		}
		return all
	}
	w := walk{budget: s.f.Budget, empty: s.f.image.TakesEmpty(), counted: &s.skipped}
	w.yield = func(in input, err error) bool {
		switch {
		case err != nil && ctx.Err() != nil:
			s.Interrupted = true
		case err != nil:
			s.fail(err)
		default:
			all = append(all, imageArg{in.Arg, in.Found})
		}
		return true
	}
	for _, arg := range args {
		if !w.arg(ctx, arg) {
			break
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

func isHidden(name string) bool { return strings.HasPrefix(name, ".") && name != "." && name != ".." }

// withoutPath returns an error about a path without the path, which is relative to the
// folder: callers put the whole path in front.
func withoutPath(err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// notSearched returns why a file that was found below a folder is not searched, nil where it
// is; t and err are what came of opening it. It does not close t. With raw, files of no known
// format are searched as they are.
func notSearched(path string, t *layered.Image, err error, raw bool) *skipped {
	var unread *image.UnsupportedError
	switch {
	case errors.Is(err, image.ErrUnknown):
		return &skipUnknown
	case err == nil && t.Format == string(image.FormatRaw) && !raw && !strings.EqualFold(filepath.Ext(path), ".vmem"):
		return &skipUnknown
	case err == nil || !errors.As(err, &unread):
		return nil
	case unread.IsProgram():
		return &skipProgram
	case unread.Holds == image.HoldsBeside:
		return &skipBeside
	}
	return &skipUnread
}

// passOver reports whether a file that was found below a folder is not searched; t and
// err are what came of opening it. It counts such a file, and closes it if it is open.
// A dump of a format that is not read makes the search incomplete at once. A container,
// which may hold a dump, does so in settle, and only where nothing was found.
func (s *searching) passOver(path string, t *layered.Image, err error) bool {
	why := notSearched(path, t, err, s.f.image.Format != "")
	if why == nil {
		return false
	}
	s.skipped.add(why)
	if t != nil {
		t.Close()
	}
	if why == &skipUnread {
		if !s.f.quiet && s.skipped.numberOf(why) <= maxTold {
			s.Note("not searched: %v", err)
		}
		s.Incomplete = s.Incomplete || isUnreadDump(err)
	}
	return true
}

// isUnreadDump reports whether an error of opening an image says that it is a dump in a format
// that is not read.
func isUnreadDump(err error) bool {
	var unread *image.UnsupportedError
	return errors.As(err, &unread) && unread.IsDump()
}

// maxTold is the most files of formats that are not read, or images of a sweep, that are told one by one.
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
	if why := s.skipped.String(); why != "" {
		line += "; skipped: " + why
	}
	if s.skipped.numberOf(&skipUnknown) > 0 {
		line += " (--image-format raw searches files of any format as they are)"
	}
	s.Note("%s", line)
}

// settle makes the outcome incomplete where nothing was found and folders have files
// that may be images and were not looked at, for then it is not known that there is
// nothing.
func (s *searching) settle() {
	if s.f.recursive && !s.Found && (s.searched == 0 || s.skipped.numberOf(&skipUnread) > 0) {
		s.Incomplete = true
	}
}
