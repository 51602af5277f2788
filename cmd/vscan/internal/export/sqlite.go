package export

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"vscan/engine/addr"
	"vscan/engine/sweep/lines"
	"vscan/engine/sweep/state"
	"vscan/internal/wording"
)

//go:embed schema.sql
var schema string

// indexes are made when all rows are there, which takes less time than to keep them up.
var indexes = []string{
	"CREATE INDEX hits_by_image ON hits (image_id, addr)",
	"CREATE INDEX hits_by_pattern ON hits (pattern_id, image_id, addr)",
	"CREATE INDEX counts_by_pattern ON counts (pattern_id, image_id)",
	"CREATE INDEX images_by_name ON images (image)",
	"CREATE INDEX patterns_by_name ON patterns (pattern)",
	"CREATE INDEX rules_by_name ON rules (rule, image_id)",
}

const (
	rowsAtOnce  = 16      // rows of hits that one statement inserts
	rowsCommit  = 1 << 18 // rows of a transaction
	mostNames   = 1 << 16 // names whose numbers are in memory; others are looked up in the database
	cacheKiB    = 1 << 14 // what SQLite holds of the file in memory
	hitsColumns = 16      // the columns of hits that are inserted
)

// WriteSQLite writes the results of a sweep to a database of SQLite. The file at path is there
// and empty; nobody else looks at it, and it is no database when there is an error.
func WriteSQLite(ctx context.Context, src state.Source, path string) (err error) {
	db, err := openSQLite(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	w := &sqliteWriter{db: db, patterns: map[string]int64{}, numbers: map[nameKey]int64{}, patternNumbers: map[nameKey]int64{}, counts: map[int64]uint64{}}
	err = w.all(ctx, src)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx) // SQLite has words of its own for it
	}
	return roomAdvice(err)
}

// openSQLite opens the database, without what keeps a database whole when a program is killed:
// the file has no name until it is whole.
func openSQLite(ctx context.Context, path string) (*sql.DB, error) {
	folder := strings.ReplaceAll(filepath.Dir(path), "'", "''")
	options := url.Values{"_pragma": {
		"page_size(8192)", "journal_mode(off)", "synchronous(off)", "locking_mode(exclusive)", fmt.Sprintf("cache_size(-%d)", cacheKiB),
		"temp_store_directory('" + folder + "')", // where sorting takes as much room as the indexes
	}}
	db, err := sql.Open("sqlite", "file:"+url.PathEscape(path)+"?"+options.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(roomAdvice(err), db.Close())
	}
	return db, nil
}

// roomAdvice returns an error of SQLite, if there is one, with what to do about it.
func roomAdvice(err error) error {
	var of *sqlite.Error
	if errors.As(err, &of) && of.Code()&0xff == sqlite3.SQLITE_FULL {
		return fmt.Errorf("%w: free some space there, or write to another disk", err)
	}
	return err
}

// sqliteWriter writes rows. Its statements are of the current transaction.
type sqliteWriter struct {
	db   *sql.DB
	tx   *sql.Tx
	rows int // of the transaction

	one, many, name, number, rule, note *sql.Stmt

	image    int64             // the number of the current image
	patterns map[string]int64  // the numbers of patterns by their names
	numbers  map[nameKey]int64 // the numbers of names in table names
	counts   map[int64]uint64  // hits of the current image by pattern
	waiting  []any             // the values of rows of hits that are not inserted yet
	err      error             // the first error of patternOf and nameOf

	patternNumbers map[nameKey]int64 // the numbers of patterns by their names in lines
}

// nameKey is a name as it stands in a line.
type nameKey struct {
	json    string
	escaped bool
}

// all writes all tables.
func (w *sqliteWriter) all(ctx context.Context, src state.Source) error {
	if err := w.begin(); err != nil {
		return err
	}
	defer func() { w.tx.Rollback() }() // does nothing after a commit
	if err := w.about(ctx, src); err != nil {
		return err
	}
	if err := eachImage(ctx, src, func(img *state.Image) error { return w.writeImage(ctx, src, img) }); err != nil {
		return err
	}
	if err := w.tx.Commit(); err != nil {
		return err
	}
	for _, index := range indexes {
		if _, err := w.db.ExecContext(ctx, index); err != nil {
			return err
		}
	}
	return nil
}

