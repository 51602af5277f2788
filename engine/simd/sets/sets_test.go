package sets

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vscan/engine/simd"
	"vscan/engine/simd/simdtest"
	"vscan/internal/testenv"
)

// TestMain makes tests that draw at random do so many times, since each draw is
// small.
func TestMain(m *testing.M) {
	flag.Parse()
	testenv.Checks(testenv.Rounds(100, 100, 5000))
	os.Exit(m.Run())
}

// perLevel runs f as a subtest for each level compiled into the test.
func perLevel(t *testing.T, f func(t *testing.T, l simd.Level)) {
	t.Helper()
	simdtest.PerLevel(t, simd.Levels(), f)
}

// compared runs f as a subtest for each level that tried returns.
func compared(t *testing.T, f func(t *testing.T, l simd.Level)) {
	t.Helper()
	simdtest.PerLevel(t, tried(), f)
}

// tried returns those that this machine can run, without the slow reference unless tests
// run at full length.
func tried() []simd.Level {
	if testenv.Long() {
		return here()
	}
	return here()[1:]
}

// here returns the levels that this machine can run.
func here() []simd.Level {
	return slices.DeleteFunc(simd.Levels(), func(l simd.Level) bool { return l.Check() != nil })
}

// matchesOf returns all matches of a set, by as many calls as it takes with room for
// so many in dst. It fails the test where a call breaks the contract of Kernel.
func matchesOf(t simdtest.TB, k Kernel, sizes func(lit uint32) int, b []byte, from, to, room int, sc *Scratch) []Match {
	const behind = 64
	buf := make([]Match, room+behind)
	for i := range behind {
		buf[room+i] = Match{simdtest.Canary, simdtest.Canary}
	}
	dst := buf[:room:room]
	var out []Match
	for {
		n, next := k.Scan(dst, b, from, to, sc)
		for i, m := range buf[room:] {
			if m.Off != simdtest.Canary || m.Lit != simdtest.Canary {
				t.Fatalf("%v: stored %d slots behind dst", k.Levels(), i+1)
			}
		}
		for i, m := range dst[:n] {
			s := int(m.Off)
			if s < from || s >= to || s >= next || s+sizes(m.Lit) > len(b) || i > 0 && compareMatches(dst[i-1], m) >= 0 {
				t.Fatalf("%v: %v, number %d of a scan of %d bytes from %d to %d that got to %d", k.Levels(), m, i, len(b), from, to, next)
			}
		}
		out = append(out, dst[:n]...)
		if next >= to {
			return out
		}
		if next <= from {
			t.Fatalf("%v: from %d to %d: got to %d, no further", k.Levels(), from, to, next)
		}
		from = next
	}
}

func compareMatches(a, b Match) int {
	if a.Off != b.Off {
		return int(a.Off) - int(b.Off)
	}
	return int(a.Lit) - int(b.Lit)
}

// sizesOf returns a function that returns the length of a literal of the set.
func sizesOf(lits [][]byte) func(uint32) int {
	return func(i uint32) int { return len(lits[i]) }
}

// naive returns all matches. It uses only the standard library.
func naive(lits [][]byte, b []byte, from, to int) []Match {
	var out []Match
	for i, lit := range lits {
		for s := from; s < min(to, len(b)); s++ {
			j := bytes.Index(b[s:], lit)
			if j < 0 || s+j >= to {
				break
			}
			s += j
			out = append(out, Match{uint32(s), uint32(i)})
		}
	}
	slices.SortFunc(out, compareMatches)
	return out
}

func sameMatches(t simdtest.TB, got, want []Match, format string, args ...any) {
	if slices.Equal(got, want) {
		return
	}
	t.Helper() // walks the stack: not for each comparison
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	head := func(m []Match) []Match { return m[i:min(i+5, len(m))] }
	t.Fatalf("%s: %d matches, want %d; from number %d on %v, want %v", fmt.Sprintf(format, args...), len(got), len(want), i, head(got), head(want))
}

