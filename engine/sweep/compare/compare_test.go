package compare

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/sweep/lines"
	"vscan/engine/sweep/lines/linestest"
	"vscan/engine/sweep/state"
	"vscan/internal/testenv"
)

// told keeps what a comparison tells, a line each.
type told []string

func (t *told) Change(c *Change) error {
	*t = append(*t, fmt.Sprintf("%s %s %s %v %v %d %s", c.Kind, c.Image, c.Pattern, c.A, c.B, c.Len, c.Bytes))
	return nil
}

func (t *told) Image(i *Image) error {
	line := i.Name()
	switch {
	case i.A == nil:
		line += " only in B"
	case i.B == nil:
		line += " only in A"
	case !i.Compared:
		line += " " + i.A.State + " " + i.B.State
	}
	for _, p := range i.Patterns {
		line += fmt.Sprintf(" %s=%d+%d-%d~%d", p.Pattern, p.Same, p.New, p.Gone, p.Moved)
		if p.Limited {
			line += "!"
		}
	}
	if i.Compared && i.MovedUnknown {
		line += " moved unknown"
	}
	*t = append(*t, line)
	return nil
}

// compared compares two sweeps.
func compared(t *testing.T, a, b *linestest.Sweep, o Options) (told, *Summary) {
	t.Helper()
	var all told
	sum, err := Compare(t.Context(), a, b, o, &all)
	if err != nil {
		t.Fatal(err)
	}
	return all, sum
}

