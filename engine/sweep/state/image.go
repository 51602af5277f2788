package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"

	"vscan/engine/addr"
)

// Reader reads the results of a sweep, also while it runs. It is a Source.
type Reader struct {
	db    *sql.DB
	dir   string
	names []string // About.Patterns, once they were read

	decoder *zstd.Decoder // of summaries, once there was one to decode
}

// Read opens the results of the sweep of a folder. The error is a *MissingError where there
// is none.
func Read(ctx context.Context, dir string) (*Reader, error) {
	db, err := openReads(ctx, dir)
	if err != nil {
		return nil, err
	}
	return &Reader{db: db, dir: dir}, nil
}

// Close ends the reading.
func (r *Reader) Close() error {
	if r.decoder != nil {
		r.decoder.Close()
	}
	return r.db.Close()
}

// Setup returns what the sweep was begun with.
func (r *Reader) Setup(ctx context.Context) (*Setup, error) { return readSetup(ctx, r.db) }

// About implements Source.
func (r *Reader) About(ctx context.Context) (*About, error) {
	s, err := readSetup(ctx, r.db)
	if err != nil {
		return nil, err
	}
	a := &About{Patterns: s.Patterns, Options: s.Options, Digest: s.Digest, Version: s.Version, LeftOut: s.LeftOut}
	var began, ended sql.NullInt64
	if err := readMeta(ctx, r.db, map[string]any{"began": &began, "ended": &ended, "listed": &a.Listed}); err != nil {
		return nil, err
	}
	a.Began, a.Ended = timeOf(began), timeOf(ended)
	r.names = a.Patterns
	return a, nil
}

func timeOf(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.Unix(0, n.Int64).UTC()
}

// readMeta reads values of the table meta.
func readMeta(ctx context.Context, db *sql.DB, to map[string]any) error {
	for name, v := range to {
		if err := db.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = ?", name).Scan(v); err != nil {
			return fmt.Errorf("%s of the sweep: %w", name, err)
		}
	}
	return nil
}

// readDictionary returns the dictionary of summaries, or nil where there is none yet.
func readDictionary(ctx context.Context, db *sql.DB) (dictionary []byte, err error) {
	err = db.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'summary_dictionary'").Scan(&dictionary)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return dictionary, err
}

func readSetup(ctx context.Context, db *sql.DB) (*Setup, error) {
	s := &Setup{}
	var given, names, options, leftOut []byte
	err := readMeta(ctx, db, map[string]any{
		"question": &s.Question, "opening": &s.Opening, "shown": &s.Shown, "given": &given, "choice": &s.Choice, "digest": &s.Digest, "version": &s.Version,
		"patterns": &names, "options": &options, "left_out": &leftOut,
	})
	if err != nil {
		return nil, err
	}
	if s.Given, err = stringsOf(given); err != nil {
		return nil, err
	}
	if s.Patterns, err = stringsOf(names); err != nil {
		return nil, err
	}
	return s, errors.Join(json.Unmarshal(options, &s.Options), json.Unmarshal(leftOut, &s.LeftOut))
}

// stringsOf returns what bytesOf was given, of JSON.
func stringsOf(text []byte) ([]string, error) {
	var all [][]byte
	err := json.Unmarshal(text, &all)
	out := make([]string, len(all))
	for i, b := range all {
		out[i] = string(b)
	}
	return out, err
}

const imageColumns = "n, arg, state, reason, format, size, modified, first, last, summary, hits, at_least, patterns, density, scanned, zero, absent, unreadable, missing, elapsed, tries"

// Images implements Source. It holds few of them at a time, and no transaction for long.
func (r *Reader) Images(ctx context.Context) iter.Seq2[*Image, error] {
	return func(yield func(*Image, error) bool) {
		if r.names == nil {
			if _, err := r.About(ctx); err != nil {
				yield(nil, err)
				return
			}
		}
		for from := 0; ; {
			some, err := r.images(ctx, from, 256)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, i := range some {
				if i.N != from {
					yield(nil, fmt.Errorf("%s lacks image %d: it is damaged: sweep again", filepath.Join(r.dir, File), from))
					return
				}
				if !yield(i, nil) {
					return
				}
				from = i.N + 1
			}
			if len(some) == 0 {
				return
			}
		}
	}
}

