package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sort"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/shard"
	"vscan/engine/simd"
	"vscan/patterns"
)

// Options say how to scan. The zero value scans everything with all processors and the
// best kernels.
type Options struct {
	Workers   int        // the most that run; 0: GOMAXPROCS; at most MaxWorkers
	ShardSize uint64     // bytes of a shard's core; 0: 4 MiB
	Kernel    simd.Level // simd.Auto: the best that this machine can run

	// Ranges, where there are any, are the only addresses to search: a match lies
	// wholly in them. They may overlap and be in any order.
	Ranges []addr.Range
	// Starts, where there are any, are the only addresses at which hits may begin. A
	// match runs on beyond them as far as Ranges and Where allow, so that a scan can
	// be split into several by its Starts, which together have the same hits. They
	// may overlap and be in any order. Scanner.Bytes and Stats count what lies in
	// Starts. Where a pattern drops matches that overlap an earlier one, only those
	// that begin in Starts are earlier ones; whoever splits a scan sets Unsettled
	// and KeepExcepted, and drops matches afterwards: see [OverlapFilter].
	Starts []addr.Range
	// Where, if not nil, reports whether to search a mapping. A match lies wholly in
	// mappings for which it returns true.
	Where func(*Mapping) bool

	// PerMapping searches each mapping by itself. A match lies wholly in one range of
	// addresses that one mapping shows, and to patterns that look at what lies
	// around a match, there is nothing beyond it. A mapping that continues another
	// counts as part of it: see [Mapping.Continues].
	PerMapping bool

	// Overlapping keeps matches that overlap an earlier one of the same pattern,
	// where the pattern would drop them (see patterns.Pattern.Disjoint). Other
	// patterns always keep them.
	Overlapping bool

	// Unsettled hands out all matches but those that are dropped whatever comes before
	// Starts, so that whoever puts scans together can drop the others: see
	// [OverlapFilter]. These are far fewer than with Overlapping where a pattern has
	// matches at many addresses in a row.
	Unsettled bool

	// KeepExcepted has ScanBatches and ScanShards hand out the matches, too, that an
	// exception of their pattern drops: see [Batch.Excepted]. Stats.Hits counts them.
	// It is for whoever puts scans together: see [OverlapFilter].
	KeepExcepted bool

	// WithoutBytes leaves out the bytes of hits of expressions: their Hit.Bytes is nil, other hits
	// have theirs. It is for whoever counts: where hits of any length lie close together, to copy
	// their bytes takes longer than to find them.
	WithoutBytes bool

	// MaxBytes, where it is not 0, is the most bytes that are searched, those with the
	// lowest addresses; zeros that nothing matches do not count. A match may run on
	// beyond them. An image can show the same bytes of a small file at any number of
	// addresses. What is left out is in Stats.Beyond, and such a scan is not Complete.
	MaxBytes uint64

	// Progress, if not nil, is kept up to date with how far the scan has come.
	// Several scans may share one, which then counts all of them together.
	Progress *Progress

	// Pace, if not nil, is called by workers, several at a time, before they look at a
	// block, with the bytes in which its matches begin: some MiB at most, unless matches
	// are long. The worker goes on when it returns, so that it can slow scans down; it
	// returns soon after ctx has ended. Scans that share one are slowed down together.
	Pace func(ctx context.Context, bytes uint64)

	// Turn, if not nil, is called by every worker but one before it takes a shard. It waits
	// until the worker may, and returns what is called once the shard is searched, or nil
	// once ctx has ended, as it does when there is no shard left. So scans that share one can
	// have more workers than run at a time, and those of one go on where another has ended.
	Turn func(ctx context.Context) (over func())

	// Budget is asked by Compile for the memory of the scanner and of one scan before it
	// is spent, for as long as the scanner is used: the caller gives it a Share, and
	// releases that. CompileSet asks it for what scanners share, and Compiled.Scanner for
	// the rest. Nil has no limit.
	Budget *budget.Budget
}

// MaxWorkers is the most workers that a scan can be given.
const MaxWorkers = 256

// defaultShardSize is as large as it can be for several workers to have work in small
// images. With shards of 2 MiB, what is done between two shards, when nothing is read,
// took a fifteenth of a scan at the speed of memory.
const defaultShardSize = 4 << 20

