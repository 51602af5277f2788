package simd

import (
	"testing"

	"vscan/internal/testenv"
)

func TestReadAll(t *testing.T) {
	b := make([]byte, 300<<10)
	rng := testenv.Seeded(t, 11, 12)
	for i := range b {
		b[i] = byte(rng.IntN(256))
	}
	perLevel(t, func(t *testing.T, l Level) {
		for _, n := range []int{0, 1, 7, 8, 31, 33, 511, 512, 513, 1600, 128 << 10, 128<<10 + 1, len(b)} {
			var want uint64
			for i, c := range b[:n] {
				want ^= uint64(c) << (8 * (i % 8))
			}
			if got := readAll(l, b[:n]); got != want {
				t.Errorf("%d bytes: %#x, want %#x", n, got, want)
			}
			if got := ReadBandwidthProbe(b[:n]); got != want {
				t.Errorf("%d bytes, at the highest level: %#x, want %#x", n, got, want)
			}
		}
	})
}
