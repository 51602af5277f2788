package sweep

import (
	"context"
	"io"

	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/search"
	"vscan/engine/simd"
)

// RunOptions say how a task is run. None of them changes what is found. The zero value will
// do.
type RunOptions struct {
	// These are as in engine.Options.
	Workers   int
	ShardSize uint64
	Kernel    simd.Level

	Mmap   image.Mmap     // as in layered.Options
	Budget *budget.Budget // is asked for what the task takes, and given it back; nil has no limit

	// Query, if not nil, is what Question.Query of the plan has returned, so that what runs
	// many tasks makes it once, with a search.Cache. It is not changed, and may be used by
	// several runs at a time. Where it is nil, it is made for this task.
	Query *search.Query

	// Begin, if not nil, is called once the image is open and before it is searched. Its
	// error ends the task, and is that of Run.
	Begin func(*search.Part) error
}

// Run runs a task, by its index, and writes its result. After an error nothing that was
// written is of use. Errors are a *ChangedError, those of layered.Open, an *ImageError with
// one of search.Query.Prepare, and those of w; where ctx ends, it is the cause of that. Bytes that cannot be read are no error: see Account.
func (p *Plan) Run(ctx context.Context, task int, w io.Writer, o RunOptions) (*Account, error) {
	t := &p.Tasks[task]
	share := o.Budget.Share()
	defer share.Release()
	img, err := p.Open(ctx, t.Image, OpenOptions{Mmap: o.Mmap, Sequential: true, Budget: share})
	if err != nil {
		return nil, err
	}
	defer img.Close()
	q, err := p.queryOf(ctx, share, &o)
	if err != nil {
		return nil, err
	}
	part, err := q.PreparePart(ctx, img, t.Range)
	if err != nil {
		return nil, &ImageError{string(p.Images[t.Image].Arg), err}
	}
	defer part.Close()
	if o.Begin != nil {
		if err := o.Begin(part); err != nil {
			return nil, err
		}
	}
	return p.RunPart(ctx, task, part, w)
}

// RunPart runs a task, by its index, as Run does, with a search that was prepared for its
// range in the image of the plan, and that may share the image with others. Errors are those
// of w, and where ctx ends, the cause of that.
func (p *Plan) RunPart(ctx context.Context, task int, part *search.Part, w io.Writer) (*Account, error) {
	out, err := newResultWriter(w, p.header(task))
	if err != nil {
		return nil, err
	}
	stats, err := part.Scan(ctx, out.match)
	switch {
	case out.err != nil:
		return nil, out.err
	case err != nil:
		return nil, err
	}
	a := &Account{
		Scanned: stats.Scanned, Absent: stats.Absent, Unreadable: stats.Unreadable, Limited: stats.Stopped, Changed: part.Image().Changed(),
		Workers: stats.Workers, Elapsed: stats.Elapsed,
	}
	a.Complete = len(a.Unreadable) == 0 && !image.ContentChanged(a.Changed)
	for _, l := range stats.Kernels {
		a.Kernels = append(a.Kernels, l.String())
	}
	return a, out.end(a)
}

// queryOf returns the query of a task that is run with these options.
func (p *Plan) queryOf(ctx context.Context, b *budget.Budget, o *RunOptions) (*search.Query, error) {
	var q search.Query
	if o.Query != nil {
		q = *o.Query
	} else {
		made, err := p.Question.Query(ctx, b)
		if err != nil {
			return nil, err
		}
		q = *made
	}
	q.Budget, q.Workers, q.ShardSize, q.Kernel = b, o.Workers, o.ShardSize, o.Kernel
	return &q, nil
}

// header returns where the result of a task belongs.
func (p *Plan) header(task int) header {
	t := &p.Tasks[task]
	return header{Format: Format, Task: t.Name, Set: p.set, Image: p.images[t.Image], span: spanOf(t.Range)}
}
