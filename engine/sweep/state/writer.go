package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	commitEvery = 100 * time.Millisecond // what nobody waits for is committed no later
	syncEvery   = 3 * time.Second        // what is committed is on the disk no later, but for the time that takes
	queuedBytes = 8 << 20                // so many bytes may wait to be written
)

// writer makes all changes of the database, on one goroutine: those that came meanwhile in
// one transaction. After an error nothing more is written.
type writer struct {
	dir   string
	db    *sql.DB
	conn  *sql.Conn
	some  chan struct{} // something is to be done
	now   chan struct{} // and at once
	ended chan struct{}

	room   sync.Cond // signalled when bytes were written
	mu     sync.Mutex
	ops    []op  // in order
	queued int   // their bytes, and those that are being written
	err    error // the first one
	closed bool

	file   os.FileInfo // the database that was opened
	stmts  map[string]*sql.Stmt
	synced time.Time // when all was on the disk
	dirty  bool      // something was committed since
	level  string    // how commits are made durable, as SQLite's synchronous has it; "" before the first one
}

// op is a change.
type op struct {
	do    func(*tx) error
	bytes int
	now   bool       // it is committed as soon as it can be
	done  chan error // nil: nobody waits
}

// tx is a transaction of the writer.
type tx struct{ w *writer }

func startWriter(dir string) (*writer, error) {
	db, err := connect(dir, File, "_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=busy_timeout(10000)&_pragma=wal_autocheckpoint(4096)&_pragma=cache_size(-8192)")
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(context.Background())
	if err != nil {
		db.Close()
		return nil, named(dir, err)
	}
	file, err := os.Stat(filepath.Join(dir, File))
	if err != nil {
		conn.Close()
		db.Close()
		return nil, err
	}
	w := &writer{
		dir: dir, db: db, conn: conn, file: file, some: make(chan struct{}, 1), now: make(chan struct{}, 1), ended: make(chan struct{}),
		stmts: map[string]*sql.Stmt{}, synced: time.Now(),
	}
	w.room.L = &w.mu
	go w.run()
	return w, nil
}

// wait makes a change and returns once it is committed.
func (w *writer) wait(do func(*tx) error) error {
	done := make(chan error, 1)
	if err := w.queue(op{do: do, now: true, done: done}); err != nil {
		return err
	}
	return <-done
}

// later makes a change that holds so many bytes, some time later, and waits only where much
// is to be written. An error of an earlier change is returned.
func (w *writer) later(bytes int, do func(*tx) error) error { return w.queue(op{do: do, bytes: bytes}) }

// soon makes a change at once, and does not wait for it. An error of an earlier change is
// returned.
func (w *writer) soon(do func(*tx) error) error { return w.queue(op{do: do, now: true}) }

var errClosed = errors.New("the state of the sweep is closed")

func (w *writer) queue(o op) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.err == nil && !w.closed && w.queued > 0 && w.queued+o.bytes > queuedBytes {
		w.room.Wait()
	}
	if w.err != nil {
		return w.err
	}
	if w.closed {
		return errClosed
	}
	w.ops, w.queued = append(w.ops, o), w.queued+o.bytes
	signal(w.some)
	if o.now || w.queued > queuedBytes/2 || len(w.ops) > 4096 {
		signal(w.now)
	}
	return nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// stop commits what is left, to the disk, and closes the database.
func (w *writer) stop() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	signal(w.some)
	signal(w.now)
	<-w.ended
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

func (w *writer) run() {
	defer close(w.ended)
	idle := time.NewTicker(syncEvery)
	defer idle.Stop()
	for last := false; !last; {
		select {
		case <-w.some:
			select {
			case <-w.now:
			case <-time.After(commitEvery):
			}
		case <-idle.C:
		}
		var batch []op
		w.mu.Lock()
		batch, w.ops, last = w.ops, nil, w.closed
		w.mu.Unlock()
		w.write(batch, last)
	}
	for _, s := range w.stmts {
		s.Close()
	}
	w.conn.Close()
	w.db.Close()
}

// write makes changes in one transaction, which is on the disk once it is time for that, or
// where last is set.
func (w *writer) write(batch []op, last bool) {
	w.mu.Lock()
	err := w.err
	w.mu.Unlock()
	sync := last || time.Since(w.synced) >= syncEvery
	if err == nil && sync {
		err = w.checkThere()
	}
	if err == nil && (len(batch) > 0 || sync && w.dirty) {
		err = w.transact(batch, sync)
	}
	bytes := 0
	for _, o := range batch {
		bytes += o.bytes
	}
	w.mu.Lock()
	if w.err == nil && err != nil {
		w.err = err
	}
	w.queued -= bytes
	w.mu.Unlock()
	w.room.Broadcast()
	for _, o := range batch {
		if o.done != nil {
			o.done <- err
		}
	}
}

// checkThere returns an error where the database has another name by now, or none: nobody would
// find what is written to it.
func (w *writer) checkThere() error {
	path := filepath.Join(w.dir, File)
	now, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !os.SameFile(now, w.file):
		return fmt.Errorf("%s was removed or moved while the sweep ran: bring it back with what lies beside it and go on, or begin the sweep again", path)
	}
	return nil // what cannot be asked, as after chmod, may be there
}

func (w *writer) transact(batch []op, sync bool) error {
	ctx := context.Background() // what is begun is written, whatever ends
	level := "NORMAL"
	if sync {
		level = "FULL"
	}
	t := &tx{w}
	err := func() error {
		if level != w.level {
			if _, err := w.conn.ExecContext(ctx, "PRAGMA synchronous = "+level); err != nil {
				return err
			}
			w.level = level
		}
		if err := t.exec("BEGIN IMMEDIATE"); err != nil {
			return err
		}
		for _, o := range batch {
			if err := o.do(t); err != nil {
				return err
			}
		}
		if sync {
			if err := t.exec("UPDATE meta SET value = ? WHERE name = 'synced'", time.Now().UnixNano()); err != nil {
				return err
			}
		}
		return t.exec("COMMIT")
	}()
	if err != nil {
		w.conn.ExecContext(ctx, "ROLLBACK") // which it may have done itself
		return w.failed(err)
	}
	w.dirty = !sync
	if sync {
		w.synced = time.Now()
	}
	return nil
}

// exec runs a statement.
func (t *tx) exec(query string, args ...any) error {
	s, err := t.stmt(query)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(context.Background(), args...)
	return err
}

// row runs a query of one row.
func (t *tx) row(query string, args ...any) (*sql.Row, error) {
	s, err := t.stmt(query)
	if err != nil {
		return nil, err
	}
	return s.QueryRowContext(context.Background(), args...), nil
}

// stmt returns a statement, which is compiled once.
func (t *tx) stmt(query string) (*sql.Stmt, error) {
	if s := t.w.stmts[query]; s != nil {
		return s, nil
	}
	s, err := t.w.conn.PrepareContext(context.Background(), query)
	if err == nil {
		t.w.stmts[query] = s
	}
	return s, err
}
