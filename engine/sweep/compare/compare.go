// Package compare tells what differs between the results of two sweeps: of each image and
// pattern the hits that are new, gone, moved or the same.
//
// A hit is the same where the other sweep has one of that pattern at that address with the
// same length and bytes. It has moved where the other sweep has one at another address,
// which is no other hit's: the first that is gone is paired with the first that is new,
// and so on. Bytes are compared as far as the sweeps show them.
//
//	pass 1   the lines of both images side by side, by address ─→ the same, what only one has
//	                                   what only one has ─→ counted by pattern, length and bytes ─→ moved
//	pass 2   the same again, where the hits themselves are asked for
//
// So what is in memory grows with the different hits that only one of two images has, and with
// nothing else; where the budget has not as much, what has moved is not told apart.
package compare

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"

	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/sweep/lines"
	"vscan/engine/sweep/state"
)

// Options say how to compare. The zero value works.
type Options struct {
	ByName bool           // images are matched by the last element of their paths, and not by the paths
	List   bool           // the hits that differ are told, too
	Budget *budget.Budget // what may be taken of memory; nil: no limit
}

// A Reporter takes what is found, image by image in the order of the first sweep; images that
// only the second sweep has come last. What it is given belongs to it.
type Reporter interface {
	// Change takes a hit that differs, by address: of one that has moved the former one.
	Change(c *Change) error
	// Image takes an image, behind its changes.
	Image(i *Image) error
}

// Kind says what became of a hit.
type Kind string

// The kinds of changes.
const (
	New   Kind = "new"   // only the second sweep has it
	Gone  Kind = "gone"  // only the first sweep has it
	Moved Kind = "moved" // the two have it at different addresses
)

// Change is a hit that differs.
type Change struct {
	Kind    Kind
	Image   string // as Image.Name
	Pattern string
	A, B    addr.Addr // where it is in the first sweep, but for New, and in the second, but for Gone
	Len     uint64
	Bytes   string // as many as the sweep shows, in hexadecimal
}

// Side is what one sweep knows of an image.
type Side struct {
	Arg    string // as it was given
	State  string // as state.Image.State
	Reason string // as state.Image.Reason
}

// Image is an image of one sweep, or of both.
type Image struct {
	A, B *Side // nil: the sweep has no such image

	// Compared is set where both sweeps have searched the image, and Patterns has those with hits.
	Compared bool
	Patterns []Counts // in the order of the first sweep's question

	// MovedUnknown is set where hits that have moved are among those that are new and gone,
	// for there was no memory to tell them apart.
	MovedUnknown bool
}

// Name returns the image as the first sweep has it, or as the second does where only that has it.
func (i *Image) Name() string {
	if i.A == nil {
		return i.B.Arg
	}
	return i.A.Arg
}

// Counts is how many hits of a pattern there are in an image, or in all of them.
type Counts struct {
	Pattern                string
	Same, New, Gone, Moved uint64
	Limited                bool // a limit has ended the count in a sweep: what it left out is not compared
}

// Differs reports whether a hit is not the same.
func (c *Counts) Differs() bool { return c.New+c.Gone+c.Moved > 0 }

// Summary is what there is to say of two sweeps.
type Summary struct {
	Images       uint64   // compared
	OnlyA, OnlyB uint64   // images that only one sweep has; those that were skipped do not count
	NotSearched  uint64   // images that both have, of which one has not searched it
	Total        Counts   // of all images and patterns
	PatternsA    []string // patterns that only the first sweep has searched for: their hits are not compared
	PatternsB    []string // patterns that only the second sweep has searched for
	Options      []OptionPair

	// Whole is set if both sweeps have ended and searched all of their images wholly, without a
	// limit that ended a count, and no rule was left out.
	Whole bool
}

// OptionPair is an option that differs between two sweeps.
type OptionPair struct{ Name, A, B string }

// Same reports whether nothing differs.
func (s *Summary) Same() bool {
	return !s.Total.Differs() && s.OnlyA+s.OnlyB == 0 && len(s.PatternsA)+len(s.PatternsB) == 0
}

