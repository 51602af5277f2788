// Package linestest makes results of sweeps for tests, without any sweep.
package linestest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"vscan/engine/addr"
	"vscan/engine/sweep/state"
)

// Sweep is a state.Source whose results are in memory.
type Sweep struct {
	Asked state.About
	All   []state.Image
	Text  []string // the lines of each image
}

// New returns a sweep of these patterns that has ended.
func New(patterns ...string) *Sweep {
	s := &Sweep{Asked: state.About{Patterns: patterns, Digest: "d1", Version: "1.0"}}
	s.Asked.Ended = s.Asked.Ended.AddDate(2000, 0, 0)
	return s
}

// Add adds an image that was searched, with these lines, and returns its record.
func (s *Sweep) Add(arg string, lines ...string) *state.Image {
	img := s.AddState(arg, state.Done, "")
	for _, line := range lines {
		if strings.HasPrefix(line, `{"type":"hit"`) {
			img.Hits++
		}
	}
	img.Summary = fmt.Appendf(nil, `{"type":"summary","image":%q,"hits":%d,"counts":{},"scanned":1,"absent":0,"unreadable":0,"complete":true,"limited":false}`, arg, len(lines))
	if len(lines) > 0 {
		s.Text[len(s.Text)-1] = strings.Join(lines, "\n") + "\n"
	}
	return img
}

// AddState adds an image in a state, without lines.
func (s *Sweep) AddState(arg, is, reason string) *state.Image {
	s.All = append(s.All, state.Image{N: len(s.All), Arg: arg, State: is, Reason: reason})
	s.Text = append(s.Text, "")
	return &s.All[len(s.All)-1]
}

// Hit returns a line of a hit whose bytes are given as they are.
func Hit(image string, at addr.Addr, pattern, bytes string) string {
	return fmt.Sprintf(`{"type":"hit","image":%q,"addr":"%v","pattern":%q,"len":%d,"mapping":"[heap]","offset":4096,"bytes":"%x"}`, image, at, pattern, len(bytes), bytes)
}

// About implements state.Source.
func (s *Sweep) About(context.Context) (*state.About, error) { return &s.Asked, nil }

// Images implements state.Source.
func (s *Sweep) Images(context.Context) iter.Seq2[*state.Image, error] {
	return func(yield func(*state.Image, error) bool) {
		for i := range s.All {
			img := s.All[i]
			if !yield(&img, nil) {
				return
			}
		}
	}
}

// Lines implements state.Source.
func (s *Sweep) Lines(_ context.Context, n int) (io.ReadCloser, error) {
	if n < 0 || n >= len(s.Text) {
		return nil, errors.New("there is no such image")
	}
	return io.NopCloser(strings.NewReader(s.Text[n])), nil
}
