//go:build purego || !amd64

package simd

// lookAssembled returns nil: there is no assembly for this machine.
func lookAssembled(Level) func(w *Windows, dst []uint32, b []byte, cand []uint32) int { return nil }
