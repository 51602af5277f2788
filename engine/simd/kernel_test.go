package simd

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// perLevel runs f as a subtest for each level compiled into the test.
func perLevel(t *testing.T, f func(t *testing.T, l Level)) {
	t.Helper()
	simdtest.PerLevel(t, asked(), f)
}

// asked returns the levels that perLevel is for.
func asked() []Level {
	if onlyLevel != Auto {
		return []Level{onlyLevel}
	}
	return Levels()
}

// compared is perLevel for what compares each level with the reference: the reference is
// compared with itself at full length alone.
func compared(t *testing.T, f func(t *testing.T, l Level)) {
	t.Helper()
	levels := asked()
	if !testenv.Long() {
		levels = slices.DeleteFunc(levels, func(l Level) bool { return l == Reference })
	}
	simdtest.PerLevel(t, levels, f)
}

// onlyLevel is the level that perLevel is for, for a test that has taken other
// kernels of this level away; Auto: all are.
var onlyLevel Level

// here returns the levels that this machine can run.
func here() []Level {
	return slices.DeleteFunc(Levels(), func(l Level) bool { return l.Check() != nil })
}

// TestMain makes tests that draw at random do so many times, since each draw
// is small.
func TestMain(m *testing.M) {
	flag.Parse()
	testenv.Checks(testenv.Rounds(100, 100, 5000))
	os.Exit(m.Run())
}

func TestRequiredLevels(t *testing.T) {
	for _, name := range strings.Split(os.Getenv(simdtest.RequiredEnv), ",") {
		if name == "" {
			continue
		}
		l, err := ParseLevel(name)
		if err == nil {
			err = l.Check()
		}
		if err != nil {
			t.Errorf("%s: %v", simdtest.RequiredEnv, err)
		}
	}
}

// between returns the hits s with from ≤ s < to.
func between(hits []uint32, from, to int) []uint32 {
	lo, _ := slices.BinarySearch(hits, uint32(max(from, 0)))
	hi, _ := slices.BinarySearch(hits, uint32(max(to, 0)))
	return hits[lo:max(lo, hi)]
}

func TestLevelNames(t *testing.T) {
	for l := Auto; l <= NEON; l++ {
		if got, err := ParseLevel(l.String()); got != l || err != nil {
			t.Errorf("ParseLevel(%q) = %v, %v", l.String(), got, err)
		}
	}
	for _, s := range []string{"", "AVX2", "avx", "level(9)", " generic"} {
		if l, err := ParseLevel(s); err == nil {
			t.Errorf("ParseLevel(%q) = %v, want an error", s, l)
		} else if !strings.Contains(err.Error(), "auto, reference, generic, avx2, avx512 or neon") {
			t.Errorf("ParseLevel(%q): %v: does not list the names", s, err)
		}
	}
	if got, want := Level(9).String(), "level(9)"; got != want {
		t.Errorf("Level(9) is %q, want %q", got, want)
	}
}

func TestFromEnv(t *testing.T) {
	for value, want := range map[string]Level{"": Auto, "auto": Auto, "generic": Generic, "avx512": AVX512} {
		t.Setenv(EnvVar, value)
		if l, err := FromEnv(); l != want || err != nil {
			t.Errorf("%s=%s: %v, %v, want %v", EnvVar, value, l, err, want)
		}
	}
	t.Setenv(EnvVar, "fast")
	if _, err := FromEnv(); err == nil || !strings.Contains(err.Error(), EnvVar) {
		t.Errorf("%s=fast: error %v, want one that names the variable", EnvVar, err)
	}
}

func TestLevels(t *testing.T) {
	levels := Levels()
	if !slices.IsSorted(levels) || !slices.Contains(levels, Reference) || !slices.Contains(levels, Generic) {
		t.Errorf("Levels() = %v", levels)
	}
	for _, l := range []Level{Auto, Reference, Generic} {
		if err := l.Check(); err != nil {
			t.Errorf("%s: %v", l, err)
		}
	}
	for l := AVX2; l <= NEON+1; l++ {
		if !slices.Contains(levels, l) && l.Check() == nil {
			t.Errorf("%s is not compiled in and yet can be run", l)
		}
	}
}

