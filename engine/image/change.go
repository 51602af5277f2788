package image

import (
	"fmt"
	"slices"
)

// Change is something about a file of an image that is no longer as it was when the
// file was opened, or of which that cannot be told.
type Change struct {
	Path string // of the file, as it was opened
	What ChangeKind

	// Before and After are what was compared, as text: sizes in bytes, times in RFC 3339
	// with nanoseconds, in UTC; of ChangedAttributes the mode, owner, group and number
	// of links. Before is "" where there is nothing to compare. After says of
	// ChangedPath and ChangedLost why nothing is there to be compared any more, and of
	// ChangeUnknown why it cannot be told.
	Before, After string
}

// ChangeKind is what about a file is no longer as it was.
type ChangeKind string

const (
	ChangedSize ChangeKind = "size"  // its size
	ChangedTime ChangeKind = "mtime" // the time at which it was last written to; its size is the same

	// ChangedStatus: the time at which its status last changed, and nothing else. Whoever
	// writes to a file and sets the time of that back leaves this.
	ChangedStatus ChangeKind = "ctime"

	// ChangedAttributes: its mode, owner, group or number of links, which explains why
	// the time of its status is another one.
	ChangedAttributes ChangeKind = "attributes"

	ChangedPath   ChangeKind = "path"    // its path names another file by now, or none: the open one was read
	ChangedLost   ChangeKind = "lost"    // the open file cannot be asked any more
	ChangeUnknown ChangeKind = "unknown" // whether it changed cannot be told
)

// Content reports whether the bytes of the file may have changed while they were looked
// at, so that no answer about them is complete. Of ChangeUnknown nothing is known, so it
// does not say so.
func (c Change) Content() bool {
	switch c.What {
	case ChangedSize, ChangedTime, ChangedStatus, ChangedLost:
		return true
	}
	return false
}

// String returns the change as one line of text, without the path.
func (c Change) String() string {
	switch c.What {
	case ChangedSize:
		return fmt.Sprintf("its size changed from %s to %s bytes", c.Before, c.After)
	case ChangedTime:
		return fmt.Sprintf("it was written to: its modification time was %s and is %s", c.Before, c.After)
	case ChangedStatus:
		return fmt.Sprintf("the time of its status was %s and is %s, with nothing else changed: it may have been written to and its modification time set back", c.Before, c.After)
	case ChangedAttributes:
		return fmt.Sprintf("its attributes changed (%s, now %s)", c.Before, c.After)
	case ChangedPath:
		return fmt.Sprintf("its path names another file by now, or none (%s): the file that was opened is the one that was read", c.After)
	case ChangedLost:
		return fmt.Sprintf("it can no longer be asked whether it changed: %s", c.After)
	}
	return fmt.Sprintf("whether it changed cannot be told: %s", c.After)
}

// ContentChanged reports whether one of the changes may be one of the bytes.
func ContentChanged(changes []Change) bool {
	for _, c := range changes {
		if c.Content() {
			return true
		}
	}
	return false
}

// Changed compares the files of the image with what they were when they were opened, and
// returns what is different. It is asked when all has been read that is to be, and before
// Close. Of a live process, whose memory changes by nature, it returns nothing.
//
// What changed is told by size, times and inode. Stores to memory that another process
// has mapped from the file may leave none of these changed: on ext4 and the like those to
// a page that waits to be written back already, which is half a minute; on tmpfs all but
// the first one to each page.
func (img *Image) Changed() []Change {
	if img.Live {
		return nil
	}
	var all []Change
	for _, c := range img.closers {
		if f, ok := c.(interface{ Changed() []Change }); ok {
			all = append(all, f.Changed()...)
		}
	}
	return all
}

// CanGrow reports whether what is appended to the file of the image is memory of it: the
// image is raw memory that goes on to the end of its file.
func (img *Image) CanGrow() bool { return img.appended != nil }

// Grown returns the image together with what was appended to its file since it was opened,
// or since Grown made it, and whether there is anything. It consists of the image's
// mappings and one behind them, and reads from the image, which has to stay open; to
// close it does nothing.
func (img *Image) Grown() (*Image, bool) {
	if img.appended == nil || len(img.Mappings) == 0 {
		return nil, false
	}
	m, ok := img.appended(img.Mappings[len(img.Mappings)-1])
	if !ok {
		return nil, false
	}
	grown := *img
	grown.closers = nil
	grown.Mappings = append(slices.Clone(img.Mappings), m)
	grown.FileSize = m.OffsetOf(m.Last) + 1
	return &grown, true
}
