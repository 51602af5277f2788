package engine

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// A sizedHit is a hit of an expression.
type sizedHit struct {
	plainHit
	size int
}

// naiveExprs is the oracle: it calls the matchers at every byte of a byte map,
// and drops matches that overlap.
func naiveExprs(l layout, model []shown, set *patterns.Set, in func(i int) bool, overlapping bool) []sizedHit {
	var want []sizedHit
	for _, h := range naive(l, model, set, in) {
		size := 0
		for _, n := range set.Needles() { // the layouts have no hits beyond HitBytes
			if int(n.Pattern) == h.pattern && n.Len() == len(h.bytes) {
				size = n.Len()
			}
		}
		want = append(want, sizedHit{h, size})
	}
	held := func(i int) bool {
		return i >= 0 && i < len(model) && (model[i].state == Present || model[i].state == Zero)
	}
	for _, e := range set.Exprs() {
		for i := range model {
			if !held(i) || !in(i) || uint64(l.base+addr.Addr(i))%e.Align != 0 {
				continue
			}
			m := patterns.Memory{Beyond: func(j int) (byte, bool) {
				if held(i + j) {
					return model[i+j].b, true
				}
				return 0, false
			}}
			for j := i; held(j) && in(j); j++ {
				m.Bytes = append(m.Bytes, model[j].b)
			}
			if n := e.Matcher.Match(&m, 0); n > 0 {
				want = append(want, sizedHit{plainHit{l.base + addr.Addr(i), e.Pattern, string(m.Bytes[:min(n, HitBytes)])}, n})
			}
		}
	}
	slices.SortFunc(want, func(a, b sizedHit) int {
		return cmp.Or(cmp.Compare(a.addr, b.addr), cmp.Compare(a.pattern, b.pattern), cmp.Compare(a.size, b.size))
	})
	want = slices.Compact(want)
	last := map[int]addr.Addr{}
	return slices.DeleteFunc(want, func(h sizedHit) bool {
		if overlapping || !set.Patterns()[h.pattern].Disjoint() {
			return false
		}
		if end, ok := last[h.pattern]; ok && h.addr <= end {
			return true
		}
		last[h.pattern] = h.addr + addr.Addr(h.size-1)
		return false
	})
}

func collectSized(t testing.TB, sc *Scanner) []sizedHit {
	t.Helper()
	var got []sizedHit
	stats, err := sc.Scan(t.Context(), func(h Hit) bool {
		got = append(got, sizedHit{plainHit{h.Addr, h.Pattern, string(h.Bytes)}, h.Len})
		return true
	})
	if err != nil || !stats.Complete() || stats.Scanned != sc.Bytes() || stats.Hits != uint64(len(got)) {
		t.Fatalf("%+v, %v, of %d bytes, %d hits", stats, err, sc.Bytes(), len(got))
	}
	inBatches(t, sc, len(got))
	return got
}

// randomExprs are expressions that can be found in memory of a, b and zeros.
var randomExprs = []string{
	`re:a+`, `re:[ab]+`, `re:ab`, `re:a[ab]{0,3}b`, `re:b.*?b`, `re:(a|ab)(b|a)`, `re:\x00+`, `re:^b`, `re:a$`, `re:\ba`, `re:b\b`,
	`re:[^b]{2,5}`, `re/s:a.{1,4}b`, `re:(ab)+`, `re/i:A+B?`, `re/w:a+`, `re/wa:b+`, `re:b{3}`, `re:(?:aa|bb|\x00\x00)+`,
	`hex:61 [1-3] 62`, `hex:61 [-] 62 62`, `hex:( 61 62 | 62 ) 00`, `hex:61 ~62`, `hex:~00 [2] 61`,
	`text/f:a`, `text/f:ab`, `text/wf:b`, `text/if:AB`, `text/wWaf:a`,
	`text/xf:ab`, `text/xwf:b`, `text/fx(01-03):a`, `text/fx(60-63):ab`, `text/waWfx(01-ff):a\x00`, `text/fx(61):bb`,
}

// randomExpr returns one of randomExprs.
func randomExpr(rnd *rand.Rand) string { return randomExprs[rnd.IntN(len(randomExprs))] }

// The hits of expressions and their order are those of the oracle, for any
// number of workers, size of shards and kernel, in ranges, across borders, and
// beside needles.
func TestExprsAgainstByteMap(t *testing.T) {
	rnd := testRand(t)
	for range testenv.Rounds(20, 80, 400) {
		size := 1 + rnd.IntN(400)
		l := randomLayout(rnd, 7, size)
		s, model := l.space(t), l.model(size)
		var texts []string
		for k := range 1 + rnd.IntN(6) {
			texts = append(texts, fmt.Sprintf("e%d=%s", k, randomExpr(rnd)))
			if rnd.IntN(3) == 0 {
				texts = append(texts, fmt.Sprintf("n%d=%s", k, randomPattern(rnd)))
			}
		}
		target := patterns.Target{WordSize: 8, Order: addr.Little, OrderKnown: true, MaxMatch: []int{0, 5, 20}[rnd.IntN(3)]}
		if rnd.IntN(4) == 0 {
			target.Align = []uint64{1, 2, 3, 8}[rnd.IntN(4)]
		}
		set := compileSet(t, target, texts...)
		var opt Options
		in := func(int) bool { return true }
		if rnd.IntN(3) == 0 {
			lo := rnd.IntN(size)
			r := addr.Range{First: l.base + addr.Addr(lo), Last: l.base + addr.Addr(lo+rnd.IntN(size-lo))}
			opt.Ranges = []addr.Range{r}
			in = func(i int) bool { return r.Contains(l.base + addr.Addr(i)) }
		}
		opt.Overlapping = rnd.IntN(4) == 0
		want := naiveExprs(l, model, set, in, opt.Overlapping)
		for range 6 {
			opt.Workers, opt.Kernel = 1+rnd.IntN(4), levels()[rnd.IntN(len(levels()))]
			opt.ShardSize = []uint64{1, 2, 7, uint64(max(set.MaxLen()-1, 1)), 4096, 1 << 40}[rnd.IntN(6)]
			opt.WithoutBytes = rnd.IntN(3) == 0
			got := collectSized(t, compile(t, s, set, opt))
			if opt.WithoutBytes {
				got = withBytesOf(got, want)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%v, %+v, %+v: %d hits, want %d\n%v\n%v\n%+v", texts, opt, target, len(got), len(want), got, want, l)
			}
		}
	}
}

