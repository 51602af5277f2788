package state

import (
	"context"
	"io"
	"iter"
	"time"

	"vscan/engine/addr"
)

// A Source is the results of a sweep, for whoever reads them. Its methods can be called
// while an iteration of Images goes on, and while a reader of Lines is open.
type Source interface {
	// About returns what was asked.
	About(ctx context.Context) (*About, error)

	// Images returns the images in the order as they were given. The iteration ends with the
	// first error. An Image belongs to the caller.
	Images(ctx context.Context) iter.Seq2[*Image, error]

	// Lines returns the lines of image n, counted from 0: those of jsonl that vscan find
	// writes of its hits and rules, each ended by a line feed, without blanks behind them and
	// without the summary. An image that was not searched has none. The caller closes it.
	Lines(ctx context.Context, n int) (io.ReadCloser, error)
}

// About is what a sweep was asked.
type About struct {
	Patterns []string  // the names of the patterns, in their order
	Options  []Option  // what else changes what is found, in a fixed order
	Digest   string    // of all that changes what is found, in hexadecimal
	Version  string    // of the program
	LeftOut  []LeftOut // rules that are asked of no image
	Began    time.Time
	Ended    time.Time // zero while something is left to be done
	Listed   bool      // whether all images are known
}

// LeftOut is a rule, or a file of rules, that was left out when the sweep was begun, so that
// it is asked of no image.
type LeftOut struct {
	Text []byte // where it stands and why it was left out, as a person reads it
	Line []byte // the line of jsonl that vscan find writes of it, without its end
}

// Activity is what is known of whoever works on a sweep. The zero value is: nobody does, and
// nothing was done yet.
type Activity struct {
	Process string    // a process that works on it, as a person reads it: "process 4711"; "" for none
	Last    time.Time // when anything was written last
}

// Option is a choice that changes what is found.
type Option struct{ Name, Value string }

// The states of an image.
const (
	Waiting = "waiting"
	Running = "running"
	Done    = "done"
	Partial = "partial" // it was searched, and not all of it could be looked at
	Failed  = "failed"  // it could not be searched
	Skipped = "skipped" // it is no image, or a rule of choice leaves it out
	Aside   = "aside"   // it is set aside: the process died twice in it
)

// Image is what is known of an image of a sweep.
type Image struct {
	N           int       // its place among the images as given, from 0
	Arg         string    // as layered.Open takes it
	State       string    // one of the states above
	Reason      string    // why it is not done, in a sentence; "" for Done
	Format      string    // as image.Image.Format
	Size        uint64    // bytes of its files
	Modified    time.Time // of its file
	First, Last addr.Addr // lowest and highest mapped address, both included; of use where Density is not empty

	// Summary is the line of jsonl that sums up the image, without what differs from run to
	// run (kernel, workers, seconds); nil unless it was searched. It has no line feed.
	Summary []byte

	Hits     uint64
	AtLeast  bool          // a limit ended the count of a pattern
	Patterns []PatternHits // those with hits, in the order of the question
	Density  []uint32      // hits in 64 equal parts of First to Last

	// Of the memory that was asked for, Scanned bytes were searched, Unreadable could not be
	// read, and Absent are not in the image. Zero of Scanned were known to be zeros that nothing
	// matches. Missing bytes should be in the image and are not; what of them has addresses is
	// Absent as well.
	Scanned, Zero, Absent, Unreadable, Missing uint64

	Elapsed time.Duration // of work on it; it differs from run to run
	Tries   int           // how often it was begun and not ended
}

// PatternHits is the number of hits of a pattern in an image.
type PatternHits struct {
	Pattern int    // its index in About.Patterns
	Name    string // of the pattern
	Hits    uint64
	AtLeast bool // a limit ended the count
}
