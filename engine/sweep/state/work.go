package state

import (
	"database/sql"
	"encoding/json"
	"errors"

	"vscan/engine/addr"
)

// Input is an image that is to be swept, or something that is not, and why.
type Input struct {
	Arg   string // as layered.Open takes it
	Below bool   // it was found below a folder, and not named
	Skip  string // why it is left out
	Fail  string // why it, or what is below it, cannot be searched
}

// state returns the state that the input begins in, and the reason for it.
func (in *Input) state() (state, reason string) {
	switch {
	case in.Fail != "":
		return Failed, in.Fail
	case in.Skip != "":
		return Skipped, in.Skip
	}
	return Waiting, ""
}

// Added is how many images were added, and how many of these are skipped, or have failed. Named
// is how many that were skipped before wait, since they are named as well, or have failed again.
type Added struct{ Images, Skipped, Failed, Named uint64 }

// Add adds images behind those that are known, in their order. One that is known already is
// left out; where it was found below a folder and is named now, it is an image, whatever it
// was skipped for.
func (db *DB) Add(inputs []Input) (added Added, err error) {
	err = db.writer.wait(func(t *tx) error {
		added = Added{}
		for _, in := range inputs {
			state, reason := in.state()
			s, err := t.stmt("INSERT OR IGNORE INTO image (n, arg, below, state, reason) VALUES (?, ?, ?, ?, ?)")
			if err != nil {
				return err
			}
			done, err := s.Exec(db.next, []byte(in.Arg), in.Below, state, reason)
			if err != nil {
				return err
			}
			if n, err := done.RowsAffected(); err != nil {
				return err
			} else if n > 0 {
				db.next++
				added.count(state)
				continue
			}
			switch {
			case state == Failed:
				err = failAgain(t, &in, &added)
			case state == Waiting && !in.Below:
				err = nameFound(t, in.Arg, &added)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return added, err
}

// nameFound has an image that was found below a folder be one that is named. If it was
// skipped it waits. One that is under way may be skipped yet: see Settle.
func nameFound(t *tx, arg string, added *Added) error {
	row, err := t.row("SELECT n, state = 'skipped' FROM image WHERE arg = ? AND below = 1", []byte(arg))
	if err != nil {
		return err
	}
	var n int
	var skipped bool
	if err := row.Scan(&n, &skipped); errors.Is(err, sql.ErrNoRows) {
		return nil
	} else if err != nil {
		return err
	}
	if skipped {
		added.Named++
		return t.exec("UPDATE image SET below = 0, state = 'waiting', reason = '', tries = 0 WHERE n = ?", n)
	}
	return t.exec("UPDATE image SET below = 0 WHERE n = ?", n)
}

// failAgain has what Retry took for no image fail once more.
func failAgain(t *tx, in *Input, added *Added) error {
	s, err := t.stmt("UPDATE image SET below = ?, state = 'failed', reason = ? WHERE arg = ? AND below = 1 AND state = 'skipped' AND tries = 0")
	if err != nil {
		return err
	}
	done, err := s.Exec(in.Below, in.Fail, []byte(in.Arg))
	if err != nil {
		return err
	}
	n, err := done.RowsAffected()
	added.Named += uint64(n)
	added.Failed += uint64(n)
	return err
}

// count counts an image that was added in a state.
func (a *Added) count(state string) {
	a.Images++
	switch state {
	case Skipped:
		a.Skipped++
	case Failed:
		a.Failed++
	}
}

// SetListed says that all images are known.
func (db *DB) SetListed() error {
	return db.writer.wait(func(t *tx) error { return t.exec("UPDATE meta SET value = 1 WHERE name = 'listed'") })
}

// The states of a task are Waiting, Done, Failed and Aside.

// Task is a task of an image that has several.
type Task struct {
	Range  addr.Range
	Bytes  uint64
	State  string
	Reason string // of Failed and Aside
}

// Claim is an image that was claimed.
type Claim struct {
	N        int
	Arg      string
	Below    bool   // it was found below a folder
	Tries    int    // how often it was begun, this time included
	Identity []byte // as Planned was told; nil where it has no tasks yet
	Tasks    []Task // likewise
}

// Claim takes the next image that waits, the first one, but those in which the program died
// come last. That it is begun is committed. It returns nil where none waits.
func (db *DB) Claim() (*Claim, error) {
	var c *Claim
	err := db.writer.wait(func(t *tx) error {
		row, err := t.row("SELECT n, arg, below, tries + 1, identity FROM image WHERE state = 'waiting' ORDER BY tries, n LIMIT 1")
		if err != nil {
			return err
		}
		of := &Claim{}
		var arg []byte
		if err := row.Scan(&of.N, &arg, &of.Below, &of.Tries, &of.Identity); errors.Is(err, sql.ErrNoRows) {
			return nil
		} else if err != nil {
			return err
		}
		of.Arg = string(arg)
		if of.Identity != nil {
			if of.Tasks, err = t.tasks(of.N); err != nil {
				return err
			}
		}
		c = of
		if !db.begun { // which may be the first one since the sweep had ended
			if err := t.exec("UPDATE meta SET value = NULL WHERE name = 'ended'"); err != nil {
				return err
			}
			db.begun = true
		}
		return t.exec("UPDATE image SET state = 'running', under_way = 1, tries = tries + 1 WHERE n = ?", of.N)
	})
	return c, err
}

// Earlier returns the first of some arguments that is an image in front of image n and is not
// skipped; "" where none is.
func (db *DB) Earlier(n int, args []string) (earlier string, err error) {
	err = db.writer.wait(func(t *tx) error {
		first := n
		for _, arg := range args {
			row, err := t.row("SELECT n FROM image WHERE arg = ? AND n < ? AND state <> 'skipped'", []byte(arg), first)
			if err != nil {
				return err
			}
			if err := row.Scan(&first); err == nil {
				earlier = arg
			} else if !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		return nil
	})
	return earlier, err
}

// tasks returns the tasks of an image.
func (t *tx) tasks(n int) (all []Task, err error) {
	s, err := t.stmt("SELECT first, last, bytes, state, reason FROM task WHERE image = ? ORDER BY k")
	if err != nil {
		return nil, err
	}
	rows, err := s.Query(n)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var task Task
		var first, last, bytes int64
		if err := rows.Scan(&first, &last, &bytes, &task.State, &task.Reason); err != nil {
			return nil, err
		}
		task.Range, task.Bytes = addr.Range{First: addr.Addr(first), Last: addr.Addr(last)}, uint64(bytes)
		all = append(all, task)
	}
	return all, rows.Err()
}

// begin notes that something begins. In a sweep in which the program died, it waits until that is
// committed, so that what it dies in once more is known for sure. Else it does not: what
// dies before the commit, within a millisecond or so, is not noted, or what ended right
// before it is; that counts once at most, for from then on all is waited for.
func (db *DB) begin(do func(*tx) error) error {
	if db.careful {
		return db.writer.wait(do)
	}
	return db.writer.soon(do)
}

// Planned says that a claimed image has several tasks, which wait. Nothing of the image
// itself is under way any more.
func (db *DB) Planned(n int, identity []byte, tasks []Task) error {
	return db.begin(func(t *tx) error {
		for k, task := range tasks {
			if err := t.exec("INSERT INTO task (image, k, state, first, last, bytes) VALUES (?, ?, 'waiting', ?, ?, ?)",
				n, k, int64(task.Range.First), int64(task.Range.Last), int64(task.Bytes)); err != nil {
				return err
			}
		}
		return t.exec("UPDATE image SET under_way = 0, tries = tries - 1, identity = ? WHERE n = ?", identity, n)
	})
}

// Opened says that an image that was planned before is open again.
func (db *DB) Opened(n int) error {
	return db.begin(func(t *tx) error { return t.exec("UPDATE image SET under_way = 0, tries = tries - 1 WHERE n = ?", n) })
}

// BeginTask says that a task is begun.
func (db *DB) BeginTask(n, k int) error {
	return db.begin(func(t *tx) error {
		return t.exec("UPDATE task SET under_way = 1, tries = tries + 1 WHERE image = ? AND k = ?", n, k)
	})
}

// EndTask says that a task is Done, with a result, or Failed.
func (db *DB) EndTask(n, k int, state, reason string) error {
	return db.writer.later(0, func(t *tx) error {
		if state != Done {
			if err := drop(t, n, k); err != nil {
				return err
			}
		}
		return t.exec("UPDATE task SET under_way = 0, state = ?, reason = ? WHERE image = ? AND k = ?", state, reason, n, k)
	})
}

// GiveBackTask says that a task was given up before it had an end, and waits again.
func (db *DB) GiveBackTask(n, k int) error {
	return db.writer.later(0, func(t *tx) error {
		if err := drop(t, n, k); err != nil {
			return err
		}
		return t.exec("UPDATE task SET under_way = 0, tries = tries - 1 WHERE image = ? AND k = ?", n, k)
	})
}

// BeginSettling says that the results of all tasks of an image are put together now, which can
// be read once it returns.
func (db *DB) BeginSettling(n int) error {
	return db.writer.wait(func(t *tx) error { return t.exec("UPDATE image SET under_way = 1, tries = tries + 1 WHERE n = ?", n) })
}

// GiveBack says that an image was given up before it was settled, and waits again. Its tasks
// are kept.
func (db *DB) GiveBack(n int) error {
	return db.writer.later(0, func(t *tx) error {
		if err := drop(t, n, -1); err != nil {
			return err
		}
		return t.exec("UPDATE image SET state = 'waiting', tries = tries - under_way, under_way = 0 WHERE n = ?", n)
	})
}

// Beside is what is kept beside the record of an image.
type Beside struct {
	Found    bool   // whether anything was found, hits or rules that match
	Lacks    bool   // whether some of its tasks have no result
	Identity []byte // what it was, for Settled; nil where that cannot be told
	Stamp    string // likewise
}

// Settle keeps the record of an image, and with it the lines that were written. All fields of it
// but Tries count.
func (db *DB) Settle(i *Image, b Beside) error {
	patterns, err := rowsOf(i.Patterns)
	if err != nil {
		return err
	}
	var density []byte
	if len(i.Density) > 0 {
		if density, err = json.Marshal(i.Density); err != nil {
			return err
		}
	}
	var modified any
	if !i.Modified.IsZero() {
		modified = i.Modified.UnixNano()
	}
	summary, err := db.packed(i.Summary)
	if err != nil {
		return err
	}
	return db.writer.later(len(summary)+len(patterns), func(t *tx) error {
		if i.State == Failed {
			if err := drop(t, i.N, -1); err != nil {
				return err
			}
		}
		for _, s := range []string{"DELETE FROM result WHERE image = ?", "DELETE FROM task WHERE image = ?"} {
			if err := t.exec(s, i.N); err != nil {
				return err
			}
		}
		if err := t.exec(`UPDATE image SET state = ?, reason = ?, under_way = 0, found = ?, lacks_tasks = ?, identity = ?, stamp = ?, format = ?, size = ?, modified = ?, first = ?, last = ?,
			summary = ?, hits = ?, at_least = ?, patterns = ?, density = ?, scanned = ?, zero = ?, absent = ?, unreadable = ?, missing = ?, elapsed = ? WHERE n = ?`,
			i.State, i.Reason, b.Found, b.Lacks, b.Identity, b.Stamp, i.Format, int64(i.Size), modified, int64(i.First), int64(i.Last),
			summary, int64(i.Hits), i.AtLeast, patterns, density, int64(i.Scanned), int64(i.Zero), int64(i.Absent), int64(i.Unreadable), int64(i.Missing), int64(i.Elapsed), i.N); err != nil || i.State != Skipped {
			return err
		}
		// What was named while it was looked at is not skipped.
		return t.exec("UPDATE image SET state = 'waiting', reason = '', tries = 0 WHERE n = ? AND below = 0", i.N)
	})
}

// DropLines has what was written of the lines of an image not count.
func (db *DB) DropLines(n int) error {
	return db.writer.later(0, func(t *tx) error { return drop(t, n, -1) })
}

// DropResult has what was written of the result of a task not count.
func (db *DB) DropResult(n, k int) error {
	return db.writer.later(0, func(t *tx) error { return drop(t, n, k) })
}

// DropTasks has a claimed image have no tasks.
func (db *DB) DropTasks(n int) error {
	return db.writer.wait(func(t *tx) error {
		for _, s := range []string{"DELETE FROM result WHERE image = ?", "DELETE FROM task WHERE image = ?", "UPDATE image SET identity = NULL WHERE n = ?"} {
			if err := t.exec(s, n); err != nil {
				return err
			}
		}
		return nil
	})
}