// Compare compares two sweeps. The error of a damaged line is a *lines.Error, and that of a
// set of images which takes more memory than the budget has a *budget.Error.
func Compare(ctx context.Context, a, b state.Source, o Options, to Reporter) (*Summary, error) {
	c := &comparison{a: a, b: b, o: o, to: to, sum: &Summary{Whole: true}, budget: o.Budget.Share()}
	defer c.budget.Release()
	if err := c.questions(ctx); err != nil {
		return nil, err
	}
	if o.ByName {
		for _, src := range []state.Source{a, b} {
			if err := c.distinct(ctx, src); err != nil {
				return nil, err
			}
		}
	}
	if err := c.images(ctx); err != nil {
		return nil, err
	}
	return c.sum, nil
}

// comparison is the work of Compare.
type comparison struct {
	a, b   state.Source
	o      Options
	to     Reporter
	sum    *Summary
	names  *patterns
	budget *budget.Budget
}

// questions compares what the two were asked.
func (c *comparison) questions(ctx context.Context) error {
	a, err := c.a.About(ctx)
	if err != nil {
		return err
	}
	b, err := c.b.About(ctx)
	if err != nil {
		return err
	}
	c.sum.Whole = !a.Ended.IsZero() && !b.Ended.IsZero() && len(a.LeftOut)+len(b.LeftOut) == 0
	c.names, c.sum.PatternsA, c.sum.PatternsB = newPatterns(a.Patterns, b.Patterns)
	c.sum.Options = optionPairs(a.Options, b.Options)
	return nil
}

// optionPairs returns the options that differ, in the order of a and then of b.
func optionPairs(a, b []state.Option) (pairs []OptionPair) {
	value := func(all []state.Option, name string) string {
		i := slices.IndexFunc(all, func(o state.Option) bool { return o.Name == name })
		if i < 0 {
			return ""
		}
		return all[i].Value
	}
	seen := map[string]bool{}
	for _, o := range slices.Concat(a, b) {
		if p := (OptionPair{o.Name, value(a, o.Name), value(b, o.Name)}); !seen[o.Name] && p.A != p.B {
			pairs = append(pairs, p)
		}
		seen[o.Name] = true
	}
	return pairs
}

// record is what is kept of an image until its other half comes.
type record struct {
	Side
	n       int
	hits    uint64
	limited []string // names of the patterns whose count a limit ended
}

// searched reports whether the image was searched.
func (r *record) searched() bool { return r.State == state.Done || r.State == state.Partial }

// recordOf returns the record of an image.
func recordOf(img *state.Image) *record {
	r := &record{Side: Side{img.Arg, img.State, img.Reason}, n: img.N, hits: img.Hits}
	for _, p := range img.Patterns {
		if p.AtLeast {
			r.limited = append(r.limited, p.Name)
		}
	}
	return r
}

// key returns what an image is matched by.
func (c *comparison) key(arg string) string {
	if c.o.ByName {
		return filepath.Base(arg)
	}
	return arg
}

// recordBytes is about what a record takes beside its strings, with its place in a map.
const recordBytes = 256

// take takes the memory of what is kept of an image.
func (c *comparison) take(r *record) error {
	return c.budget.Take(uint64(recordBytes+2*len(r.Arg)+len(r.Reason)+64*len(r.limited)), "the images of the two sweeps")
}

// distinct refuses a sweep in which two images have one name.
func (c *comparison) distinct(ctx context.Context, src state.Source) error {
	defer c.budget.Release()
	paths := map[string]string{}
	for img, err := range records(ctx, src) {
		if err == nil {
			err = c.take(img)
		}
		if err != nil {
			return err
		}
		key := c.key(img.Arg)
		if other, ok := paths[key]; ok {
			return fmt.Errorf("two images of one sweep have the name %s, %s and %s: compare by path", key, other, img.Arg)
		}
		paths[key] = img.Arg
	}
	return nil
}

// records yields the images of a sweep but those that were skipped.
func records(ctx context.Context, src state.Source) iter.Seq2[*record, error] {
	return func(yield func(*record, error) bool) {
		for img, err := range src.Images(ctx) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if img.State != state.Skipped && !yield(recordOf(img), nil) {
				return
			}
		}
	}
}

