package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"

	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/image/layered"
	"vscan/engine/search"
)

// Format is the version of plans and results. Another version is refused.
const Format = 1

const (
	// DefaultTaskBytes is how many bytes a task searches.
	DefaultTaskBytes = 256 << 20

	// MaxTasks is the most tasks of a plan.
	MaxTasks = 1 << 20
)

// Options say how a plan is made. The zero value will do.
type Options struct {
	// TaskBytes is about how many bytes a task searches; 0: DefaultTaskBytes.
	TaskBytes uint64

	// Opened, if not nil, is called with each image once it is open. Its error ends the
	// planning, and is that of NewPlan.
	Opened func(*layered.Image) error

	// Budget is asked for the memory of the compiled question and of images, one after
	// the other, before it is spent. Nil has no limit.
	Budget *budget.Budget
}

// Plan is a question to images, cut into tasks. Its fields are not to be changed: names of
// tasks depend on them.
type Plan struct {
	Question Question
	Images   []Image // in the order in which they are told of
	Tasks    []Task  // those of an image ascend, and stand behind those of the images before it

	set    string   // digest of Question
	images []string // digests of Images
}

// Task is a part of an image that is searched for all that the question asks.
type Task struct {
	// Name is unique among plans: eight digits of a digest of the plan, a dash, and the
	// index of the task, padded with zeros. It has no characters but digits, a to f and the
	// dash.
	Name  string
	Image int        // index in Plan.Images
	Range addr.Range // where the matches begin that the task finds
	Bytes uint64     // about how many bytes take time; for schedulers
}

// planFile is a Plan as JSON.
type planFile struct {
	Format   int        `json:"format"`
	Set      string     `json:"set"`
	Question *Question  `json:"question"`
	Images   []Image    `json:"images"`
	Tasks    []taskFile `json:"tasks"`
}

type taskFile struct {
	Name  string `json:"name"`
	Image int    `json:"image"`
	span
	Bytes uint64 `json:"bytes"`
}

// NewPlan makes a plan. It opens each image and compiles the question for it (once for all
// that have the same word size and byte order), so that what is wrong with one of them is
// known before anything runs; errors are those of Question.Query, those of layered.Open, and
// an *ImageError with one of search.Query.Prepare.
func NewPlan(ctx context.Context, images []ImageSpec, of *Question, o Options) (*Plan, error) {
	if o.TaskBytes == 0 {
		o.TaskBytes = DefaultTaskBytes
	}
	p := &Plan{Question: *of}
	share := o.Budget.Share()
	defer share.Release()
	q, err := p.Question.Query(ctx, share)
	if err != nil {
		return nil, err
	}
	q.Cache = search.NewCache(share)
	defer q.Cache.Close()
	for _, spec := range images {
		if err := p.add(ctx, spec, q, &o); err != nil {
			return nil, err
		}
	}
	return p, p.name()
}

// add adds an image and its tasks. q asks the question of the plan.
func (p *Plan) add(ctx context.Context, spec ImageSpec, q *search.Query, o *Options) error {
	spec.Options.Budget = o.Budget
	img, err := layered.Open(ctx, spec.Arg, spec.Options)
	if err != nil {
		return err
	}
	defer img.Close()
	if o.Opened != nil {
		if err := o.Opened(img); err != nil {
			return err
		}
	}
	is, err := Identify(ctx, img)
	if err != nil {
		return err
	}
	s, err := q.Prepare(ctx, img)
	if err != nil {
		return &ImageError{spec.Arg, err}
	}
	defer s.Close()
	return p.cut(s, &spec.Options, is, o.TaskBytes)
}

// cut adds an image that a search was prepared for, in tasks of so many bytes.
func (p *Plan) cut(s *search.Search, opening *layered.Options, is ImageIs, taskBytes uint64) error {
	img := s.Image()
	if n := s.Work() / taskBytes; n >= MaxTasks-uint64(len(p.Tasks)) {
		return fmt.Errorf("%s: more than %d tasks of %d bytes: make them larger", img.Arg, MaxTasks, taskBytes)
	}
	first, left := len(p.Tasks), s.Work()
	for r := range s.Parts(taskBytes) {
		n := min(left, taskBytes)
		p.Tasks = append(p.Tasks, Task{Image: len(p.Images), Range: r, Bytes: n})
		left -= n
	}
	if len(p.Tasks) == first {
		return errors.New("an image without a task")
	}
	p.Images = append(p.Images, Image{Arg: Text(img.Arg), Opening: OpeningOf(opening), Is: is, Format: img.Format, Bytes: s.Bytes()})
	return nil
}