// byteses returns strings as slices of bytes.
func byteses(lits ...string) [][]byte {
	var out [][]byte
	for _, lit := range lits {
		out = append(out, []byte(lit))
	}
	return out
}

func mustSet(t simdtest.TB, l simd.Level, lits [][]byte) Kernel {
	t.Helper()
	k, err := New(context.Background(), l, simd.Plain(lits...))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// everyPart returns n random literals of each of several sizes, so that the set has
// all kinds of parts.
func everyPart(rng *rand.Rand, letters string, n int) [][]byte {
	var lits [][]byte
	for range n {
		for _, size := range []int{1, 2, 3, 4, 4, 5, 6, 7, 8, 9, 12, 17, 40} {
			lits = append(lits, simdtest.Letters(rng, letters, size))
		}
	}
	return lits
}

func TestLiteralsSeeds(t *testing.T) {
	zeros := strings.Repeat("\x00", 100)
	for _, c := range []struct {
		lits [][]byte
		in   string
	}{
		{byteses("a"), "banana"},
		{byteses("ana", "banana", "an", "a", "nana", "x"), "banana"},
		{byteses("abcdefg", "bcdefgh", "cdefghi", "defghij"), "abcdefghijabcdefghi"},
		{byteses("abcdefgh", "abcdefghi", "abcdefghij", "bcdefghij", "abcdefgh"), "zabcdefghijz"},
		{byteses("aaaaaaa", "aaaaaaaa", "aaaaaaaaa", "aaaaaaaaaaaaaaaa", "aaaaaaab"), strings.Repeat("a", 50) + "b"},
		{byteses(zeros[:8], zeros[:7]+"\x01", "\x01"+zeros[:7], zeros[:70]), zeros + "\x01" + zeros},
		{byteses("abcd", "bcda", "cdab", "dabc", "aaaa"), "abcdabcdabcdaaaaa"},
		{byteses("abcde", "bcdea", "cdeabc", "deabcd", "eabcd"), "abcdeabcdeabcdea"},
		{byteses("a", "b", "c", "d", "e", "f", "g", "h", "ab", "bc", "abc", "cde"), "abcdefghabch"},
		{byteses("dup", "dup", "dup", "uplicate", "duplicate", "duplicate", "duplicates", "dup"), "duplicates of duplicates"},
	} {
		want := naive(c.lits, []byte(c.in), 0, len(c.in))
		perLevel(t, func(t *testing.T, l simd.Level) {
			k := mustSet(t, l, c.lits)
			for pad := range 140 {
				b := []byte(strings.Repeat("#", pad) + c.in + strings.Repeat("#", pad))
				got := matchesOf(t, k, sizesOf(c.lits), b, 0, len(b), k.MinMatches(), nil)
				for i := range got {
					got[i].Off -= uint32(pad)
				}
				sameMatches(t, got, want, "%q in %q padded by %d", c.lits, c.in, pad)
			}
		})
	}
}

// TestLiteralsRandom compares all levels with the reference, and the reference with
// the standard library, on sets drawn at random over few letters, so that literals
// contain, overlap and repeat each other.
func TestLiteralsRandom(t *testing.T) {
	t.Parallel()
	perLevel(t, func(t *testing.T, l simd.Level) {
		sc := new(Scratch)
		testenv.Check(t, func(t *rapid.T) {
			letters := []string{"ab", "a\x00", "abc", "\x00\x01\xff", "abcdefgh"}[rapid.IntRange(0, 4).Draw(t, "letters")]
			rng := testenv.From(rapid.Uint64().Draw(t, "seed"), 1)
			b := simdtest.Letters(rng, letters, rapid.IntRange(0, 600).Draw(t, "size"))
			if len(b) > 50 && rng.IntN(2) == 0 {
				clear(b[len(b)/3 : len(b)/2])
			}
			var lits [][]byte
			longest := rapid.IntRange(1, 40).Draw(t, "longest")
			for range rapid.IntRange(1, 60).Draw(t, "count") {
				lit := simdtest.Letters(rng, letters, 1+rng.IntN(longest))
				switch from := rng.IntN(len(b) + 1); {
				case rng.IntN(2) == 0 && from < len(b): // one that is there
					lit = b[from:min(len(b), from+len(lit))]
				case len(lits) > 0 && rng.IntN(3) == 0: // part of another, or the same
					lit = lits[rng.IntN(len(lits))]
					lit = [][]byte{lit, lit[:1+rng.IntN(len(lit))], lit[rng.IntN(len(lit)):]}[rng.IntN(3)]
				}
				lits = append(lits, lit)
			}
			from := rapid.IntRange(0, len(b)).Draw(t, "from")
			to := rapid.IntRange(0, len(b)+3).Draw(t, "to")
			k := mustSet(t, l, lits)
			want := naive(lits, b, from, to)
			got := matchesOf(t, k, sizesOf(lits), b, from, to, k.MinMatches()+rng.IntN(300), sc)
			sameMatches(t, got, want, "%q in %q from %d to %d", lits, b, from, to)
		})
	})
}

// TestLiteralsLarge has long blocks, in which literals are planted, and large sets
// of all lengths.
func TestLiteralsLarge(t *testing.T) {
	const size = 300 << 10
	for _, n := range []int{1, 20, 800} {
		rng := testenv.Seeded(t, 7, uint64(n))
		var all string
		for c := range 256 {
			all += string([]byte{byte(c)})
		}
		lits := everyPart(rng, all, n)
		b := simdtest.Letters(rng, all, size)
		clear(b[size/4 : size/2])
		for range 3000 {
			copy(b[rng.IntN(size):], lits[rng.IntN(len(lits))])
		}
		lits = append(lits, lits[:len(lits)/5]...)
		want := naive(lits[:0], b, 0, 0)
		// For the largest, the standard library would take too long, a
		// literal at a time.
		byStart := map[string][]uint32{}
		for i, lit := range lits {
			byStart[string(lit)] = append(byStart[string(lit)], uint32(i))
		}
		for s := range b {
			first := len(want)
			for _, m := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 17, 40} {
				if s+m <= len(b) {
					for _, i := range byStart[string(b[s:s+m])] {
						want = append(want, Match{uint32(s), i})
					}
				}
			}
			slices.SortFunc(want[first:], compareMatches)
		}
		for _, l := range here()[1:] {
			k := mustSet(t, l, lits)
			sc := new(Scratch)
			for _, room := range []int{k.MinMatches(), 5000, 1 << 20} {
				got := matchesOf(t, k, sizesOf(lits), b, 0, len(b), room, sc)
				sameMatches(t, got, want, "%s: %d literals, room for %d", l, len(lits), room)
			}
			got := matchesOf(t, k, sizesOf(lits), b, 70001, 200003, 4096, sc)
			lo, _ := slices.BinarySearchFunc(want, Match{70001, 0}, compareMatches)
			hi, _ := slices.BinarySearchFunc(want, Match{200003, 0}, compareMatches)
			sameMatches(t, got, want[lo:hi], "%s: %d literals, a part", l, len(lits))
		}
	}
}

