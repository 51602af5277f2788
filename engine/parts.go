package engine

import (
	"iter"

	"vscan/engine/addr"
	"vscan/engine/shard"
)

// Parts yields ranges of addresses that lie side by side, ascending, from 0 to the last
// address: as Options.Starts of as many scans, which together have the hits of this one.
// Each but the last has size bytes of Work, and there is always one. Where Options.MaxBytes
// leaves bytes out, the last part ends in front of them. The scanner must not have Starts.
//
// Which zeros take no work may differ between machines, since one of them may not tell
// of holes; the parts of one call cover everything on any.
func (sc *Scanner) Parts(size uint64) iter.Seq[addr.Range] {
	return func(yield func(addr.Range) bool) {
		cutter := shard.NewCutter(sc.cut, size, 0)
		part, some := addr.All, false
		var last addr.Addr
		for spans := cutter.Next(nil); len(spans) > 0; spans = cutter.Next(spans[:0]) {
			if begin := spans[0].Core.First; some {
				part.Last = begin - 1
				if !yield(part) {
					return
				}
				part = addr.Range{First: begin, Last: addr.Max}
			}
			some, last = true, spans[len(spans)-1].Core.Last
		}
		if sc.beyond > 0 {
			part.Last = last
		}
		yield(part)
	}
}