// images returns at most so many images, from a place on.
func (r *Reader) images(ctx context.Context, from, most int) (all []*Image, err error) {
	rows, err := r.db.QueryContext(ctx, "SELECT "+imageColumns+" FROM image WHERE n >= ? ORDER BY n LIMIT ?", from, most)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		i, err := r.scan(ctx, rows)
		if err != nil {
			return nil, err
		}
		all = append(all, i)
	}
	return all, rows.Err()
}

func (r *Reader) scan(ctx context.Context, rows *sql.Rows) (*Image, error) {
	i := &Image{}
	var arg, patterns, density []byte
	var size, first, last, hits, scanned, zero, absent, unreadable, missing, elapsed int64
	var modified sql.NullInt64
	err := rows.Scan(&i.N, &arg, &i.State, &i.Reason, &i.Format, &size, &modified, &first, &last, &i.Summary, &hits, &i.AtLeast, &patterns, &density,
		&scanned, &zero, &absent, &unreadable, &missing, &elapsed, &i.Tries)
	if err != nil {
		return nil, err
	}
	i.Arg, i.Size, i.Modified, i.First, i.Last, i.Hits = string(arg), uint64(size), timeOf(modified), addr.Addr(first), addr.Addr(last), uint64(hits)
	i.Scanned, i.Zero, i.Absent, i.Unreadable, i.Missing = uint64(scanned), uint64(zero), uint64(absent), uint64(unreadable), uint64(missing)
	i.Elapsed = time.Duration(elapsed)
	if i.Summary, err = r.unpacked(ctx, i.Summary); err != nil {
		return nil, fmt.Errorf("summary of image %d: %w", i.N, err)
	}
	if i.Patterns, err = r.patternsOf(patterns); err != nil {
		return nil, fmt.Errorf("image %d: %w", i.N, err)
	}
	if density != nil {
		err = json.Unmarshal(density, &i.Density)
	}
	return i, err
}

// hitsRow is a PatternHits in the database.
type hitsRow struct {
	Pattern int    `json:"p"`
	Hits    uint64 `json:"n"`
	AtLeast bool   `json:"m,omitempty"`
}

func rowsOf(all []PatternHits) ([]byte, error) {
	if len(all) == 0 {
		return nil, nil
	}
	rows := make([]hitsRow, len(all))
	for i, p := range all {
		rows[i] = hitsRow{p.Pattern, p.Hits, p.AtLeast}
	}
	return json.Marshal(rows)
}

func (r *Reader) patternsOf(text []byte) ([]PatternHits, error) {
	if text == nil {
		return nil, nil
	}
	var rows []hitsRow
	if err := json.Unmarshal(text, &rows); err != nil {
		return nil, err
	}
	out := make([]PatternHits, len(rows))
	for i, row := range rows {
		if row.Pattern < 0 || row.Pattern >= len(r.names) {
			return nil, fmt.Errorf("it has hits of the pattern %d, of %d", row.Pattern, len(r.names))
		}
		out[i] = PatternHits{row.Pattern, r.names[row.Pattern], row.Hits, row.AtLeast}
	}
	return out, nil
}

// Counts returns how many images there are in each state.
func (r *Reader) Counts(ctx context.Context) (map[string]uint64, error) { return counts(ctx, r.db) }

func counts(ctx context.Context, db *sql.DB) (map[string]uint64, error) {
	rows, err := db.QueryContext(ctx, "SELECT state, count(*) FROM image GROUP BY state")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]uint64{}
	for rows.Next() {
		var state string
		var n uint64
		if err := rows.Scan(&state, &n); err != nil {
			return nil, err
		}
		all[state] = n
	}
	return all, rows.Err()
}
