package input

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"vscan/engine/image"
)

// identity is what a file was when it was opened. Whether it has changed since is told
// by comparing that with what it is.
type identity struct {
	info   fs.FileInfo
	at     time.Time // when it was taken
	disk   uint64    // bytes that the file takes on disk
	onDisk bool      // whether disk is known
	times  fileTimes
}

// fileTimes is what the times of a file system are worth.
type fileTimes struct {
	name  string        // of the file system
	why   string        // why equal times do not tell that nothing changed; "": they do
	grain time.Duration // how far apart two writes are, at least, for their times to differ

	// remote says that another program or machine answers reads, which may take as long as
	// it likes.
	remote bool

	// lateHoles says that the file system, or one that it shows, is known to have told of
	// holes where data had just been written.
	lateHoles bool
}

// holes reports whether what the file system says of holes can be relied on: it is known, it
// is here, and it has not been wrong.
func (t *fileTimes) holes() bool { return t.name != "" && t.why == "" && !t.remote && !t.lateHoles }

// usualGrain is the time between two ticks of the clock that most file systems take times
// from, at most: CONFIG_HZ=100. Since Linux 6.13 ext4, xfs, btrfs and tmpfs tell writes
// apart that are closer together, where somebody has asked for the time in between.
const usualGrain = 10 * time.Millisecond

// identify returns what an open file is.
func identify(file *os.File, info fs.FileInfo) *identity {
	id := &identity{info: info, at: time.Now()}
	id.fillSystem(file)
	return id
}

// Changed compares the file with what it was when it was opened: see image.Change. A
// file that was adopted is not compared.
func (f *File) Changed() []image.Change {
	if f.opened == nil {
		return nil
	}
	change := func(what image.ChangeKind, before, after string) image.Change {
		return image.Change{Path: f.path, What: what, Before: before, After: after}
	}
	if f.device {
		return []image.Change{change(image.ChangeUnknown, "", "it is a device, which has no times of its own")}
	}
	info, err := f.file.Stat()
	if err != nil {
		return []image.Change{change(image.ChangedLost, "", err.Error())}
	}
	was := f.opened
	wasTime, wasAttrs := statusOf(was.info)
	isTime, isAttrs := statusOf(info)
	if was.times.remote && was.info.Size() == info.Size() && f.goesOn() {
		return []image.Change{change(image.ChangedSize, size(was.info), "more than "+size(info))}
	}
	var all []image.Change
	moved := f.moved()
	switch {
	case was.info.Size() != info.Size():
		all = append(all, change(image.ChangedSize, size(was.info), size(info)))
	case !was.info.ModTime().Equal(info.ModTime()):
		all = append(all, change(image.ChangedTime, stamp(was.info.ModTime()), stamp(info.ModTime())))
	case wasAttrs != isAttrs:
		all = append(all, change(image.ChangedAttributes, wasAttrs, isAttrs))
	case !wasTime.Equal(isTime) && was.times.why == "" && moved == "": // to rename a file changes its status
		all = append(all, change(image.ChangedStatus, stamp(wasTime), stamp(isTime)))
	}
	if moved != "" {
		all = append(all, change(image.ChangedPath, "", moved))
	}
	if why := was.unsure(); why != "" && !image.ContentChanged(all) {
		all = append(all, change(image.ChangeUnknown, "", why))
	}
	return all
}

// unsure returns why a file whose size and times are the same may have changed all the
// same, or "".
func (id *identity) unsure() string {
	if id.times.why != "" {
		return id.times.why
	}
	// What was written just before the file was opened may have the time of what was
	// written just behind that.
	if since := id.at.Sub(id.info.ModTime()); id.times.grain > usualGrain && since >= 0 && since < id.times.grain {
		return fmt.Sprintf("it was last written %v before it was opened, and %s does not tell times apart that are less than %v from one another", since.Round(time.Millisecond), id.times.name, id.times.grain)
	}
	return ""
}

// goesOn reports whether there are bytes behind the end that the file is said to have.
func (f *File) goesOn() bool {
	var b [1]byte
	n, _ := f.file.ReadAt(b[:], int64(f.size))
	return n > 0
}

// moved returns why the path does not name the open file any more, or "".
func (f *File) moved() string {
	now, err := os.Stat(f.path)
	switch {
	case err != nil:
		return err.Error()
	case !os.SameFile(f.opened.info, now):
		return "replaced"
	}
	return ""
}

func size(info fs.FileInfo) string { return strconv.FormatInt(info.Size(), 10) }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// OnDisk returns how many bytes the file took on disk when it was opened, and whether
// that is known. A file with holes takes less than its size.
func (f *File) OnDisk() (uint64, bool) {
	if f.opened == nil || f.device {
		return 0, false
	}
	return f.opened.disk, f.opened.onDisk
}
