// Package simdtest has what the tests of kernels and of sets of literals share.
// It does not import package simd, whose own tests use it. It is for the engine,
// and may change.
package simdtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// TB is what the functions of this package need of *testing.T or *rapid.T.
type TB interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// RequiredEnv lists levels, by name and with commas between, that this machine
// is meant to have: a test that would be skipped for lack of one fails.
const RequiredEnv = "VSCAN_TEST_LEVELS"

// Level is what they need of a simd.Level.
type Level interface {
	fmt.Stringer
	Check() error
}

// Runnable skips the test where this machine lacks the level, and fails it where
// RequiredEnv lists that level.
func Runnable(t testing.TB, l Level) {
	t.Helper()
	if err := l.Check(); err != nil {
		if slices.Contains(strings.Split(os.Getenv(RequiredEnv), ","), l.String()) {
			t.Fatalf("%s lists %s: %v", RequiredEnv, l, err)
		}
		t.Skip(err)
	}
}

// PerLevel runs f as a subtest for each of the levels.
func PerLevel[L Level](t *testing.T, levels []L, f func(t *testing.T, l L)) {
	t.Helper()
	for _, l := range levels {
		t.Run(l.String(), func(t *testing.T) {
			Runnable(t, l)
			f(t, l)
		})
	}
}

// Canary stands behind the dst of a Scan, where a kernel must not store
// anything.
const Canary = 0xdeadbeef

// Kernel is what ScanAll needs of a simd.Kernel.
type Kernel interface {
	Scan(dst []uint32, b []byte, from, to int) (n, next int)
	Len() int
}

// ScanAll returns all hits of a kernel in b that start from from up to to, by as
// many calls as it takes with room for so many in dst. It fails the test where a
// call breaks the contract of simd.Kernel.
func ScanAll(t TB, k Kernel, b []byte, from, to, room int) []uint32 {
	const behind = 64
	buf := make([]uint32, room+behind)
	for i := range behind {
		buf[room+i] = Canary
	}
	dst := buf[:room:room]
	var hits []uint32
	for {
		n, next := k.Scan(dst, b, from, to)
		for i, c := range buf[room:] {
			if c != Canary {
				t.Fatalf("%T: stored %d slots behind dst", k, i+1)
			}
		}
		for i, s := range dst[:n] {
			if int(s) < from || int(s) >= to || int(s) >= max(next, from+1) || int(s)+k.Len() > len(b) || i > 0 && s <= dst[i-1] {
				t.Fatalf("%T: a hit at %d, number %d of a scan of %d bytes from %d to %d that got to %d", k, s, i, len(b), from, to, next)
			}
		}
		hits = append(hits, dst[:n]...)
		if next >= to {
			return hits
		}
		if next <= from {
			t.Fatalf("%T: from %d to %d: got to %d, no further", k, from, to, next)
		}
		if n == 0 {
			t.Fatalf("%T: from %d to %d: stopped at %d with nothing in dst", k, from, to, next)
		}
		from = next
	}
}

// Same fails the test where got is not want.
func Same(t TB, got, want []uint32, format string, args ...any) {
	if !slices.Equal(got, want) {
		t.Helper() // walks the stack: not for each comparison
		t.Fatalf("%s: got %s, want %s", fmt.Sprintf(format, args...), show(got), show(want))
	}
}

// show returns hits as text, at most the first 20.
func show(hits []uint32) string {
	if len(hits) > 20 {
		return fmt.Sprintf("%d… (%d)", hits[:20], len(hits))
	}
	return fmt.Sprint(hits)
}

// Edges calls f with two blocks of n bytes: one that starts with the first byte
// of mem, and one that ends with the last. Where mem is from Guarded, both lie
// beside a guard page.
func Edges(mem []byte, n int, f func(b []byte)) {
	f(mem[:n:n])
	f(mem[len(mem)-n:])
}

// Letters returns n bytes, each drawn at random from letters.
func Letters(rnd *rand.Rand, letters string, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = letters[rnd.IntN(len(letters))]
	}
	return out
}