// TestLiteralsPlanted looks for ten thousand literals in noise that has some of
// them.
func TestLiteralsPlanted(t *testing.T) {
	rng := testenv.Seeded(t, 11, 12)
	lits := make([][]byte, 10000)
	for i := range lits {
		lits[i] = make([]byte, 8+rng.IntN(17))
		for j := range lits[i] {
			lits[i][j] = byte(rng.Uint32())
		}
	}
	b := make([]byte, 4<<20)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	var want []Match
	for at := 5; at+100 < len(b); at += 50 + rng.IntN(1000) {
		i := rng.IntN(len(lits))
		copy(b[at:], lits[i])
		want = append(want, Match{uint32(at), uint32(i)})
	}
	for _, l := range here()[1:] {
		k := mustSet(t, l, lits)
		sameMatches(t, matchesOf(t, k, sizesOf(lits), b, 0, len(b), 1000, nil), want, "%s", l)
	}
}

// TestLiteralsHostile has sets and memory that would be slow, or take too much
// memory, if nothing was done about it.
func TestLiteralsHostile(t *testing.T) {
	t.Parallel()
	rng := testenv.Seeded(t, 13, 14)
	a := func(n int) []byte { return bytes.Repeat([]byte("a"), n) }
	identical := make([][]byte, 100000)
	for i := range identical {
		identical[i] = []byte("identical")
	}
	var nested, binary, prefixed [][]byte
	for i := range 300 {
		nested = append(nested, a(i+1))
	}
	for range 20000 {
		binary = append(binary, simdtest.Letters(rng, "ab", 16))
		prefixed = append(prefixed, append([]byte("\xfacommon!"), simdtest.Letters(rng, "0123456789", 5)...))
	}
	long := [][]byte{append(a(3000), 'b'), append(append(a(500), 'b'), a(500)...), a(1000), append(append(a(80), 'c'), a(100)...), a(20), a(70)}
	prefixes := bytes.Repeat([]byte("\xfacommon!12"), testenv.Rounds(1000, 1000, 4000))
	for at := 0; at+20 < len(prefixes); at += 997 {
		copy(prefixes[at:], prefixed[at%len(prefixed)])
	}
	runs := a(20000)
	runs[7000] = 'b'
	for _, c := range []struct {
		name string
		lits [][]byte
		b    []byte
	}{
		{"identical", identical, []byte("identical identical")},
		{"nested", nested, a(testenv.Rounds(700, 700, 2000))},
		{"binary", binary, simdtest.Letters(rng, "ab", testenv.Rounds(12000, 12000, 60000))},
		{"prefix", prefixed, prefixes},
		{"long", long, runs},
		{"zeros", append(byteses("\x01\x00\x00\x00\x00\x00\x00\x00", strings.Repeat("\x00", 12), "\x00\x00\x00\x00\x00\x00\x00\x02"), prefixed...), append(make([]byte, testenv.Rounds(9000, 9000, 30000)), 2, 0, 1, 0, 0, 0, 0, 0, 0, 0)},
	} {
		var want []Match
		for _, l := range here()[1:] {
			k := mustSet(t, l, c.lits)
			got := matchesOf(t, k, sizesOf(c.lits), c.b, 0, len(c.b), k.MinMatches(), nil)
			if want == nil {
				if want = got; len(got) == 0 {
					t.Errorf("%s: no matches", c.name)
				}
				for _, m := range got {
					if !bytes.HasPrefix(c.b[m.Off:], c.lits[m.Lit]) {
						t.Fatalf("%s: literal %d is not at %d", c.name, m.Lit, m.Off)
					}
				}
				some := c.lits[:min(len(c.lits), 150)]
				var few []Match
				for _, m := range got {
					if int(m.Lit) < len(some) {
						few = append(few, m)
					}
				}
				sameMatches(t, few, naive(some, c.b, 0, len(c.b)), "%s: the first literals", c.name)
			}
			sameMatches(t, got, want, "%s: %s", c.name, l)
		}
	}
}

