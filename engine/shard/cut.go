// Package shard cuts what is to be scanned into shards, units of work for
// workers that run at once, and puts their results back into one stream in
// order.
//
// A run is a maximal range of addresses whose bytes are all there, from
// however many pieces of memory. A shard is some spans of such runs, about as
// much work as any other shard; a span has a core, the addresses whose hits
// the shard owns, and a window, which goes on past the core by the overlap,
// the longest pattern less one byte, as far as the run does.
//
//	run       a--------------------------------z
//	span 1    [core      ]-window
//	span 2               [core      ]-window
//	span 3                          [core      ]
//
// The cores of all spans are the runs, each byte once, or what of the runs hits
// may begin in. A hit belongs to the shard whose core holds its first byte, so
// every hit has one owner, and its whole match lies in the window, wherever in
// the run the cut fell and whatever pieces of memory meet there.
package shard

import "vscan/engine/addr"

// Span is a part of a run that one shard owns.
type Span struct {
	Core addr.Range // the addresses whose hits the shard owns
	Last addr.Addr  // of the window, which begins with the core; ≥ Core.Last
}

// Window is the addresses that a search of the core has to see.
func (s Span) Window() addr.Range { return addr.Range{First: s.Core.First, Last: s.Last} }

// Stretch is a part of a run, or all of it, whose bytes become cores.
type Stretch struct {
	addr.Range
	End addr.Addr // the last byte of the run, where windows end; ≥ Last
}

// Cutter yields shards in address order, made when asked for, so that a
// terabyte costs no more memory than a page. Not safe for concurrent use.
type Cutter struct {
	rest    []Stretch
	size    uint64
	overlap uint64
	next    addr.Addr // where the next span starts in rest[0]
}

// NewCutter cuts stretches, which are ascending and disjoint, into shards whose
// cores have size bytes together, or less at the end. The overlap is the longest
// pattern less one byte. A size of 0 is taken as 1.
func NewCutter(stretches []Stretch, size, overlap uint64) *Cutter {
	c := &Cutter{rest: stretches, size: max(size, 1), overlap: overlap}
	if len(stretches) > 0 {
		c.next = stretches[0].First
	}
	return c
}

// Next appends the spans of the next shard to spans, ascending; none means
// that all is cut. A long stretch is cut, and short ones are batched until the
// shard has its size.
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
		room -= core.Size() // not the whole space: then size is 2^64 − 1 and the core a byte short of it
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
