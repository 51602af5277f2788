package state

import (
	"context"
	"fmt"
	"iter"

	"vscan/engine/addr"
	"vscan/internal/wording"
)

// Resumed is what was found when a sweep was gone on with.
type Resumed struct {
	Kept    uint64 // images that are settled, those without a search included
	Left    uint64 // images that wait, as far as they are known
	Listed  bool   // whether all images are known
	Version string // of the program that began it

	// Again is what was under way when the program died, and is done again. Aside is what was
	// that for the second time, and is set aside. Both have a line each.
	Again, Aside []string
}

// asideAfter is how often the program may die in something until that is set aside.
const asideAfter = 2

// Resumed returns what was found when the sweep was gone on with.
func (db *DB) Resumed() *Resumed { return &db.resume }

// takeUp makes what was under way wait again, or sets it aside.
func (db *DB) takeUp(ctx context.Context) error {
	images, err := db.underWay(ctx, "SELECT n, -1, arg, 0, 0, tries FROM image WHERE state = 'running' AND under_way = 1 ORDER BY n")
	if err != nil {
		return err
	}
	tasks, err := db.underWay(ctx, "SELECT image, k, arg, task.first, task.last, task.tries FROM task JOIN image ON n = image WHERE task.under_way = 1 ORDER BY image, k")
	if err != nil {
		return err
	}
	if err := db.writer.wait(func(t *tx) error {
		for _, b := range append(images, tasks...) {
			if err := db.again(t, &b); err != nil {
				return err
			}
		}
		if err := t.exec("UPDATE image SET state = 'waiting', under_way = 0 WHERE state = 'running'"); err != nil {
			return err
		}
		row, err := t.row(`SELECT (SELECT coalesce(max(n), -1) + 1 FROM image),
			EXISTS (SELECT 1 FROM image WHERE state = 'waiting' AND tries > 0) OR EXISTS (SELECT 1 FROM task WHERE state = 'waiting' AND tries > 0)`)
		if err != nil {
			return err
		}
		if err := row.Scan(&db.next, &db.careful); err != nil {
			return err
		}
		db.careful = db.careful || db.lock.died
		return nil
	}); err != nil {
		return err
	}
	return db.account(ctx)
}

// account notes how much is kept and left.
func (db *DB) account(ctx context.Context) error {
	all, err := counts(ctx, db.reads)
	if err != nil {
		return err
	}
	r := &db.resume
	r.Left = all[Waiting]
	for state, n := range all {
		if state != Waiting {
			r.Kept += n
		}
	}
	return readMeta(ctx, db.reads, map[string]any{"listed": &r.Listed, "version": &r.Version})
}

// begun is an image, or a task of it, that was under way.
type begun struct {
	n, k  int // k is -1 of an image
	arg   string
	in    addr.Range
	tries int
}

func (b *begun) String() string {
	if b.k < 0 {
		return wording.Escape(b.arg)
	}
	return fmt.Sprintf("%s: task %d, %v", wording.Escape(b.arg), b.k, b.in)
}

func (db *DB) underWay(ctx context.Context, query string) (all []begun, err error) {
	rows, err := db.reads.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var b begun
		var arg []byte
		var first, last int64
		if err := rows.Scan(&b.n, &b.k, &arg, &first, &last, &b.tries); err != nil {
			return nil, err
		}
		b.arg, b.in = string(arg), addr.Range{First: addr.Addr(first), Last: addr.Addr(last)}
		all = append(all, b)
	}
	return all, rows.Err()
}

// again has what was under way wait again, or sets it aside.
func (db *DB) again(t *tx, b *begun) error {
	if err := drop(t, b.n, b.k); err != nil {
		return err
	}
	state, reason, tries := Waiting, "", b.tries
	switch {
	case !db.lock.died:
		tries = max(tries-1, 0)
		db.resume.Again = append(db.resume.Again, b.String())
	case tries >= asideAfter:
		state, reason = Aside, fmt.Sprintf("the program died %s while it was searched", times(tries))
		db.resume.Aside = append(db.resume.Aside, b.String())
	default:
		db.resume.Again = append(db.resume.Again, b.String())
	}
	if b.k < 0 {
		return t.exec("UPDATE image SET state = ?, reason = ?, tries = ?, under_way = 0 WHERE n = ?", state, reason, tries, b.n)
	}
	return t.exec("UPDATE task SET state = ?, reason = ?, tries = ?, under_way = 0 WHERE image = ? AND k = ?", state, reason, tries, b.n, b.k)
}

