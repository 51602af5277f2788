package local_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vscan/engine/budget"
	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/engine/sweep"
	"vscan/engine/sweep/local"
	"vscan/engine/sweep/state"
	"vscan/patterns"
)

// setupOf returns what a sweep for some patterns asks.
func setupOf(t *testing.T, maxHits uint64, pats ...string) *state.Setup {
	t.Helper()
	q := search.Query{MaxHits: maxHits}
	for _, p := range pats {
		pat, err := patterns.Parse(p)
		if err != nil {
			t.Fatal(err)
		}
		q.Patterns = append(q.Patterns, pat)
	}
	of, err := sweep.NewQuestion(&q, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &state.Setup{Patterns: q.Names(), Digest: "d", Version: "v"}
	for _, p := range []struct {
		of any
		to *[]byte
	}{{of, &s.Question}, {sweep.Opening{}, &s.Opening}, {local.Shown{}, &s.Shown}} {
		if *p.to, err = json.Marshal(p.of); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// lines is a sink that writes a line a hit.
type lines struct{ w io.Writer }

func (l lines) Begin(*search.Search) error   { return nil }
func (l lines) Rule(*search.RuleMatch) error { return nil }
func (l lines) End(*search.Summary) error    { return nil }
func (l lines) Hit(h *search.Hit) error {
	_, err := fmt.Fprintf(l.w, "%v %s %d\n", h.Addr, h.Name, h.Len)
	return err
}

// optionsOf returns options with the images, and a list of what is told.
func optionsOf(images ...string) (*local.Options, func() []string) {
	var mu sync.Mutex
	var told []string
	o := &local.Options{
		Sink:    func(w io.Writer) search.Sink { return lines{w} },
		Summary: func(s *search.Summary) []byte { return fmt.Appendf(nil, "%d hits", s.Hits) },
		Note: func(arg, text string) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, filepath.Base(arg)+": "+text)
		},
	}
	if len(images) > 0 {
		o.Inputs = inputs(images...)
	}
	return o, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return told
	}
}

func inputs(images ...string) iter.Seq2[local.Input, error] {
	return func(yield func(local.Input, error) bool) {
		for _, i := range images {
			if !yield(local.Input{Arg: i}, nil) {
				return
			}
		}
	}
}

// write writes a file into a folder and returns its path.
func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// begin begins a sweep and runs it, and returns its folder.
func begin(t *testing.T, ctx context.Context, s *state.Setup, o *local.Options) (string, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "sweep")
	db, err := state.Create(t.Context(), dir, s)
	if err != nil {
		t.Fatal(err)
	}
	err = local.Run(ctx, db, *o)
	if bad := db.Close(err == nil); bad != nil {
		t.Fatal(bad)
	}
	return dir, err
}

// goOn goes on with a sweep to its end.
func goOn(t *testing.T, dir string, o *local.Options) {
	t.Helper()
	db, err := state.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	err = local.Run(t.Context(), db, *o)
	if err = errors.Join(err, db.Close(err == nil)); err != nil {
		t.Fatal(err)
	}
}

