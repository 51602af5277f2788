package simd

import (
	"fmt"
	"slices"
	"testing"

	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// windowsOf returns a set of n random windows, which begin with up to 8 of the letters.
func windowsOf(level Level, letters string, n, stride, size int, fold uint64) Windows {
	rnd := testenv.From(41, 42)
	w := NewWindows(level, n, stride, size, fold)
	for range n {
		w.Add(w.Key(w.At(append(simdtest.Letters(rnd, letters, rnd.IntN(9)), "\x01\x02\x03\x04\x05\x06\x07\x08"...), 0)))
	}
	return w
}

// lookNaive does what Look does, one position at a time.
func lookNaive(w *Windows, b []byte, cand []uint32) []uint32 {
	var out []uint32
	for _, t := range cand {
		for j := w.Stride - 1; j >= 0; j-- {
			if s := int(t) - j; s >= 0 && w.Has(w.Key(w.At(b, s))) {
				out = append(out, uint32(s))
			}
		}
	}
	return out
}

// compareLook compares Look with lookNaive for candidates at every stride from each of the first
// positions on, and for some of them.
func compareLook(t *testing.T, w *Windows, b []byte) {
	t.Helper()
	rnd := testenv.From(43, uint64(len(b)))
	for from := range min(w.Stride, len(b)) {
		for _, few := range []bool{false, true} {
			var cand []uint32
			for at := from; at < len(b); at += w.Stride {
				if !few || rnd.IntN(3) == 0 {
					cand = append(cand, uint32(at))
				}
			}
			dst := make([]uint32, w.Stride*len(cand)+LookRoom+8)
			behind := dst[len(dst)-8:]
			for i := range behind {
				behind[i] = simdtest.Canary
			}
			n := w.Look(dst[:len(dst)-8], b, cand)
			simdtest.Same(t, dst[:n], lookNaive(w, b, cand), "stride %d, mask %#x, fold %#x, %d bytes from %d", w.Stride, w.Mask, w.Fold, len(b), from)
			if slices.ContainsFunc(behind, func(s uint32) bool { return s != simdtest.Canary }) {
				t.Fatalf("stride %d, %d bytes: wrote behind dst", w.Stride, len(b))
			}
		}
	}
}

// eachWindows calls f as a subtest for each level and each form of a set.
func eachWindows(t *testing.T, f func(t *testing.T, w *Windows)) {
	perLevel(t, func(t *testing.T, l Level) {
		for _, stride := range []int{1, 2, 4} {
			for size := 4; size <= WindowSize; size++ {
				for _, fold := range []uint64{0, 0x2020202020202020} {
					w := windowsOf(l, "abAB\x00", 300, stride, size, fold)
					t.Run(fmt.Sprintf("stride=%d/size=%d/fold=%#x", stride, size, fold), func(t *testing.T) { f(t, &w) })
				}
			}
		}
	})
}

// All levels find the windows that have been added, and the same others.
func TestWindows(t *testing.T) {
	rnd := testenv.Seeded(t, 45, 46)
	b := simdtest.Letters(rnd, "abAB\x00", 40_000)
	for at := 0; at+8 < len(b); at += rnd.IntN(50) {
		copy(b[at:], "\x01\x02\x03\x04\x05\x06\x07\x08")
	}
	eachWindows(t, func(t *testing.T, w *Windows) {
		for n := 0; n < 130; n++ {
			compareLook(t, w, b[:n])
		}
		compareLook(t, w, b)
	})
}

// A set lets through few windows that have not been added.
func TestWindowsTell(t *testing.T) {
	rnd := testenv.Seeded(t, 49, 50)
	for _, n := range []int{10, 1000, 100_000} {
		w := NewWindows(Reference, n, 4, 8, 0)
		for range n {
			w.Add(w.Key(rnd.Uint64()))
		}
		through := 0
		for range 10_000 {
			if w.Has(w.Key(rnd.Uint64())) {
				through++
			}
		}
		if through > 600 { // one in 64 is expected; of many, one in 20
			t.Errorf("%d windows: %d of 10,000 others are let through", n, through)
		}
	}
}