// begin begins a transaction.
func (w *sqliteWriter) begin() (err error) {
	if w.tx, err = w.db.Begin(); err != nil {
		return err
	}
	row := "(?" + strings.Repeat(",?", hitsColumns-1) + ")"
	hits := "INSERT INTO hits (image_id, addr, pattern_id, len, mapping_id, offset, bytes, value, text, key, before, after, module_id, module_offset, namespace_id, file_id) VALUES " + row
	for _, s := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&w.one, hits},
		{&w.many, hits + strings.Repeat(","+row, rowsAtOnce-1)},
		{&w.name, "INSERT OR IGNORE INTO names (name) VALUES (?)"},
		{&w.number, "SELECT id FROM names WHERE name = ?"},
		{&w.rule, "INSERT INTO rules (image_id, outcome, rule, tags, meta, mapping_id, first, last, namespace, file, reason) VALUES (?,?,?,?,?,?,?,?,?,?,?)"},
		{&w.note, "INSERT INTO notes (image_id, line) VALUES (?,?)"},
	} {
		if *s.to, err = w.tx.Prepare(s.text); err != nil {
			return err
		}
	}
	w.rows = 0
	return nil
}

// about writes what was asked.
func (w *sqliteWriter) about(ctx context.Context, src state.Source) error {
	about, err := src.About(ctx)
	if err != nil {
		return err
	}
	for _, o := range append([]state.Option{{Name: "version", Value: about.Version}, {Name: "digest", Value: about.Digest}}, about.Options...) {
		if _, err := w.tx.Exec("INSERT INTO about (name, value) VALUES (?,?)", o.Name, wording.Escape(o.Value)); err != nil {
			return err
		}
	}
	for _, l := range about.LeftOut {
		if _, err := w.tx.Exec("INSERT INTO about (name, value) VALUES ('rule_left_out',?)", wording.Printable(string(l.Text))); err != nil {
			return err
		}
	}
	for _, name := range about.Patterns {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := w.pattern(name); err != nil {
			return err
		}
	}
	return nil
}

// pattern returns the number of a pattern, which is a row of its own when it is new.
func (w *sqliteWriter) pattern(name string) (int64, error) {
	if n, ok := w.patterns[name]; ok {
		return n, nil
	}
	n := int64(len(w.patterns) + 1)
	w.patterns[name] = n
	_, err := w.tx.Exec("INSERT INTO patterns (id, pattern) VALUES (?,?)", n, wording.Escape(name))
	return n, err
}

// writeImage writes the rows of an image.
func (w *sqliteWriter) writeImage(ctx context.Context, src state.Source, img *state.Image) error {
	w.image = int64(img.N) + 1
	if err := w.imageRow(img); err != nil {
		return err
	}
	if img.Summary == nil {
		return nil
	}
	clear(w.counts)
	if err := eachDecoded(ctx, src, img, w.line); err != nil {
		return err
	}
	if err := w.flush(); err != nil {
		return err
	}
	return w.writeCounts(img)
}