func TestLiteralsErrors(t *testing.T) {
	perLevel(t, func(t *testing.T, l simd.Level) {
		for name, lits := range map[string][][]byte{
			"no literals":                            {},
			"an empty literal":                       byteses("a", "", "b"),
			"a literal of more than simd.MaxLiteral": {make([]byte, simd.MaxLiteral+1)},
		} {
			if k, err := New(context.Background(), l, simd.Plain(lits...)); err == nil {
				t.Errorf("%s: made %v", name, k)
			}
		}
		k := mustSet(t, l, byteses("ab", "ab", "longer than that"))
		for name, f := range map[string]func(){
			"short dst": func() { k.Scan(make([]Match, k.MinMatches()-1), make([]byte, 9), 0, 9, nil) },
			"from < 0":  func() { k.Scan(make([]Match, k.MinMatches()), make([]byte, 9), -1, 9, nil) },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: no panic", name)
					}
				}()
				f()
			}()
		}
		for _, r := range [][2]int{{0, 0}, {5, 2}, {9, 9}, {9, 100}, {100, 200}, {0, -3}} {
			if n, next := k.Scan(make([]Match, k.MinMatches()), make([]byte, 9), r[0], r[1], nil); n != 0 || next < r[1] {
				t.Errorf("from %d to %d: %d matches, got to %d", r[0], r[1], n, next)
			}
		}
		if n, next := k.Scan(make([]Match, k.MinMatches()), nil, 0, 5, nil); n != 0 || next < 5 {
			t.Errorf("in nothing: %d matches, got to %d", n, next)
		}
	})
	for l := simd.AVX2; l <= simd.NEON+1; l++ {
		if err := l.Check(); err != nil {
			if k, got := New(context.Background(), l, simd.Plain(byteses("x")...)); k != nil || got == nil || got.Error() != err.Error() {
				t.Errorf("New(context.Background(), %s) = %v, %v, want the error %v", l, k, got, err)
			}
		}
	}
}

