// Package local runs a sweep over many images on this machine, with its state in a database
// (engine/sweep/state).
//
// Workers take tasks, each of which they search on one goroutine; those that find nothing more
// to begin help others. Of an image that takes
// more than Options.TaskBytes the search is cut into tasks of that size, which all workers
// share; once the last is done, their results are put together, the image is settled, and the
// results are dropped. A smaller image is one task, and settled at once, so that many of them
// are searched side by side.
//
//	inputs ─feeder→ state ─claim→ image ─one task→ settled
//	                                 └─several→ tasks → results ─stitch→ settled
//
// What begins is written to the state. An image that needs more memory than is
// left while others are searched is searched once more when it is alone, so that how many
// workers there are changes nothing of what is found.
package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"sync"
	"time"

	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/engine/simd"
	"vscan/engine/sweep"
	"vscan/engine/sweep/state"
)

// DefaultOpen is how many images are open at a time.
const DefaultOpen = 16

// Input is an image to be swept, or something that is not, which is recorded with the reason.
type Input = state.Input

// Shown is what of hits is in the lines, as the fields of search.Query have it.
type Shown struct {
	HitBytes int    `json:"bytes"`
	Around   uint64 `json:"context,omitempty"`
}

// Options say how a sweep is run. None of them changes what is found. Sink and Summary have to
// be given.
type Options struct {
	Workers   int           // tasks at a time; 0: one a processor
	Open      int           // the most images that are open at a time; 0: DefaultOpen
	TaskBytes uint64        // 0: sweep.DefaultTaskBytes
	TaskTime  time.Duration // a task that takes longer has failed; 0: there is no limit

	// These are as in engine.Options and layered.Options.
	ShardSize uint64
	Kernel    simd.Level
	Mmap      image.Mmap

	Budget *budget.Budget // nil has no limit

	// Inputs are the images, in order. They are asked for while others are searched, and once;
	// those that the state knows already are passed over. Nil: the state knows all. An
	// error that it yields ends the sweep once what is known is searched, and is that of Run.
	Inputs iter.Seq2[Input, error]

	// Sink returns a sink that writes the lines of an image, which get what is known of it by
	// Begin, and Summary the line of its summary.
	Sink    func(w io.Writer) search.Sink
	Summary func(*search.Summary) []byte

	// Accept, if not nil, is called with each image once it is open. Its error is why the
	// image is not searched.
	Accept func(*layered.Image) error

	// Skip, if not nil, is called with what came of opening an image that was found below a
	// folder. If it returns a reason, that is no image, and skipped.
	Skip func(arg string, img *layered.Image, err error) (reason string)

	// Known is as in layered.Options, for images that were found below a folder.
	Known bool

	// Pace is as in search.Query, of all searches together.
	Pace func(ctx context.Context, bytes uint64)

	// Note, if not nil, is called with what there is to tell of an image. It may be called by
	// several goroutines at once.
	Note func(arg, text string)

	Progress *Progress // is kept up to date; nil: nobody asks
}

// Query returns the query and the options of images of a sweep.
func Query(ctx context.Context, s *state.Setup, b *budget.Budget) (*sweep.Question, *search.Query, layered.Options, error) {
	fail := func(err error) (*sweep.Question, *search.Query, layered.Options, error) {
		return nil, nil, layered.Options{}, unreadable(err)
	}
	var of sweep.Question
	if err := json.Unmarshal(s.Question, &of); err != nil {
		return fail(err)
	}
	open, shown, err := Opening(s)
	if err != nil {
		return nil, nil, open, err
	}
	q, err := of.Query(ctx, b)
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil, open, err
		}
		return fail(err)
	}
	q.Want, q.Decode, q.HitBytes, q.Around = search.WantHits, true, shown.HitBytes, shown.Around
	return &of, q, open, nil
}

// Opening returns how the images of a sweep are opened, and what of hits is in its lines.
func Opening(s *state.Setup) (layered.Options, Shown, error) {
	var opening sweep.Opening
	var shown Shown
	if err := errors.Join(json.Unmarshal(s.Opening, &opening), json.Unmarshal(s.Shown, &shown)); err != nil {
		return layered.Options{}, shown, unreadable(err)
	}
	open, err := opening.Options()
	if err != nil {
		err = unreadable(err)
	}
	return open, shown, err
}

func unreadable(err error) error {
	return fmt.Errorf("what the sweep asks cannot be read: %w", err)
}

