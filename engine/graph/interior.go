package graph

import "vscan/engine/addr"

// wordReader reads a word of the image; nil: none can be read.
type wordReader func(addr.Addr) (uint64, bool)

// base reports whether a pointer into the middle of an object is one that a
// compiler makes of one to its first byte, and so counts as that. TODO
func (w wordReader) base(object addr.Range, a addr.Addr) bool { return false }