// Validate returns an error that says all that is wrong with the options, nil where
// nothing is.
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

// Progress tells how far scans have come. Its fields may be read at any time.
type Progress struct {
	Bytes atomic.Uint64 // bytes searched or found unreadable, of the Scanner.Bytes there are
	Hits  atomic.Uint64 // hits delivered
}

// A Hit is one occurrence of a pattern. The package comment has a table of how to get
// what else there is to know of it: its pattern's name, its mapping, its value.
type Hit struct {
	Addr    addr.Addr // the address of its first byte; the bytes after it may lie in other mappings
	Pattern int       // index into the set's Patterns
	Len     int       // its length in bytes
	Form    int       // which of the pattern's expressions (encodings) matched, from 1; 0 where it has one. See patterns.Set.Text
	Bytes   []byte    // its first bytes, at most HitBytes, not to be written to; see Scan for how long they are valid
	Cut     bool      // it is as long as patterns.Target.MaxMatch allows, and may go on
}

// HitBytes is the most bytes of a hit that come with it.
const HitBytes = 64

// Stats are the account of a scan.
type Stats struct {
	Hits       uint64        // hits delivered
	Scanned    uint64        // bytes searched, those known to be zero included
	Zero       uint64        // of Scanned, those known to be zero: see Scanner.Zero
	Absent     uint64        // bytes in scope that the image does not hold: see Scanner.Absent
	Excluded   uint64        // of Absent, those that are Excluded
	Missing    uint64        // of Absent, those that are Missing
	Beyond     uint64        // bytes in scope that were left out for Options.MaxBytes, but for those of Unreadable: see Scanner.Beyond
	Unreadable []addr.Range  // bytes in scope that could not be read, ascending, merged
	Workers    int           // how many workers ran
	Kernels    []simd.Level  // the levels of the kernels in use, ascending, each once
	Elapsed    time.Duration // from the start of the scan to the end of delivery
	Ways       []WayStats    // how large blocks of a [Chooser] were had, the way of most bytes first

	// Cut is, by pattern, how many of the hits are as long as
	// patterns.Target.MaxMatch allows, and may be the beginning of something longer;
	// nil where none is.
	Cut []uint64

	// Excepted is, by pattern, how many matches were no hits because an exception of
	// the pattern holds in them (see patterns.Pattern.WithExceptions); nil where none was.
	// Where the scan was stopped, only those before the last hit count.
	Excepted []uint64

	// Stopped says that the callback wanted no more hits, Cancelled that the context
	// ended. The hits that were delivered are then only the first ones. Where Scan,
	// ScanBatches or First were stopped, Unreadable ends at the last hit that was taken:
	// what of the rest the workers had come to by then is chance.
	Stopped, Cancelled bool
}

// UnreadableBytes returns the size in bytes of all unreadable ranges together.
func (s *Stats) UnreadableBytes() uint64 {
	n := uint64(0)
	for _, r := range s.Unreadable {
		n += r.Size()
	}
	return n
}

// Complete reports whether all bytes in scope that the space holds were searched. Absent
// bytes it does not hold.
func (s *Stats) Complete() bool {
	return !s.Stopped && !s.Cancelled && len(s.Unreadable) == 0 && s.Beyond == 0
}

// A Scanner searches one space for one set of patterns. It is immutable and safe for
// concurrent use.
type Scanner struct {
	*compiledSet
	space   *Space
	plan    plan
	opt     Options
	workers int // how many run: no more than there are shards

	leastSkip uint64          // the fewest zeros in a row that are left out; see minSkip
	cut       []shard.Stretch // what shards are cut from; see stretches
	bytes     uint64          // the present and zero bytes in scope, without those beyond MaxBytes
	beyond    uint64          // the bytes in scope beyond MaxBytes
	skipped   uint64          // how many of bytes are not in cut
	left      []addr.Range    // the zeros in scope that are not in cut, ascending
	holes     []addr.Range    // the holes of sources, ascending; in scope, and those beyond Starts
	zero      uint64          // how many of bytes are known to be zero: see Zero
}

