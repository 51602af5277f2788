package sweep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"vscan/engine/addr"
	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/engine/simd"
)

// A ResultError says that a result is refused.
type ResultError struct {
	Name string // names the result, as Results.Add was told
	Why  string
}

func (e *ResultError) Error() string { return e.Name + " is refused: " + e.Why }

// Results are the results of the tasks of a plan.
type Results struct {
	plan  *Plan
	have  []*result      // by task; nil: there is none
	tasks map[string]int // by name
}

// result is a result that was looked at, and is read again when it is stitched.
type result struct {
	name    string
	open    func() (io.ReadCloser, error)
	account *Account
}

// Results returns the results of a plan, of which there are none yet.
func (p *Plan) Results() *Results {
	r := &Results{p, make([]*result, len(p.Tasks)), make(map[string]int, len(p.Tasks))}
	for i := range p.Tasks {
		r.tasks[p.Tasks[i].Name] = i
	}
	return r
}

// Add reads a result, from its beginning to its end, and keeps open, with which it is read
// once more when it is stitched. name is for messages. Several results of one task may be
// added: one of them counts, and one that is complete rather than another. The error is a
// *ResultError where the result is damaged, or of another set of patterns, another version
// of the image, another plan, or another format; then it does not count, and others may be
// added. Otherwise it is that of open, of reading, or the cause of the end of ctx.
func (r *Results) Add(ctx context.Context, name string, open func() (io.ReadCloser, error)) error {
	from, err := open()
	if err != nil {
		return err
	}
	defer from.Close()
	in, err := newResultReader(until{ctx, from})
	if err != nil {
		return refused(ctx, name, err)
	}
	if in.head.Format != Format {
		return &ResultError{name, fmt.Sprintf("it has format %d, and this program reads %d", in.head.Format, Format)}
	}
	account, err := in.rest()
	if err != nil {
		return refused(ctx, name, err)
	}
	task, err := r.taskOf(&in.head)
	if err != nil {
		return &ResultError{name, err.Error()}
	}
	if old := r.have[task]; old == nil || !old.account.Complete && account.Complete {
		r.have[task] = &result{name, open, account}
	}
	return nil
}

// refused returns the error of a result that could not be read.
func refused(ctx context.Context, name string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return &ResultError{name, err.Error()}
}

// until is a reader whose reads fail once a context has ended.
type until struct {
	ctx context.Context
	r   io.Reader
}

func (u until) Read(b []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.r.Read(b)
}

// taskOf returns the task that a result belongs to, or in which way it belongs to none.
func (r *Results) taskOf(h *header) (int, error) {
	p := r.plan
	if i, ok := r.tasks[h.Task]; ok && *h == p.header(i) {
		return i, nil
	}
	at, err := h.span.addresses()
	switch {
	case err != nil:
		return 0, err
	case h.Set != p.set:
		return 0, fmt.Errorf("it is of task %q of a plan with another set of patterns, or with other options", h.Task)
	case !slices.Contains(p.images, h.Image):
		return 0, fmt.Errorf("it is of task %q of a plan for another image, or another version of it", h.Task)
	}
	return 0, fmt.Errorf("it is of task %q of another plan, for %v", h.Task, at)
}

// Missing returns the indexes of the tasks that have no result, ascending.
func (r *Results) Missing() (tasks []int) {
	for i, have := range r.have {
		if have == nil {
			tasks = append(tasks, i)
		}
	}
	return tasks
}

// Account returns what a task tells of itself, nil where it has no result.
func (r *Results) Account(task int) *Account {
	if r.have[task] == nil {
		return nil
	}
	return r.have[task].account
}

