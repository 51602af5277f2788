// Package state keeps a sweep over many images in a database, so that nothing of it is lost
// however the program ends: what was asked, the images, the tasks of the large ones, and
// what was found.
//
//	Create, Open   begin a sweep in a folder, or go on with one: a *DB, of which there is one
//	Read           the results, also while the sweep runs: a *Reader, which is a Source
//
// The database is DIR/sweep.db, SQLite with a write-ahead log. A change is there for whoever
// reads, and safe from the death of the program, once it is committed, at most 100 ms after it
// was made; it is on the disk, and safe from a power cut, at most 5 s after that. Results of
// a task become valid in the transaction in which the task ends, so there is never a part of one.
//
// What begins is written as it begins, and once the program has died, before it begins. So what
// was under way when the program died is known, and what was under way twice can be set aside.
//
// The tables (docs/sweep.md has their columns):
//
//	meta     what was asked, and how far the list of images is known
//	image    a row an image, in the order as given
//	task     a row for each task of images that have several, until these are settled
//	result   what such a task has found, in pieces
//	lines    the lines of an image, compressed, in pieces
//
// DIR/sweep.lock is a database of one row that is locked as long as the sweep runs.
package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite" // also the driver of this name
	sqlite3 "modernc.org/sqlite/lib"

	"vscan/internal/outfile"
)

// Format is the version of the tables. Another version is refused.
const Format = 1

// File is the name of the database in the folder of a sweep.
const File = "sweep.db"

const lockFile = "sweep.lock"

