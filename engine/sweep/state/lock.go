package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"vscan/internal/outfile"
)

// lock is that of a folder: a database that one process has locked until it ends, however it
// ends. Its only row says which process, and whether that has ended of its own will. The row
// is written where it lies: that needs no room on a full disk.
type lock struct {
	mu    sync.Mutex
	db    *sql.DB
	conn  *sql.Conn
	died  bool // the process that had the lock before did not end of its own will
	ended bool
}

// takeLock takes the lock of a folder. The error is a *LockedError where another process has
// it.
func takeLock(ctx context.Context, dir string) (*lock, error) {
	if err := outfile.MakePrivate(filepath.Join(dir, lockFile)); err != nil {
		return nil, err
	}
	// Who asks for the activity has the lock for a moment; who works has it for longer than this waits.
	db, err := connect(dir, lockFile, "_pragma=synchronous(OFF)&_pragma=busy_timeout(1000)")
	if err != nil {
		return nil, err
	}
	l := &lock{db: db}
	if err := l.begin(ctx); err != nil {
		l.close()
		if isBusy(err) {
			return nil, &LockedError{dir, lockedBy(ctx, dir)}
		}
		return nil, named(dir, err)
	}
	return l, nil
}

func (l *lock) begin(ctx context.Context) (err error) {
	if l.conn, err = l.db.Conn(ctx); err != nil {
		return err
	}
	for _, s := range []string{
		"BEGIN EXCLUSIVE",
		"CREATE TABLE IF NOT EXISTS run (one INTEGER PRIMARY KEY, pid INTEGER NOT NULL, how TEXT NOT NULL)",
		"INSERT OR IGNORE INTO run VALUES (1, 0, 'ended')",
		"COMMIT",
		"PRAGMA locking_mode = EXCLUSIVE", // which the next statements make good, until the end
		"PRAGMA journal_mode = MEMORY",    // what is written from here on is one page, where it lies
		"BEGIN EXCLUSIVE",
	} {
		if _, err := l.conn.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	var how string
	if err := l.conn.QueryRowContext(ctx, "SELECT how FROM run").Scan(&how); err != nil {
		return err
	}
	l.died = how == "runs "
	if _, err := l.conn.ExecContext(ctx, "UPDATE run SET pid = ?, how = 'runs '", os.Getpid()); err != nil { // as long as 'ended'
		return err
	}
	_, err = l.conn.ExecContext(ctx, "COMMIT")
	return err
}

// lockedBy returns which process has the lock of a folder, or 0.
func lockedBy(ctx context.Context, dir string) (pid int) {
	db, err := connect(dir, lockFile, "immutable=1&mode=ro")
	if err != nil {
		return 0
	}
	defer db.Close()
	if err := db.QueryRowContext(ctx, "SELECT pid FROM run").Scan(&pid); err != nil {
		return 0
	}
	return pid
}

// ending notes that the process ends of its own will.
func (l *lock) ending() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil && !l.ended {
		_, err := l.conn.ExecContext(context.Background(), "UPDATE run SET how = 'ended'")
		l.ended = err == nil
	}
}

// release gives the lock back; how is "ended" where that is to be noted.
func (l *lock) release(how string) {
	if how != "" {
		l.ending()
	}
	l.close()
}

func (l *lock) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
	l.db.Close()
}

// isBusy reports whether an error says that another process has locked a database.
func isBusy(err error) bool {
	var of *sqlite.Error
	return errors.As(err, &of) && of.Code()&0xff == sqlite3.SQLITE_BUSY || err != nil && strings.Contains(err.Error(), "database is locked")
}

// Activity returns what is known of whoever works on the sweep.
func (r *Reader) Activity(ctx context.Context) (a Activity, err error) {
	for _, name := range []string{File, File + "-wal"} {
		if info, err := os.Stat(filepath.Join(r.dir, name)); err == nil && info.ModTime().After(a.Last) {
			a.Last = info.ModTime().UTC()
		}
	}
	db, err := connect(r.dir, lockFile, "mode=ro")
	if err != nil {
		return a, err
	}
	defer db.Close()
	var pid int
	switch err := db.QueryRowContext(ctx, "SELECT pid FROM run").Scan(&pid); {
	case ctx.Err() != nil:
		return a, context.Cause(ctx)
	case isBusy(err): // who has the lock has it as long as it works
		a.Process = "another process"
		if pid := lockedBy(ctx, r.dir); pid != 0 {
			a.Process = fmt.Sprintf("process %d", pid)
		}
	}
	return a, nil
}