// Compile prepares a search of space for the patterns of set. It validates the options
// and chooses the kernels, so that a scan has no such errors. Where ctx ends, the error is
// its cause; where the scan takes more memory than Options.Budget has, a *budget.Error.
// Whoever searches several spaces for a set calls CompileSet once, and then
// Compiled.Scanner for each.
func Compile(ctx context.Context, space *Space, set *patterns.Set, opt Options) (*Scanner, error) {
	c, err := CompileSet(ctx, set, opt)
	if err != nil {
		return nil, err
	}
	return c.Scanner(ctx, space, opt)
}

// cutUp sets cut, left, holes, bytes, skipped, zero and beyond. The error is that of ctx.
func (sc *Scanner) cutUp(ctx context.Context) (err error) {
	if sc.cut, sc.left, sc.bytes, err = sc.stretches(ctx, sc.opt.Starts); err != nil {
		return err
	}
	sc.skipped = 0
	for _, zeros := range sc.left {
		sc.skipped = addSize(sc.skipped, zeros)
	}
	if sc.beyond = 0; sc.opt.MaxBytes > 0 {
		sc.cut, sc.beyond = shard.First(sc.cut, sc.opt.MaxBytes)
		sc.bytes -= sc.beyond
	}
	sc.zero, err = sc.zeroBytes(ctx)
	return err
}

// Patterns returns the patterns of the set; Hit.Pattern is an index into them.
func (sc *Scanner) Patterns() []patterns.Pattern { return sc.set.Patterns() }

// Bytes returns how many bytes a scan searches: the present and zero ones in scope, up to
// Options.MaxBytes.
func (sc *Scanner) Bytes() uint64 { return sc.bytes }

// Work returns how many of Bytes take time: all but the zeros that nothing matches.
func (sc *Scanner) Work() uint64 { return sc.bytes - sc.skipped }

// Zero returns how many of Bytes are known to be zero without a look at them: those of Zero
// mappings, and of holes of a [HoleSource] that have 256 KiB or more. It does not depend on
// the patterns, unless there are Options.MaxBytes.
func (sc *Scanner) Zero() uint64 { return sc.zero }

// Beyond returns how many bytes in scope are not searched, since Options.MaxBytes bounds
// that.
func (sc *Scanner) Beyond() uint64 { return sc.beyond }

// Run returns the run that holds a: the longest range around it of bytes that are all
// searched, beyond which no match goes on. It returns false where the byte at a is not
// searched.
func (sc *Scanner) Run(a addr.Addr) (addr.Range, bool) {
	runs := sc.plan.runs
	k := sort.Search(len(runs), func(k int) bool { return runs[k].Last >= a })
	if k == len(runs) || !runs[k].Contains(a) {
		return addr.Range{}, false
	}
	return runs[k], true
}

// Absent returns how many bytes in scope are mapped and not held by the image, 2^64 − 1
// where there are more. No scan searches them, and none takes that for an error: whoever
// reports that something is nowhere has to report this number too.
func (sc *Scanner) Absent() uint64 { return addr.Sum(sc.plan.absent[:]...) }

// AbsentFor returns how many bytes in scope are absent for a reason, 2^64 − 1 where there
// are more.
func (sc *Scanner) AbsentFor(why Absence) uint64 { return sc.plan.absent[why] }

// newStats returns the account of a scan that has not begun.
func (sc *Scanner) newStats() Stats {
	return Stats{
		Absent: sc.Absent(), Excluded: sc.AbsentFor(Excluded), Missing: sc.AbsentFor(Missing), Beyond: sc.beyond,
		Workers: sc.workers, Kernels: sc.Kernels(),
	}
}

// Kernels returns the levels of the kernels that the scanner uses, ascending, each once.
func (sc *Scanner) Kernels() []simd.Level {
	var levels []simd.Level
	for _, u := range sc.units {
		levels = append(levels, u.levels()...)
	}
	slices.Sort(levels)
	return slices.Compact(levels)
}

// Scan calls yield with every hit, in ascending order of address, then of pattern, then
// of length, until yield returns false. Every occurrence is a hit, also one that
// overlaps another, except with patterns that drop these: see Options.Overlapping. The
// hits and their order are the same for any number of workers, size of shards and
// kernel. yield runs on the caller's goroutine; the bytes of a hit are valid until it
// returns.
//
// The Stats are always valid. If the context ended, the error is its cause
// (context.Cause). Bytes that could not be read are no error here: see [Stats.Complete].
// [Scanner.All] yields an error for them.
func (sc *Scanner) Scan(ctx context.Context, yield func(Hit) bool) (Stats, error) {
	return sc.deliver(ctx, false, func(b *Batch) (uint64, bool) { return b.each(yield) })
}