// TestLiteralsMasked looks for masked literals among others: with any mask, the same
// bytes under different masks, bytes that differ only in bits that do not count, and
// literals without a byte of which all bits count.
func TestLiteralsMasked(t *testing.T) {
	t.Parallel()
	rng := testenv.Seeded(t, 7, 7)
	for _, letters := range []string{"ab", "abAB\x00", "\x00\x00\x00\x01", "abcdefghijklmnopABCDEFGHIJKLMNOP"} {
		for range testenv.Rounds(2, 3, 20) {
			var lits []simd.Lit
			for range 1 + rng.IntN([]int{60, 60, 500}[rng.IntN(3)]) {
				lits = append(lits, randomLit(rng, letters))
			}
			b := simdtest.Letters(rng, letters, 1+rng.IntN(3000))
			want := naiveMasked(lits, b)
			sizes := func(i uint32) int { return len(lits[i].Bytes) }
			for _, l := range tried() {
				k, err := New(context.Background(), l, lits)
				if err != nil {
					t.Fatal(err)
				}
				for _, room := range []int{k.MinMatches(), 5000} {
					sameMatches(t, matchesOf(t, k, sizes, b, 0, len(b), room, nil), want, "%s: %d literals of %q", l, len(lits), letters)
				}
			}
		}
	}
}

// randomLit returns a literal of the letters, masked in one of the ways in which
// users do it.
func randomLit(rng *rand.Rand, letters string) simd.Lit {
	lit := simd.Lit{Bytes: simdtest.Letters(rng, letters, 1+rng.IntN(1+rng.IntN(30)))}
	way := rng.IntN(6)
	if way == 0 {
		return lit
	}
	lit.Mask = bytes.Repeat([]byte{0xff}, len(lit.Bytes))
	for i := range lit.Mask {
		switch {
		case way == 1: // text without regard to case
			lit.Mask[i] = 0xdf
		case way == 2 && rng.IntN(3) == 0: // wildcards
			lit.Mask[i] = 0
		case way == 3: // nibbles
			lit.Mask[i] = [3]byte{0xff, 0xf0, 0x0f}[rng.IntN(3)]
		case way == 4: // any bits
			lit.Mask[i] = byte(rng.Uint32())
		}
	}
	lit.Mask[rng.IntN(len(lit.Mask))] |= 1
	return lit
}

