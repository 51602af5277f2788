package engine

import (
	"vscan/engine/addr"
	"vscan/engine/shard"
)

// losses is what a worker could not read. A source that shrinks while it is searched
// has lost what was seen past its present end, and what was found there counts for
// nothing.
type losses struct {
	plan *plan
	gone []addr.Range // of all shards that have ended

	// Of the shard in hand:
	unreadable []addr.Range
	seen       map[int32]uint64 // by source: up to which offset it was looked at
	lost       bool             // a source has shrunk, and its bytes past the end are not to be trusted
}

// saw notes how far into a source the shard has looked.
func (l *losses) saw(i int, part addr.Range) {
	p := &l.plan.pieces[i]
	if end := p.off + uint64(part.Last-p.First) + 1; end > l.seen[p.source] {
		l.seen[p.source] = end
	}
}

// recheck asks the sources that the shard has looked at whether they still
// have all that was seen.
func (l *losses) recheck() {
	for number, end := range l.seen {
		if l.plan.sources[number].Size() < end {
			l.lost = true
		}
	}
}

// past calls f with each part of r that lies past the present end of its
// source, and says whether there was one.
func (l *losses) past(r addr.Range, f func(addr.Range)) bool {
	found := false
	for i := l.plan.pieceAt(r.First); i < len(l.plan.pieces); i++ {
		p := &l.plan.pieces[i]
		part, ok := p.Intersect(r)
		if !ok {
			break
		}
		size := l.plan.sources[p.source].Size()
		off := p.off + uint64(part.First-p.First)
		if off+uint64(part.Last-part.First) < size {
			continue
		}
		if off < size {
			part.First += addr.Addr(size - off)
		}
		found = true
		f(part)
	}
	return found
}

// lose notes that r cannot be read.
func (l *losses) lose(r addr.Range) { l.unreadable = append(l.unreadable, r) }

// endShard notes what of the shard, which is spans, was lost, and forgets the shard.
func (l *losses) endShard(spans []shard.Span) {
	if l.lost {
		for _, s := range spans {
			l.past(s.Window(), l.lose)
		}
	}
	l.gone = append(l.gone, addr.Merge(l.unreadable)...)
	l.unreadable, l.lost = l.unreadable[:0], false
	clear(l.seen)
}
