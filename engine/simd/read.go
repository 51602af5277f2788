package simd

import "encoding/binary"

// ReadBandwidthProbe reads b once, front to back, as fast as this machine
// does with one thread, at the level that reads fastest here. Since it does
// next to nothing with the bytes, its rate is the ceiling for any kernel over
// the same memory, and is printed beside what kernels reach. It returns the
// exclusive or of all little-endian words of 8 bytes, the last filled up with
// zeros, so that every byte has to be read.
func ReadBandwidthProbe(b []byte) uint64 { return readAll(readLevel, b) }

// readLevel is the highest level that this machine can run; AVX512 is left
// out where it reads more slowly than AVX2.
var readLevel = func() Level {
	best := Generic
	for _, l := range Levels() {
		if l.Check() == nil && !(l == AVX512 && splits512()) {
			best = l
		}
	}
	return best
}()

// readAll does what ReadBandwidthProbe does, at a level that this machine
// must be able to run.
func readAll(level Level, b []byte) uint64 {
	n, x := readAssembled(level, b)
	return x ^ readGo(b[n:])
}

// readGo does what readAll does, in portable Go.
func readGo(b []byte) uint64 {
	var x0, x1, x2, x3 uint64
	for len(b) >= 32 {
		x0 ^= binary.LittleEndian.Uint64(b)
		x1 ^= binary.LittleEndian.Uint64(b[8:])
		x2 ^= binary.LittleEndian.Uint64(b[16:])
		x3 ^= binary.LittleEndian.Uint64(b[24:])
		b = b[32:]
	}
	for i, c := range b {
		x0 ^= uint64(c) << (8 * (i % 8))
	}
	return x0 ^ x1 ^ x2 ^ x3
}