// naiveMasked does what naive does, for literals with masks.
func naiveMasked(lits []simd.Lit, b []byte) []Match {
	var out []Match
	for s := range b {
	next:
		for i, lit := range lits {
			if len(lit.Bytes) > len(b)-s {
				continue
			}
			for j, c := range lit.Bytes {
				m := byte(0xff)
				if lit.Mask != nil {
					m = lit.Mask[j]
				}
				if b[s+j]&m != c&m {
					continue next
				}
			}
			out = append(out, Match{uint32(s), uint32(i)})
		}
	}
	return out
}

// MinMatches is the most matches that one offset can have, but at least simd.MinDst.
func TestMinMatches(t *testing.T) {
	var lits [][]byte
	for i := range 200 {
		lits = append(lits, bytes.Repeat([]byte("a"), 1+i/2), []byte{'b', byte(i)})
	}
	perLevel(t, func(t *testing.T, l simd.Level) {
		if got := mustSet(t, l, lits).MinMatches(); got != 200 {
			t.Errorf("MinMatches() = %d, want 200", got)
		}
		if got := mustSet(t, l, lits[:9]).MinMatches(); got != simd.MinDst {
			t.Errorf("MinMatches() of few = %d, want %d", got, simd.MinDst)
		}
	})
}

// The levels of a set ascend, and none is above the one that was asked for.
func TestLiteralsLevels(t *testing.T) {
	lits := everyPart(testenv.Seeded(t, 1, 1), "abcdefghijklmnop", 20)
	perLevel(t, func(t *testing.T, l simd.Level) {
		for _, set := range [][][]byte{lits, lits[:1], byteses("abcdefgh", "bcdefghi", "cdefghij", "defghijk", "efghijkl")} {
			levels := mustSet(t, l, set).Levels()
			if len(levels) == 0 || slices.Max(levels) > l || l > simd.Reference && slices.Min(levels) < simd.Generic || !slices.IsSorted(levels) {
				t.Errorf("%d literals at %s: levels %v", len(set), l, levels)
			}
		}
	})
}

// A kernel does not depend on the slices that it was made of.
func TestLiteralsCopies(t *testing.T) {
	perLevel(t, func(t *testing.T, l simd.Level) {
		lits := byteses("abcdefg", "hijklmno", "pqrstuvwxyz", "0123456789", "abc")
		k := mustSet(t, l, lits)
		clear(lits[0])
		lits[1] = nil
		got := matchesOf(t, k, func(uint32) int { return 3 }, []byte("abcdefghijklmno"), 0, 15, simd.MinDst, nil)
		sameMatches(t, got, []Match{{0, 0}, {0, 4}, {7, 1}}, "literals changed afterwards")
	})
}

// A scan with a Scratch that has been used before allocates nothing on the heap.
func TestLiteralsAllocs(t *testing.T) {
	rng := testenv.Seeded(t, 1, 2)
	lits := everyPart(rng, "abcdefghijklmnop", 20)
	b := simdtest.Letters(rng, "abcdefghijklmnopqrs", 10000)
	dst := make([]Match, 4096)
	for _, l := range here()[1:] {
		k := mustSet(t, l, lits)
		sc := new(Scratch)
		if allocs := testing.AllocsPerRun(10, func() {
			for from := 0; from < len(b); {
				_, from = k.Scan(dst, b, from, len(b), sc)
			}
		}); allocs > 0 {
			t.Errorf("%s: %v allocations", l, allocs)
		}
	}
}

