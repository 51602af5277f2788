package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"vscan/engine/budget"
	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/engine/sweep"
	"vscan/engine/sweep/state"
	"vscan/internal/wording"
)

// openWork is an image that is open and has several tasks.
type openWork struct {
	n       int
	img     *layered.Image
	share   *budget.Budget // what the image has taken
	is      []byte         // identity, as the state has it
	stamp   string
	plan    *sweep.Plan
	lacks   map[int]string // why tasks have no result
	began   time.Duration  // how long it took to open and to plan it
	waiting []int          // tasks that nobody has begun
	left    int            // tasks that have not ended

	bytes, hits uint64 // of tasks that have ended; see Progress
}

func (w *openWork) close() {
	w.img.Close()
	w.share.Release()
}

// errTaskTime is the cause of the end of a task that took too long.
var errTaskTime = errors.New("it took longer than a task may")

// inTime returns a context that ends once a task has taken too long.
func (r *runner) inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.TaskTime == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, r.TaskTime, errTaskTime)
}

// image searches a claimed image, or plans its tasks. The error is one of the state, or the
// cause of the end of ctx.
func (r *runner) image(ctx context.Context, c *state.Claim) error {
	began := time.Now()
	rec := &state.Image{N: c.N, Arg: c.Arg}
	var w *openWork
	var sum *search.Summary
	var is []byte
	var stamp string
	inside, cancel := r.inTime(ctx)
	defer cancel()
	at := r.Progress.start(UnderWay{Arg: c.Arg})
	defer at.end()
	err := r.withMemory(func(alone bool) (err error) {
		if alone {
			if err := r.db.DropLines(c.N); err != nil {
				return fatal(err)
			}
		}
		*rec = state.Image{N: c.N, Arg: c.Arg}
		w, is, stamp, sum, err = r.openAndSearch(inside, c, rec, at, alone)
		return err
	}, func() bool { return starved(sum) })
	switch fatal := (*stateError)(nil); {
	case errors.As(err, &fatal):
		return fatal.err
	case ctx.Err() != nil:
		return errors.Join(r.db.GiveBack(c.N), context.Cause(ctx))
	case inside.Err() != nil && err != nil:
		err = fmt.Errorf("%w, %v", errTaskTime, r.TaskTime)
	}
	if w != nil && err == nil {
		w.began = time.Since(began)
		return r.share(ctx, w)
	}
	rec.Elapsed = time.Since(began)
	if skip := (*skipError)(nil); errors.As(err, &skip) {
		rec.State, rec.Reason = state.Skipped, skip.why
	} else if err != nil {
		rec.State, rec.Reason = state.Failed, reasonOf(c.Arg, err)
		is, stamp = nil, ""
	}
	return r.settled(rec, state.Beside{Found: sum != nil && sum.Found(), Identity: is, Stamp: stamp})
}

// starved reports whether a search had too little memory for the hits of rules.
func starved(sum *search.Summary) bool {
	return sum != nil && sum.Rules != nil && sum.Rules.OutOfMemory
}

// reasonOf returns why an image could not be searched, without its name in front.
func reasonOf(arg string, err error) string {
	text := err.Error()
	for _, name := range []string{arg, wording.Escape(arg)} {
		text = strings.TrimPrefix(text, name+": ")
	}
	return text
}

// skipError says why what was opened is no image.
type skipError struct{ why string }

func (e *skipError) Error() string { return e.why }

// skips returns why an image is skipped, or ""; img and err are what came of opening it.
func (r *runner) skips(c *state.Claim, img *layered.Image, err error) string {
	if r.Skip == nil || !c.Below {
		return ""
	}
	return r.Skip(c.Arg, img, err)
}

// searchedAs returns why an image is not searched that is a part of an earlier one of the sweep, as
// each file of a split dump stands for all of them; "" where it is none.
func (r *runner) searchedAs(c *state.Claim, img *layered.Image) (string, error) {
	if len(img.Parts) < 2 {
		return "", nil
	}
	earlier, err := r.db.Earlier(c.N, img.Parts)
	if earlier == "" || err != nil {
		return "", fatal(err)
	}
	return "a part of the same image as " + wording.Escape(earlier) + ", with which it is searched", nil
}

// stateError is an error of the state, after which the sweep cannot go on.
type stateError struct{ err error }

func (e *stateError) Error() string { return e.err.Error() }
func (e *stateError) Unwrap() error { return e.err }

func fatal(err error) error {
	if err == nil {
		return nil
	}
	return &stateError{err}
}

// settled keeps the record of an image and tells of it.
func (r *runner) settled(rec *state.Image, b state.Beside) error {
	if err := r.db.Settle(rec, b); err != nil {
		return err
	}
	r.Progress.settled(rec)
	if rec.State != state.Done && rec.State != state.Skipped {
		r.Note(rec.Arg, rec.State+": "+rec.Reason)
	}
	return nil
}

