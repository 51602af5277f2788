package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"vscan/internal/wording"
)

// reserve is how much room the disk has to have before anything is begun: what is queued, a
// log of the size at which it is taken over, twice, and some.
const reserve = 64 << 20

// A RoomError says that the disk of a sweep is full, or nearly so.
type RoomError struct {
	Dir  string
	Want uint64 // bytes that have to be there to go on
	Free uint64 // bytes that are there
	Err  error  // of a write that could not be done, or nil
}

func (e *RoomError) Error() string {
	return fmt.Sprintf("%s: no room on its disk: %s are free, and going on wants %s: what was found so far is kept", e.Dir, wording.Size(e.Free), wording.Size(e.Want))
}
func (e *RoomError) Unwrap() error { return e.Err }

// CheckRoom returns a *RoomError where the disk has too little room to begin anything.
func (db *DB) CheckRoom() error { return checkRoom(db.dir, reserve) }

// Want has a *RoomError tell how much room the rest of the sweep may take, reckoned from what its
// images took so far.
func (db *DB) Want(ctx context.Context, err error) {
	var full *RoomError
	if !errors.As(err, &full) {
		return
	}
	all, bad := counts(ctx, db.reads)
	info, bad2 := os.Stat(filepath.Join(db.dir, File))
	if bad != nil || bad2 != nil {
		return
	}
	left, settled := all[Waiting]+all[Running], all[Done]+all[Partial]
	if settled > 0 {
		full.Want = reserve + uint64(float64(info.Size())*float64(left)/float64(settled))
	}
}

func checkRoom(dir string, want uint64) error {
	if free, known := freeBytes(dir); known && free < want {
		return &RoomError{Dir: dir, Want: want, Free: free}
	}
	return nil
}

// failed returns the error of a write: a *RoomError where the disk is full.
func (w *writer) failed(err error) error {
	var of *sqlite.Error
	if errors.As(err, &of) && of.Code()&0xff == sqlite3.SQLITE_FULL || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		free, _ := freeBytes(w.dir)
		return &RoomError{w.dir, reserve, free, err}
	}
	if errors.As(err, &of) && of.Code()&0xff == sqlite3.SQLITE_IOERR && checkRoom(w.dir, 1<<20) != nil {
		free, _ := freeBytes(w.dir)
		return &RoomError{w.dir, reserve, free, err}
	}
	return fmt.Errorf("%s: %w", filepath.Join(w.dir, File), err)
}
