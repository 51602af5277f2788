package local

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"sync"

	"vscan/engine/image/layered"
	"vscan/engine/sweep"
	"vscan/engine/sweep/state"
)

// checkSettled looks whether the images that were searched before the sweep was gone on with
// are still what they were, and has those that are not searched anew, which it tells.
func (r *runner) checkSettled(ctx context.Context) error {
	all := make(chan *state.Settled)
	var workers sync.WaitGroup
	var mu sync.Mutex
	var first error
	fail := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if first == nil {
			first = err
		}
	}
	for range r.Workers {
		workers.Go(func() {
			for s := range all {
				why := r.differs(ctx, s)
				if why == "" || ctx.Err() != nil {
					continue
				}
				if err := r.db.Anew(s.N); err != nil {
					fail(err)
					continue
				}
				r.Progress.again(s)
				r.Note(s.Arg, "searched anew: it changed since it was searched: "+why)
			}
		})
	}
	for s, err := range r.db.Settled(ctx) {
		if err != nil {
			fail(err)
			break
		}
		all <- s
	}
	close(all)
	workers.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return first
}

// differs returns in what way an image is another one than it was, or "".
func (r *runner) differs(ctx context.Context, s *state.Settled) string {
	if s.Stamp != "" && s.Stamp == stampNow(ctx, &r.opening, s.Arg) {
		return ""
	}
	var was sweep.ImageIs
	if err := json.Unmarshal(s.Identity, &was); err != nil {
		return err.Error()
	}
	share := r.Budget.Share()
	defer share.Release()
	opening := r.opening
	opening.Budget = share
	img, err := layered.Open(ctx, s.Arg, opening)
	if err != nil {
		if ctx.Err() == nil {
			r.Note(s.Arg, "what was found is kept, and the image cannot be opened any more: "+reasonOf(s.Arg, err))
			if !errors.Is(err, fs.ErrNotExist) {
				r.Progress.unopened()
			}
		}
		return ""
	}
	defer img.Close()
	now, err := sweep.Identify(ctx, img)
	if err != nil {
		return err.Error()
	}
	return was.Differs(&now)
}

// A stamp is what the system tells of the only file of an image that changes whenever anybody
// writes to it, so that an image with the same stamp need not be opened to know that it is the
// same. It is "" where there is none.

// stampOf returns the stamp of an open image.
func stampOf(o *layered.Options, arg string, files []fs.FileInfo) string {
	if len(files) != 1 || len(o.Over)+len(o.Under) > 0 || o.Modules || o.Sysroot != "" {
		return ""
	}
	return stamp(files[0])
}

// stampNow returns the stamp that an image would have, if it has one.
func stampNow(ctx context.Context, o *layered.Options, arg string) string {
	of, err := layered.Parse(ctx, arg, *o)
	if err != nil {
		return ""
	}
	path := ""
	switch of.Kind {
	case layered.File, layered.EmptyFile:
		path = of.Text
	case layered.Placed:
		path = of.Place.Path
	}
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return stamp(info)
}
