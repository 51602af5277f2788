package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"vscan/engine/sweep/state"
	"vscan/internal/wording"
)

// sweepResults are the results of a sweep, which have to be closed.
type sweepResults interface {
	state.Source
	io.Closer

	// Activity returns what is known of whoever works on the sweep.
	Activity(context.Context) (state.Activity, error)
}

// openSweep opens the results of the sweep in a folder.
var openSweep = func(ctx context.Context, dir string) (sweepResults, error) { return state.Read(ctx, dir) }

// stateInfo returns what the system tells of the database in the folder of a sweep, from which
// results come: whoever may not read it may not read what is written from it.
func stateInfo(dir string) ([]fs.FileInfo, error) {
	info, err := os.Stat(filepath.Join(dir, state.File))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // whoever opens it says so
	}
	return []fs.FileInfo{info}, err
}

// noteUnended tells that a sweep has not ended, so that what is read of it is not all.
func (a *commands) noteUnended(ctx context.Context, dir string, src state.Source) error {
	about, err := src.About(ctx)
	if err != nil || !about.Ended.IsZero() {
		return err
	}
	left := uint64(0)
	for img, err := range src.Images(ctx) {
		if err != nil {
			return err
		}
		if img.State == state.Waiting || img.State == state.Running {
			left++
		}
	}
	a.Note("%s: not complete: the sweep has not ended, %s left", dir, wording.Count(left, "image"))
	return nil
}
