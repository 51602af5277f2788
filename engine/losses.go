package engine

import (
	"vscan/engine/addr"
	"vscan/engine/shard"
)

// losses are the bytes that a worker could not read. Where a source shrinks while it
// is searched, bytes that were seen past its present end are lost, and hits there
// are dropped.
type losses struct {
	plan *plan
	gone []addr.Range // the losses of all shards that have ended

	// These are of the shard in hand.
	unreadable []addr.Range
	seen       map[int32]uint64 // by source: the offset up to which it was looked at, exclusive
	lost       bool             // a source has shrunk, so its bytes past the end cannot be trusted
}

// saw notes that the shard has looked at part of piece i.
func (l *losses) saw(i int, part addr.Range) {
	p := &l.plan.pieces[i]
	if end := p.off + uint64(part.Last-p.First) + 1; end > l.seen[p.source] {
		l.seen[p.source] = end
	}
}

// recheck asks the sources that the shard has looked at whether they still hold all
// that was seen, and sets lost where one does not.
func (l *losses) recheck() {
	for number, end := range l.seen {
		if l.plan.sources[number].Size() < end {
			l.lost = true
		}
	}
}

// past calls f with each part of r that lies past the present end of its source, and
// reports whether there was one. A piece must hold r.First.
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

// lose notes that r could not be read.
func (l *losses) lose(r addr.Range) { l.unreadable = append(l.unreadable, r) }

// endShard notes what was lost of the shard, of which spans have been looked at, and
// forgets the shard.
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
