package patterns

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vscan/internal/testenv"
)

// oneRun returns the expression of one encoding.
func oneRun(t testing.TB, e Encoding, minimal int) Expr {
	t.Helper()
	p, err := ASCIIRuns(e, minimal)
	if err != nil {
		t.Fatal(err)
	}
	set, err := Compile(context.Background(), []Pattern{p}, Target{})
	if err != nil || len(set.Exprs()) != 1 || len(set.Needles()) != 0 {
		t.Fatalf("%v: %d expressions, %d needles", err, len(set.Exprs()), len(set.Needles()))
	}
	return set.Exprs()[0]
}

// matchesIn returns the matches of an expression that begin in part of memory, by its
// Matcher and, unless plain, its Finder.
func matchesIn(e Expr, m *Memory, to int, plain bool) (all [][2]int) {
	for at := 0; at < to; at++ {
		if f, ok := e.Matcher.(Finder); ok && !plain {
			next := f.Next(m, at, to)
			if next < at || next > to {
				panic(fmt.Sprintf("Next(%d, %d) = %d", at, to, next))
			}
			if at = next; at == to {
				break
			}
		}
		if n := e.Matcher.Match(m, at); n > 0 {
			all = append(all, [2]int{at, n})
		}
	}
	return all
}

// naiveRuns returns the same, found in the obvious way.
func naiveRuns(b []byte, e Encoding, minimal int) (all [][2]int) {
	width := e.Width()
	unit := func(i int) bool {
		if i < 0 || i+width > len(b) {
			return false
		}
		c := b[i]
		if e == UTF16BE {
			c = b[i+1]
		}
		if e == UTF16LE && b[i+1] != 0 || e == UTF16BE && b[i] != 0 {
			return false
		}
		return c == '\t' || c >= 0x20 && c < 0x7f
	}
	for i := range b {
		if unit(i) && !unit(i-width) {
			n := 0
			for unit(i + n) {
				n += width
			}
			if n >= minimal*width {
				all = append(all, [2]int{i, min(n, max(MaxRun, minimal*width))})
			}
		}
	}
	return all
}

func TestRunsAgainstNaive(t *testing.T) {
	rnd := testenv.Rand(t)
	alphabets := []string{"A\x00", "A\x00\x00", "AB\t\x00", "AAAAAAAAAA\n", "AAAAAAAA\x00\x00\x00\x00\x00\x00\xff\x7f", "\x00\x00\x00\x00\x00A", "\x1f\x20\x7e\x7f\x00", "\x00"}
	found := 0
	for range 20000 {
		letters := alphabets[rnd.IntN(len(alphabets))]
		b := make([]byte, rnd.IntN(120))
		for i := range b {
			b[i] = letters[rnd.IntN(len(letters))]
			if i > 1 && rnd.IntN(4) > 0 {
				b[i] = b[i-2] // so that there are runs of UTF-16
			}
		}
		if n := rnd.IntN(200); n < len(b) { // and of zeros
			clear(b[n:min(len(b), n+rnd.IntN(90))])
		}
		e, minimal := ASCIIRunEncodings[rnd.IntN(3)], 1+rnd.IntN(9)
		expr := oneRun(t, e, minimal)
		want := naiveRuns(b, e, minimal)
		found += len(want)
		for _, plain := range []bool{false, true} {
			if got := matchesIn(expr, &Memory{Bytes: b}, len(b), plain); !slices.Equal(got, want) {
				t.Fatalf("%v, %d or more, plain %v, in %q:\n got %v\nwant %v", e, minimal, plain, b, got, want)
			}
		}
		// This is a block of the memory, whose surroundings are asked for.
		if len(b) == 0 {
			continue
		}
		from := rnd.IntN(len(b))
		to := from + rnd.IntN(len(b)-from+1)
		m := &Memory{Bytes: b[from:], Beyond: func(i int) (byte, bool) {
			if i += from; i < 0 || i >= len(b) {
				return 0, false
			}
			return b[i], true
		}}
		want = slices.DeleteFunc(want, func(r [2]int) bool { return r[0] < from || r[0] >= to })
		got := matchesIn(expr, m, to-from, false)
		for i := range got {
			got[i][0] += from
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v, %d or more, from %d to %d of %q:\n got %v\nwant %v", e, minimal, from, to, b, got, want)
		}
	}
	if found < 20000 {
		t.Errorf("only %d runs were there to find", found)
	}
}