// ScanBatches does what Scan does, many hits at a time, so that nothing need be done for
// each hit. All hits of a batch that yield is given count as delivered.
func (sc *Scanner) ScanBatches(ctx context.Context, yield func(*Batch) bool) (Stats, error) {
	return sc.deliver(ctx, sc.opt.KeepExcepted, func(b *Batch) (uint64, bool) { return b.Len(), yield(b) })
}

// deliver runs the scan. yield takes a batch, and returns how many of its hits it took
// and whether it wants more. With keepExcepted, batches have the matches that exceptions
// drop.
func (sc *Scanner) deliver(ctx context.Context, keepExcepted bool, yield func(*Batch) (uint64, bool)) (Stats, error) {
	begin := time.Now()
	stats := sc.newStats()
	outer := ctx
	ctx, cancel := context.WithCancel(ctx)
	s := sc.newScan()
	stitcher := shard.NewStitcher[*Batch](ctx, 2*sc.workers, max(1, batchBudget/(2*sc.workers)))
	claims := func(claim func() bool) lane {
		if l := stitcher.Claim(claim); l != nil {
			return l
		}
		return nil
	}
	var group errgroup.Group
	s.start(ctx, &group, func(int) func(func() bool) lane { return claims })
	var workErr error
	var last addr.Addr // of the hits that were taken, where yield wanted no more
	func() {
		defer func() { // also where yield panics
			cancel()
			workErr = group.Wait()
		}()
		var overlaps *OverlapFilter
		if sc.dropsOverlaps() {
			overlaps = NewOverlapFilter(sc.Patterns())
		}
		all := stitcher.Deliver(func(b *Batch) bool {
			if overlaps != nil {
				b.dropOverlaps(overlaps)
			}
			if !keepExcepted {
				b.dropExcepted()
			}
			if b.Len() == 0 {
				b.countExcepted(&stats, true, 0)
				s.free(b)
				return true
			}
			n, more := yield(b)
			stats.Hits += n
			b.countCut(&stats, n)
			b.countExcepted(&stats, more, n)
			if stats.Stopped = !more; stats.Stopped {
				last = b.at(max(n, 1) - 1)
			}
			if p := sc.opt.Progress; p != nil {
				p.Hits.Add(n)
			}
			s.free(b)
			return more
		})
		stats.Cancelled = !all && !stats.Stopped
		stats.Elapsed = time.Since(begin)
	}()
	stats, err := s.end(outer, stats, workErr)
	if stats.Stopped {
		stats.Unreadable = upTo(last, stats.Unreadable)
	}
	return stats, err
}

// upTo returns what of ranges lies at last and below it.
func upTo(last addr.Addr, ranges []addr.Range) []addr.Range {
	return addr.Intersect(ranges, []addr.Range{{First: 0, Last: last}})
}

// end completes the account of a scan whose workers have ended with err. outer is the
// context that the caller gave.
func (s *scan) end(outer context.Context, stats Stats, err error) (Stats, error) {
	stats.Unreadable = addr.Merge(append(s.unreadable, s.lostHoles()...))
	stats.Scanned = s.scanned + s.skimmed
	lost := Stats{Unreadable: stats.Unreadable}
	if starts := s.opt.Starts; len(starts) > 0 { // what was looked at on beyond them did not count
		lost.Unreadable = addr.Intersect(lost.Unreadable, addr.Merge(starts))
	}
	if s.beyond > 0 && len(s.cut) > 0 {
		// Nor did what was looked at behind Options.MaxBytes, but for zeros that were passed over.
		all, end := lost.UnreadableBytes(), s.cut[len(s.cut)-1].Last
		lost.Unreadable = addr.Merge(append(upTo(end, lost.Unreadable), addr.Intersect(lost.Unreadable, s.left)...))
		stats.Beyond -= min(stats.Beyond, all-lost.UnreadableBytes())
	}
	stats.Scanned -= min(stats.Scanned, lost.UnreadableBytes())
	if stats.Zero = s.zero; stats.Stopped || stats.Cancelled {
		stats.Zero = s.skimmed // those that were passed over: of others it is not known how far the scan came
	}
	stats.Zero = s.ReadableZero(stats.Zero, stats.Scanned, lost.Unreadable)
	stats.Ways = SumWays(nil, s.ways)
	if err == nil && stats.Cancelled {
		err = context.Cause(outer)
	}
	return stats, err
}

