package search

import (
	"vscan/engine"
	"vscan/engine/addr"
)

// readAhead reads the bytes of hits whose addresses ascend: those of a page together, since
// to ask a source for a few bytes takes longer than the bytes.
type readAhead struct {
	space *engine.Space
	from  addr.Addr
	read  []byte // the bytes from there on
}

// bytes returns the n bytes from a on, or those before the first that cannot be read.
// They stay as they are.
func (r *readAhead) bytes(a addr.Addr, n int) []byte {
	at, have := uint64(a-r.from), uint64(len(r.read))
	if a < r.from || at > have || uint64(n) > have-at {
		toEnd := engine.PageSize - int(uint64(a)%engine.PageSize)
		r.from = a
		r.read, _ = r.space.Bytes(a, max(n, toEnd))
		at = 0
	}
	end := min(at+uint64(n), uint64(len(r.read)))
	return r.read[at:end:end]
}