// imageRow writes the row of an image.
func (w *sqliteWriter) imageRow(img *state.Image) error {
	var first, last, modified any
	if len(img.Density) > 0 {
		first, last = integer(img.First), integer(img.Last)
	}
	if !img.Modified.IsZero() {
		modified = img.Modified.UTC().Format(time.RFC3339Nano)
	}
	_, err := w.tx.Exec(`INSERT INTO images (id, image, state, reason, format, size, modified, first, last, hits, at_least, scanned, zero, absent, unreadable, missing, summary)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
		w.image, wording.Escape(img.Arg), img.State, wording.Escape(img.Reason), img.Format, integer(img.Size), modified, first, last, integer(img.Hits), img.AtLeast,
		integer(img.Scanned), integer(img.Zero), integer(img.Absent), integer(img.Unreadable), integer(img.Missing), jsonText(img.Summary))
	if err != nil {
		return err
	}
	return w.wrote(1)
}

// writeCounts writes how many hits of each pattern were written, and which are at least so
// many.
func (w *sqliteWriter) writeCounts(img *state.Image) error {
	atLeast := map[int64]bool{}
	for _, p := range img.Patterns {
		if p.AtLeast {
			n, err := w.pattern(p.Name)
			if err != nil {
				return err
			}
			atLeast[n] = true
			w.counts[n] += 0 // even one of which no hit is shown
		}
	}
	for _, n := range slices.Sorted(maps.Keys(w.counts)) {
		if _, err := w.tx.Exec("INSERT INTO counts (image_id, pattern_id, hits, at_least) VALUES (?,?,?,?)", w.image, n, integer(w.counts[n]), atLeast[n]); err != nil {
			return err
		}
	}
	return w.wrote(len(w.counts))
}

// wrote notes that rows were written, and begins another transaction where there are many.
func (w *sqliteWriter) wrote(n int) error {
	if w.rows += n; w.rows < rowsCommit {
		return nil
	}
	if err := w.tx.Commit(); err != nil {
		return err
	}
	return w.begin()
}

// line writes what a line says.
func (w *sqliteWriter) line(h *lines.Hit) error {
	switch string(h.Type) {
	case "hit":
		return w.hit(h)
	case "rule", "rule_undecided":
		return w.ruleRow(h)
	}
	if _, err := w.note.Exec(w.image, string(h.Line)); err != nil {
		return err
	}
	return w.wrote(1)
}

// hit writes a hit, together with others.
func (w *sqliteWriter) hit(h *lines.Hit) error {
	pattern := w.patternOf(h.Pattern)
	w.counts[pattern]++
	module, moduleOffset := w.nameOf(h.Module), any(nil)
	if module != nil {
		moduleOffset = integer(h.ModuleOffset)
	}
	w.waiting = append(w.waiting, w.image, integer(h.Addr), pattern, integer(h.Len), w.nameOf(h.Mapping), integer(h.Offset), blob(h.Bytes), text(h.Value), text(h.Text),
		jsonText(h.Key), blob(h.Before), blob(h.After), module, moduleOffset, w.nameOf(h.Namespace), w.nameOf(h.File))
	if w.err != nil || len(w.waiting) < rowsAtOnce*hitsColumns {
		return w.err
	}
	return w.insert(w.many, rowsAtOnce)
}

// flush inserts the rows of hits that are waiting.
func (w *sqliteWriter) flush() error {
	all := w.waiting
	for len(all) > 0 {
		w.waiting, all = all[:hitsColumns], all[hitsColumns:]
		if err := w.insert(w.one, 1); err != nil {
			return err
		}
	}
	w.waiting = w.waiting[:0]
	return nil
}

// insert inserts the rows of hits that are waiting with a statement for n of them.
func (w *sqliteWriter) insert(with *sql.Stmt, n int) error {
	if _, err := with.Exec(w.waiting...); err != nil {
		return err
	}
	w.waiting = w.waiting[:0]
	return w.wrote(n)
}

// ruleRow writes a rule that matches, or could not be decided.
func (w *sqliteWriter) ruleRow(h *lines.Hit) error {
	outcome := "matches"
	if string(h.Type) != "rule" {
		outcome = "undecided"
	}
	var first, last any
	if h.HasRange {
		first, last = integer(h.First), integer(h.Last)
	}
	mapping := w.nameOf(h.Mapping)
	if w.err != nil {
		return w.err
	}
	if _, err := w.rule.Exec(w.image, outcome, text(h.Rule), jsonText(h.Tags), jsonText(h.Meta), mapping, first, last, text(h.Namespace), text(h.File), text(h.Reason)); err != nil {
		return err
	}
	return w.wrote(1)
}

// patternOf returns the number of the pattern of a line. An error is kept in w.err.
func (w *sqliteWriter) patternOf(s lines.String) int64 {
	if n, ok := w.patternNumbers[nameKey{string(s.JSON), s.Escaped}]; ok {
		return n
	}
	n, err := w.pattern(s.Text())
	w.fail(err)
	keep(w.patternNumbers, s, n)
	return n
}

// nameOf returns the number of a name, or nil where it is not there. An error is kept in w.err.
func (w *sqliteWriter) nameOf(s lines.String) any {
	if s.JSON == nil {
		return nil
	}
	if n, ok := w.numbers[nameKey{string(s.JSON), s.Escaped}]; ok {
		return n
	}
	name := wording.Escape(s.Text())
	if _, err := w.name.Exec(name); err != nil {
		w.fail(err)
		return nil
	}
	var n int64
	w.fail(w.number.QueryRow(name).Scan(&n))
	keep(w.numbers, s, n)
	return n
}

// keep notes the number of a name, among a bounded number of others.
func keep(numbers map[nameKey]int64, s lines.String, n int64) {
	if len(numbers) >= mostNames {
		clear(numbers)
	}
	numbers[nameKey{string(s.JSON), s.Escaped}] = n
}

// fail keeps the first error.
func (w *sqliteWriter) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// integer returns a number of 64 bits without sign as SQLite has it: as one with a sign, of the
// same bits.
func integer[T uint64 | addr.Addr](n T) int64 { return int64(n) }

// blob returns bytes that are given as digits, or nil where there are none.
func blob(digits []byte) any {
	if digits == nil {
		return nil
	}
	b, _ := hex.AppendDecode([]byte{}, digits) // Decode has checked them
	return b
}

// text returns a string as it is printed, or nil where it is not there.
func text(s lines.String) any {
	if s.JSON == nil {
		return nil
	}
	return wording.Escape(s.Text())
}

// jsonText returns text of a line as it stands there, or nil where there is none.
func jsonText(b []byte) any {
	if b == nil {
		return nil
	}
	return string(b)
}
