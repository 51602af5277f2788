//go:build !linux

package memlimit

// Machine returns None: here it is not known how much memory the machine has.
func Machine() uint64 { return None }

// AddressSpace returns no limit: here it is not known.
func AddressSpace() Limit { return Limit{Left: None, Of: None} }

// Groups returns no limit: there are no such groups.
func Groups() Limit { return Limit{Left: None, Of: None} }

// Held returns 0: here it is not known how much memory the process holds.
func Held() uint64 { return 0 }

// Threads returns 0: here it is not known how many threads the process has.
func Threads() int { return 0 }
