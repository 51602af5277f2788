package testenv

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// draws are the first of what a test draws.
func draws(r *rand.Rand) (all []uint64) {
	for range 4 {
		all = append(all, r.Uint64())
	}
	return all
}

func TestSeedIsTaken(t *testing.T) {
	t.Setenv(SeedVar, "")
	if slices.Equal(draws(Rand(t)), draws(Rand(t))) {
		t.Error("without a seed, a test draws the same twice")
	}
	if own := draws(Seeded(t, 3, 4)); !slices.Equal(own, draws(From(3, 4))) || slices.Equal(own, draws(Seeded(t, 4, 3))) {
		t.Error("without a seed, a test does not draw from its own")
	}
	t.Setenv(SeedVar, "new")
	if slices.Equal(draws(Seeded(t, 3, 4)), draws(Seeded(t, 3, 4))) {
		t.Error("new is not another seed each time")
	}
	for _, s := range []string{"0", "7", "0x7f", "18446744073709551615"} {
		t.Setenv(SeedVar, s)
		a := draws(Rand(t))
		if !slices.Equal(a, draws(Rand(t))) || !slices.Equal(a, draws(Seeded(t, 3, 4))) {
			t.Errorf("%s: draws differ", s)
		}
		t.Run("other", func(t *testing.T) {
			if slices.Equal(a, draws(Rand(t))) {
				t.Errorf("%s: two tests draw the same", s)
			}
		})
	}
}

func TestSome(t *testing.T) {
	all := []int{1, 2, 3, 4, 5, 6, 7}
	t.Setenv(LongVar, "1")
	if got := Some(t, 3, all); !testing.Short() && !slices.Equal(got, all) {
		t.Errorf("at full length: %v", got)
	}
	t.Setenv(LongVar, "")
	if got := Some(t, 7, all); !slices.Equal(got, all) {
		t.Errorf("of all: %v", got)
	}
	drawn := map[int]bool{}
	for range 100 {
		got := Some(t, 3, all)
		if len(got) != 3 || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != 3 {
			t.Fatal(got)
		}
		for _, i := range got {
			drawn[i] = true
		}
	}
	if os.Getenv(SeedVar) == "" && len(drawn) < len(all) {
		t.Errorf("only some are ever drawn: %v", drawn)
	}
	run := flag.Lookup("test.run").Value
	before := run.String()
	defer run.Set(before)
	if run.Set("^TestSome$/^3$"); !slices.Equal(Some(t, 3, all), all) {
		t.Error("where one is asked for, it may be left out")
	}
}

// A test that fails tells a line, and that line makes it draw the same once more.
func TestLineToRunAgain(t *testing.T) {
	for _, c := range []string{"TestDrawn", "TestDrawn/of_own", "TestDrawn/by_rapid"} {
		first := runDrawn(t, c, os.Environ())
		line := regexp.MustCompile(`again: .*?(` + SeedVar + `=\d+) .*-run '(\S+)' (\S+)`).FindStringSubmatch(first)
		if c == "TestDrawn/by_rapid" {
			line = regexp.MustCompile(`()-run="(\S+)" -rapid\.seed=(\d+)`).FindStringSubmatch(first)
		}
		if line == nil {
			t.Fatalf("%s fails and does not tell how it is run again:\n%s", c, first)
		}
		env := append(os.Environ(), line[1])
		if c == "TestDrawn/by_rapid" {
			env[len(env)-1] = SeedVar + "=" + line[3]
		} else if line[3] != "./internal/testenv" {
			t.Errorf("%s: the package is %s", c, line[3])
		}
		if drawn := regexp.MustCompile(`drawn: .*`); drawn.FindString(first) != drawn.FindString(runDrawn(t, line[2], env)) {
			t.Errorf("%s draws anew", line[0])
		}
	}
}

// runDrawn runs tests of TestDrawn in a process of their own, where they fail.
func runDrawn(t *testing.T, run string, env []string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", run, "-rapid.nofailfile")
	cmd.Env = append(env, "VSCAN_TEST_DRAWN=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "drawn: ") {
		t.Fatalf("%s: %v\n%s", run, err, out)
	}
	return string(out)
}

func TestDrawn(t *testing.T) {
	if os.Getenv("VSCAN_TEST_DRAWN") == "" {
		t.Skip("fails; TestLineToRunAgain runs it")
	}
	t.Run("of own", func(t *testing.T) { t.Errorf("drawn: %x", draws(newSeeded(t))) })
	t.Run("by rapid", func(t *testing.T) {
		Check(t, func(t *rapid.T) { t.Fatalf("drawn: %x", rapid.Uint64().Draw(t, "x")) })
	})
	t.Errorf("drawn: %x", draws(Rand(t)))
}

// newSeeded is Seeded with a new seed unless there is one.
func newSeeded(t *testing.T) *rand.Rand {
	if os.Getenv(SeedVar) == "" {
		t.Setenv(SeedVar, "new")
	}
	return Seeded(t, 1, 2)
}

// A seed that is no number is no silent choice of another one.
func TestSeedThatIsNone(t *testing.T) {
	for _, s := range []string{"-1", "time", "1.5", "18446744073709551616", "7 "} {
		t.Setenv(SeedVar, s)
		got := recorded(func(r *recorder) { Rand(r) })
		if want := fmt.Sprintf("%s=%s: want a number or new", SeedVar, s); got != want {
			t.Errorf("%s: %q, want %q", s, got, want)
		}
	}
}

// A recorder is a test that fails in silence.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Helper() {}
func (r *recorder) Fatalf(format string, args ...any) {
	r.said = fmt.Sprintf(format, args...)
	panic(r)
}

// recorded returns what a test fails with.
func recorded(f func(r *recorder)) string {
	r := &recorder{}
	func() {
		defer func() {
			if p := recover(); p != nil && p != r {
				panic(p)
			}
		}()
		f(r)
	}()
	return r.said
}

func TestRounds(t *testing.T) {
	t.Setenv(LongVar, "")
	want := 2
	if testing.Short() {
		want = 1
	}
	if got := Rounds(1, 2, 3); got != want || Long() {
		t.Errorf("%d rounds, long: %v", got, Long())
	}
	t.Setenv(LongVar, "1")
	if want == 2 {
		want = 3
	}
	if got := Rounds(1, 2, 3); got != want || Long() == testing.Short() {
		t.Errorf("%d rounds, long: %v", got, Long())
	}
}