// withBytesOf returns hits with the bytes of others where they have none.
func withBytesOf(hits, others []sizedHit) []sizedHit {
	for i := range min(len(hits), len(others)) {
		if hits[i].bytes == "" {
			hits[i].bytes = others[i].bytes
		}
	}
	return hits
}

// So they are in large memory, with several stretches, blocks and shards,
// chains that go on from one to the next, and pieces that are copied together.
func TestExprsInLargeMemory(t *testing.T) {
	rnd := testRand(t)
	words := strings.Fields("alpha beta user@example.org aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b x1 foo@bar.com 12345678")
	var b []byte
	for len(b) < testenv.Rounds(1<<18, 1<<19, 1<<20) {
		switch rnd.IntN(12) {
		case 0:
			b = append(b, make([]byte, rnd.IntN(5000))...)
		case 1:
			b = append(b, bytes.Repeat([]byte{'a'}, rnd.IntN(3000))...)
		default:
			b = append(append(b, words[rnd.IntN(len(words))]...), " \x00.-"[rnd.IntN(4)])
		}
	}
	const base = 0x7f0000000123
	var mappings []Mapping
	for at := 0; at < len(b); {
		n := min(len(b)-at, []int{1, 4096, 4096, 70_000, 300_000}[rnd.IntN(5)])
		mappings = append(mappings, Mapping{
			Range:  addr.Range{First: base + addr.Addr(at), Last: base + addr.Addr(at+n-1)},
			Source: BytesSource(fmt.Sprint(at), b[at:at+n]),
		})
		at += n
	}
	s, err := NewSpace(mappings...)
	if err != nil {
		t.Fatal(err)
	}
	set := compileSet(t, patterns.Target{MaxMatch: 100}, `mail=re:[\w.]{1,30}@[\w.]+`, `as=re:a+`, `word=re:\w+`, `text/f:foo`, `hex:61 [2-40] 40`, `text:beta`, `re:[0-9]{8}`)
	var want []sizedHit
	for _, n := range set.Needles() {
		for i := 0; i+n.Len() <= len(b); i++ {
			if bytes.HasPrefix(b[i:], n.Lit) {
				want = append(want, sizedHit{plainHit{base + addr.Addr(i), int(n.Pattern), string(n.Lit)}, n.Len()})
			}
		}
	}
	m := patterns.Memory{Bytes: b}
	for _, e := range set.Exprs() {
		for i := 0; i < len(b); i++ {
			if n := e.Matcher.Match(&m, i); n > 0 {
				want = append(want, sizedHit{plainHit{base + addr.Addr(i), e.Pattern, string(b[i : i+min(n, HitBytes)])}, n})
				if set.Patterns()[e.Pattern].Disjoint() {
					i += n - 1
				}
			}
		}
	}
	slices.SortFunc(want, func(a, b sizedHit) int {
		return cmp.Or(cmp.Compare(a.addr, b.addr), cmp.Compare(a.pattern, b.pattern))
	})
	for _, opt := range []Options{{Workers: 1}, {Workers: 2}, {Workers: 3, ShardSize: 10_000}, {Workers: 2, ShardSize: 1 << 18}} {
		if got := collectSized(t, compile(t, s, set, opt)); !slices.Equal(got, want) {
			for i := range min(len(got), len(want)) {
				if got[i] != want[i] {
					t.Fatalf("%+v: hit %d is %v, want %v", opt, i, got[i], want[i])
				}
			}
			t.Fatalf("%+v: %d hits, want %d", opt, len(got), len(want))
		}
	}
}

// Without bytes, hits of expressions have none, and others have theirs.
func TestWithoutBytes(t *testing.T) {
	s := spaceOf(t, []byte("aab value 12345678"))
	set := compileSet(t, patterns.Target{WordSize: 8, Order: addr.Little, OrderKnown: true}, `re:a+b`, `text:value`, `hex:3? 32`)
	for _, without := range []bool{false, true} {
		var got []string
		for _, h := range collectSized(t, compile(t, s, set, Options{WithoutBytes: without})) {
			got = append(got, fmt.Sprintf("%d+%d %q", h.addr, h.size, h.bytes))
		}
		want := []string{`0+3 "aab"`, `4+5 "value"`, `10+2 "12"`}
		if without {
			want[0] = `0+3 ""`
		}
		if !slices.Equal(got, want) {
			t.Errorf("without bytes %v: %v, want %v", without, got, want)
		}
	}
}
