package testenv

import (
	"flag"
	"strconv"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// Check is rapid.Check with the seed that VSCAN_SEED gives. Without one rapid tells its own
// where the test fails, as a flag of go test, and that works as well.
func Check(t *testing.T, property func(t *rapid.T)) {
	t.Helper()
	if seed, ok := given(t); ok {
		rapidSeed(seed)
		t.Logf("draws at random; again: %s", again(t.Name(), seed))
	}
	rapid.Check(t, property)
}

var seedOnce sync.Once // the seed is a global variable of rapid, and the same for all tests

// rapidSeed makes rapid draw from a seed.
func rapidSeed(seed uint64) {
	seedOnce.Do(func() {
		if f := flag.Lookup("rapid.seed"); f.Value.String() == f.DefValue {
			f.Value.Set(strconv.FormatUint(max(seed, 1), 10)) // 0 is any
		}
	})
}

// Checks makes rapid try so many draws for each property, unless a flag says how many. It is
// for TestMain, after flags are parsed.
func Checks(n int) {
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		f.Value.Set(strconv.Itoa(n))
	}
}