// ReadableZero returns how many of zero bytes that a scan came to are zeros that it searched:
// without those of unreadable, which ascends and is merged, and no more than scanned.
func (sc *Scanner) ReadableZero(zero, scanned uint64, unreadable []addr.Range) uint64 {
	if len(unreadable) > 0 {
		for _, r := range addr.Intersect(unreadable, addr.Merge(sc.holes)) {
			zero -= min(zero, r.Size())
		}
	}
	return min(zero, scanned)
}

// All yields every hit in the order of Scan. A hit has bytes of its own, so it can be
// kept. Where some bytes could not be read, or the context ended, a last pair has an
// error, which is an [*IncompleteError], and no hit. Absent bytes are no error: see
// [Scanner.Absent]. The sequence can be ranged over several times; each time it scans
// again.
func (sc *Scanner) All(ctx context.Context) iter.Seq2[Hit, error] {
	return func(yield func(Hit, error) bool) {
		keep := keeper{borrowed: sc.borrows}
		stats, err := sc.Scan(ctx, func(h Hit) bool { return yield(keep.hit(h), nil) })
		if err = incomplete(stats, err); err != nil && !stats.Stopped {
			yield(Hit{}, err)
		}
	}
}

// First returns the first hit in the order of Scan, and whether there is one. All
// workers stop as soon as it is known. Where bytes up to the hit, or where there is
// none, any bytes in scope, could not be read, or the context ended, the error is an
// [*IncompleteError]: there may be a hit that comes earlier.
func (sc *Scanner) First(ctx context.Context) (Hit, bool, error) {
	var first Hit
	keep := keeper{borrowed: sc.borrows}
	stats, err := sc.Scan(ctx, func(h Hit) bool { first = keep.hit(h); return false })
	found := stats.Hits > 0
	if found {
		stats.Beyond = 0
	}
	return first, found, incomplete(stats, err)
}

// A keeper makes hits that can be kept.
type keeper struct {
	borrowed bool // the bytes of hits belong to the scan, and change
	room     []byte
}

const keeperRoom = 4096

// hit returns h with bytes of its own. They are cut from larger slices, since there may
// be millions of hits.
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

// An IncompleteError says that a scan did not search all bytes in scope that the space
// holds. Stats.Unreadable are those that could not be read; the error of [Space.Byte]
// tells why one of them cannot.
type IncompleteError struct {
	Stats Stats
	Err   error // why the context ended; nil where bytes could not be read
}

// incomplete returns the error of a scan that ended with err, nil where err is nil and
// all bytes could be read.
func incomplete(stats Stats, err error) error {
	if err == nil && len(stats.Unreadable) == 0 && stats.Beyond == 0 {
		return nil
	}
	return &IncompleteError{stats, err}
}

// Error returns one line that says what was missed.
func (e *IncompleteError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("not complete: the scan ended after %d bytes: %v", e.Stats.Scanned, e.Err)
	}
	if len(e.Stats.Unreadable) == 0 && e.Stats.Beyond > 0 {
		return fmt.Sprintf("not complete: %d bytes were searched, and the %d behind them left out", e.Stats.Scanned, e.Stats.Beyond)
	}
	if len(e.Stats.Unreadable) == 0 { // not as a scan makes it
		return fmt.Sprintf("not complete: the scan ended after %d bytes", e.Stats.Scanned)
	}
	return fmt.Sprintf("not complete: %d bytes could not be read, the first at %v", e.Stats.UnreadableBytes(), e.Stats.Unreadable[0].First)
}

// Unwrap returns the cause of the context's end, nil where it did not end.
func (e *IncompleteError) Unwrap() error { return e.Err }

const (
	batchHits   = 8192     // the most hits of a batch that is no series
	batchRaw    = 64 << 10 // a batch with as many bytes of hits, or more, takes no other hit
	batchBudget = 480      // the most batches of up to 128 KiB that may wait: 60 MiB for all workers
)
