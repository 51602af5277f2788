package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"vscan/engine/addr"
	"vscan/engine/shard"
	"vscan/engine/simd"
	"vscan/patterns"
)

// Options are how to scan. The zero value scans everything with all processors
// and the best kernels.
type Options struct {
	Workers   int        // 0: as many as there are processors; at most MaxWorkers
	ShardSize uint64     // bytes of a shard's core; 0: 4 MiB
	Kernel    simd.Level // simd.Auto: the best that this machine can run

	// Ranges, where there are any, are the only addresses to look at: a match
	// lies wholly in them. They may overlap and be in any order.
	Ranges []addr.Range
	// Starts, where there are any, are the only addresses at which hits may begin:
	// a match runs on beyond them as far as Ranges and Where allow, so that the
	// hits of a scan are those of several whose Starts are its parts. They may
	// overlap and be in any order. Bytes and Stats count what lies in Starts. Of
	// patterns that drop matches which overlap an earlier one, that is one that
	// begins in Starts; who puts parts together sets Overlapping and drops later.
	Starts []addr.Range
	// Where, if not nil, says of each mapping whether to look at it. A match
	// lies wholly in mappings that it accepts.
	Where func(*Mapping) bool

	// Apart: each mapping by itself. A match lies wholly in what shows of one in
	// a row, and to patterns that ask what lies around a match, there is nothing
	// beyond. A mapping that continues another is one with it: see
	// [Mapping.Continues].
	Apart bool

	// Overlapping: also matches that overlap an earlier one of the same pattern,
	// where the pattern drops these (see patterns.Pattern.Disjoint). Others
	// never do.
	Overlapping bool

	// Progress, if not nil, is told how far the scan has come. Scans may share
	// one; it then tells of all of them together.
	Progress *Progress
}

// MaxWorkers is the most workers that a scan can be given.
const MaxWorkers = 256

// defaultShardSize is as large as small images allow if several workers are to
// have work: what is done between two shards, when nothing is read, took a
// fifteenth of a scan at the speed of memory with 2 MiB.
const defaultShardSize = 4 << 20

// Validate says all that is wrong with the options.
func (o Options) Validate() error {
	var errs []error
	if o.Workers < 0 || o.Workers > MaxWorkers {
		errs = append(errs, fmt.Errorf("%d workers: want 0 to %d", o.Workers, MaxWorkers))
	}
	if err := o.Kernel.Check(); err != nil {
		errs = append(errs, err)
	}
	for _, r := range o.Ranges {
		if !r.Valid() {
			errs = append(errs, fmt.Errorf("range %v ends before it begins", r))
		}
	}
	for _, r := range o.Starts {
		if !r.Valid() {
			errs = append(errs, fmt.Errorf("starts %v end before they begin", r))
		}
	}
	return errors.Join(errs...)
}

// Progress is how far scans have come. Its fields may be read at any time.
type Progress struct {
	Bytes atomic.Uint64 // looked at, or found unreadable; of Scanner.Bytes in all
	Hits  atomic.Uint64 // delivered
}

// Hit is one occurrence of a pattern. The package comment has a table of what
// there is to know of one: its pattern's name, its mapping, its value.
type Hit struct {
	Addr    addr.Addr // of its first byte; those after it may lie in other mappings
	Pattern int       // index into the set's Patterns
	Len     int       // in bytes
	Form    int       // which of the pattern's expressions matched, from 1, where it has several (an encoding each); else 0. See patterns.Set.Text
	Bytes   []byte    // the first bytes of it, at most HitBytes; not to be written to; see Scan for how long they hold
	Cut     bool      // it is as long as Target.MaxMatch allows, and may be the beginning of something longer
}

// HitBytes is the most bytes of a hit that come with it.
const HitBytes = 64

// Stats is the account of a scan.
type Stats struct {
	Hits       uint64        // delivered
	Scanned    uint64        // bytes looked at, those known to be zero included
	Absent     uint64        // bytes in scope that the image does not hold: see Scanner.Absent
	Unreadable []addr.Range  // bytes in scope that could not be read, ascending, merged
	Workers    int           // that ran
	Kernels    []simd.Level  // in use, ascending, each once
	Elapsed    time.Duration // from the start of the scan to the end of delivery

	// Cut is, by pattern, how many of the hits are as long as Target.MaxMatch
	// allows, and may be the beginning of something longer; nil where none is.
	Cut []uint64

	// Excepted is, by pattern, how many matches were no hits because an exception of
	// the pattern holds in them (see patterns.Pattern.Except), up to the last hit
	// where the scan was stopped; nil where none was.
	Excepted []uint64

	// Stopped says that the callback wanted no more, Cancelled that the context
	// ended: what was delivered is then the beginning of all there is.
	Stopped, Cancelled bool
}