func times(n int) string {
	if n == 2 {
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// drop deletes what an image, or a task of it where k is not below 0, has found so far.
func drop(t *tx, n, k int) error {
	if k < 0 {
		return t.exec("DELETE FROM lines WHERE image = ?", n)
	}
	return t.exec("DELETE FROM result WHERE image = ? AND k = ?", n, k)
}

// Retry takes up again what was set aside, what could not be searched, and what was searched
// without some of its tasks. It returns how many images that are. What is no image, since it
// was added as something that cannot be searched, or since standsForOthers, which may be nil, says
// so of it by now, as of a folder, is skipped; then the images are not all known, and have
// to be added once more, it among them where it fails again.
func (db *DB) Retry(ctx context.Context, standsForOthers func(arg string) bool) (uint64, error) {
	const which = "state IN ('aside', 'failed') OR state = 'partial' AND lacks_tasks = 1"
	var images uint64
	if err := db.reads.QueryRowContext(ctx, "SELECT count(*) FROM image WHERE "+which).Scan(&images); err != nil {
		return 0, err
	}
	noImages, err := db.noImages(ctx, standsForOthers)
	if err != nil {
		return 0, err
	}
	err = db.writer.wait(func(t *tx) error {
		for _, n := range noImages { // each as if it was found, until Add names it
			if err := t.exec("UPDATE image SET state = 'skipped', reason = 'what it stands for is listed by itself', tries = 0, below = 1 WHERE n = ?", n); err != nil {
				return err
			}
		}
		if len(noImages) > 0 {
			if err := t.exec("UPDATE meta SET value = 0 WHERE name = 'listed'"); err != nil {
				return err
			}
		}
		for _, s := range []string{
			"DELETE FROM lines WHERE image IN (SELECT n FROM image WHERE state = 'partial' AND lacks_tasks = 1)",
			"UPDATE task SET state = 'waiting', reason = '', tries = 0 WHERE state IN ('aside', 'failed') OR tries > 0 AND state = 'waiting'",
			"UPDATE image SET state = 'waiting', reason = '', tries = 0, lacks_tasks = 0, found = 0, summary = NULL, hits = 0, at_least = 0, patterns = NULL, density = NULL, scanned = 0 WHERE " + which,
			"UPDATE image SET tries = 0 WHERE state = 'waiting' AND tries > 0",
		} {
			if err := t.exec(s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	db.resume.Kept, db.resume.Aside = 0, nil
	return images, db.account(ctx)
}

// noImages returns the places of what has failed and is no image: nobody began to search it, or
// it stands for others.
func (db *DB) noImages(ctx context.Context, standsForOthers func(arg string) bool) (all []int, err error) {
	rows, err := db.reads.QueryContext(ctx, "SELECT n, arg, tries FROM image WHERE state = 'failed'")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var n, tries int
		var arg []byte
		if err := rows.Scan(&n, &arg, &tries); err != nil {
			return nil, err
		}
		if tries == 0 || standsForOthers != nil && standsForOthers(string(arg)) {
			all = append(all, n)
		}
	}
	return all, rows.Err()
}

// Settled is an image that is settled, and what it was then.
type Settled struct {
	N        int
	Arg      string
	State    string
	Scanned  uint64
	Hits     uint64
	Identity []byte // as Settle was told
	Stamp    string
}

// Settled yields the images that were searched when the sweep was gone on with.
func (db *DB) Settled(ctx context.Context) iter.Seq2[*Settled, error] {
	return func(yield func(*Settled, error) bool) {
		for from := 0; ; {
			some, err := db.settled(ctx, from)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, s := range some {
				if from = s.N + 1; !yield(s, nil) {
					return
				}
			}
			if len(some) == 0 {
				return
			}
		}
	}
}

func (db *DB) settled(ctx context.Context, from int) (all []*Settled, err error) {
	rows, err := db.reads.QueryContext(ctx, "SELECT n, arg, state, scanned, hits, identity, stamp FROM image WHERE n >= ? AND state IN ('done', 'partial') AND identity IS NOT NULL ORDER BY n LIMIT 256", from)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		s := &Settled{}
		var arg []byte
		var scanned, hits int64
		if err := rows.Scan(&s.N, &arg, &s.State, &scanned, &hits, &s.Identity, &s.Stamp); err != nil {
			return nil, err
		}
		s.Arg, s.Scanned, s.Hits = string(arg), uint64(scanned), uint64(hits)
		all = append(all, s)
	}
	return all, rows.Err()
}

// Anew has an image searched as if it never was: it is another one by now.
func (db *DB) Anew(n int) error {
	return db.writer.wait(func(t *tx) error {
		for _, s := range []string{
			"DELETE FROM lines WHERE image = ?", "DELETE FROM result WHERE image = ?", "DELETE FROM task WHERE image = ?",
			"UPDATE image SET state = 'waiting', reason = '', tries = 0, under_way = 0, lacks_tasks = 0, found = 0, identity = NULL, stamp = '', summary = NULL, hits = 0, patterns = NULL, density = NULL, scanned = 0 WHERE n = ?",
		} {
			if err := t.exec(s, n); err != nil {
				return err
			}
		}
		return nil
	})
}

// Setup returns what the sweep was begun with.
func (db *DB) Setup(ctx context.Context) (*Setup, error) { return readSetup(ctx, db.reads) }

// Totals are sums over all images.
type Totals struct {
	Images        uint64
	Listed        bool              // whether these are all
	States        map[string]uint64 // how many images are in each state
	Scanned, Hits uint64
	Found         bool   // whether anything was found, hits or rules that match
	AtLeast       uint64 // in how many images a limit ended the count of a pattern
}

// Totals returns sums over all images.
func (db *DB) Totals(ctx context.Context) (*Totals, error) {
	t := &Totals{}
	var err error
	if t.States, err = counts(ctx, db.reads); err != nil {
		return nil, err
	}
	for _, n := range t.States {
		t.Images += n
	}
	if err := db.reads.QueryRowContext(ctx, "SELECT coalesce(sum(scanned), 0), coalesce(sum(hits), 0), coalesce(max(found), 0), coalesce(sum(at_least), 0) FROM image").Scan(&t.Scanned, &t.Hits, &t.Found, &t.AtLeast); err != nil {
		return nil, err
	}
	return t, readMeta(ctx, db.reads, map[string]any{"listed": &t.Listed})
}