// openAndSearch opens an image, and searches it if it is one task. Otherwise it returns the
// image with its tasks.
func (r *runner) openAndSearch(ctx context.Context, c *state.Claim, rec *state.Image, at *tracked, alone bool) (_ *openWork, is []byte, stamp string, sum *search.Summary, err error) {
	share := r.Budget.Share()
	opening := r.opening
	opening.Budget = share
	opening.Known = r.Known && c.Below
	img, err := layered.Open(ctx, c.Arg, opening)
	why := r.skips(c, img, err)
	if why == "" && err == nil {
		if why, err = r.searchedAs(c, img); err != nil {
			img.Close()
		}
	}
	if why != "" {
		err = &skipError{why}
		if img != nil {
			img.Close()
		}
	}
	if err != nil {
		share.Release()
		return nil, nil, "", nil, err
	}
	w := &openWork{n: c.N, img: img, share: share, lacks: map[int]string{}}
	keep := false
	defer func() {
		if !keep {
			w.close()
		}
	}()
	if r.Accept != nil {
		if err := r.Accept(img); err != nil {
			return nil, nil, "", nil, err
		}
	}
	about(rec, img)
	var now sweep.ImageIs
	if !img.Live {
		if now, err = sweep.Identify(ctx, img); err != nil {
			return nil, nil, "", nil, err
		}
		if w.is, err = json.Marshal(now); err != nil {
			return nil, nil, "", nil, err
		}
		w.stamp = stampOf(&r.opening, c.Arg, img.Files())
	}
	if keep, err = r.goOn(c, w, &now); keep || err != nil {
		return w, nil, "", nil, err
	}
	s, err := r.queryOf(alone).Prepare(ctx, img)
	if err != nil {
		return nil, nil, "", nil, err
	}
	defer s.Close()
	if !img.Live && s.Work() > r.TaskBytes {
		if err := r.planTasks(w, s, now); err != nil {
			return nil, nil, "", nil, err
		}
		keep = true
		return w, nil, "", nil, nil
	}
	sum, err = r.searchOne(ctx, s, rec, at)
	return nil, w.is, w.stamp, sum, err
}

// searchOne searches an image that is one task.
func (r *runner) searchOne(ctx context.Context, s *search.Search, rec *state.Image, at *tracked) (*search.Summary, error) {
	lines := r.db.Lines(rec.N)
	to := &collector{Sink: r.Sink(lines)}
	at.searching(s.Bytes(), s.Progress())
	sum, err := s.Run(ctx, to)
	if err == nil {
		err = fatal(lines.Flush())
	}
	if err != nil {
		return nil, err
	}
	return sum, r.record(rec, s, sum, to, nil)
}

// planTasks cuts the search of an image into tasks.
func (r *runner) planTasks(w *openWork, s *search.Search, is sweep.ImageIs) (err error) {
	if w.plan, err = r.of.PlanOf(s, &r.opening, is, r.TaskBytes); err != nil {
		return err
	}
	tasks := make([]state.Task, len(w.plan.Tasks))
	for k, t := range w.plan.Tasks {
		tasks[k] = state.Task{Range: t.Range, Bytes: t.Bytes}
		w.waiting = append(w.waiting, k)
	}
	w.left = len(tasks)
	image, err := json.Marshal(w.plan.Images[0])
	if err != nil {
		return err
	}
	return fatal(r.db.Planned(w.n, image, tasks))
}

// goOn takes up the tasks of an image that was planned before, and reports whether it could.
// Where the image is another one by now, it is told, and searched anew.
func (r *runner) goOn(c *state.Claim, w *openWork, now *sweep.ImageIs) (bool, error) {
	if len(c.Tasks) == 0 {
		return false, nil
	}
	var image sweep.Image
	if err := json.Unmarshal(c.Identity, &image); err != nil {
		return false, fatal(err)
	}
	if why := image.Is.Differs(now); why != "" {
		r.Note(c.Arg, "searched anew: it changed: "+why)
		return false, fatal(r.db.DropTasks(c.N))
	}
	tasks := make([]sweep.Task, len(c.Tasks))
	for k, t := range c.Tasks {
		tasks[k] = sweep.Task{Range: t.Range, Bytes: t.Bytes}
		switch t.State {
		case state.Done:
		case state.Waiting:
			w.waiting = append(w.waiting, k)
		default:
			w.lacks[k] = t.Reason
		}
	}
	w.left = len(w.waiting)
	var err error
	if w.plan, err = r.of.PlanAgain(image, tasks); err != nil {
		return false, fatal(err)
	}
	return true, fatal(r.db.Opened(c.N))
}

// share has all workers search the tasks of an image, or settles it where none is left.
func (r *runner) share(ctx context.Context, w *openWork) error {
	r.mu.Lock()
	r.open = append(r.open, w)
	left := w.left
	r.mu.Unlock()
	r.changed.Broadcast()
	if left == 0 {
		return r.settle(ctx, w)
	}
	return nil
}