const schema = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE image (
	n INTEGER PRIMARY KEY, arg BLOB NOT NULL, below INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
	tries INTEGER NOT NULL DEFAULT 0, under_way INTEGER NOT NULL DEFAULT 0, found INTEGER NOT NULL DEFAULT 0, lacks_tasks INTEGER NOT NULL DEFAULT 0,
	identity BLOB, stamp TEXT NOT NULL DEFAULT '',
	format TEXT NOT NULL DEFAULT '', size INTEGER NOT NULL DEFAULT 0, modified INTEGER,
	first INTEGER NOT NULL DEFAULT 0, last INTEGER NOT NULL DEFAULT 0, summary BLOB,
	hits INTEGER NOT NULL DEFAULT 0, at_least INTEGER NOT NULL DEFAULT 0, patterns BLOB, density BLOB,
	scanned INTEGER NOT NULL DEFAULT 0, zero INTEGER NOT NULL DEFAULT 0, absent INTEGER NOT NULL DEFAULT 0,
	unreadable INTEGER NOT NULL DEFAULT 0, missing INTEGER NOT NULL DEFAULT 0, elapsed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX image_waiting ON image (tries, n) WHERE state = 'waiting';
CREATE INDEX image_running ON image (n) WHERE state = 'running';
CREATE UNIQUE INDEX image_arg ON image (arg);
CREATE TABLE task (
	image INTEGER NOT NULL, k INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
	first INTEGER NOT NULL, last INTEGER NOT NULL, bytes INTEGER NOT NULL,
	tries INTEGER NOT NULL DEFAULT 0, under_way INTEGER NOT NULL DEFAULT 0, elapsed INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (image, k)
) WITHOUT ROWID;
CREATE INDEX task_under_way ON task (image, k) WHERE under_way = 1;
CREATE TABLE result (image INTEGER NOT NULL, k INTEGER NOT NULL, seq INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (image, k, seq));
CREATE TABLE lines (image INTEGER NOT NULL, seq INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (image, seq));
`

// Setup is what a sweep asks, as its beginning says it. Question, Opening and Shown are JSON
// of the caller, and only kept.
type Setup struct {
	Question []byte   // a sweep.Question
	Opening  []byte   // a sweep.Opening
	Shown    []byte   // what of hits is in the lines
	Given    []string // what was given to be swept, as arguments
	Choice   []byte   // JSON of the caller: which of what was given is swept
	Digest   string   // of all that decides what is found
	Version  string   // of the program
	Patterns []string // the names of hits, in the order of the patterns
	Options  []Option
	LeftOut  []LeftOut
}

// An ExistsError says that a folder has a sweep already.
type ExistsError struct{ Dir string }

func (e *ExistsError) Error() string { return e.Dir + " has a sweep already" }

// A MissingError says that a folder has no sweep.
type MissingError struct{ Dir string }

func (e *MissingError) Error() string { return e.Dir + " has no sweep: there is no " + File + " in it" }

// A LockedError says that another process works on a sweep.
type LockedError struct {
	Dir string
	PID int // 0: not known
}

func (e *LockedError) Error() string {
	by := "another process"
	if e.PID > 0 {
		by = fmt.Sprintf("the process %d", e.PID)
	}
	return fmt.Sprintf("%s is worked on by %s: wait for its end, or end it", e.Dir, by)
}

// DB is the state of a sweep that is worked on. Its methods may be called by several
// goroutines.
type DB struct {
	dir    string
	lock   *lock
	reads  *sql.DB
	writer *writer
	resume Resumed
	summaries
	next  int  // the place of the next image; of the writer's goroutine
	begun bool // whether an image was claimed; likewise

	careful bool // what begins is committed first: see begin
}

// Create begins a sweep in a folder, which is made where it is not there. The error is an
// *ExistsError where it has one, and a *LockedError where another process is about to begin
// one.
func Create(ctx context.Context, dir string, s *Setup) (*DB, error) {
	if err := outfile.MakeFolder(dir); err != nil {
		return nil, err
	}
	if err := isNew(ctx, dir); err != nil {
		return nil, err
	}
	l, err := takeLock(ctx, dir)
	if err != nil {
		return nil, err
	}
	db, err := create(ctx, dir, l, s)
	if err != nil {
		l.release("")
	}
	return db, err
}

// isNew returns an *ExistsError where a folder has a sweep.
func isNew(ctx context.Context, dir string) error {
	is, err := has(ctx, dir)
	if err == nil && is {
		err = &ExistsError{dir}
	}
	return err
}

// create makes the database. Whoever reads it before it is whole finds no sweep in it, and may
// hold it up for a moment.
func create(ctx context.Context, dir string, l *lock, s *Setup) (*DB, error) {
	if err := isNew(ctx, dir); err != nil { // made by who had the lock before
		return nil, err
	}
	if err := outfile.MakePrivate(filepath.Join(dir, File)); err != nil {
		return nil, err
	}
	tables, err := connect(dir, File, "_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, err
	}
	// It is closed once there is another connection: the last one has to tidy up on the disk.
	defer tables.Close()
	if err := fill(ctx, tables, dir, s); err != nil {
		return nil, err
	}
	return open(ctx, dir, l, false)
}

// fill writes the tables and what is asked, in one transaction.
func fill(ctx context.Context, db *sql.DB, dir string, s *Setup) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return named(dir, err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return named(dir, err)
	}
	given, err := json.Marshal(bytesOf(s.Given))
	if err != nil {
		return err
	}
	names, err := json.Marshal(bytesOf(s.Patterns))
	if err != nil {
		return err
	}
	options, err := json.Marshal(s.Options)
	if err != nil {
		return err
	}
	leftOut, err := json.Marshal(s.LeftOut)
	if err != nil {
		return err
	}
	for _, m := range []struct {
		name  string
		value any
	}{
		{"question", s.Question}, {"opening", s.Opening}, {"shown", s.Shown}, {"given", given}, {"choice", s.Choice}, {"digest", s.Digest}, {"version", s.Version},
		{"patterns", names}, {"options", options}, {"left_out", leftOut}, {"began", time.Now().UnixNano()}, {"ended", nil}, {"listed", 0}, {"synced", 0}, {"format", Format},
	} {
		if _, err := tx.ExecContext(ctx, "INSERT INTO meta VALUES (?, ?)", m.name, m.value); err != nil {
			return named(dir, err)
		}
	}
	return named(dir, tx.Commit())
}

// bytesOf returns strings as bytes, which JSON keeps whatever they are.
func bytesOf(all []string) [][]byte {
	out := make([][]byte, len(all))
	for i, s := range all {
		out[i] = []byte(s)
	}
	return out
}

// has reports whether a folder has a sweep that was begun. A program that died before it could
// write anything leaves an empty database, or one without tables.
func has(ctx context.Context, dir string) (bool, error) {
	if info, err := os.Stat(filepath.Join(dir, File)); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return false, nil
	} else if err != nil {
		return false, err
	}
	db, err := connect(dir, File, "_pragma=busy_timeout(5000)")
	if err != nil {
		return false, err
	}
	defer db.Close()
	var tables int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE name = 'meta'").Scan(&tables); err != nil {
		return false, unread(dir, err)
	}
	return tables > 0, nil
}

// unread returns the error of a database that could not be read.
func unread(dir string, err error) error {
	path := filepath.Join(dir, File)
	if of := (*sqlite.Error)(nil); errors.As(err, &of) && of.Code()&0xff == sqlite3.SQLITE_CANTOPEN {
		if f, why := os.Open(path); why == nil { // no connection is open, whose locks this would end
			f.Close()
		} else {
			return why // as that it is not allowed, which SQLite does not say
		}
	}
	return fmt.Errorf("%s is no database of a sweep: %w", path, err)
}

// Open goes on with the sweep of a folder. What was under way when the program that worked on
// it ended waits again, but for what is set aside: see Resumed. The error is a *MissingError
// where there is none, and a *LockedError where another process works on it.
func Open(ctx context.Context, dir string) (*DB, error) {
	if is, err := has(ctx, dir); err != nil {
		return nil, err
	} else if !is {
		return nil, &MissingError{dir}
	}
	l, err := takeLock(ctx, dir)
	if err != nil {
		return nil, err
	}
	db, err := open(ctx, dir, l, true)
	if err != nil {
		l.release("")
	}
	return db, err
}

func open(ctx context.Context, dir string, l *lock, again bool) (*DB, error) {
	reads, err := openReads(ctx, dir)
	if err != nil {
		return nil, err
	}
	w, err := startWriter(dir)
	if err != nil {
		reads.Close()
		return nil, err
	}
	db := &DB{dir: dir, lock: l, reads: reads, writer: w}
	if again {
		err = errors.Join(db.takeUp(ctx), db.useDictionary(ctx))
	}
	if err != nil {
		db.writer.stop()
		reads.Close()
		return nil, err
	}
	return db, nil
}

// openReads opens the database for reading, and refuses another format.
func openReads(ctx context.Context, dir string) (*sql.DB, error) {
	if _, err := os.Stat(filepath.Join(dir, File)); errors.Is(err, fs.ErrNotExist) {
		return nil, &MissingError{dir}
	} else if err != nil {
		return nil, err
	}
	db, err := connect(dir, File, "mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	var format int
	query := func() error {
		return db.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'format'").Scan(&format)
	}
	err = query()
	if err != nil {
		switch is, bad := has(ctx, dir); {
		case bad != nil:
		case !is:
			db.Close()
			return nil, &MissingError{dir}
		default: // it may have been begun between the two looks
			err = query()
		}
	}
	switch {
	case err != nil:
		db.Close()
		return nil, unread(dir, err)
	case format != Format:
		db.Close()
		return nil, fmt.Errorf("%s has format %d, and this program reads %d: go on with the program that began it", filepath.Join(dir, File), format, Format)
	}
	return db, nil
}

// connect returns a handle of a database in a folder. Options are those of SQLite's names of
// files, and of the driver.
func connect(dir, file, options string) (*sql.DB, error) {
	path, err := filepath.Abs(filepath.Join(dir, file))
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: options}).String())
	return db, named(dir, err)
}

// named returns an error with the name of the folder.
func named(dir string, err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("%s: %w", filepath.Join(dir, File), err)
}

// Dir returns the folder of the sweep.
func (db *DB) Dir() string { return db.dir }

// Ending says that the program ends the sweep of its own will, so that nothing that is under
// way counts as begun in vain, also where it is not given back any more. It takes no room on
// the disk.
func (db *DB) Ending() { db.lock.ending() }

// Close writes what is not written yet, to the disk, and leaves the sweep to others. over
// says that all of it is done.
func (db *DB) Close(over bool) error {
	var err error
	if over {
		err = db.writer.wait(func(tx *tx) error {
			return tx.exec("UPDATE meta SET value = ? WHERE name = 'ended' AND value IS NULL", time.Now().UnixNano())
		})
	}
	err = errors.Join(err, db.reads.Close(), db.writer.stop()) // the last to close it tidies up
	db.lock.release("ended")
	return err
}