// show returns a line an image: its name, state, number of hits and lines, and reason.
func show(t *testing.T, dir string) (all []string) {
	t.Helper()
	r, err := state.Read(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i, err := range r.Images(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		from, err := r.Lines(t.Context(), i.N)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(from)
		if err != nil {
			t.Fatal(err)
		}
		from.Close()
		least := ""
		if i.AtLeast {
			least = "+"
		}
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %d%s %d %s", filepath.Base(i.Arg), i.State, i.Hits, least, strings.Count(string(text), "\n"), i.Reason)))
	}
	return all
}

func check(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Small and large images, and what is none, are in the order as given, whatever the number of
// workers and of open images.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	images := []string{
		write(t, dir, "small", "..needle.."), write(t, dir, "large", strings.Repeat("..needle..", 100000)),
		write(t, dir, "empty", ""), filepath.Join(dir, "missing"), write(t, dir, "none", strings.Repeat("x", 300000)),
	}
	for _, workers := range []int{1, 2, 5} {
		o, told := optionsOf(append(images, images[0])...) // one of them twice
		o.Workers, o.Open, o.TaskBytes, o.Budget = workers, 1+workers/2, 64<<10, budget.New(256<<20)
		o.Progress = &local.Progress{}
		swept, err := begin(t, t.Context(), setupOf(t, 1000, "needle", "..n"), o)
		if err != nil {
			t.Fatal(err)
		}
		check(t, "images", show(t, swept),
			"small done 2 2", "large done 2000+ 2000", "empty failed 0 0 "+images[2]+" is empty: there is nothing to scan",
			"missing failed 0 0 stat "+images[3]+": no such file or directory", "none done 0 0")
		if len(told()) != 2 {
			t.Errorf("told %q", told())
		}
		is, under := o.Progress.Read()
		want := local.Counters{Images: 5, AllKnown: true, Settled: 5, Failed: 2, Bytes: 10 + 300000, Hits: 2002}
		if is.Bytes < want.Bytes || len(under) > 0 {
			t.Errorf("%+v, %d under way", is, len(under))
		}
		if is.Bytes = want.Bytes; is != want {
			t.Errorf("progress %+v, want %+v", is, want)
		}
		if n := o.Budget.Taken(); n > 1<<20 {
			t.Errorf("%d bytes of the budget are not given back", n)
		}
	}
}

// The end of the context ends a sweep; what was under way waits again and does not count as
// tried. What was done is not done again, and the end is as without an interruption.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	large := write(t, dir, "large", strings.Repeat("..needle..", 100000))
	images := []string{write(t, dir, "a", "needle"), large, write(t, dir, "b", "needle")}
	want := []string{"a done 1 1", "large done 100000 100000", "b done 1 1"}
	for hits := 1; hits < 100000; hits *= 30 {
		ctx, cancel := context.WithCancel(t.Context())
		o, _ := optionsOf(images...)
		o.TaskBytes = 64 << 10
		o.Sink = func(w io.Writer) search.Sink { return &cancels{lines{w}, hits, cancel} }
		swept, err := begin(t, ctx, setupOf(t, 0, "needle"), o)
		cancel()
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		db, err := state.Open(t.Context(), swept)
		if err != nil {
			t.Fatal(err)
		}
		if r := db.Resumed(); len(r.Aside)+len(r.Again) > 0 {
			t.Errorf("%+v", r)
		}
		db.Close(false)
		o, _ = optionsOf(images...)
		o.TaskBytes = 1 << 20 // tasks stay as they were planned
		goOn(t, swept, o)
		check(t, "images", show(t, swept), want...)
	}
}

// cancels cancels a context at a hit.
type cancels struct {
	search.Sink
	left   int
	cancel func()
}

func (c *cancels) Hit(h *search.Hit) error {
	if c.left--; c.left == 0 {
		c.cancel()
	}
	return c.Sink.Hit(h)
}

// An image that is another one when the sweep is gone on with is searched anew, and that is
// told; one that is gone keeps what was found.
func TestChangedImages(t *testing.T) {
	dir := t.TempDir()
	same, longer := write(t, dir, "same", "needle"), write(t, dir, "longer", "needle")
	gone, bytes := write(t, dir, "gone", "needle"), write(t, dir, "bytes", "needle")
	packed := write(t, dir, "packed", "needle")
	o, _ := optionsOf(same, longer, gone, bytes, packed)
	swept, err := begin(t, t.Context(), setupOf(t, 0, "needle"), o)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "longer", "needle needle")
	write(t, dir, "packed", "\x1f\x8b\x08"+strings.Repeat("\x00", 100))
	at := time.Now().Add(-time.Hour)
	info, err := os.Stat(bytes)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "bytes", "noodle")
	if err := errors.Join(os.Remove(gone), os.Chtimes(bytes, at, info.ModTime())); err != nil {
		t.Fatal(err)
	}
	o, told := optionsOf()
	o.Progress = &local.Progress{}
	goOn(t, swept, o)
	check(t, "images", show(t, swept), "same done 1 1", "longer done 2 2", "gone done 1 1", "bytes done 0 0", "packed done 1 1")
	if is, _ := o.Progress.Read(); is.Unopened != 1 {
		t.Errorf("%+v", is)
	}
	text := strings.Join(told(), "\n")
	for _, want := range []string{
		"longer: searched anew: it changed since it was searched: longer had 6 bytes, and has 13",
		"bytes: searched anew: it changed since it was searched: its files have the same sizes and times, and other bytes",
		"gone: what was found is kept, and the image cannot be opened any more",
		"packed: what was found is kept, and the image cannot be opened any more: ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("told\n%s\nwant %s", text, want)
		}
	}
}