// UnreadableBytes is the size of all unreadable ranges together.
func (s *Stats) UnreadableBytes() uint64 {
	n := uint64(0)
	for _, r := range s.Unreadable {
		n += r.Size()
	}
	return n
}

// Complete says that all bytes in scope that the space holds were looked at;
// absent ones it does not hold.
func (s *Stats) Complete() bool { return !s.Stopped && !s.Cancelled && len(s.Unreadable) == 0 }

// Scanner searches one space for one set of patterns. It is immutable and safe
// for concurrent use.
type Scanner struct {
	set     *patterns.Set
	needles []needle
	units   []unit
	bare    bool        // hits need nothing but an address and a needle
	sized   bool        // hits of some needles differ in length
	borrows bool        // bytes of some hits are those of a batch
	only    *kernelUnit // of the one needle, where what it finds is a hit
	space   *Space
	plan    plan
	opt     Options
	overlap int      // longest needle less one byte
	excepts bool     // whether some matches are dropped by exceptions
	cutLens []uint32 // by needle: from which length on a hit is one of Stats.Cut; nil where none can be

	leastSkip uint64          // zeros in a row that are worth leaving out
	cut       []shard.Stretch // what shards are cut from
	bytes     uint64          // that a scan looks at, or knows to be zeros
	skipped   uint64          // of bytes, those that are not in cut
}

// Compile prepares a search of space for the patterns of set. The options are
// validated, and kernels chosen, here and not later.
func Compile(space *Space, set *patterns.Set, opt Options) (*Scanner, error) {
	if err := opt.Validate(); err != nil {
		return nil, err
	}
	if opt.Workers == 0 {
		opt.Workers = min(runtime.GOMAXPROCS(0), MaxWorkers)
	}
	if opt.ShardSize == 0 {
		opt.ShardSize = defaultShardSize
	}
	sc := &Scanner{set: set, space: space, opt: opt, overlap: max(set.MaxLen()-1, 0), leastSkip: minSkip}
	var err error
	if sc.needles, sc.units, err = newUnits(set, opt); err != nil {
		return nil, err
	}
	sc.bare = !slices.ContainsFunc(sc.needles, func(n needle) bool { return n.raw > 0 || n.align > 1 })
	sc.sized = len(set.Exprs()) > 0
	sc.borrows = slices.ContainsFunc(sc.needles, func(n needle) bool { return n.raw > 0 })
	sc.excepts = slices.ContainsFunc(sc.needles, func(n needle) bool { return n.excepted })
	sc.cutLens = cutLens(set, sc.needles)
	if len(sc.needles) == 1 && !sc.sized && uint64(sc.units[0].traits().stride)%uint64(sc.needles[0].align) == 0 {
		sc.only, _ = sc.units[0].(*kernelUnit)
	}
	sc.plan = newPlan(space, opt)
	sc.shape()
	return sc, nil
}

// shape finds what shards are cut from.
func (sc *Scanner) shape() {
	sc.cut, sc.bytes = sc.stretches(sc.opt.Starts)
	sc.skipped = sc.bytes
	for _, s := range sc.cut {
		sc.skipped -= s.Size()
	}
}

// Patterns are those of the set, in the order that Hit.Pattern counts in.
func (sc *Scanner) Patterns() []patterns.Pattern { return sc.set.Patterns() }

// Bytes is how many bytes a scan looks at: the present and zero ones in scope.
func (sc *Scanner) Bytes() uint64 { return sc.bytes }

// Run is the bytes side by side, all of them searched, that hold the byte at a, and
// whether that is searched at all. No match goes on beyond a run.
func (sc *Scanner) Run(a addr.Addr) (addr.Range, bool) {
	runs := sc.plan.runs
	k := sort.Search(len(runs), func(k int) bool { return runs[k].Last >= a })
	if k == len(runs) || !runs[k].Contains(a) {
		return addr.Range{}, false
	}
	return runs[k], true
}