// runner runs a sweep.
type runner struct {
	Options
	db      *state.DB
	of      *sweep.Question
	query   *search.Query
	opening layered.Options
	names   map[string]int // of hits: their index in state.About.Patterns

	alone sync.RWMutex // held for writing by what needs all of the memory

	mu       sync.Mutex
	changed  sync.Cond   // signalled when there may be something to do
	open     []*openWork // images of several tasks, in the order in which they were opened
	claiming int         // images that are being opened and are not among these
	fed      uint64      // how often images were added
	feeding  bool        // whether more may be added
	busy     int         // workers that may make more to do
	idle     int         // workers that wait for something to do
	lent     int         // of these, those that help others
	lendable sync.Cond   // signalled when there may be one that can
	ended    error       // why nothing more is begun
	late     error       // of Inputs: told at the end
}

// Run runs a sweep until all images are settled or ctx ends, whose cause is the error then.
// Other errors are those of the state, a *state.RoomError among them, and of Inputs. What is
// wrong with images is in their records.
func Run(ctx context.Context, db *state.DB, o Options) error {
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Open == 0 {
		o.Open = DefaultOpen
	}
	if o.TaskBytes == 0 {
		o.TaskBytes = sweep.DefaultTaskBytes
	}
	if o.Note == nil {
		o.Note = func(string, string) {}
	}
	if o.Progress == nil {
		o.Progress = &Progress{}
	}
	setup, err := db.Setup(ctx)
	if err != nil {
		return err
	}
	r := &runner{Options: o, db: db, names: map[string]int{}}
	r.changed.L, r.lendable.L = &r.mu, &r.mu
	if r.of, r.query, r.opening, err = Query(ctx, setup, o.Budget); err != nil {
		return err
	}
	r.query.Workers, r.query.ShardSize, r.query.Kernel, r.query.Pace = 1, o.ShardSize, o.Kernel, o.Pace
	r.query.Cache = search.NewCache(o.Budget)
	defer r.query.Cache.Close()
	r.opening.Mmap, r.opening.Sequential = o.Mmap, true
	for i, name := range setup.Patterns {
		r.names[name] = i
	}
	return r.run(ctx)
}

func (r *runner) run(ctx context.Context) error {
	if err := r.Progress.begin(ctx, r.db); err != nil {
		return err
	}
	inside, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(ctx, r.db.Ending)()
	defer context.AfterFunc(inside, func() { r.end(context.Cause(inside)) })()
	if err := r.checkSettled(inside); err != nil {
		return err
	}
	var all sync.WaitGroup
	if r.Inputs != nil {
		r.feeding = true
		all.Go(func() { r.feed(inside) })
	}
	for range r.Workers {
		all.Go(func() {
			if err := r.work(inside); err != nil {
				r.end(err)
				cancel(err)
			}
		})
	}
	all.Wait()
	for _, w := range r.open { // what was not ended
		w.close()
		if err := r.db.GiveBack(w.n); err != nil {
			r.end(err)
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.db.Want(ctx, r.ended)
	return errors.Join(r.ended, r.late)
}

// end has nothing more begun. The first error counts.
func (r *runner) end(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended == nil {
		r.ended = err
	}
	r.changed.Broadcast()
}

// The inputs are added to the state in batches of so many, or after so long.
const (
	feedMost  = 1000
	feedAfter = 100 * time.Millisecond
)

// feed adds the inputs to the state.
func (r *runner) feed(ctx context.Context) {
	var batch []Input
	last := time.Now()
	add := func() bool {
		added, err := r.db.Add(batch)
		if err != nil {
			r.end(err)
			return false
		}
		r.Progress.known(added)
		for _, in := range batch {
			if in.Fail != "" {
				r.Note(in.Arg, state.Failed+": "+in.Fail)
			}
		}
		batch, last = batch[:0], time.Now()
		r.mu.Lock()
		r.fed++
		r.mu.Unlock()
		r.changed.Broadcast()
		return true
	}
	err := func() error {
		for in, err := range r.Inputs {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				add() // what came before it counts
				return err
			}
			batch = append(batch, in)
			if (len(batch) == feedMost || time.Since(last) > feedAfter) && !add() {
				return nil
			}
		}
		if add() {
			return r.db.SetListed()
		}
		return nil
	}()
	r.mu.Lock()
	r.feeding, r.late = false, err
	if err == nil {
		r.Progress.allKnown()
	}
	r.mu.Unlock()
	r.changed.Broadcast()
}