// task searches a task of an image.
func (r *runner) task(ctx context.Context, w *openWork, k int) error {
	if err := r.db.BeginTask(w.n, k); err != nil {
		return err
	}
	inside, cancel := r.inTime(ctx)
	defer cancel()
	err := r.withMemory(func(alone bool) error { return r.searchTask(inside, w, k, alone) }, func() bool { return false })
	switch bad := (*stateError)(nil); {
	case errors.As(err, &bad):
		return bad.err
	case ctx.Err() != nil:
		return errors.Join(r.db.GiveBackTask(w.n, k), context.Cause(ctx))
	case inside.Err() != nil && err != nil:
		err = fmt.Errorf("%w, %v", errTaskTime, r.TaskTime)
	}
	ended, reason := state.Done, ""
	if err != nil {
		ended, reason = state.Failed, reasonOf(w.img.Arg, err)
	}
	if err := r.db.EndTask(w.n, k, ended, reason); err != nil {
		return err
	}
	r.mu.Lock()
	if reason != "" {
		w.lacks[k] = reason
	}
	w.left--
	last := w.left == 0
	r.mu.Unlock()
	if last {
		return r.settle(ctx, w)
	}
	return nil
}

// searchTask writes the result of a task to the state.
func (r *runner) searchTask(ctx context.Context, w *openWork, k int, alone bool) error {
	part, err := r.queryOf(alone).PreparePart(ctx, w.img, w.plan.Tasks[k].Range)
	if err != nil {
		return err
	}
	defer part.Close()
	at := r.Progress.start(UnderWay{w.img.Arg, k, len(w.plan.Tasks), part.Bytes(), part.Progress()})
	defer at.end()
	if err := r.db.DropResult(w.n, k); err != nil {
		return fatal(err)
	}
	to := r.db.Result(w.n, k)
	if _, err := w.plan.RunPart(ctx, k, part, to); err != nil {
		return err
	}
	if err := to.Flush(); err != nil {
		return fatal(err)
	}
	at.end()
	r.Progress.taskEnded(w, part.Progress())
	return nil
}

// settle puts together what the tasks of an image have found.
func (r *runner) settle(ctx context.Context, w *openWork) error {
	began := time.Now()
	if err := r.db.BeginSettling(w.n); err != nil {
		return err
	}
	defer r.Progress.start(UnderWay{Arg: w.img.Arg}).end()
	rec := &state.Image{}
	var sum *search.Summary
	err := r.withMemory(func(bool) (err error) {
		*rec = state.Image{N: w.n, Arg: w.img.Arg}
		about(rec, w.img)
		sum, err = r.stitch(ctx, w, rec)
		return err
	}, func() bool { return starved(sum) })
	switch bad := (*stateError)(nil); {
	case errors.As(err, &bad):
		return bad.err
	case ctx.Err() != nil:
		return context.Cause(ctx) // it is given back at the end
	case err != nil:
		rec.State, rec.Reason = state.Failed, reasonOf(w.img.Arg, err)
		w.is, w.stamp = nil, ""
	}
	if sum != nil {
		rec.Elapsed = sum.Elapsed
	}
	rec.Elapsed += w.began + time.Since(began)
	r.mu.Lock()
	for i, other := range r.open {
		if other == w {
			r.open = append(r.open[:i:i], r.open[i+1:]...)
			break
		}
	}
	r.mu.Unlock()
	w.close()
	r.changed.Broadcast()
	r.Progress.settling(w)
	return r.settled(rec, state.Beside{Found: sum != nil && sum.Found(), Lacks: len(w.lacks) > 0, Identity: w.is, Stamp: w.stamp})
}

// stitch writes the lines of an image from the results of its tasks.
func (r *runner) stitch(ctx context.Context, w *openWork, rec *state.Image) (*search.Summary, error) {
	results := w.plan.Results()
	var lacks []string
	for k := range w.plan.Tasks {
		if why, ok := w.lacks[k]; ok {
			lacks = append(lacks, fmt.Sprintf("task %d, %v: %s", k, w.plan.Tasks[k].Range, why))
			continue
		}
		open := func() (io.ReadCloser, error) { return r.db.OpenResult(ctx, w.n, k), nil }
		if err := results.Add(ctx, w.plan.Tasks[k].Name, open); err != nil {
			return nil, err
		}
	}
	s, err := r.query.Prepare(ctx, w.img)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := r.db.DropLines(w.n); err != nil {
		return nil, fatal(err)
	}
	lines := r.db.Lines(w.n)
	to := &collector{Sink: r.Sink(lines)}
	sum, err := results.StitchInto(ctx, 0, s, to)
	if err != nil {
		return nil, err
	}
	if err := lines.Flush(); err != nil {
		return nil, fatal(err)
	}
	return sum, r.record(rec, s, sum, to, lacks)
}
