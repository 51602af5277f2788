package sweep

import (
	"fmt"
	"slices"

	"vscan/engine/image/layered"
	"vscan/engine/search"
)

// This file makes plans of one image that is open already, for a scheduler that keeps what
// belongs to a plan in a place of its own.

// PlanOf makes the plan of the image that a search of the question was prepared for. is is
// from Identify, and opening has the options that the image was opened with. taskBytes is as
// in Options.
func (of *Question) PlanOf(s *search.Search, opening *layered.Options, is ImageIs, taskBytes uint64) (*Plan, error) {
	p := &Plan{Question: *of}
	if err := p.cut(s, opening, is, taskBytes); err != nil {
		return nil, err
	}
	return p, p.name()
}

// PlanAgain makes the plan of one image from what was kept of it: the image, and its tasks,
// of which Range and Bytes count. Tasks that do not lie side by side are an error.
func (of *Question) PlanAgain(image Image, tasks []Task) (*Plan, error) {
	p := &Plan{Question: *of, Images: []Image{image}, Tasks: slices.Clone(tasks)}
	for i := range p.Tasks {
		p.Tasks[i].Image = 0
		if err := (&Plan{Images: p.Images, Tasks: p.Tasks[:i]}).checkNext(i, 0, p.Tasks[i].Range); err != nil {
			return nil, fmt.Errorf("%s: %w", image.Arg, err)
		}
	}
	return p, p.name()
}
