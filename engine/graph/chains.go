package graph

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"vscan/engine/addr"
)

// Chains of pointers from roots to a target:
//
//	root          word         word
//	[ptr]──────►  ….[ptr]───►  ….[ptr]───►  ….target
//	         offset      offset       offset
//
// Each pointer leads near the word that holds the next one, or near the target: as
// far below or above as the window says. There can be very many chains, so they are
// never made only to be counted. Walks are counted instead, which are chains that
// may come by a word twice, level by level from the target back. In pseudo-code, for
// each edge e:
//
//	walks[1][e] = 1 where the target is in the window of e's value, else 0
//	walks[k][e] = Σ walks[k−1][e'] of all edges e' whose source is in the window of e's value
//
// Edges are numbered by ascending source. So the edges that can follow e, its
// successors, have numbers without a gap, and the sum is the difference of two
// prefix sums: a level costs O(edges), however many walks there are. Sums are exact:
// they have 64 bits, or 128 where 64 do not suffice. Of each level one bit for each
// edge is kept: whether walks[k][e] is not 0. The listing goes forward from the
// roots and follows only edges that have this bit.
//
// INVARIANT: an edge has the bit of level k exactly if a walk of k pointers leads
// from it to the target, so the listing never meets a dead end.
//
// Three things keep most levels from costing even O(edges). Edges of one value have
// the same walks, so the sums are computed once for each value. The first levels
// from the target have few edges, which are found by asking the graph who refers to
// what the level before has (fillSparse). And the last two levels are needed near
// roots only (fillNear). So the first chains are there long before all edges have
// been counted.
//
// Walks that come by the same word twice are counted by Walks, and left out of the
// listing, which counts them in LeftOut.Loops.

// ChainOptions says which chains are wanted. Target has to be set; all else has a
// default.
type ChainOptions struct {
	// Target is where chains end: at any address of it.
	Target addr.Range
	// Depth is the most pointers that a chain has, 1 to MaxDepth; 0 is 5.
	Depth int
	// Window is what may be added to a pointer; nil is 0 to 1023 bytes. A pointer
	// to an object that lies shortly before another one then leads to that one as
	// well. With &Window{} a pointer leads only to where it points.
	Window *Window
	// Roots is where chains begin. The zero value is the data of modules.
	Roots Roots
	// OtherGraphs are graphs of other images of the same program. Only chains that
	// hold in each of them are listed. The numbers of walks do not take them into
	// account.
	OtherGraphs []OtherGraph

	count countMethod // set by tests
}

// countMethod is a way to count walks. The answer is the same for all.
type countMethod int

const (
	countBest  countMethod = iota // choose what is quickest
	countDense                    // count all edges at each level
	countNear                     // count few edges at the first level, all at the next ones, those near roots at the last but one
)

// MaxDepth is the most pointers that a chain can have.
const MaxDepth = 32

// maxWindow is the farthest that either end of a window can be from 0, in bytes.
const maxWindow = 1 << 32

// OtherGraph is the graph of another image in which chains have to hold. The root is
// found there by the name of its module or mapping and the offset in it.
type OtherGraph struct {
	Forward *Forward
	// Target, if not nil, is where chains have to end in that image. If it is nil,
	// they have to end at an address that is mapped there.
	Target *addr.Range
}

// prepare puts the default in place of what is zero, and returns an error that says
// all that is wrong.
func (o *ChainOptions) prepare() error {
	if o.Depth == 0 {
		o.Depth = 5
	}
	if o.Window == nil {
		o.Window = &Window{0, 1023}
	}
	var errs []error
	if o.Depth < 1 || o.Depth > MaxDepth {
		errs = append(errs, fmt.Errorf("chains of %d pointers: want 1 to %d", o.Depth, MaxDepth))
	}
	if w := o.Window; w.Low > w.High || w.Low < -maxWindow || w.High > maxWindow {
		errs = append(errs, fmt.Errorf("window from %d to %d bytes: want the lower end first, and neither beyond 2^32", w.Low, w.High))
	}
	if !o.Target.Valid() {
		errs = append(errs, fmt.Errorf("target %v ends before it begins", o.Target))
	}
	for _, r := range o.Roots.Ranges {
		if !r.Valid() {
			errs = append(errs, fmt.Errorf("roots %v end before they begin", r))
		}
	}
	return errors.Join(errs...)
}

