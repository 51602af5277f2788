package simd

import "encoding/binary"

// ReadBandwidthProbe reads b once, front to back, as fast as this machine
// does with one thread and does next to nothing with it: the ceiling for any
// kernel over the same memory, to be printed beside what kernels reach. The
// result, the exclusive or of all little-endian words of 8 bytes, the last
// filled up with zeros, is there so that every byte has to be read. It uses
// the level that reads fastest here.
func ReadBandwidthProbe(b []byte) uint64 { return readAll(readLevel, b) }

// readLevel is the highest level that this machine can run, but for one that
// reads more slowly than the one below.
var readLevel = func() Level {
	best := Generic
	for _, l := range Levels() {
		if l.Check() == nil && !(l == AVX512 && splits512()) {
			best = l
		}
	}
	return best
}()

// readAll is ReadBandwidthProbe at a level that this machine can run.
func readAll(level Level, b []byte) uint64 {
	n, x := readAssembled(level, b)
	return x ^ readGo(b[n:])
}

// readGo is readAll in portable Go.
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