// A large image that is another one when its tasks are gone on with is planned anew.
func TestChangedBetweenTasks(t *testing.T) {
	dir := t.TempDir()
	large := write(t, dir, "large", strings.Repeat("..needle..", 100000))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o, _ := optionsOf(large)
	o.TaskBytes, o.Workers = 64<<10, 1
	o.Sink = func(w io.Writer) search.Sink { return &cancels{lines{w}, 10, cancel} } // when all tasks are done
	swept, err := begin(t, ctx, setupOf(t, 0, "needle"), o)
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	write(t, dir, "large", strings.Repeat("..needle..", 90000))
	o, told := optionsOf()
	o.TaskBytes = 64 << 10
	goOn(t, swept, o)
	check(t, "images", show(t, swept), "large done 90000 90000")
	if text := strings.Join(told(), "\n"); !strings.Contains(text, "large: searched anew: it changed: large had 1000000 bytes, and has 900000") {
		t.Errorf("told %s", text)
	}
}

// A task that takes too long has failed; the others of its image count.
func TestTaskTime(t *testing.T) {
	dir := t.TempDir()
	small, large := write(t, dir, "small", "needle"), write(t, dir, "large", strings.Repeat("..needle..", 100000))
	o, _ := optionsOf(small, large)
	o.TaskBytes, o.TaskTime = 64<<10, time.Nanosecond
	swept, err := begin(t, t.Context(), setupOf(t, 0, "needle"), o)
	if err != nil {
		t.Fatal(err)
	}
	check(t, "images", show(t, swept), "small failed 0 0 it took longer than a task may, 1ns", "large failed 0 0 it took longer than a task may, 1ns")
	db, err := state.Open(t.Context(), swept)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := db.Retry(t.Context(), nil); err != nil || n != 2 {
		t.Errorf("%d images are tried again, %v", n, err)
	}
	db.Close(false)
	o, _ = optionsOf()
	goOn(t, swept, o)
	check(t, "images", show(t, swept), "small done 1 1", "large done 100000 100000")
}

