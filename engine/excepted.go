package engine

import "vscan/engine/addr"

// Matches that an exception of their pattern drops (see patterns.Pattern.Except)
// leave a worker as hits of a needle of their own: only the order of delivery tells
// what they overlap, and they take part in that as others do. Then they are taken
// out and counted, before anybody sees a batch.

// exceptedHit is a match that was taken out, in front of hit before of the batch.
type exceptedHit struct{ pattern, before int }

// dropExcepted takes out the matches that exceptions drop.
func (b *Batch) dropExcepted() {
	if !b.sc.excepts {
		return
	}
	kept := 0
	b.filter(func(n *needle, _ addr.Addr, _ int) bool {
		if n.excepted {
			b.excepted = append(b.excepted, exceptedHit{n.hit.Pattern, kept})
			return false
		}
		kept++
		return true
	})
}

// countExcepted adds to stats what was taken out: where more hits are wanted all of
// it, else what lies in front of the last of the n hits that were taken.
func (b *Batch) countExcepted(stats *Stats, more bool, n uint64) {
	for _, x := range b.excepted {
		if !more && uint64(x.before) >= n {
			return
		}
		if stats.Excepted == nil {
			stats.Excepted = make([]uint64, len(b.sc.set.Patterns()))
		}
		stats.Excepted[x.pattern]++
	}
}