// Stitch hands what was found in an image of the plan, by its index, to a sink, as a search
// of the image does. img is from Plan.Open, and q is the query of the plan's question, of
// which the caller may set what changes nothing of what is found: Want, HitBytes, Decode,
// Around, and a Cache, with which the question is compiled once for many images. Where tasks
// are missing, the hits of the others are handed over, rules are not asked, and the Summary is
// not Complete. In the Summary, Workers is the most of any task, and Elapsed the time of all
// of them together.
//
// Errors are those of search.Query.Prepare and Search.Run, and a *ResultError where a result
// can no longer be read as it was, or has a match that is none in the image; then what was handed over is not all.
func (r *Results) Stitch(ctx context.Context, n int, img *layered.Image, q *search.Query, sink search.Sink) (*search.Summary, error) {
	s, err := q.Prepare(ctx, img)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return r.StitchInto(ctx, n, s, sink)
}

// StitchInto does what Stitch does, with a search that was prepared for the image.
func (r *Results) StitchInto(ctx context.Context, n int, s *search.Search, sink search.Sink) (*search.Summary, error) {
	from := "" // the name of the result whose matches are handed over
	found := search.Found{Matches: func(yield func(search.Match) bool) error { return r.matches(ctx, n, &from, yield) }}
	kernels := map[simd.Level]bool{}
	first, end := r.plan.tasksOf(n)
	for i := first; i < end; i++ {
		if r.have[i] == nil {
			found.Partial = true
			continue
		}
		r.have[i].account.addTo(&found, kernels)
	}
	for l := range kernels {
		found.Stats.Kernels = append(found.Stats.Kernels, l)
	}
	slices.Sort(found.Stats.Kernels)
	found.Stats.Unreadable = addr.Merge(found.Stats.Unreadable)
	sum, err := s.Stitch(ctx, sink, found)
	if none := (*search.MatchError)(nil); errors.As(err, &none) {
		err = &ResultError{from, none.Error()}
	}
	return sum, err
}

// addTo adds an account to those of other tasks.
func (a *Account) addTo(found *search.Found, kernels map[simd.Level]bool) {
	s := &found.Stats
	s.Scanned += a.Scanned
	s.Workers = max(s.Workers, a.Workers)
	s.Elapsed += a.Elapsed
	s.Unreadable = append(s.Unreadable, a.Unreadable...)
	for _, name := range a.Kernels {
		if l, err := simd.ParseLevel(name); err == nil { // one that is not known here may be on the other machine
			kernels[l] = true
		}
	}
	for _, c := range a.Changed {
		if !slices.Contains(found.Changed, c) {
			found.Changed = append(found.Changed, c)
		}
	}
}

// errEnough ends the reading of results.
var errEnough = errors.New("enough")

// matches yields the matches of an image, by its index, in order. from is set to the name of the
// result that they come from.
func (r *Results) matches(ctx context.Context, n int, from *string, yield func(search.Match) bool) error {
	first, end := r.plan.tasksOf(n)
	for i := first; i < end; i++ {
		have := r.have[i]
		if have == nil {
			continue
		}
		*from = have.name
		err := have.matches(ctx, r.plan.header(i), r.plan.Tasks[i].Range, yield)
		if errors.Is(err, errEnough) {
			return nil
		} else if err != nil {
			return refused(ctx, have.name, err)
		}
	}
	return nil
}

// matches yields the matches of the result, which have to lie in a range. The error is
// errEnough where yield wants no more.
func (have *result) matches(ctx context.Context, belongs header, within addr.Range, yield func(search.Match) bool) error {
	from, err := have.open()
	if err != nil {
		return err
	}
	defer from.Close()
	in, err := newResultReader(until{ctx, from})
	if err != nil {
		return err
	}
	if in.head != belongs {
		return errors.New("another file has taken its place")
	}
	more, outside := true, false
	err = in.matches(have.account.Matches, func(m search.Match) bool {
		if outside = !within.Contains(m.Addr); outside {
			return false
		}
		more = yield(m)
		return more
	})
	switch {
	case err != nil:
		return err
	case outside:
		return damaged("a match lies outside of its range")
	case !more:
		return errEnough
	}
	return nil
}