// images compares image by image. As long as the two sweeps have the same ones in the same
// order nothing is kept of them; what is left of the second sweep then is.
func (c *comparison) images(ctx context.Context) error {
	nextA, stopA := iter.Pull2(records(ctx, c.a))
	defer stopA()
	nextB, stopB := iter.Pull2(records(ctx, c.b))
	defer stopB()
	for {
		a, errA, moreA := nextA()
		b, errB, moreB := nextB()
		if err := errors.Join(errA, errB); err != nil {
			return err
		}
		if moreA && moreB && c.key(a.Arg) == c.key(b.Arg) {
			if err := c.pair(ctx, a, b); err != nil {
				return err
			}
			continue
		}
		left := &rest{c: c, byKey: map[string][]*record{}}
		if err := left.collect(b, nextB); err != nil {
			return err
		}
		return left.compare(ctx, a, nextA)
	}
}

// rest is the images of the second sweep that are left.
type rest struct {
	c     *comparison
	all   []*record
	byKey map[string][]*record // those that are not matched yet
}

// collect collects the images from the first one on, which may be nil.
func (l *rest) collect(first *record, next func() (*record, error, bool)) error {
	more := first != nil
	for r := first; more; {
		if err := l.c.take(r); err != nil {
			return err
		}
		key := l.c.key(r.Arg)
		l.all, l.byKey[key] = append(l.all, r), append(l.byKey[key], r)
		var err error
		if r, err, more = next(); err != nil {
			return err
		}
	}
	return nil
}

// compare compares the images of the first sweep, from the first one on, with those that are
// left, and tells those that only one sweep has.
func (l *rest) compare(ctx context.Context, first *record, next func() (*record, error, bool)) error {
	more := first != nil
	for r := first; more; {
		var other *record
		key := l.c.key(r.Arg)
		if waiting := l.byKey[key]; len(waiting) > 0 {
			other, l.byKey[key] = waiting[0], waiting[1:]
		}
		if err := l.c.pair(ctx, r, other); err != nil {
			return err
		}
		var err error
		if r, err, more = next(); err != nil {
			return err
		}
	}
	for _, r := range l.all {
		if waiting := l.byKey[l.c.key(r.Arg)]; len(waiting) == 0 || waiting[0] != r {
			continue // it was matched
		}
		l.byKey[l.c.key(r.Arg)] = l.byKey[l.c.key(r.Arg)][1:]
		if err := l.c.pair(ctx, nil, r); err != nil {
			return err
		}
	}
	return nil
}

// pair compares an image of the first sweep with one of the second; one of them may be nil.
func (c *comparison) pair(ctx context.Context, a, b *record) error {
	img := &Image{}
	for _, r := range []*record{a, b} {
		if r != nil && r.State != state.Done {
			c.sum.Whole = false
		}
	}
	if a != nil {
		img.A = &a.Side
	}
	if b != nil {
		img.B = &b.Side
	}
	switch {
	case a == nil:
		c.sum.OnlyB++
	case b == nil:
		c.sum.OnlyA++
	case !a.searched() || !b.searched():
		c.sum.NotSearched++
	default:
		c.sum.Images++
		img.Compared = true
		if err := c.hits(ctx, img, a, b); err != nil {
			return err
		}
	}
	return c.to.Image(img)
}

// hits compares the hits of two images.
func (c *comparison) hits(ctx context.Context, img *Image, a, b *record) error {
	t := newTally(c)
	defer t.release()
	if err := c.merge(ctx, a, b, t); err != nil {
		return err
	}
	img.Patterns, img.MovedUnknown = t.counts(slices.Concat(a.limited, b.limited)), t.moves == nil
	for _, p := range img.Patterns {
		c.sum.Total.Same += p.Same
		c.sum.Total.New += p.New
		c.sum.Total.Gone += p.Gone
		c.sum.Total.Moved += p.Moved
		c.sum.Whole = c.sum.Whole && !p.Limited
		c.sum.Total.Limited = c.sum.Total.Limited || p.Limited
	}
	if !c.o.List || !slices.ContainsFunc(img.Patterns, func(p Counts) bool { return p.Differs() }) {
		return nil
	}
	return c.merge(ctx, a, b, &lister{c: c, tally: t, image: img.Name()})
}

// open opens the lines of an image of a sweep.
func (c *comparison) open(ctx context.Context, src state.Source, r *record) (*cursor, error) {
	from, err := lines.Open(ctx, src, &state.Image{N: r.n, Arg: r.Arg, Hits: r.hits})
	if err != nil {
		return nil, err
	}
	return &cursor{from: from, names: c.names}, nil
}
