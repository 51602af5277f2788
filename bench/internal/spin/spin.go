// Package spin tells how much of the machine several threads have at a time. What programs
// with several workers take says little on a machine whose processors others use as well.
package spin

import (
	"sync/atomic"
	"time"
)

// Ratio returns how long n threads at once take for what one takes alone, as a ratio: 1 where
// each has a processor of its own, n where they share one. Each runs a loop that touches no
// memory, for some 20 ms.
func Ratio(n int) float64 {
	one := loops(1)
	return float64(loops(n)) / float64(one)
}

// sink takes results, so that the compiler has to compute them.
var sink atomic.Uint64

// loops returns how long the loop takes on n threads at once.
func loops(n int) time.Duration {
	begin := time.Now()
	done := make(chan uint64)
	for range n {
		go func() {
			x := uint64(1)
			for range 20_000_000 {
				x = x*6364136223846793005 + 1442695040888963407
			}
			done <- x
		}()
	}
	for range n {
		sink.Add(<-done)
	}
	return time.Since(begin)
}
