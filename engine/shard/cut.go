// Package shard cuts what is to be scanned into shards, the units of work of
// workers that run at the same time, and puts their results back into one stream
// in order. It is for the engine, and may change.
//
// A run is a maximal range of addresses whose bytes are all there, from however
// many pieces of memory. A shard is one or more spans of runs, about as much
// work as any other shard. A span has a core, the addresses whose hits the shard
// owns, and a window, which begins with the core and goes on past it by the
// overlap, the longest pattern less one byte, or to the end of the run if that
// comes first.
//
//	run       a--------------------------------z
//	span 1    [core      ]-window
//	span 2               [core      ]-window
//	span 3                          [core      ]
//
// INVARIANT: the cores of all spans hold each byte of the runs in which a hit
// may begin, once. A hit belongs to the shard whose core holds its first byte,
// so every hit has one owner; and its whole match lies in the window, wherever
// the run was cut and whatever pieces of memory meet there.
package shard

import "vscan/engine/addr"

// A Span is a part of a run that one shard owns.
type Span struct {
	Core addr.Range // the addresses whose hits the shard owns
	Last addr.Addr  // the last address of the window, which begins with the core; ≥ Core.Last
}

// Window returns the addresses that a search of the core has to see.
func (s Span) Window() addr.Range { return addr.Range{First: s.Core.First, Last: s.Last} }

// A Stretch is a part of a run, or all of it, that is cut into cores.
type Stretch struct {
	addr.Range
	End addr.Addr // the last byte of the run, where windows end; ≥ Last
}

// First returns the stretches of the first n bytes of all, which ascend, and how many bytes
// the rest has. The last of them may be a part of one. It changes all.
func First(all []Stretch, n uint64) (first []Stretch, rest uint64) {
	for i := range all {
		size := all[i].Size()
		if size <= n {
			n -= size
			continue
		}
		for _, s := range all[i+1:] {
			rest += s.Size()
		}
		if rest += size - n; n == 0 {
			return all[:i], rest
		}
		all[i].Last = all[i].First + addr.Addr(n-1)
		return all[:i+1], rest
	}
	return all, 0
}

// A Cutter cuts shards in address order, one whenever it is asked, so that a
// terabyte takes no more memory than a page. It is not safe for concurrent use.
type Cutter struct {
	rest    []Stretch
	size    uint64
	overlap uint64
	next    addr.Addr // where the next span starts in rest[0]
}

// NewCutter makes a Cutter of stretches, which must be ascending and disjoint.
// The cores of a shard have size bytes together, those of the last one perhaps
// less. The overlap is the longest pattern less one byte. A size of 0 is taken
// as 1.
func NewCutter(stretches []Stretch, size, overlap uint64) *Cutter {
	c := &Cutter{rest: stretches, size: max(size, 1), overlap: overlap}
	if len(stretches) > 0 {
		c.next = stretches[0].First
	}
	return c
}

// Next appends the spans of the next shard, ascending, to spans and returns it;
// where it appends none, everything has been cut. It cuts long stretches, and
// puts short ones into one shard until that has its size.
func (c *Cutter) Next(spans []Span) []Span {
	for room := c.size; room > 0 && len(c.rest) > 0; {
		stretch := c.rest[0]
		core := addr.Range{First: c.next, Last: stretch.Last}
		if uint64(core.Last-core.First) >= room {
			core.Last = core.First + addr.Addr(room-1)
		}
		last, ok := core.Last.Add(c.overlap)
		if !ok || last > stretch.End {
			last = stretch.End
		}
		spans = append(spans, Span{core, last})
		room -= core.Size() // exact: size is at most 2^64 − 1, so no core is the whole address space
		if core.Last < stretch.Last {
			c.next = core.Last + 1
			break
		}
		if c.rest = c.rest[1:]; len(c.rest) > 0 {
			c.next = c.rest[0].First
		}
	}
	return spans
}
