package automaton

import (
	"strings"
	"sync"
	"testing"
)

func compile(t testing.TB, expr string, flags Flags, o Options) *Program {
	t.Helper()
	n, err := ParseRegexp(expr, flags)
	if err != nil {
		t.Fatalf("%q: %v", expr, err)
	}
	if o.Limit == 0 {
		o.Limit = 4096
	}
	p, err := Compile(n, o)
	if err != nil {
		t.Fatalf("%q: %v", expr, err)
	}
	return p
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		expr  string
		flags Flags
		o     Options
		b     string
		at    int
		want  int
	}{
		{`\xff\xfe`, 0, Options{}, "\xff\xfe", 0, 2},
		{"é", 0, Options{}, "\xc3\xa9", 0, 2},
		{"é+", 0, Options{}, "\xc3\xa9\xa9", 0, 3}, // the last byte is repeated
		{"[é]", 0, Options{}, "\xa9", 0, 1},
		{"k", Caseless, Options{}, "K", 0, 1},
		{"\\xe9", Caseless, Options{}, "\xc9", 0, 0}, // only ASCII has two cases
		{"[^a]", 0, Options{}, "\x80", 0, 1},
		{`\W`, 0, Options{}, "\xff", 0, 1},
		{".", 0, Options{}, "\n", 0, 0},
		{".", DotAll, Options{}, "\n", 0, 1},
		{`\C`, 0, Options{}, "\n", 0, 1},
		{`\Qa.b\E+`, 0, Options{}, "a.bb", 0, 4},
		{`\Q\xff`, 0, Options{}, `\xff`, 0, 4},
		{`[[:alpha:]]+`, 0, Options{}, "ab1", 0, 2},
		{`[]a]+`, 0, Options{}, "a]", 0, 2},
		{"a+", 0, Options{Limit: 3}, "aaaaa", 0, 3},
		{"a+b", 0, Options{Limit: 3}, "aaab", 0, 0},
		{"a|ab", 0, Options{}, "ab", 0, 1},
		{"a|ab", 0, Options{Semantics: Longest}, "ab", 0, 2},
		{"(?:ab|a)b?", 0, Options{Semantics: Shortest}, "abb", 0, 1},
		{"a*", 0, Options{}, "b", 0, 0},
		{"a??", 0, Options{}, "a", 0, 1}, // an empty match does not count
		{"^a", 0, Options{}, "a", 0, 1},
		{"^a", 0, Options{}, "\na", 1, 0},
		{"^a", MultiLine, Options{}, "\na", 1, 1},
		{"a$", MultiLine, Options{}, "a\n", 0, 1},
		{"a$", 0, Options{}, "a\n", 0, 0},
		// These are wide.
		{"ab", 0, Options{Encoding: WideLE}, "a\x00b\x00", 0, 4},
		{"ab", 0, Options{Encoding: WideBE}, "\x00a\x00b", 0, 4},
		{"[^a]", 0, Options{Encoding: WideLE}, "b\x01", 0, 0},
		{`\ba`, 0, Options{Encoding: WideLE}, "b\x00a\x00", 2, 0},
		{`\ba`, 0, Options{Encoding: WideLE}, "b\x01a\x00", 2, 2},
		{`\ba`, 0, Options{Encoding: WideLE}, "\x00a\x00", 1, 2}, // not even two bytes in front
		{`a\b`, 0, Options{Encoding: WideBE}, "\x00a\x00b", 0, 0},
		{`a\b`, 0, Options{Encoding: WideBE}, "\x00ab\x00", 0, 2},
		{`a$`, MultiLine, Options{Encoding: WideLE}, "a\x00\n\x00", 0, 2},
		{`a$`, MultiLine, Options{Encoding: WideLE}, "a\x00\n\x01", 0, 0},
		{`^a`, MultiLine, Options{Encoding: WideBE}, "\x00\n\x00a", 2, 2},
	} {
		p := compile(t, c.expr, c.flags, c.o)
		if got := p.Match([]byte(c.b), c.at, nil); got != c.want {
			t.Errorf("%q %+v in %q at %d: %d, want %d", c.expr, c.o, c.b, c.at, got, c.want)
		}
	}
}