// Absent is how many bytes in scope are mapped and not held by the image. No scan
// looks at them, and to no scan that is an error: who says that something is
// nowhere tells this number with it.
func (sc *Scanner) Absent() uint64 { return sc.plan.absent }

// Kernels are the levels that the scanner uses, ascending, each once.
func (sc *Scanner) Kernels() []simd.Level {
	var levels []simd.Level
	for _, u := range sc.units {
		levels = append(levels, u.levels()...)
	}
	slices.Sort(levels)
	return slices.Compact(levels)
}

// Scan calls yield with every hit, in ascending order of address, then of
// pattern, then of length, until yield is false. Every occurrence is a hit,
// also one that overlaps another, but for patterns that drop these: see
// Options.Overlapping. The order and the hits are the same for any
// workers, shard size and kernel. yield runs on the caller's goroutine; the
// bytes of a hit hold until it returns.
//
// The account is always returned. The error is the cause of the context's end
// (context.Cause), if it ended; bytes that cannot be read are no error but part of
// the account: see [Stats.Complete]. [Scanner.All] has them as an error.
func (sc *Scanner) Scan(ctx context.Context, yield func(Hit) bool) (Stats, error) {
	return sc.deliver(ctx, func(b *Batch) (uint64, bool) { return b.each(yield) })
}

// ScanBatches is Scan for those who want many hits at a time: nothing is done
// for each hit. All hits of a batch count as delivered.
func (sc *Scanner) ScanBatches(ctx context.Context, yield func(*Batch) bool) (Stats, error) {
	return sc.deliver(ctx, func(b *Batch) (uint64, bool) { return b.Len(), yield(b) })
}

// deliver runs the scan. yield takes a batch, and says how many of its hits it
// took and whether it wants more.
func (sc *Scanner) deliver(ctx context.Context, yield func(*Batch) (uint64, bool)) (Stats, error) {
	begin := time.Now()
	stats := Stats{Absent: sc.plan.absent, Workers: sc.opt.Workers, Kernels: sc.Kernels()}
	outer := ctx
	ctx, cancel := context.WithCancel(ctx)
	run := sc.newScan()
	stitcher := shard.NewStitcher[*Batch](ctx, 2*sc.opt.Workers, max(1, batchBudget/(2*sc.opt.Workers)))
	claims := func(claim func() bool) lane {
		if l := stitcher.Claim(claim); l != nil {
			return l
		}
		return nil
	}
	var group errgroup.Group
	for range sc.opt.Workers {
		group.Go(func() error {
			w := newWorker(run)
			w.claims = claims
			return w.work(ctx)
		})
	}
	var workErr error
	func() {
		defer func() { // also where yield panics
			cancel()
			workErr = group.Wait()
		}()
		drop := newDropper(sc.set, sc.opt)
		all := stitcher.Deliver(func(b *Batch) bool {
			if drop != nil {
				b.filter(drop.keep)
			}
			b.dropExcepted()
			if b.Len() == 0 {
				b.countExcepted(&stats, true, 0)
				run.free(b)
				return true
			}
			n, more := yield(b)
			stats.Hits += n
			b.countCut(&stats, n)
			b.countExcepted(&stats, more, n)
			stats.Stopped = !more
			if p := sc.opt.Progress; p != nil {
				p.Hits.Add(n)
			}
			run.free(b)
			return more
		})
		stats.Cancelled = !all && !stats.Stopped
		stats.Elapsed = time.Since(begin)
	}()
	return run.end(outer, stats, workErr)
}

// end completes the account of a run whose workers have ended, with err. outer is the
// context that the caller gave.
func (s *scan) end(outer context.Context, stats Stats, err error) (Stats, error) {
	stats.Unreadable = addr.Merge(s.unreadable)
	stats.Scanned = s.scanned - min(s.scanned, stats.UnreadableBytes())
	if err == nil && stats.Cancelled {
		err = context.Cause(outer)
	}
	return stats, err
}