func FuzzLiterals(f *testing.F) {
	testenv.LargeInputs(f)
	for level := range uint(len(here())) {
		f.Add([]byte("abcdefgh,abcdefg,bcdefgh,ab,abc,abcd,,abcde,a,b,c,d"), []byte("abcdefghabcdefghi"), uint(0), uint(100), 50*level+3)
		f.Add([]byte("abcdefgh,bcdefghi,efghabcd,fghab,hab,ab"), []byte("abcdefghabcdefghi"), uint(0), uint(3000), 50*level+40)
		f.Add([]byte("a,b,d,f,h,e,i,hi,gh"), []byte("abcdefghabcdefghi"), uint(0), uint(3000), 50*level+12)
		f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00,\x00\x00\x00\x00\x00\x00\x00,\x00\x01\x00,\x00"), make([]byte, 30), uint(1), uint(20), 50*level+9)
	}
	f.Fuzz(func(t *testing.T, text, b []byte, from, to, times uint) {
		lits := slices.DeleteFunc(bytes.Split(text, []byte(",")), func(lit []byte) bool { return len(lit) == 0 })
		if len(lits) == 0 || len(lits) > 200 {
			return
		}
		// One level a run, and few literals in long blocks or many in short ones: all levels,
		// and matches of all literals at all places, are a hundred times slower.
		l := here()[int(times/50)%len(here())]
		b = bytes.Repeat(b, int(times%50))
		b = b[:min(len(b), 1<<12, 1<<14/len(lits))]
		lo, hi := int(from%(1<<13)), int(to%(1<<13))
		want := naive(lits, b, lo, hi)
		k := mustSet(t, l, lits)
		sameMatches(t, matchesOf(t, k, sizesOf(lits), b, lo, hi, k.MinMatches(), nil), want, "%s: %q in %q from %d to %d", l, lits, b, lo, hi)
	})
}

// Literals in which case counts are looked for together with those in which it does
// not, and found only where they stand.
func TestFoldTogether(t *testing.T) {
	rng := testenv.Seeded(t, 51, 52)
	const letters = "aAbB@`\x00 zZ{["
	var lits []simd.Lit
	for i := range 400 {
		b := simdtest.Letters(rng, letters, 8+rng.IntN(9))
		if copy(b[rng.IntN(4):], "\x01\x02\x03\x04"); i%3 > 0 {
			lits = append(lits, simd.Lit{Bytes: b})
			continue
		}
		m := bytes.Repeat([]byte{0xff}, len(b))
		for i, c := range b {
			if c|0x20 >= 'a' && c|0x20 <= 'z' {
				b[i], m[i] = c&0xdf, 0xdf
			}
		}
		lits = append(lits, simd.Lit{Bytes: b, Mask: m})
	}
	b := simdtest.Letters(rng, letters, 3*maxStretch)
	for at := 0; at+20 < len(b); at += rng.IntN(100) {
		for i, c := range lits[rng.IntN(len(lits))].Bytes {
			if b[at+i] = c; rng.IntN(20) == 0 {
				b[at+i] ^= 0x20
			}
		}
	}
	var want []Match
	for i := range b {
		for k, l := range lits {
			if l.StandsAt(b[i:]) {
				want = append(want, Match{uint32(i), uint32(k)})
			}
		}
	}
	sizes := func(i uint32) int { return len(lits[i].Bytes) }
	perLevel(t, func(t *testing.T, l simd.Level) {
		if l == simd.Reference {
			return // as slow as what it is compared with
		}
		k, err := New(context.Background(), l, lits)
		if err != nil {
			t.Fatal(err)
		}
		if parts := k.(*setKernel).parts; len(parts) != 1 {
			t.Errorf("%d parts, want one", len(parts))
		}
		sameMatches(t, matchesOf(t, k, sizes, b, 0, len(b), k.MinMatches()+1000, nil), want, "%d bytes", len(b))
	})
}