// Beyond is asked for what lies around, and only where it matters.
func TestBeyond(t *testing.T) {
	around := "xab\nc"
	beyond := func(i int) (byte, bool) {
		if i += 1; i >= 0 && i < len(around) {
			return around[i], true
		}
		return 0, false
	}
	b := []byte("ab")
	for _, c := range []struct {
		expr  string
		flags Flags
		want  int
	}{
		{`\Bab\b`, 0, 2}, {`\bab`, 0, 0}, {"^ab", 0, 0}, {"ab$", 0, 0}, {"ab$", MultiLine, 2}, {`ab\z`, 0, 0}, {"ab.?", DotAll, 2},
	} {
		if got := compile(t, c.expr, c.flags, Options{}).Match(b, 0, beyond); got != c.want {
			t.Errorf("%q: %d, want %d", c.expr, got, c.want)
		}
	}
	asked := func(int) (byte, bool) { t.Error("asked without need"); return 0, false }
	compile(t, "ab+", 0, Options{}).Match(b, 0, asked)
}

func TestCompileErrors(t *testing.T) {
	for _, c := range []struct {
		expr  string
		limit int
		want  string
	}{
		{"^$", 10, "nothing but what is empty"},
		{"(?:)", 10, "nothing but what is empty"},
		{"a{20}", 10, "at least 20 bytes, more than the limit of 10"},
		{"a", 0, "matches of at most 0 bytes"},
		{`[^\x00-\xff]`, 10, "nothing matches it"},
		{"(?:[a-z]{300}|b){3}(?:" + strings.Repeat("c{1000}", 70) + ")?", 1 << 20, "more than 65536 steps"},
	} {
		n, err := ParseRegexp(c.expr, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Compile(n, Options{Limit: c.limit}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.20q: %v, want %q", c.expr, err, c.want)
		}
	}
}

// Repetitions of the empty string come to an end.
func TestRepeatedNothing(t *testing.T) {
	a := Bytes(SetOf('a'))
	huge := Repeat(Repeat(Cat(), 1<<40, -1, false), 1<<40, 1<<50, false)
	n := Cat(huge, Repeat(Assert(NoBoundary), 5, -1, true), a, huge)
	p, err := Compile(n, Options{Limit: 10})
	if err != nil || p.Match([]byte("aa"), 1, nil) != 1 {
		t.Error(err)
	}
	if _, err := Compile(Repeat(Repeat(a, 0, 1, false), 1<<40, 1<<40, false), Options{Limit: 10}); err == nil {
		t.Error("a program without bound")
	}
}

// A program grows while many goroutines use it, some by tracks that look back. Its answers stay the
// same, also when it has grown as far as it may.
func TestConcurrent(t *testing.T) {
	mem := memory(1 << 14)
	for _, grown := range []bool{false, true} {
		p := compile(t, `[a-z]{2,9}[^a-z]{1,20}(?:\d|\b[a-f])+`, 0, Options{})
		fresh := compile(t, `[a-z]{2,9}[^a-z]{1,20}(?:\d|\b[a-f])+`, 0, Options{})
		want := make([]int, len(mem))
		for at := range mem {
			want[at] = fresh.Match(mem, at, nil)
		}
		if grown {
			p.machine().tables.most = p.machine().tables.bytes + 3000
		}
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				track := p.NewTrack()
				for at := g; at < len(mem); at += 1 + g {
					if at%500 < 4 {
						track.lookBack(mem, at)
					}
					if next := track.Next(mem, at, at+1); next == at && track.Match(mem, at, nil) != want[at] || next > at && want[at] > 0 {
						t.Errorf("at %d: next %d, want a match of %d", at, next, want[at])
						return
					}
				}
			})
			wg.Go(func() {
				for k := range mem {
					at := (k*(2*g+1) + g) % len(mem)
					if got := p.Match(mem, at, nil); got != want[at] {
						t.Errorf("at %d: %d, want %d", at, got, want[at])
						return
					}
				}
			})
		}
		wg.Wait()
	}
}

// Once its tables are there, a Match allocates nothing.
func TestAllocs(t *testing.T) {
	mem := memory(1 << 12)
	for _, expr := range []string{"[a-z]+@", `\b[0-9]+\b`} {
		p := compile(t, expr, 0, Options{})
		all := func() {
			for at := range mem {
				p.Match(mem, at, nil)
			}
		}
		all()
		if n := testing.AllocsPerRun(10, all); n > 0 {
			t.Errorf("%s: %v allocations", expr, n)
		}
	}
}
