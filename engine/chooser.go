package engine

import (
	"cmp"
	"slices"
	"time"
)

// A Chooser is a [Source] whose bytes can be had in several ways, of which now one and now
// another takes less time: a file that can be read into a buffer or mapped into memory. A
// scan asks it before a large block which way to go, goes it, and tells what that took.
// Several workers do so at a time, and each of the ways yields the same bytes.
type Chooser interface {
	Source

	// Choose returns the way to view the bytes from offset off on, and how many of them are
	// best viewed at a time: at least 1, and at most n, which is at least 1.
	Choose(off uint64, n int) (Way, int)
}

// A Way is one of the ways in which the bytes of a [Chooser] can be had. It is for one
// block: View is called once, perhaps, and Took once after it.
type Way interface {
	// Name returns what it is called in listings. Ways that are alike have the same name.
	Name() string

	// View does what Source.View does.
	View(buf []byte, off uint64, n int) ([]byte, error)

	// Took is told that n bytes have been viewed and searched, and how long both took
	// together.
	Took(n int, d time.Duration)
}

// WayStats says how much of a scan went one way.
type WayStats struct {
	Name  string
	Bytes uint64        // viewed that way; bytes that two blocks looked at count twice
	Took  time.Duration // by all workers together: to view them, and to search them
}

// SumWays returns the account of two scans, the way of most bytes first.
func SumWays(a, b []WayStats) []WayStats {
	sum := slices.Clone(a)
	for _, w := range b {
		sum = addWay(sum, w)
	}
	slices.SortFunc(sum, func(a, b WayStats) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name))
	})
	return sum
}

// addWay adds what went one way to the account of all.
func addWay(all []WayStats, w WayStats) []WayStats {
	for i := range all {
		if all[i].Name == w.Name {
			all[i].Bytes += w.Bytes
			all[i].Took += w.Took
			return all
		}
	}
	return append(all, w)
}
