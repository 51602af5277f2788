// Package memlimit tells how much memory the system lets this process take: that of the
// machine, the limit on its address space (ulimit -v), and the limits of the groups of
// processes that a container puts it in. It is for the packages of this module.
package memlimit

import "math"

// None stands for no limit, or for one that is not known.
const None = math.MaxUint64

// Limit is how much memory may be taken, and what says so.
type Limit struct {
	Left uint64 // in bytes, besides what the process has already; None: there is no limit
	Of   uint64 // in bytes, in all
	What string // what sets the limit, in words
}