// Every byte value is recognised, also where eight are looked at together.
func TestPrinting(t *testing.T) {
	for c := range 256 {
		for place := range 8 {
			for _, rest := range []uint64{0, ^uint64(0), 'A' * ones, '\t' * ones, 0x7f * ones, 0x80 * ones} {
				x := rest&^(0xff<<(8*place)) | uint64(c)<<(8*place)
				if got := printing(x)>>(8*place+7)&1 == 1; got != isPrint[c] {
					t.Fatalf("%#x at %d of %#x: %v", c, place, x, got)
				}
			}
		}
		if want := c == '\t' || c >= 0x20 && c <= 0x7e; isPrint[c] != want {
			t.Errorf("%#x: %v", c, isPrint[c])
		}
	}
}

// Long runs are measured up to the limit, and a run that has to be long is measured in
// full.
func TestRunsLong(t *testing.T) {
	b := bytes.Repeat([]byte{'x'}, 3*MaxRun)
	for _, test := range []struct{ minimal, want int }{{4, MaxRun}, {MaxRun, MaxRun}, {MaxRun + 1, MaxRun + 1}, {3 * MaxRun, 3 * MaxRun}} {
		got := matchesIn(oneRun(t, ASCII, test.minimal), &Memory{Bytes: b}, len(b), false)
		if !slices.Equal(got, [][2]int{{0, test.want}}) {
			t.Errorf("%d or more: %v, want one of %d", test.minimal, got, test.want)
		}
	}
	if got := matchesIn(oneRun(t, ASCII, 3*MaxRun+1), &Memory{Bytes: b}, len(b), false); got != nil {
		t.Errorf("%v: the run is too short", got)
	}
	for _, minimal := range []int{-1, 0, MaxMinRun + 1} {
		if _, err := ASCIIRuns(ASCII, minimal); err == nil {
			t.Errorf("%d: no error", minimal)
		}
	}
}

// The runs are those of strings(1) of binutils, at the same offsets, for the encodings in
// which it looks at every byte.
func TestRunsAgainstStrings(t *testing.T) {
	program, err := exec.LookPath("strings")
	if err != nil {
		t.Skip("no strings(1) to compare with")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	b = b[:min(len(b), 8<<20)]
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, b, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, minimal := range []int{4, 7} {
		out, err := exec.Command(program, "-a", "-t", "d", "-n", strconv.Itoa(minimal), file).Output()
		if err != nil {
			t.Fatal(err)
		}
		var want [][2]int
		for line := range strings.Lines(string(out)) {
			line = strings.TrimLeft(line, " ")
			offset, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			at, err := strconv.Atoi(offset)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, [2]int{at, min(len(text), MaxRun)})
		}
		got := matchesIn(oneRun(t, ASCII, minimal), &Memory{Bytes: b}, len(b), false)
		if len(want) < 1000 || !slices.Equal(got, want) {
			t.Errorf("%d or more: %d runs, of strings(1) %d", minimal, len(got), len(want))
		}
	}
}

func FuzzRuns(f *testing.F) {
	f.Add([]byte("abcd\x00e\x00f\x00"), uint8(0), uint16(4))
	f.Add([]byte("a\x00b\x00c\x00d\x00\x00e\x00f"), uint8(1), uint16(2))
	f.Fuzz(func(t *testing.T, b []byte, e uint8, minimal uint16) {
		enc, n := ASCIIRunEncodings[int(e)%len(ASCIIRunEncodings)], max(1, int(minimal)%40)
		got := matchesIn(oneRun(t, enc, n), &Memory{Bytes: b}, len(b), false)
		if want := naiveRuns(b, enc, n); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func BenchmarkRunsNext(b *testing.B) {
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	program, err := os.ReadFile(exe)
	if err != nil {
		b.Fatal(err)
	}
	for _, data := range []struct {
		name  string
		bytes []byte
	}{{"zeros", make([]byte, 4<<20)}, {"text", bytes.Repeat([]byte("the quick brown fox jumps over the lazy dog\n"), 100000)}, {"program", program}} {
		for _, e := range ASCIIRunEncodings[:2] {
			b.Run(data.name+"/"+e.String(), func(b *testing.B) {
				expr := oneRun(b, e, 4)
				b.SetBytes(int64(len(data.bytes)))
				n := 0
				for b.Loop() {
					n = len(matchesIn(expr, &Memory{Bytes: data.bytes}, len(data.bytes), false))
				}
				b.ReportMetric(float64(n), "hits")
			})
		}
	}
}