// is checks what was told.
func is(t *testing.T, got told, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func hits(image string, specs ...string) (all []string) {
	for _, s := range specs {
		var at addr.Addr
		var pattern, bytes string
		fmt.Sscanf(s, "%v %s %s", (*uint64)(&at), &pattern, &bytes)
		all = append(all, linestest.Hit(image, at, pattern, bytes))
	}
	return all
}

// A hit is the same, new, gone or moved, and is paired with one other at most.
func TestKinds(t *testing.T) {
	a, b := linestest.New("p", "q"), linestest.New("q", "p")
	a.Add("i", hits("i", "1 p x", "1 q x", "3 p y", "4 p y", "5 p z", "18446744073709551615 p x")...)
	b.Add("i", hits("i", "1 q x", "1 p x", "2 p x", "6 p y", "7 q z", "18446744073709551615 p x")...)
	got, sum := compared(t, a, b, Options{List: true})
	is(t, got,
		"new i p 0x0 0x2 1 78", "moved i p 0x3 0x6 1 79", "gone i p 0x4 0x0 1 79", "gone i p 0x5 0x0 1 7a", "new i q 0x0 0x7 1 7a",
		"i p=2+1-2~1 q=1+1-0~0")
	if sum.Same() || !sum.Whole || sum.Total.Same != 3 || sum.Total.Moved != 1 {
		t.Errorf("%+v", sum)
	}
	got, sum = compared(t, a, a, Options{List: true})
	is(t, got, "i p=5+0-0~0 q=1+0-0~0")
	if !sum.Same() || !sum.Whole {
		t.Errorf("%+v", sum)
	}
}

// Images are matched whatever their order is, and those that only one sweep has are told.
func TestImages(t *testing.T) {
	a, b := linestest.New("p"), linestest.New("p")
	for _, arg := range []string{"x/1", "x/2", "x/3", "x/twice", "x/twice"} {
		a.Add(arg, hits(arg, "1 p x")...)
	}
	a.AddState("x/note", state.Skipped, "no image")
	for _, arg := range []string{"x/1", "x/twice", "x/4", "x/3", "x/twice", "x/twice"} {
		b.Add(arg, hits(arg, "1 p x")...)
	}
	got, sum := compared(t, a, b, Options{})
	is(t, got, "x/1 p=1+0-0~0", "x/2 only in A", "x/3 p=1+0-0~0", "x/twice p=1+0-0~0", "x/twice p=1+0-0~0", "x/4 only in B", "x/twice only in B")
	if sum.OnlyA != 1 || sum.OnlyB != 2 || sum.Images != 4 || sum.Same() {
		t.Errorf("%+v", sum)
	}
}

// By name, folders do not matter, and two images of one name are refused.
func TestByName(t *testing.T) {
	a, b := linestest.New("p"), linestest.New("p")
	a.Add("monday/1")
	b.Add("friday/1", hits("friday/1", "1 p x")...)
	got, _ := compared(t, a, b, Options{ByName: true})
	is(t, got, "monday/1 p=0+1-0~0")
	b.Add("saturday/1")
	if _, err := Compare(t.Context(), a, b, Options{ByName: true}, &told{}); err == nil || !strings.Contains(err.Error(), "friday/1 and saturday/1") {
		t.Error(err)
	}
}

// What is not whole is told.
func TestNotWhole(t *testing.T) {
	for name, change := range map[string]func(s *linestest.Sweep){
		"not ended": func(s *linestest.Sweep) { s.Asked.Ended = s.Asked.Began },
		"partial":   func(s *linestest.Sweep) { s.All[0].State = state.Partial },
		"failed":    func(s *linestest.Sweep) { s.All[0].State = state.Failed },
		"limited":   func(s *linestest.Sweep) { s.All[0].Patterns = []state.PatternHits{{Name: "p", Hits: 1, AtLeast: true}} },
	} {
		a, b := linestest.New("p"), linestest.New("p")
		a.Add("i", hits("i", "1 p x")...)
		b.Add("i", hits("i", "1 p x")...)
		change(b)
		for range 2 {
			if _, sum := compared(t, a, b, Options{}); sum.Whole {
				t.Errorf("%s: whole", name)
			}
			a, b = b, a
		}
	}
}

// Patterns that only one sweep has searched for are told and not compared, and options are told
// that differ.
func TestQuestions(t *testing.T) {
	a, b := linestest.New("p", "old"), linestest.New("new", "p")
	a.Asked.Options = []state.Option{{Name: "align", Value: "1"}, {Name: "m", Value: "5"}}
	b.Asked.Options = []state.Option{{Name: "align", Value: "8"}, {Name: "m", Value: "5"}, {Name: "in", Value: "rw-"}}
	a.Add("i", hits("i", "1 old x", "2 p x")...)
	b.Add("i", hits("i", "1 new x", "2 p x", "2 other x")...)
	got, sum := compared(t, a, b, Options{})
	is(t, got, "i p=1+0-0~0 other=0+1-0~0")
	if fmt.Sprint(sum.PatternsA, sum.PatternsB, sum.Options) != "[old] [new] [{align 1 8} {in  rw-}]" {
		t.Errorf("%+v", sum)
	}
}

// Where there is no memory to tell what has moved, that is said, and nothing else is lost.
func TestNoMemory(t *testing.T) {
	a, b := linestest.New("p"), linestest.New("p")
	var inA, inB []string
	for i := range 100 {
		inA = append(inA, fmt.Sprintf("%d p x%d", i, i))
		inB = append(inB, fmt.Sprintf("%d p x%d", 1000+i, i))
	}
	a.Add("i", hits("i", inA...)...)
	b.Add("i", hits("i", inB...)...)
	little := budget.New(50 * moveBytes)
	got, _ := compared(t, a, b, Options{Budget: little})
	is(t, got, "i p=0+100-100~0 moved unknown")
	if little.Taken() != 0 {
		t.Errorf("%d bytes are still taken", little.Taken())
	}
	got, _ = compared(t, a, b, Options{Budget: budget.New(200 * moveBytes)})
	is(t, got, "i p=0+0-0~100")
}

// Damaged lines are an error with their image and number, in either sweep.
func TestDamaged(t *testing.T) {
	good, bad := linestest.New("p"), linestest.New("p")
	good.Add("i")
	for _, second := range []string{"{", linestest.Hit("i", 1, "p", "x")} { // the latter is below the first one
		bad.All, bad.Text = nil, nil
		bad.Add("i", linestest.Hit("i", 2, "p", "x"), second)
		for _, pair := range [][2]*linestest.Sweep{{good, bad}, {bad, good}} {
			var wrong *lines.Error
			if _, err := Compare(t.Context(), pair[0], pair[1], Options{}, &told{}); !errors.As(err, &wrong) || wrong.Line != 2 {
				t.Error(err)
			}
		}
	}
}

// At random, counts are those of sets of hits, and the list has as many of each kind.
func TestRandom(t *testing.T) {
	rng := testenv.Rand(t)
	for range testenv.Rounds(100, 300, 20000) {
		one := func() (s *linestest.Sweep, has map[string]int) {
			s, has = linestest.New("p", "q"), map[string]int{}
			var all []string
			for at := range 12 {
				for _, pattern := range []string{"p", "q"} {
					if rng.IntN(3) == 0 {
						bytes := []string{"x", "y"}[rng.IntN(2)]
						all = append(all, fmt.Sprintf("%d %s %s", at, pattern, bytes))
						has[all[len(all)-1]]++
					}
				}
			}
			s.Add("i", hits("i", all...)...)
			return s, has
		}
		a, inA := one()
		b, inB := one()
		same, gone, new := 0, map[string]int{}, map[string]int{}
		for h := range inA {
			if inB[h] > 0 {
				same++
			} else {
				gone[h[strings.IndexByte(h, ' '):]]++
			}
		}
		for h := range inB {
			if inA[h] == 0 {
				new[h[strings.IndexByte(h, ' '):]]++
			}
		}
		moved, onlyA, onlyB := 0, 0, 0
		for alike, n := range gone {
			pairs := min(n, new[alike])
			moved, onlyA = moved+pairs, onlyA+n-pairs
		}
		for alike, n := range new {
			onlyB += n - min(n, gone[alike])
		}
		list, sum := compared(t, a, b, Options{List: true})
		got := fmt.Sprint(sum.Total.Same, sum.Total.Moved, sum.Total.Gone, sum.Total.New)
		if want := fmt.Sprint(same, moved, onlyA, onlyB); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		kinds := map[string]int{}
		for _, line := range list {
			kind, _, _ := strings.Cut(line, " ")
			kinds[kind]++
		}
		if kinds["moved"] != moved || kinds["gone"] != onlyA || kinds["new"] != onlyB {
			t.Fatalf("listed %v", kinds)
		}
	}
}
