package graph

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/identity"
	"vscan/internal/outfile"
)

// Stats is the account of a build.
type Stats struct {
	engine.Stats        // the account of the sweep; its Hits are the edges
	Changed      bool   // what Options.Changed has returned
	Bytes        uint64 // size of the index, edges and directory, in bytes
	Spilled      uint64 // bytes that were written to the temporary file
	Sweep, Sort  time.Duration
	Total        time.Duration
}

// Complete reports whether all words that were to be looked at were, and the image did
// not change meanwhile.
func (s *Stats) Complete() bool { return s.Stats.Complete() && !s.Changed }

// Build makes a graph of a space in memory. The same space and options give the
// same graph for any number of workers.
//
// Bytes that cannot be read are no error: the account has them, and the graph is
// then not Complete. What the image should hold and does not, only Options.Missing
// can say: for an image.Image, set it to its Missing. The error is that of the
// options, that of the temporary file, or the cause of the context's end. A graph
// in memory need not be closed.
func Build(ctx context.Context, space *engine.Space, arch addr.Arch, o Options) (*Graph, Stats, error) {
	if o.Spill == "" {
		o.Spill = os.TempDir()
	}
	out := &memoryBlob{budget: o.Budget}
	g, stats, err := build(ctx, space, arch, &o, out)
	if err != nil {
		return nil, stats, err
	}
	g.data, g.from = out, outfile.Options{From: o.From, Private: o.Private}
	return g, stats, nil
}

// BuildFile does what Build does, but writes the graph to a file. The file appears
// whole or not at all, and a file that is already there is replaced. What memory does not hold
// goes to a temporary file in the same folder, which has no name where that can be had.
func BuildFile(ctx context.Context, space *engine.Space, arch addr.Arch, o Options, path string) (Stats, error) {
	w, err := createFile(ctx, path, outfile.Options{From: o.From, Private: o.Private})
	if err != nil {
		return Stats{}, err
	}
	defer w.f.Close()
	if o.Spill == "" {
		o.Spill = w.f.Folder()
	}
	g, stats, err := build(ctx, space, arch, &o, w)
	if err != nil {
		return stats, err
	}
	return stats, w.finish(ctx, g)
}

// sink takes the bytes of groups, in order.
type sink interface {
	append(b []byte) error
	base() uint64 // the offset of the first byte that is appended
}

// build makes a graph whose groups go to a sink: first one sweep over memory, then
// a sort of each partition of targets.
func build(ctx context.Context, space *engine.Space, arch addr.Arch, o *Options, to sink) (*Graph, Stats, error) {
	begin := time.Now()
	var stats Stats
	if err := o.Validate(); err != nil {
		return nil, stats, err
	}
	if err := space.Index(ctx); err != nil {
		return nil, stats, err
	}
	regions, err := o.takeRegions(space.Len())
	if err != nil {
		return nil, stats, err
	}
	defer o.Budget.Give(regions)
	given := o.Memory
	o.fillDefaults(arch)
	taken, err := o.takeBuild(given)
	if err != nil {
		return nil, stats, err
	}
	defer o.Budget.Give(taken)
	s, err := newSweep(ctx, space, arch, o)
	if ended := context.Cause(ctx); ended != nil {
		err = ended
	}
	if err != nil {
		return nil, stats, err
	}
	defer s.chunks.close()
	if stats.Stats, err = s.scan(ctx, space, o); err != nil {
		return nil, stats, err
	}
	stats.Sweep = time.Since(begin)
	g := &Graph{metadata: metadata{
		arch: arch, align: o.Align, presentOnly: o.PresentOnly, filtered: s.ends.filtered,
		scanned: stats.Scanned, unreadable: stats.UnreadableBytes() + stats.Beyond + o.Missing,
		regions: s.ends.regions, sources: s.sources, targets: s.targets,
	}}
	if g.identity.Identity, err = identity.Of(ctx, space); err != nil {
		return nil, stats, err
	}
	if o.Changed != nil && o.Changed() {
		stats.Changed = true
		g.unreadable = max(g.unreadable, g.unreadable+1)
	}
	if g.groups, err = s.sortAll(ctx, o, to); err != nil {
		return nil, stats, err
	}
	g.edges = g.groups.edges
	g.verified = make([]atomic.Uint32, len(g.groups.lines)/32+1)
	stats.Spilled = s.chunks.spilled()
	stats.Bytes = g.groups.end - to.base() + groupLineSize*uint64(len(g.groups.lines))
	stats.Total = time.Since(begin)
	stats.Sort = stats.Total - stats.Sweep
	return g, stats, nil
}

// sortAll sorts all partitions, several at a time, and appends them to the sink in
// order.
//
// INVARIANT: partitions are appended in ascending order, each once, so that the
// directory ascends by page. A worker that has sorted its partition waits until it
// is that partition's turn.
func (s *sweep) sortAll(ctx context.Context, o *Options, to sink) (directory, error) {
	var mu sync.Mutex
	turned := sync.NewCond(&mu)
	next, turn := 0, 0 // the next partition to sort, and the next one to append
	failed := false
	d := directory{end: to.base()}
	group, ctx := errgroup.WithContext(ctx)
	workers, most := min(o.Workers, max(1, len(s.parts))), s.most()
	work := func() error {
		w := s.newSorter(max(1<<16, int(min(o.Memory/uint64(4*workers*8), 1<<40))), most)
		for {
			mu.Lock()
			part := next
			next++
			mu.Unlock()
			if part >= len(s.parts) {
				return nil
			}
			if err := context.Cause(ctx); err != nil {
				return err
			}
			if err := w.sort(part); err != nil {
				return fmt.Errorf("sorting edges to %v: %w", s.firstRange(part), err)
			}
			s.drop(part)
			mu.Lock()
			for turn != part && !failed {
				turned.Wait()
			}
			if failed {
				mu.Unlock()
				return nil // the worker that failed returns the error
			}
			err := to.append(w.out.out)
			for _, l := range w.out.lines {
				l.at += d.end
				l.edges += d.edges
				d.lines = append(d.lines, l)
			}
			d.end += uint64(len(w.out.out))
			d.edges += w.out.edges
			turn++
			mu.Unlock()
			turned.Broadcast()
			if err != nil {
				return err
			}
		}
	}
	for range workers {
		group.Go(func() error {
			err := work()
			if err != nil {
				mu.Lock()
				failed = true
				mu.Unlock()
				turned.Broadcast()
			}
			return err
		})
	}
	return d, group.Wait()
}

// firstRange returns the addresses of a partition's first range, for an error.
func (s *sweep) firstRange(part int) addr.Range {
	for _, t := range s.partRanges {
		if int(t.part) == part {
			return t.Range
		}
	}
	return addr.All
}
