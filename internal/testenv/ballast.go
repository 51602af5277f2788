package testenv

// ballast is memory that nobody touches, so that it takes none of the machine's. The garbage
// collector counts it, and waits until as much again has been allocated: it would otherwise
// run hundreds of times a second while the heap is small, which takes up to half of the
// processor time of a test.
//
//lint:ignore U1000 to be there is all that it does
var ballast = make([]byte, 64<<20)