// A level that is not there is an error of every constructor, never a
// silent substitute.
func TestMissingLevel(t *testing.T) {
	for l := AVX2; l <= NEON+1; l++ {
		err := l.Check()
		if err == nil {
			continue
		}
		if k, got := NewLiteral(l, []byte("x")); k != nil || got == nil || got.Error() != err.Error() {
			t.Errorf("NewLiteral(%s) = %v, %v, want the error %v", l, k, got, err)
		}
		if k, got := NewMasked(l, []byte("x"), []byte{1}); k != nil || got == nil || got.Error() != err.Error() {
			t.Errorf("NewMasked(%s) = %v, %v, want the error %v", l, k, got, err)
		}
		if k, got := NewClass(l, setOf("xy")); k != nil || got == nil || got.Error() != err.Error() {
			t.Errorf("NewClass(%s) = %v, %v, want the error %v", l, k, got, err)
		}
		if k, got := NewWords(l, aligned(8, 1, 2)); k != nil || got == nil || got.Error() != err.Error() {
			t.Errorf("NewWords(%s) = %v, %v, want the error %v", l, k, got, err)
		}
	}
	lacking := features{fAVX2, "NONE1", "NONE2"}
	if err := lacking.check(AVX2); err == nil || !strings.HasSuffix(err.Error(), "NONE1, NONE2") && !strings.HasSuffix(err.Error(), "AVX2, NONE1, NONE2") {
		t.Errorf("features that no machine has: %v", err)
	}
}

func TestTable(t *testing.T) {
	rows := Table()
	if want := len(shapeNames) * (len(levelNames) - 1); len(rows) != want {
		t.Fatalf("%d rows, want %d", len(rows), want)
	}
	chosen := map[Shape]Level{}
	for i, r := range rows {
		if want := Level(1 + i%(len(levelNames)-1)); r.Level != want || int(r.Shape) != i/(len(levelNames)-1) {
			t.Errorf("row %d is %s, %s", i, r.Shape, r.Level)
		}
		if r.Level <= Generic && (!r.Compiled || r.Err != nil) {
			t.Errorf("%s, %s: %+v", r.Shape, r.Level, r)
		}
		if !r.Compiled && r.Err == nil {
			t.Errorf("%s, %s: not compiled in, and nothing said about it", r.Shape, r.Level)
		}
		if r.Auto {
			if _, twice := chosen[r.Shape]; twice || r.Err != nil {
				t.Errorf("%s, %s: %+v", r.Shape, r.Level, r)
			}
			chosen[r.Shape] = r.Level
		}
	}
	lit, err := NewLiteral(Auto, []byte("literal"))
	if err != nil || lit.Level() != chosen[Literal] {
		t.Errorf("NewLiteral(auto) is %v, %v; the table says %s", lit.Level(), err, chosen[Literal])
	}
	num, err := NewWords(Auto, aligned(8, 1, 2))
	if err != nil || num.Level() != chosen[Words] {
		t.Errorf("NewWords(auto) is %v, %v; the table says %s", num.Level(), err, chosen[Words])
	}
}

// Where a shape has no kernel of a level, the kernel is of the next lower
// level of the shape, and says so.
func TestNextLower(t *testing.T) {
	for _, l := range here() {
		k, err := NewWords(l, WordSpec{Size: 2, Stride: 3, Ranges: []WordRange{{1, 2}, {4, 5}}})
		if err != nil {
			t.Fatal(err)
		}
		if want := min(l, Generic); k.Level() != want {
			t.Errorf("words every 3 bytes at %s: a kernel of level %s, want %s", l, k.Level(), want)
		}
	}
}

// The mistakes of a caller are found at every level alike.
func TestMisuse(t *testing.T) {
	perLevel(t, func(t *testing.T, l Level) {
		lit, err := NewLiteral(l, []byte("ab"))
		if err != nil {
			t.Fatal(err)
		}
		num, err := NewWords(l, aligned(4, 1, 2))
		if err != nil {
			t.Fatal(err)
		}
		masked, err := NewMasked(l, []byte("ab"), []byte{0xff, 0xf0})
		if err != nil {
			t.Fatal(err)
		}
		class, err := NewClass(l, setOf("ab"))
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []Kernel{lit, num, masked, class} {
			for name, f := range map[string]func(){
				"short dst": func() { k.Scan(make([]uint32, MinDst-1), make([]byte, 9), 0, 9) },
				"from < 0":  func() { k.Scan(make([]uint32, MinDst), make([]byte, 9), -1, 9) },
			} {
				func() {
					defer func() {
						if recover() == nil {
							t.Errorf("%s, %s: no panic", k.Shape(), name)
						}
					}()
					f()
				}()
			}
			// These are no mistakes: there is nothing to look at.
			for _, r := range [][2]int{{0, 0}, {5, 2}, {9, 9}, {9, 100}, {100, 200}, {0, -3}} {
				if n, next := k.Scan(make([]uint32, MinDst), make([]byte, 9), r[0], r[1]); n != 0 || next < r[1] {
					t.Errorf("%s from %d to %d: %d hits, got to %d", k.Shape(), r[0], r[1], n, next)
				}
			}
			if n, next := k.Scan(make([]uint32, MinDst), nil, 0, 5); n != 0 || next < 5 {
				t.Errorf("%s in nothing: %d hits, got to %d", k.Shape(), n, next)
			}
		}
	})
}
