package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"vscan/engine/addr"
	"vscan/internal/testenv"
)

var asks = Setup{
	Question: []byte("{}"), Opening: []byte("{}"), Shown: []byte("{}"), Given: []string{"a", "\xff"}, Digest: "d", Version: "v",
	Patterns: []string{"p0", "p\xff"}, Options: []Option{{"max-count", "7"}},
}

func newSweep(t *testing.T) (*DB, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "sweep")
	db, err := Create(t.Context(), dir, &asks)
	if err != nil {
		t.Fatal(err)
	}
	return db, dir
}

// dies ends what a process has of a sweep as its death does: without a last word.
func (db *DB) dies(t *testing.T) {
	t.Helper()
	db.reads.Close()
	if err := db.writer.stop(); err != nil {
		t.Fatal(err)
	}
	db.lock.close()
}

func reopen(t *testing.T, dir string) *DB {
	t.Helper()
	db, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What is put into a state is read from it, whatever it is.
func TestSource(t *testing.T) {
	db, dir := newSweep(t)
	defer db.Close(false)
	added, err := db.Add([]Input{{Arg: "one\xff"}, {Arg: "notes", Skip: "no image"}, {Arg: "one\xff"}, {Arg: "two"}})
	if must(t, err); added != (Added{Images: 3, Skipped: 1}) {
		t.Errorf("%+v", added)
	}
	c, err := db.Claim()
	must(t, err)
	if c.N != 0 || c.Arg != "one\xff" || c.Tries != 1 {
		t.Errorf("claimed %+v", c)
	}
	want := Image{
		N: 0, Arg: "one\xff", State: Done, Format: "raw", Size: 1 << 63, Modified: time.Unix(5, 7).UTC(), First: 1 << 63, Last: addr.Max, Density: []uint32{1, 2},
		Summary: []byte(`{"type":"summary"}`), Hits: 9, AtLeast: true, Patterns: []PatternHits{{1, "p\xff", 9, true}},
		Scanned: 1, Zero: 2, Absent: 3, Unreadable: 4, Missing: 5, Elapsed: 6, Tries: 1,
	}
	r := testenv.Rand(t)
	text := make([]byte, 2*PieceBytes+5)
	for i := range text {
		text[i] = byte(r.Uint32() >> 28)
	}
	lines := db.Lines(0)
	for rest := text; len(rest) > 0; {
		k := min(len(rest), 1+r.IntN(3<<20/2))
		_, err := lines.Write(rest[:k])
		must(t, err)
		rest = rest[k:]
	}
	must(t, lines.Flush())

	from, err := Read(t.Context(), dir)
	must(t, err)
	defer from.Close()
	if got := linesOf(t, from, 0); len(got) > 0 {
		t.Errorf("%d bytes of lines of an image that is not settled", len(got))
	}
	must(t, db.Settle(&want, Beside{}))
	must(t, db.SetListed())
	must(t, db.writer.wait(func(*tx) error { return nil }))
	if !bytes.Equal(linesOf(t, from, 0), text) {
		t.Error("other lines")
	}
	about, err := from.About(t.Context())
	must(t, err)
	if about.Began.IsZero() || !about.Ended.IsZero() || !about.Listed || !reflect.DeepEqual(about.Patterns, asks.Patterns) || !reflect.DeepEqual(about.Options, asks.Options) || about.Digest != "d" || about.Version != "v" {
		t.Errorf("%+v", about)
	}
	var all []Image
	for i, err := range from.Images(t.Context()) {
		must(t, err)
		all = append(all, *i)
	}
	if wants := []Image{want, {N: 1, Arg: "notes", State: Skipped, Reason: "no image"}, {N: 2, Arg: "two", State: Waiting}}; !reflect.DeepEqual(all, wants) {
		t.Errorf("%+v\nwant\n%+v", all, wants)
	}
	setup, err := from.Setup(t.Context())
	if must(t, err); !reflect.DeepEqual(setup, &asks) {
		t.Errorf("%+v", setup)
	}
}

func linesOf(t *testing.T, r *Reader, n int) []byte {
	t.Helper()
	from, err := r.Lines(t.Context(), n)
	must(t, err)
	defer from.Close()
	text, err := io.ReadAll(from)
	must(t, err)
	return text
}

// What was under way when the process died is done again, and set aside the second time, image
// or task; not after an end of its own will, and not with Retry. What was found of it by then
// is gone.
func TestUnderWay(t *testing.T) {
	db, dir := newSweep(t)
	_, err := db.Add([]Input{{Arg: "one"}, {Arg: "two"}})
	must(t, err)
	for round := range 3 {
		one, err := db.Claim()
		must(t, err)
		two, err := db.Claim()
		must(t, err)
		if round == 2 { // what the process died in comes last
			one, two = two, one
		}
		if one == nil || two == nil || one.N != 0 || two.N != 1 {
			t.Fatalf("round %d: %+v, %+v", round, one, two)
		}
		_, err = db.Lines(0).Write(make([]byte, PieceBytes))
		must(t, err)
		if round == 0 {
			must(t, db.Planned(1, []byte("is"), []Task{{Range: addr.Range{First: 0, Last: 9}, Bytes: 5}, {Range: addr.Range{First: 10, Last: addr.Max}}}))
			must(t, db.EndTask(1, 0, Done, ""))
		} else {
			if len(two.Tasks) != 2 || two.Tasks[0].State != Done || two.Tasks[1].State != Waiting || two.Tasks[0].Bytes != 5 || two.Tasks[1].Range.Last != addr.Max {
				t.Errorf("round %d: %+v", round, two)
			}
			must(t, db.Opened(1))
		}
		must(t, db.BeginTask(1, 1))
		_, err = db.Result(1, 1).Write(make([]byte, PieceBytes))
		must(t, err)
		if round == 0 {
			db.Ending() // and the watchdog ends the process, with nothing given back
		}
		db.dies(t)
		db = reopen(t, dir)
		again, aside := []string{"one", "two: task 1, 0xa..0xffffffffffffffff"}, []string(nil)
		if round == 2 {
			again, aside = aside, again
		}
		if r := db.Resumed(); !reflect.DeepEqual(r.Again, again) || !reflect.DeepEqual(r.Aside, aside) {
			t.Errorf("round %d: %+v", round, r)
		}
		for _, table := range []string{"lines", "result"} {
			var n int
			must(t, db.reads.QueryRow("SELECT count(*) FROM "+table).Scan(&n))
			if n != 0 {
				t.Errorf("round %d: %d rows of %s", round, n, table)
			}
		}
	}
	two, err := db.Claim()
	must(t, err)
	if two == nil || two.N != 1 || two.Tasks[1].State != Aside || two.Tasks[1].Reason != "the program died twice while it was searched" {
		t.Errorf("%+v", two)
	}
	must(t, db.GiveBack(1))
	n, err := db.Retry(t.Context(), nil)
	if must(t, err); n != 1 {
		t.Errorf("%d images are tried again", n)
	}
	one, err := db.Claim()
	must(t, err)
	if two, err = db.Claim(); err != nil || one.N != 0 || one.Tries != 1 || two.Tasks[1].State != Waiting {
		t.Errorf("%+v, %+v, %v", one, two, err)
	}
	must(t, db.Close(false))
}

// What the process died in once comes last.
func TestSuspectsLast(t *testing.T) {
	db, dir := newSweep(t)
	_, err := db.Add([]Input{{Arg: "one"}, {Arg: "two"}})
	must(t, err)
	_, err = db.Claim()
	must(t, err)
	db.dies(t)
	db = reopen(t, dir)
	defer db.Close(false)
	var order []string
	for {
		c, err := db.Claim()
		must(t, err)
		if c == nil {
			break
		}
		order = append(order, fmt.Sprint(c.Arg, c.Tries))
	}
	if !reflect.DeepEqual(order, []string{"two1", "one2"}) {
		t.Error(order)
	}
}

// What was found below a folder and left out for what it is, and is named as well, is an image,
// whichever comes first, and also where it is named while it is looked at.
func TestNamedAfterFound(t *testing.T) {
	db, _ := newSweep(t)
	defer db.Close(false)
	below := []Input{{Arg: "notes", Below: true}, {Arg: "open", Below: true}, {Arg: "link", Below: true, Skip: "symbolic link"}}
	added, err := db.Add(below)
	must(t, err)
	if added != (Added{Images: 3, Skipped: 1}) {
		t.Error(added)
	}
	skip := func(n int) { must(t, db.Settle(&Image{N: n, State: Skipped, Reason: "no image"}, Beside{})) }
	for n := range 2 {
		_, err := db.Claim()
		must(t, err)
		if n == 0 {
			skip(n)
		}
	}
	added, err = db.Add([]Input{{Arg: "notes"}, {Arg: "open"}, {Arg: "link"}})
	must(t, err)
	if added != (Added{Named: 2}) {
		t.Error(added)
	}
	skip(1)
	for _, name := range []string{"notes", "open", "link"} {
		c, err := db.Claim()
		must(t, err)
		if c == nil || c.Arg != name || c.Below {
			t.Fatalf("%+v, want %s, named", c, name)
		}
		must(t, db.Settle(&Image{N: c.N, State: Done}, Beside{}))
	}
	_, err = db.Add(below) // as a sweep does that is gone on with
	must(t, err)
	if c, err := db.Claim(); c != nil || err != nil {
		t.Error(c, err)
	}
}

// A sweep whose database was removed or moved ends with an error, instead of going on where
// nobody finds it.
func TestRemoved(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open cannot be moved there")
	}
	db, dir := newSweep(t)
	must(t, os.Rename(dir, dir+"moved"))
	db.writer.mu.Lock()
	db.writer.synced = time.Time{} // it is time for the disk
	db.writer.mu.Unlock()
	_, err := db.Add([]Input{{Arg: "a"}})
	if err == nil || !strings.Contains(err.Error(), "was removed or moved while the sweep ran") {
		t.Error(err)
	}
	if err := db.Close(false); err == nil {
		t.Error("closed without an error")
	}
}