// All yields every hit as Scan does, with bytes of its own: a hit can be kept.
// Where some bytes could not be read, or the context ended, a last pair has an
// error, which is an [*IncompleteError], and no hit. Absent bytes are no error: see
// [Scanner.Absent]. The sequence can be ranged over several times; each time it
// scans anew.
func (sc *Scanner) All(ctx context.Context) iter.Seq2[Hit, error] {
	return func(yield func(Hit, error) bool) {
		keep := keeper{borrowed: sc.borrows}
		stats, err := sc.Scan(ctx, func(h Hit) bool { return yield(keep.hit(h), nil) })
		if err = incomplete(stats, err); err != nil && !stats.Stopped {
			yield(Hit{}, err)
		}
	}
}

// First returns the hit with the lowest address, and whether there is one. All
// workers stop as soon as it is known. Where something below it, or anything
// where there is none, could not be looked at, the error is an
// [*IncompleteError]: there may be one that is lower.
func (sc *Scanner) First(ctx context.Context) (Hit, bool, error) {
	var first Hit
	keep := keeper{borrowed: sc.borrows}
	stats, err := sc.Scan(ctx, func(h Hit) bool { first = keep.hit(h); return false })
	found := stats.Hits > 0
	if found {
		stats.Unreadable = addr.Intersect(stats.Unreadable, []addr.Range{{First: 0, Last: first.Addr}})
	}
	return first, found, incomplete(stats, err)
}

// keeper makes hits that can be kept.
type keeper struct {
	borrowed bool // bytes of hits are the scan's, and change
	room     []byte
}

const keeperRoom = 4096

// hit is h with bytes of its own. They are cut from larger pieces, for hits come
// by the million.
func (k *keeper) hit(h Hit) Hit {
	if !k.borrowed {
		return h
	}
	if len(k.room) < len(h.Bytes) {
		k.room = make([]byte, max(keeperRoom, len(h.Bytes)))
	}
	n := copy(k.room, h.Bytes)
	h.Bytes, k.room = k.room[:n:n], k.room[n:]
	return h
}

// IncompleteError says that a scan did not look at all bytes in scope that the
// space holds. Which they are is in Stats.Unreadable; why one of them cannot be
// read, [Space.Byte] says.
type IncompleteError struct {
	Stats Stats
	Err   error // why the context ended; nil where bytes could not be read
}

// incomplete is the error of a scan, nil where it looked at everything or was
// stopped by the one who asked.
func incomplete(stats Stats, err error) error {
	if err == nil && len(stats.Unreadable) == 0 {
		return nil
	}
	return &IncompleteError{stats, err}
}

// Error is one line: what was missed.
func (e *IncompleteError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("not complete: the scan ended after %d bytes: %v", e.Stats.Scanned, e.Err)
	}
	if len(e.Stats.Unreadable) == 0 { // not as a scan makes it
		return fmt.Sprintf("not complete: the scan ended after %d bytes", e.Stats.Scanned)
	}
	return fmt.Sprintf("not complete: %d bytes could not be read, the first at %v", e.Stats.UnreadableBytes(), e.Stats.Unreadable[0].First)
}

// Unwrap is the cause of the context's end, if it ended.
func (e *IncompleteError) Unwrap() error { return e.Err }

const (
	batchHits   = 8192     // most hits of a batch that is no run
	batchRaw    = 64 << 10 // about the most bytes of hits in a batch
	batchBudget = 480      // batches of up to 128 KiB that may wait: 60 MiB for all workers
)

// scan is one run of a Scanner.
type scan struct {
	*Scanner
	cutter *shard.Cutter // used in claims only, one call at a time
	pool   sync.Pool

	mu         sync.Mutex
	scanned    uint64
	unreadable []addr.Range
}

// lane takes the batches of one shard. Where Send is false the worker stops.
type lane interface {
	Send(*Batch) bool
	Close()
}

// newScan begins a run. Zeros that are left out count as looked at.
func (sc *Scanner) newScan() *scan {
	if p := sc.opt.Progress; p != nil {
		p.Bytes.Add(sc.skipped)
	}
	return &scan{Scanner: sc, cutter: shard.NewCutter(sc.cut, sc.opt.ShardSize, uint64(sc.overlap)), scanned: sc.skipped}
}

func (s *scan) batch() *Batch {
	if b, ok := s.pool.Get().(*Batch); ok {
		return b
	}
	return &Batch{sc: s.Scanner, Offsets: make([]uint32, 0, batchHits)}
}

func (s *scan) free(b *Batch) {
	b.reset()
	s.pool.Put(b)
}
