package summary

import (
	"context"
	"io"
	"iter"
	"time"

	"vscan/engine/addr"
)

// Source is a sweep as readers of its results see it.
type Source interface {
	// About returns what was asked.
	About(ctx context.Context) (*About, error)
	// Images yields the record of each image, in the order as given. What it yields may be
	// used again for the next one. After an error there is nothing more.
	Images(ctx context.Context) iter.Seq2[*Image, error]
	// Lines returns the jsonl lines of hits and rules of image n.
	Lines(ctx context.Context, n int) (io.ReadCloser, error)
}

// About is what a sweep was asked.
type About struct {
	Patterns []string // their names, in the order of the question
	Options  []Option // those that change results, in the order to be shown
	Digest   string   // of the patterns
	Version  string   // of the program
	Began    time.Time
	Ended    time.Time // zero while images are left
}

// Option is an option of a sweep.
type Option struct{ Name, Value string }

// The states of an image.
const (
	Waiting = "waiting"
	Running = "running"
	Done    = "done"
	Partial = "partial" // searched, not wholly
	Failed  = "failed"  // could not be opened
	Skipped = "skipped" // no image, or left out by a rule of choice
	Aside   = "aside"   // set aside: the process died twice in it
)

// Image is the record of an image.
type Image struct {
	N           int    // its place among the images as given, from 0
	Arg         string // as layered.Open takes it
	State       string
	Reason      string // why it is not done, in a sentence; "" of one that is
	Format      string // as image.Image.Format
	Size        uint64 // bytes of its files
	Modified    time.Time
	First, Last addr.Addr // the lowest and the highest mapped address, where Density is not empty
	Summary     []byte    // the summary line of find, without what differs from run to run; nil unless it was searched
	Hits        uint64
	AtLeast     bool          // a limit ended the count of a pattern
	Patterns    []PatternHits // those with hits, by their index in the question
	Density     []uint32      // hits in equal parts of First..Last, each of (Last − First)/len + 1 bytes
	Tries       int

	// Of the memory that was asked for, Scanned bytes were searched, Unreadable could not be read, and
	// Absent are not in the image. Zero of Scanned were known to be zeros that nothing matches. Missing
	// bytes should be in the image and are not; what of them has addresses is Absent as well.
	Scanned, Zero, Absent, Unreadable, Missing uint64

	Elapsed time.Duration // of work on it
}

// PatternHits is how often a pattern hits in an image.
type PatternHits struct {
	Pattern int
	Name    string
	Hits    uint64
	AtLeast bool
}