// A database that lacks an image is damaged, and read with an error.
func TestImageLost(t *testing.T) {
	db, dir := newSweep(t)
	_, err := db.Add([]Input{{Arg: "a"}, {Arg: "b"}, {Arg: "c"}})
	must(t, err)
	must(t, db.writer.wait(func(t *tx) error { return t.exec("DELETE FROM image WHERE n = 1") }))
	must(t, db.Close(false))
	r, err := Read(t.Context(), dir)
	must(t, err)
	defer r.Close()
	for i, bad := range r.Images(t.Context()) {
		err = bad
		if bad == nil && i.N != 0 {
			t.Error(i)
		}
	}
	if err == nil || !strings.Contains(err.Error(), "lacks image 1") {
		t.Error(err)
	}
}

// One process works on a sweep; others are told which. A folder without a sweep, with one, and
// with something else are told apart.
func TestFolders(t *testing.T) {
	db, dir := newSweep(t)
	var locked *LockedError
	if _, err := Open(t.Context(), dir); !errors.As(err, &locked) || locked.PID != os.Getpid() {
		t.Errorf("%v", err)
	}
	if _, err := Create(t.Context(), dir, &asks); !errors.As(err, new(*ExistsError)) {
		t.Errorf("%v", err)
	}
	must(t, db.Close(true))
	reopen(t, dir).Close(false)
	for _, err := range []error{
		func() error { _, err := Open(t.Context(), t.TempDir()); return err }(),
		func() error { _, err := Read(t.Context(), filepath.Join(dir, "none")); return err }(),
	} {
		if !errors.As(err, new(*MissingError)) {
			t.Errorf("%v", err)
		}
	}
	other := t.TempDir()
	must(t, os.WriteFile(filepath.Join(other, File), bytes.Repeat([]byte("x"), 5000), 0o600))
	if _, err := Open(t.Context(), other); err == nil || !strings.Contains(err.Error(), "is no database of a sweep") {
		t.Errorf("%v", err)
	}
	if _, err := Create(t.Context(), other, &asks); err == nil || !strings.Contains(err.Error(), "is no database of a sweep") {
		t.Errorf("%v", err)
	}
	info, err := os.Stat(filepath.Join(dir, File))
	if must(t, err); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

// Where the disk is full the error says so, nothing of what could not be written counts, and
// what was kept before is there. What is under way then does not count as tried.
func TestFull(t *testing.T) {
	db, dir := newSweep(t)
	_, err := db.Add([]Input{{Arg: "one"}, {Arg: "two"}})
	must(t, err)
	_, err = db.Claim()
	must(t, err)
	must(t, db.writer.wait(func(t *tx) error {
		_, err := t.w.conn.ExecContext(context.Background(), "PRAGMA max_page_count = 1") // as few as there are
		return err
	}))
	lines := db.Lines(0)
	var full *RoomError
	for range 20 {
		if _, err = lines.Write(bytes.Repeat([]byte(fmt.Sprint(time.Now())), 50000)); err != nil {
			break
		}
	}
	if err = errors.Join(err, db.writer.wait(func(*tx) error { return nil })); !errors.As(err, &full) || full.Want == 0 || !strings.Contains(err.Error(), "no room on its disk") {
		t.Fatalf("%v", err)
	}
	if err := db.GiveBack(0); !errors.As(err, &full) {
		t.Errorf("%v", err)
	}
	if err := db.Close(false); !errors.As(err, &full) {
		t.Errorf("%v", err)
	}
	db = reopen(t, dir)
	defer db.Close(false)
	if r := db.Resumed(); r.Left != 2 || len(r.Again) != 1 || len(r.Aside) > 0 {
		t.Errorf("%+v", r)
	}
	c, err := db.Claim()
	if must(t, err); c.N != 0 || c.Tries != 1 {
		t.Errorf("%+v", c)
	}
}

// When a sweep ended is when its last image was settled, however often it is gone on with.
func TestEnded(t *testing.T) {
	db, dir := newSweep(t)
	_, err := db.Add([]Input{{Arg: "one"}})
	must(t, err)
	ended := func() time.Time {
		r, err := Read(t.Context(), dir)
		must(t, err)
		defer r.Close()
		a, err := r.About(t.Context())
		must(t, err)
		return a.Ended
	}
	if !ended().IsZero() {
		t.Error("it ended before it began")
	}
	must(t, db.Close(true))
	first := ended()
	db = reopen(t, dir)
	must(t, db.Close(true))
	if first.IsZero() || !ended().Equal(first) {
		t.Errorf("it ended at %v, and then at %v", first, ended())
	}
	db = reopen(t, dir)
	_, err = db.Claim()
	must(t, err)
	if !ended().IsZero() {
		t.Error("it has ended and goes on")
	}
	must(t, db.Close(false))
}

// A program that died while it began a sweep leaves nothing that is in the way of another one.
func TestDiedAtTheBeginning(t *testing.T) {
	dir := t.TempDir()
	for _, statement := range []string{"", "PRAGMA journal_mode = WAL"} {
		db, err := connect(dir, File, "")
		must(t, err)
		_, err = db.Exec(statement)
		must(t, errors.Join(err, db.Close()))
		if _, err := Open(t.Context(), dir); !errors.As(err, new(*MissingError)) {
			t.Errorf("%q: %v", statement, err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, File)); err != nil || info.Size() == 0 {
		t.Errorf("%v, %v", info, err)
	}
	db, err := Create(t.Context(), dir, &asks)
	must(t, err)
	must(t, db.Close(false))
	reopen(t, dir).Close(false)
}

// Who asks how a sweep is going, over and over, is in the way of none that begins or goes on.
func TestBeginsWhileItIsRead(t *testing.T) {
	for range testenv.Rounds(5, 20, 200) {
		dir := t.TempDir()
		ended := make(chan struct{})
		var readers sync.WaitGroup
		for range 3 {
			readers.Go(func() {
				for {
					select {
					case <-ended:
						return
					default:
					}
					r, err := Read(t.Context(), dir)
					if err == nil {
						_, err = r.Activity(t.Context())
						err = errors.Join(err, r.Close())
					}
					if err != nil && !errors.As(err, new(*MissingError)) {
						t.Errorf("reading: %v", err)
					}
				}
			})
		}
		for again := range 3 {
			begin := func() (*DB, error) { return Open(t.Context(), dir) }
			if again == 0 {
				begin = func() (*DB, error) { return Create(t.Context(), dir, &asks) }
			}
			db, err := begin()
			if err == nil {
				err = db.Close(false)
			}
			if err != nil {
				t.Errorf("beginning for the %d. time: %v", again+1, err)
				break
			}
		}
		close(ended)
		readers.Wait()
	}
}

// A database that is not allowed to be read is another thing than none.
func TestNotAllowed(t *testing.T) {
	db, dir := newSweep(t)
	must(t, db.Close(true))
	if os.Getuid() == 0 {
		t.Skip("who is root may read anything")
	}
	for path, mode := range map[string]os.FileMode{filepath.Join(dir, File): 0o600, dir: 0o700} {
		must(t, os.Chmod(path, 0))
		_, read := Read(t.Context(), dir)
		_, open := Open(t.Context(), dir)
		_, create := Create(t.Context(), dir, &asks)
		for _, err := range []error{read, open, create} {
			if !errors.Is(err, fs.ErrPermission) {
				t.Errorf("%s: %v", path, err)
			}
		}
		must(t, os.Chmod(path, mode))
	}
}

// What begins is waited for once the program has died in the sweep, also where it ended of its own
// will since, until all of that is done.
func TestCareful(t *testing.T) {
	db, dir := newSweep(t)
	_, err := db.Add([]Input{{Arg: "one"}})
	must(t, err)
	for i, how := range []struct {
		end  func()
		want bool
	}{
		{func() { must(t, db.Close(false)) }, false},
		{func() { db.dies(t) }, true},
		{func() { must(t, db.GiveBack(0)); must(t, db.Close(false)) }, true},
		{func() { must(t, db.Settle(&Image{N: 0, State: Done}, Beside{})); must(t, db.Close(false)) }, false},
	} {
		_, err := db.Claim()
		must(t, err)
		how.end()
		if db = reopen(t, dir); db.careful != how.want {
			t.Errorf("%d: careful %v", i, db.careful)
		}
	}
	must(t, db.Close(false))
}

// What failed and is no image is left to those that it stands for by Retry, and the images are not all
// known then; what fails once more has failed.
func TestRetryNoImages(t *testing.T) {
	db, dir := newSweep(t)
	_, err := db.Add([]Input{{Arg: "locked", Fail: "permission denied"}, {Arg: "folder"}, {Arg: "image"}, {Arg: "good"}})
	must(t, err)
	must(t, db.SetListed())
	for n, state := range []string{Failed, Failed, Done} {
		_, err := db.Claim()
		must(t, err)
		must(t, db.Settle(&Image{N: n + 1, State: state}, Beside{}))
	}
	must(t, db.Close(true))
	db = reopen(t, dir)
	n, err := db.Retry(t.Context(), func(arg string) bool { return arg != "image" })
	if must(t, err); n != 3 {
		t.Errorf("%d are tried again", n)
	}
	if r := db.Resumed(); r.Listed || r.Left != 1 || r.Kept != 3 {
		t.Errorf("%+v", r)
	}
	added, err := db.Add([]Input{{Arg: "locked", Fail: "permission denied"}, {Arg: "folder/1"}, {Arg: "image"}, {Arg: "good"}})
	if must(t, err); added != (Added{Images: 1, Failed: 1, Named: 1}) {
		t.Errorf("%+v", added)
	}
	totals, err := db.Totals(t.Context())
	if want := map[string]uint64{Failed: 1, Skipped: 1, Waiting: 2, Done: 1}; err != nil || !reflect.DeepEqual(totals.States, want) {
		t.Errorf("%v, %v", totals, err)
	}
	must(t, db.Close(false))
}