// Literals that have their excerpt in common with many others are found, here some
// that were moved to another kind because of zeros.
func TestCrowdOfMovedLiterals(t *testing.T) {
	rng := testenv.Seeded(t, 61, 62)
	lits := byteses("\x00\x00\x00\x00\x00\x00\x00", "\xcc\xff\x00\x00\xcc", "\x8d\x9e\x00\x00\x00")
	for range 2 * maxTeddy { // too many for Teddy
		lits = append(lits, simdtest.Letters(rng, everyByte, 20))
	}
	for _, c := range "\x01\x02\x03\x05\x30\x31\x7f" {
		lits = append(lits, []byte("\x8d\x9e\x00\x00\x00"+string(c)), []byte("\x8d\x9e\x00\x00\x00\x00"+string(c)))
	}
	lits = append(lits, []byte("\x8d\x9e\x00\x00\x00\xcc"), []byte("\x8d\x9e\x00\x00\x00\xff"))
	var b []byte
	for _, lit := range lits {
		b = append(append(b, lit...), simdtest.Letters(rng, everyByte, rng.IntN(9))...)
	}
	want := naive(lits, b, 0, len(b))
	perLevel(t, func(t *testing.T, l simd.Level) {
		k := mustSet(t, l, lits)
		if s, ok := k.(*setKernel); ok && !slices.ContainsFunc(s.parts, func(p setPart) bool {
			g, ok := p.(*gramPart)
			return ok && g.stride == 2 && len(g.crowds) > 0 && !slices.IsSorted(g.lits)
		}) {
			t.Error("no crowd of moved literals")
		}
		sameMatches(t, matchesOf(t, k, sizesOf(lits), b, 0, len(b), k.MinMatches(), nil), want, "%s", l)
	})
}

// Literals in either case around zeros are found, and so are many that differ only
// behind the part that is looked up.
func TestFoldedZerosAndCrowds(t *testing.T) {
	rng := testenv.Seeded(t, 63, 64)
	folded := func(text string) simd.Lit {
		l := simd.Lit{Bytes: []byte(text), Mask: bytes.Repeat([]byte{0xff}, len(text))}
		for i, c := range l.Bytes {
			if 'A' <= c && c <= 'Z' {
				l.Mask[i] = 0xdf
			}
		}
		return l
	}
	var zeros, crowd []simd.Lit
	for range 2 * maxTeddy {
		zeros = append(zeros, folded(string(simdtest.Letters(rng, "ABCDEF@[", 1+rng.IntN(3)))+strings.Repeat("\x00", 6+rng.IntN(3))+string(simdtest.Letters(rng, "GHIJKL@[", 1+rng.IntN(3)))))
		crowd = append(crowd, folded(string(simdtest.Letters(rng, "ABCDEFGHIJKLM", 20))))
	}
	for i := range 3 * maxList {
		l := folded("COMMON TEXT??")
		l.Bytes[11], l.Mask[11] = byte(i)<<4, 0xf0
		l.Bytes[12], l.Mask[12] = byte(i), 0x1f
		crowd = append(crowd, l)
	}
	for _, lits := range [][]simd.Lit{zeros, crowd} {
		var b []byte
		for _, lit := range lits {
			for i, m := range lit.Mask {
				b = append(b, lit.Bytes[i]&m|byte(rng.Uint32())&^m)
			}
			b = append(b, simdtest.Letters(rng, everyByte, rng.IntN(9))...)
			b = append(b, make([]byte, rng.IntN(9))...)
		}
		want := naiveMasked(lits, b)
		sizes := func(i uint32) int { return len(lits[i].Bytes) }
		perLevel(t, func(t *testing.T, l simd.Level) {
			k, err := New(context.Background(), l, lits)
			if err != nil {
				t.Fatal(err)
			}
			if s, ok := k.(*setKernel); ok && !slices.ContainsFunc(s.parts, func(p setPart) bool {
				g, ok := p.(*gramPart)
				return ok && g.Fold != 0 && (g.Zeros == simd.ZerosEdge || len(g.crowds) > 0)
			}) {
				t.Error("no part without regard to case that has zeros or a crowd")
			}
			sameMatches(t, matchesOf(t, k, sizes, b, 0, len(b), k.MinMatches(), nil), want, "%s: %q and others", l, lits[0].Bytes)
		})
	}
}
