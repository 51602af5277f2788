// Package testenv is what the environment tells tests: how long they may take, and from
// which seed they draw at random. It is for tests of vscan alone.
//
// VSCAN_LONG=1 makes tests run at their full length; -short makes them short, and wins.
//
// VSCAN_SEED=N makes every test that draws at random draw what it drew when it told of N.
// VSCAN_SEED=new gives a new seed to tests that have one of their own, too. Each test draws
// numbers of its own from one seed, since its name is mixed in.
package testenv

import (
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The variables of the environment.
const (
	LongVar = "VSCAN_LONG"
	SeedVar = "VSCAN_SEED"
)

// Long tells whether tests run at their full length. Call it once flags are parsed.
func Long() bool { return os.Getenv(LongVar) != "" && !testing.Short() }

// Rounds is how often a test does something: with -short, usually, and at full length.
func Rounds(short, usual, long int) int {
	switch {
	case testing.Short():
		return short
	case Long():
		return long
	}
	return usual
}

// Some returns n of the cases of a test, drawn at random and in their order, and all of
// them where tests run at full length or one is asked for (-run TEST/CASE). It is for cases
// that take long and are alike.
func Some[T any](t testing.TB, n int, all []T) []T {
	t.Helper()
	if asked := flag.Lookup("test.run"); Long() || n >= len(all) || strings.Contains(asked.Value.String(), "/") {
		return all
	}
	drawn := Rand(t).Perm(len(all))[:n]
	slices.Sort(drawn)
	var some []T
	for _, i := range drawn {
		some = append(some, all[i])
	}
	return some
}

// Rand returns what a test draws from: from another seed each time. The test logs how to
// draw the same again.
func Rand(t testing.TB) *rand.Rand {
	t.Helper()
	seed, ok := given(t)
	if !ok {
		seed = rand.Uint64()
	}
	return fromSeed(t, seed)
}

// Seeded is Rand for a test that asks for more than any draw gives, such as that so many
// hits are found: it draws from numbers of its own unless VSCAN_SEED says otherwise.
func Seeded(t testing.TB, hi, lo uint64) *rand.Rand {
	t.Helper()
	if seed, ok := given(t); ok {
		return fromSeed(t, seed)
	}
	if os.Getenv(SeedVar) == "new" {
		return fromSeed(t, rand.Uint64())
	}
	return From(hi, lo)
}

// Fixed returns draws that are the same each time, for a test of something that was tuned on
// them and says what comes out, whatever VSCAN_SEED is.
func Fixed(hi, lo uint64) *rand.Rand { return From(hi, lo) }

// From returns draws that follow from two numbers alone. It is for numbers that were drawn
// (by a fuzz target, by rapid), and for data that have to be the same each time, such as
// those of benchmarks.
func From(hi, lo uint64) *rand.Rand { return rand.New(rand.NewPCG(hi, lo)) }

// fromSeed logs how the test is run again with the seed.
func fromSeed(t testing.TB, seed uint64) *rand.Rand {
	t.Helper()
	t.Logf("draws at random; again: %s", again(t.Name(), seed))
	return From(seed, stream(t.Name()))
}

// stream returns the number of the stream of a test's draws.
func stream(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// given returns the number that VSCAN_SEED gives. What is no number fails the test: a seed
// that is not taken would not be noticed.
func given(t testing.TB) (seed uint64, ok bool) {
	t.Helper()
	s := os.Getenv(SeedVar)
	if s == "" || s == "new" {
		return 0, false
	}
	seed, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		t.Fatalf("%s=%s: want a number or new", SeedVar, s)
	}
	return seed, true
}

// again returns the line that runs a test again, from the top folder of the module.
func again(name string, seed uint64) string {
	var env, flags string
	if testing.Short() {
		flags = " -short"
	} else if Long() {
		env = LongVar + "=1 "
	}
	levels := strings.Split(name, "/")
	for i, l := range levels {
		levels[i] = "^" + regexp.QuoteMeta(l) + "$"
	}
	return fmt.Sprintf("%s%s=%d go test -count=1%s -run '%s' %s", env, SeedVar, seed, flags, strings.Join(levels, "/"), folder())
}

// folder returns the folder of the package that is tested, as an argument of go test.
func folder() string {
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	for top := dir; ; top = filepath.Dir(top) {
		if _, err := os.Stat(filepath.Join(top, "go.mod")); err == nil {
			rel, err := filepath.Rel(top, dir)
			if err != nil {
				return "."
			}
			return "./" + filepath.ToSlash(rel)
		}
		if top == filepath.Dir(top) {
			return "." // the test has gone elsewhere
		}
	}
}
