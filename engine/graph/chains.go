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
// Each pointer leads near the word that holds the next one, or near the
// target: as far below or above as the window says. There can be very many
// chains, so they are never made just to be counted. Instead, with pseudo-code
// for one level after another from the target back:
//
//	walks[1][e] = 1 where the target is in the window of e's value, else 0
//	walks[k][e] = Σ walks[k−1][e'] of all edges e' whose source is in the window of e's value
//
// Edges are numbered by source, so those of a window are a run of numbers, and
// the sum is the difference of two prefix sums: a level costs O(edges),
// however many walks there are. Sums are exact, of 64 bits, and of 128 where
// that does not suffice. Whether walks[k][e] is 0 remains as a bit, and the
// listing, which goes forward from the roots, follows only edges that arrive:
// it never meets a dead end.
//
// Three things keep most levels from costing even that. Edges of one value have
// the same walks, so that sums are computed once for each target. The first
// levels from the target have few edges, which are found by asking who refers to
// what arrives (fillSparse). And the last two levels are needed near roots only
// (fillNear): the first chains are there long before all edges are counted.
//
// A walk may come by the same word twice. Such loops are counted as walks, and
// left out of the listing, which counts them.

// ChainOptions says which chains are wanted.
type ChainOptions struct {
	// Target is where chains end: any address of it.
	Target addr.Range
	// Depth is the most pointers of a chain, 1 to MaxDepth; 0 is 5.
	Depth int
	// Window is what may be added to a pointer; nil is 0 to 1023 bytes. So a
	// pointer to an object that lies shortly before another leads to that one as
	// well; with &Window{} pointers lead only where they point.
	Window *Window
	// Roots is where chains begin. The zero value is the data of modules.
	Roots Roots
	// OtherGraphs are graphs of other images of the same program: only chains that
	// hold in each are listed. Counts of walks do not heed them.
	OtherGraphs []OtherGraph

	count countMethod // for tests
}

// countMethod is a way of counting walks; the answer is the same.
type countMethod int

const (
	countBest  countMethod = iota // whatever is quickest
	countDense                    // all edges at each level
	countNear                     // few edges at the first level, all at the next ones, near roots at the last but one
)

// MaxDepth is the most pointers of a chain.
const MaxDepth = 32

// maxWindow bounds the window on either side.
const maxWindow = 1 << 32

// OtherGraph is another image that chains have to hold in. The root is found there by
// the name of its module or mapping and the offset in it.
type OtherGraph struct {
	Forward *Forward
	// Target, if any, is where chains have to end there; without it they
	// have to end at a mapped address.
	Target *addr.Range
}

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

// Chains is the answer to one question for chains. Levels are computed when
// they are first needed. It is not safe for concurrent use.
type Chains struct {
	f           *Forward
	opt         ChainOptions
	low, high   int64 // the window
	places      *placeFinder
	roots       [rootClassCount][]edgeRange
	otherPlaces []*placeFinder

	succLow, succHigh []uint32        // of each target: the edges in its window; nil until they are needed
	finder            successorFinder // for the window of a single edge

	levels          []level  // by pointers of a chain less one
	full            int      // so many levels are known for all edges; of later ones, for roots and what follows them
	sums            []uint64 // prefix sums of the last full level: of all edges before
	sumsHigh        []uint64 // the upper 64 bits of sums; nil where all are 0
	targetWalks     []uint64 // scratch: the walks of an edge, by target
	targetWalksHigh []uint64
	inexact         bool // sums have passed 2^128, and now say only whether there are walks

	sparse     *sparseSums // in place of sums, where few edges arrive
	manyArrive bool        // no later level is sparse
	near       *sparseSums // of the level after the last full one, for edges that follow a root; mostly nil
	nearRoots  []edgeRange // those edges, ascending
	nearKnown  bool        // whether they are few is known
	nearFew    bool
}

// edgeRange is edges by number: lo ≤ number < hi.
type edgeRange struct{ lo, hi uint32 }

// level is what is known of walks of a number of pointers.
type level struct {
	arrives []uint64 // a bit an edge: a walk begins with it; nil where the level is not full
	roots   [rootClassCount]rootLevel
	exact   bool
}

// rootLevel is the part of a level that begins at roots of a class.
type rootLevel struct {
	starts []uint32 // the roots that walks begin with, ascending
	walks  *big.Int
}

// Chains prepares a question. It costs little.
func (f *Forward) Chains(o ChainOptions) (*Chains, error) {
	if err := o.prepare(); err != nil {
		return nil, err
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

// RootCount is how many edges chains can begin with.
func (c *Chains) RootCount() uint64 {
	n := uint64(0)
	for _, class := range c.roots {
		for _, r := range class {
			n += uint64(r.hi - r.lo)
		}
	}
	return n
}

// Walks is how many walks of n pointers, 1 to the depth that was asked for,
// lead from roots to the target, loops included. Where exact is false, sums over
// all edges have passed 2^128, and the number means nothing.
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