// Chains is the answer to one question for chains. Levels are computed when they are
// first needed. It is not safe for concurrent use.
type Chains struct {
	f           *Forward
	opt         ChainOptions
	low, high   int64 // the ends of the window, both included
	places      *placeFinder
	roots       [rootClassCount][]edgeRange
	otherPlaces []*placeFinder

	succLow, succHigh []uint32        // for each target: the successors of its edges, as a range of numbers; nil until they are needed
	finder            successorFinder // finds the successors of a single edge

	levels          []level  // level k is at index k − 1
	full            int      // how many levels are known for all edges; later ones are known for roots and their successors only
	sums            []uint64 // prefix sums of the last full level: sums[e] is the walks of all edges before e
	sumsHigh        []uint64 // the upper 64 bits of sums; nil where all are 0
	targetWalks     []uint64 // for each target: the walks of an edge to it, at the level that is being computed
	targetWalksHigh []uint64
	inexact         bool // sums have passed 2^128, and now say only whether there are walks

	sparse     *sparseSums // stands in place of sums where few edges arrive
	manyArrive bool        // a level had many edges that arrive, so no later one is sparse
	near       *sparseSums // sums of the level after the last full one, for the successors of roots; nil but while a level is computed
	nearRoots  []edgeRange // the successors of roots, ascending
	nearKnown  bool        // nearRoots and nearFew have been computed
	nearFew    bool
}

// edgeRange is edges by number: lo ≤ number < hi.
type edgeRange struct{ lo, hi uint32 }

// level is what is known of the walks of so many pointers.
type level struct {
	arrives []uint64 // one bit for each edge: whether a walk begins with it; nil where the level is not full
	roots   [rootClassCount]rootLevel
	exact   bool
}

// rootLevel is the part of a level that begins at roots of a class.
type rootLevel struct {
	starts []uint32 // the edges at roots that walks begin with, ascending
	walks  *big.Int
}

// Chains prepares a question for chains. It costs little: the work is done when the
// answer is asked for. The error says what is wrong with the options, or is that of the graph's
// budget. That there are no
// roots is no error: Chains.RootCount is 0 then, and there are no chains. It is so for
// images that do not tell their modules.
func (f *Forward) Chains(o ChainOptions) (*Chains, error) {
	if err := o.prepare(); err != nil {
		return nil, err
	}
	for _, g := range append([]*Graph{f.g}, othersOf(o)...) {
		if err := g.take(placeBytes*uint64(len(g.regions)), "the places of the regions of the graph"); err != nil {
			return nil, err
		}
	}
	c := &Chains{f: f, opt: o, low: o.Window.Low, high: o.Window.High, places: f.g.newPlaceFinder()}
	if err := c.findRoots(); err != nil {
		return nil, err
	}
	for _, a := range o.OtherGraphs {
		c.otherPlaces = append(c.otherPlaces, a.Forward.g.newPlaceFinder())
	}
	return c, nil
}

// othersOf returns the other graphs in which chains have to hold.
func othersOf(o ChainOptions) (others []*Graph) {
	for _, a := range o.OtherGraphs {
		others = append(others, a.Forward.g)
	}
	return others
}

// RootCount returns how many edges chains can begin with.
func (c *Chains) RootCount() uint64 {
	n := uint64(0)
	for _, class := range c.roots {
		for _, r := range class {
			n += uint64(r.hi - r.lo)
		}
	}
	return n
}

// Walks returns how many walks of n pointers lead from roots to the target, those
// that come by a word twice included; n is from 1 to the depth that was asked for.
// Where exact is false, sums over all edges have passed 2^128, and the number means
// nothing. The error is the cause of the context's end.
func (c *Chains) Walks(ctx context.Context, n int) (walks *big.Int, exact bool, err error) {
	l, err := c.level(ctx, n)
	if err != nil {
		return nil, false, err
	}
	sum := new(big.Int)
	for _, r := range l.roots {
		sum.Add(sum, r.walks)
	}
	return sum, l.exact, nil
}