// What takes more memory than is left beside others is searched alone, and what takes more than
// there is fails by itself.
func TestMemory(t *testing.T) {
	dir := t.TempDir()
	var images []string
	for i := range 8 {
		images = append(images, write(t, dir, fmt.Sprint(i), "needle "+strings.Repeat("x", i)))
	}
	var pats []string
	for i := range 2000 {
		pats = append(pats, fmt.Sprintf("needle%d", i))
	}
	pats = append(pats, "needle")
	setup := setupOf(t, 0, pats...)
	_, q, _, err := local.Query(t.Context(), setup, nil)
	if err != nil {
		t.Fatal(err)
	}
	img, err := layered.Open(t.Context(), images[0], layered.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	b := budget.New(1 << 30)
	q.Budget = b
	s, err := q.Prepare(t.Context(), img)
	if err != nil {
		t.Fatal(err)
	}
	one := b.Taken()
	s.Close()
	o, _ := optionsOf(images...)
	o.Workers, o.Budget = 4, budget.New(one*3/2)
	swept, err := begin(t, t.Context(), setup, o)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range show(t, swept) {
		if want := fmt.Sprintf("%d done 1 1", i); line != want {
			t.Errorf("%s, want %s", line, want)
		}
	}
	o, _ = optionsOf(images...)
	o.Workers, o.Budget = 4, budget.New(one/2)
	if swept, err = begin(t, t.Context(), setup, o); err != nil {
		t.Fatal(err)
	}
	for _, line := range show(t, swept) {
		if !strings.Contains(line, "failed 0 0 not enough memory for") {
			t.Error(line)
		}
	}
}

// What cannot be read to find images is told as images are that cannot be opened.
func TestInputFailed(t *testing.T) {
	o, told := optionsOf()
	o.Inputs = func(yield func(local.Input, error) bool) {
		_ = yield(local.Input{Arg: "locked", Fail: "permission denied"}, nil) && yield(local.Input{Arg: "notes", Skip: "no image"}, nil)
	}
	if _, err := begin(t, t.Context(), setupOf(t, 0, "needle"), o); err != nil {
		t.Fatal(err)
	}
	check(t, "told", told(), "locked: failed: permission denied")
}

// An error of the list of images ends the sweep once what is known is searched; going on asks
// for the list again, and takes what is new.
func TestInputsFail(t *testing.T) {
	dir := t.TempDir()
	a, b := write(t, dir, "a", "needle"), write(t, dir, "b", "needle")
	broken := errors.New("the folder is gone")
	o, _ := optionsOf()
	o.Inputs = func(yield func(local.Input, error) bool) {
		_ = yield(local.Input{Arg: a}, nil) && yield(local.Input{Arg: "notes", Skip: "no image"}, nil) && yield(local.Input{}, broken)
	}
	swept, err := begin(t, t.Context(), setupOf(t, 0, "needle"), o)
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	check(t, "images", show(t, swept), "a done 1 1", "notes skipped 0 0 no image")
	o, _ = optionsOf(a, b)
	goOn(t, swept, o)
	check(t, "images", show(t, swept), "a done 1 1", "notes skipped 0 0 no image", "b done 1 1")
}

// A worker that finds nothing to begin helps another one, and what is found is the same.
func TestHelp(t *testing.T) {
	for _, size := range []uint64{1 << 30, 500_000} { // one task, and two
		image := write(t, t.TempDir(), "image", strings.Repeat("..needle..", 100_000))
		dir := filepath.Join(t.TempDir(), "sweep")
		db, err := state.Create(t.Context(), dir, setupOf(t, 0, "needle"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Add([]local.Input{{Arg: image}}); err != nil {
			t.Fatal(err)
		}
		o, _ := optionsOf()
		o.Workers, o.TaskBytes, o.ShardSize = 3, size, 4096
		searching, all := make(chan bool), make(chan bool)
		go func() {
			defer close(all)
			for range o.Workers {
				<-searching
			}
		}()
		o.Pace = func(ctx context.Context, _ uint64) { // all workers search at a time
			select {
			case searching <- true:
				<-all
			case <-all:
			case <-ctx.Done():
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := errors.Join(local.Run(ctx, db, *o), db.Close(true)); err != nil {
			t.Fatal(err)
		}
		check(t, "images", show(t, dir), "image done 100000 100000")
	}
}

// That a sweep is asked to end is noted at once, so that what is under way does not count as tried
// in vain, also where a worker does not end by that and somebody ends the program.
func TestEndingIsNoted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stuck, free := make(chan bool), make(chan bool)
	o, _ := optionsOf(write(t, t.TempDir(), "image", "needle"))
	o.Sink = func(w io.Writer) search.Sink {
		return &cancels{lines{w}, 1, func() { close(stuck); <-free }}
	}
	dir := filepath.Join(t.TempDir(), "sweep")
	db, err := state.Create(t.Context(), dir, setupOf(t, 0, "needle"))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- local.Run(ctx, db, *o) }()
	<-stuck
	cancel()
	guard, over := context.WithTimeout(t.Context(), time.Minute)
	defer over()
	for how := ""; how != "ended"; {
		lock, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "sweep.lock")+"?immutable=1&mode=ro")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(lock.QueryRowContext(guard, "SELECT how FROM run").Scan(&how), lock.Close()); err != nil {
			t.Fatalf("the program %s: %v", how, err)
		}
	}
	close(free)
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := db.Close(false); err != nil {
		t.Fatal(err)
	}
}