// name computes the digests and names of the plan.
func (p *Plan) name() error {
	var err error
	if p.set, err = p.Question.digest(); err != nil {
		return err
	}
	p.images = nil
	for i := range p.Images {
		d, err := p.Images[i].digest()
		if err != nil {
			return err
		}
		p.images = append(p.images, d)
	}
	type part struct {
		Image int
		span
	}
	var parts []part
	for _, t := range p.Tasks {
		parts = append(parts, part{t.Image, spanOf(t.Range)})
	}
	digest, err := digestOf([]any{p.set, p.images, parts})
	if err != nil {
		return err
	}
	width := len(strconv.Itoa(len(p.Tasks) - 1))
	for i := range p.Tasks {
		p.Tasks[i].Name = fmt.Sprintf("%.8s-%0*d", digest, max(width, 4), i)
	}
	return nil
}

// Write writes the plan as JSON.
func (p *Plan) Write(w io.Writer) error {
	f := planFile{Format: Format, Set: p.set, Question: &p.Question, Images: p.Images, Tasks: []taskFile{}}
	for _, t := range p.Tasks {
		f.Tasks = append(f.Tasks, taskFile{t.Name, t.Image, spanOf(t.Range), t.Bytes})
	}
	b, err := encode(f, "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// ReadPlan reads a plan that Write has written. One that was changed since is refused.
func ReadPlan(r io.Reader) (*Plan, error) {
	var f planFile
	d := json.NewDecoder(r)
	if err := d.Decode(&f); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			err = errors.New("it ends in the middle")
		}
		return nil, fmt.Errorf("no plan: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("no plan: something stands behind its end")
	}
	switch {
	case f.Format != Format:
		return nil, fmt.Errorf("the plan has format %d, and this program reads %d: plan anew with it", f.Format, Format)
	case f.Question == nil || len(f.Tasks) == 0 || len(f.Images) == 0:
		return nil, errors.New("no plan: it lacks the question, images or tasks")
	case len(f.Tasks) > MaxTasks:
		return nil, fmt.Errorf("the plan has %d tasks: at most %d", len(f.Tasks), MaxTasks)
	}
	p := &Plan{Question: *f.Question, Images: f.Images}
	for i, t := range f.Tasks {
		r, err := t.span.addresses()
		if err == nil {
			err = p.checkNext(i, t.Image, r)
		}
		if err != nil {
			return nil, fmt.Errorf("the plan was changed or damaged: task %d: %w", i, err)
		}
		p.Tasks = append(p.Tasks, Task{Image: t.Image, Range: r, Bytes: t.Bytes})
	}
	if err := p.name(); err != nil {
		return nil, err
	}
	if p.set != f.Set {
		return nil, errors.New("the plan was changed or damaged: its question is not the one that it was made for")
	}
	for i, t := range f.Tasks {
		if p.Tasks[i].Name != t.Name {
			return nil, fmt.Errorf("the plan was changed or damaged: task %d is named %q and should be %s", i, t.Name, p.Tasks[i].Name)
		}
	}
	return p, nil
}

// checkNext returns what is wrong with the image and the range of the next task: tasks of an
// image lie side by side from 0 on, and stand behind those of the image before.
func (p *Plan) checkNext(i, image int, r addr.Range) error {
	was := Task{Image: -1}
	if i > 0 {
		was = p.Tasks[i-1]
	}
	switch {
	case image < 0 || image >= len(p.Images):
		return fmt.Errorf("there is no image %d", image)
	case image == was.Image && (was.Range.Last == addr.Max || r.First != was.Range.Last+1),
		image == was.Image+1 && r.First != 0, image != was.Image && image != was.Image+1:
		return fmt.Errorf("%v of image %d does not follow the task before", r, image)
	}
	return nil
}

// tasksOf returns the index of the first task of an image, and that behind its last one.
func (p *Plan) tasksOf(image int) (first, end int) {
	first = sort.Search(len(p.Tasks), func(i int) bool { return p.Tasks[i].Image >= image })
	end = sort.Search(len(p.Tasks), func(i int) bool { return p.Tasks[i].Image > image })
	return first, end
}

// TaskNamed returns the index of the task that has a name, or whose index it is, in decimal
// and perhaps with zeros in front.
func (p *Plan) TaskNamed(name string) (int, error) {
	for i := range p.Tasks {
		if p.Tasks[i].Name == name {
			return i, nil
		}
	}
	n, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("the plan has no task %q: its tasks are %s to %s", name, p.Tasks[0].Name, p.Tasks[len(p.Tasks)-1].Name)
	}
	if n >= uint64(len(p.Tasks)) {
		return 0, fmt.Errorf("the plan has no task %d: they are numbered 0 to %d", n, len(p.Tasks)-1)
	}
	return int(n), nil
}
