package engine

import (
	"context"
	"runtime"
	"slices"
	"sync"

	"vscan/engine/simd"
	"vscan/patterns"
)

// Compiled is what looks for a set of patterns in any space. It does not change what is
// found, is safe for concurrent use, and any number of scanners can be made from it.
//
// What changes while a scan runs belongs to its workers: tracks, chains, the numbers of
// rounds. It is handed on from a worker that is done to one that begins, who takes nothing
// from it but the room. Two things are learnt from memory and shared by all scans, as they are by the
// workers of one: the order in which filters look at the bytes of a literal, and the tables
// of expressions, which are made as far as memory leads. Both bear on the speed alone. They
// are learnt as if all spaces were one, so that the bounds on what learning may take hold for
// all scans together.
type Compiled struct{ *compiledSet }

// compiledSet is what a Compiled has, and its scanners share.
type compiledSet struct {
	set         *patterns.Set
	level       simd.Level // Options.Kernel
	overlapping bool       // Options.Overlapping

	needles []needle
	units   []unit
	bare    bool        // hits need nothing but an address and a needle: no bytes, no length, no check of alignment
	copied  bool        // the same but for bytes, and all that is found is a hit
	sized   bool        // hits of some needles differ in length
	plain   bool        // there is one needle, and all that is found of it is a hit, at one address once
	borrows bool        // some hits have bytes that lie in a batch
	only    *kernelUnit // the unit of the only needle, where all that it finds is a hit; else nil
	overlap int         // the length of the longest match less one byte
	excepts bool        // some patterns have exceptions, which may drop matches
	drops   bool        // some expressions drop matches that overlap an earlier one, unless they are to be kept
	cutLens []uint32    // by needle: the length from which on a hit counts in Stats.Cut; nil where none can

	desks   sync.Pool // of *desk, of workers that are done
	batches sync.Pool // of *Batch, that nobody has
}

// CompileSet chooses the kernels for the patterns of set and makes their tables. Of the
// options, Kernel, Overlapping, WithoutBytes and Budget count: the budget is asked for the tables, for as
// long as they are used, which all scanners share. Errors are those of Compile.
func CompileSet(ctx context.Context, set *patterns.Set, opt Options) (*Compiled, error) {
	if err := opt.Validate(); err != nil {
		return nil, err
	}
	if err := opt.Budget.Take(needOfSet(set), "what looks for the set: its tables"); err != nil {
		return nil, err
	}
	building := buildNeed(set)
	if err := opt.Budget.Take(building, "building the tables of what looks for the set"); err != nil {
		return nil, err
	}
	defer opt.Budget.Give(building)
	c := &compiledSet{set: set, level: opt.Kernel, overlapping: opt.Overlapping, overlap: max(set.MaxLen()-1, 0)}
	var err error
	if c.needles, c.units, err = newUnits(ctx, set, opt); err != nil {
		return nil, err
	}
	for i := range c.needles {
		if n := &c.needles[i]; opt.WithoutBytes && n.expr >= 0 {
			n.raw = 0
		}
	}
	c.sized = len(set.Exprs()) > 0
	c.bare = !c.sized && !slices.ContainsFunc(c.needles, func(n needle) bool { return n.raw > 0 || n.align > 1 })
	c.plain = len(c.needles) == 1 && c.needles[0].align == 1
	c.copied = !c.bare && !c.sized && !slices.ContainsFunc(c.needles, func(n needle) bool { return n.align > 1 }) && !sameSizes(c.needles)
	c.borrows = slices.ContainsFunc(c.needles, func(n needle) bool { return n.raw > 0 })
	c.excepts = slices.ContainsFunc(c.needles, func(n needle) bool { return n.excepted })
	c.drops = slices.ContainsFunc(set.Exprs(), func(e patterns.Expr) bool { return set.Patterns()[e.Pattern].Disjoint() })
	c.cutLens = cutLens(set, c.needles)
	if len(c.needles) == 1 && !c.sized && uint64(c.units[0].traits().stride)%uint64(c.needles[0].align) == 0 {
		c.only, _ = c.units[0].(*kernelUnit)
	}
	return &Compiled{c}, nil
}

// sameSizes reports whether two needles of a pattern have hits of one size, which may be the same
// hits. Needles are in the order of their numbers, and none has hits of any size.
func sameSizes(needles []needle) bool {
	for i := 1; i < len(needles); i++ {
		if a, b := &needles[i-1].hit, &needles[i].hit; a.Pattern == b.Pattern && a.Len == b.Len {
			return true
		}
	}
	return false
}

// Set returns the set that was compiled.
func (c *Compiled) Set() *patterns.Set { return c.set }

// Scanner prepares a search of space, as Compile does. Kernel, Overlapping and WithoutBytes
// of the options are those that CompileSet was given, whatever stands in opt, and Budget is asked for
// what this scanner and a scan of it take besides the tables.
func (c *Compiled) Scanner(ctx context.Context, space *Space, opt Options) (*Scanner, error) {
	opt.Kernel, opt.Overlapping = c.level, c.overlapping
	if err := opt.Validate(); err != nil {
		return nil, err
	}
	if opt.Workers == 0 {
		opt.Workers = min(runtime.GOMAXPROCS(0), MaxWorkers)
	}
	if opt.ShardSize == 0 {
		opt.ShardSize = defaultShardSize
	}
	sc := &Scanner{compiledSet: c.compiledSet, space: space, opt: opt, leastSkip: minSkip}
	err := space.Index(ctx)
	if err != nil {
		return nil, err
	}
	if err := opt.Budget.Take(planBytes*uint64(space.Len()), "what of the memory is searched"); err != nil {
		return nil, err
	}
	if sc.plan, err = newPlan(ctx, space, opt); err == nil {
		err = sc.cutUp(ctx)
	}
	if ended := context.Cause(ctx); ended != nil {
		err = ended
	}
	if err != nil {
		return nil, err
	}
	shards := sc.Work() / opt.ShardSize // less one, perhaps
	sc.workers = int(min(uint64(opt.Workers), shards+1))
	if err := opt.Budget.Take(needOfWorkers(c.set, sc.workers), "what looks for the set: workers"); err != nil {
		return nil, err
	}
	return sc, nil
}
