package engine

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vscan/engine/addr"
	"vscan/engine/simd"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// levels returns the levels of kernels that this machine can run.
func levels() []simd.Level {
	return slices.DeleteFunc(simd.Levels(), func(l simd.Level) bool { return l.Check() != nil })
}

func compileSet(t testing.TB, target patterns.Target, texts ...string) *patterns.Set {
	t.Helper()
	var pats []patterns.Pattern
	for _, text := range texts {
		p, err := patterns.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		pats = append(pats, p)
	}
	set, err := patterns.Compile(context.Background(), pats, target)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func compile(t testing.TB, s *Space, set *patterns.Set, opt Options) *Scanner {
	t.Helper()
	sc, err := Compile(context.Background(), s, set, opt)
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// A plainHit is a hit that can be compared.
type plainHit struct {
	addr    addr.Addr
	pattern int
	bytes   string
}

func collect(t testing.TB, sc *Scanner) []plainHit {
	t.Helper()
	var got []plainHit
	stats, err := sc.Scan(context.Background(), func(h Hit) bool {
		if min(h.Len, HitBytes) != len(h.Bytes) {
			t.Fatalf("hit of %d bytes with %d", h.Len, len(h.Bytes))
		}
		got = append(got, plainHit{h.Addr, h.Pattern, string(h.Bytes)})
		return true
	})
	if err != nil || !stats.Complete() || stats.Scanned != sc.Bytes() || stats.Hits != uint64(len(got)) {
		t.Fatalf("%+v, %v, of %d bytes, %d hits", stats, err, sc.Bytes(), len(got))
	}
	if batched := inBatches(t, sc, len(got)); !slices.Equal(batched, got) {
		t.Fatalf("%d hits in batches, %d one by one", len(batched), len(got))
	}
	return got
}

// inBatches does what collect does, by ScanBatches. About n hits are expected.
func inBatches(t testing.TB, sc *Scanner, n int) []plainHit {
	t.Helper()
	got := make([]plainHit, 0, n)
	stats, err := sc.ScanBatches(context.Background(), func(b *Batch) bool {
		n := len(got)
		for h := range b.Hits() {
			i := len(got) - n
			if b.Series.Count > 0 && h.Addr != b.Base+addr.Addr(uint64(i)*b.Series.Step) || b.Series.Count == 0 && h.Addr != b.Base+addr.Addr(b.Offsets[i]) || b.Pattern(i) != h.Pattern {
				t.Fatalf("hit %d of the batch at %v is %+v", i, b.Base, h)
			}
			if pattern, ok := b.Uniform(); ok && pattern != h.Pattern {
				t.Fatalf("hits of pattern %d and not of %d only", h.Pattern, pattern)
			}
			got = append(got, plainHit{h.Addr, h.Pattern, string(h.Bytes)})
		}
		if b.Len() != uint64(len(got)-n) || b.Len() == 0 {
			t.Fatalf("a batch of %d hits has %d", b.Len(), len(got)-n)
		}
		return true
	})
	if err != nil || !stats.Complete() || stats.Hits != uint64(len(got)) {
		t.Fatalf("%+v, %v, %d hits", stats, err, len(got))
	}
	return got
}

// naive is the oracle: it searches a byte map serially.
func naive(l layout, model []shown, set *patterns.Set, in func(i int) bool) []plainHit {
	var want []plainHit
	for i := range model {
		at := l.base + addr.Addr(i)
		for k := range set.Patterns() {
			for _, n := range set.Needles() {
				if int(n.Pattern) != k || i+n.Len() > len(model) || uint64(at)%n.Align != 0 {
					continue
				}
				b, ok := make([]byte, n.Len()), true
				for j := range b {
					m := model[i+j]
					ok = ok && (m.state == Present || m.state == Zero) && in(i+j)
					b[j] = m.b
				}
				hit := plainHit{at, k, string(b[:min(len(b), HitBytes)])}
				if ok && matches(n, b) && !(len(want) > 0 && want[len(want)-1] == hit) {
					want = append(want, hit)
				}
			}
		}
	}
	return want
}

// matches reports whether the needle matches the bytes, which must be as long.
func matches(n patterns.Needle, b []byte) bool {
	if n.Words != nil {
		return n.Words.Contains(n.Words.Order.Uint(b))
	}
	if n.Keys.Any {
		for key := int(n.Keys.Lo); key <= int(n.Keys.Hi); key++ {
			under := bytes.Clone(n.Lit)
			for i := range under {
				under[i] ^= byte(key)
			}
			if bytes.Equal(under, b) {
				return true
			}
		}
		return false
	}
	for i, c := range n.Lit {
		m := byte(0xff)
		if n.Mask != nil {
			m = n.Mask[i]
		}
		if b[i]&m != c&m {
			return false
		}
	}
	return true
}

func randomHex(rnd *rand.Rand, n int) string {
	b := make([]byte, 1+rnd.IntN(n))
	for i := range b {
		b[i] = "ab\x00"[rnd.IntN(3)]
	}
	return "hex:" + hex.EncodeToString(b)
}

// randomPattern returns a pattern that can be found in memory of a, b and zeros.
func randomPattern(rnd *rand.Rand) string {
	switch rnd.IntN(6) {
	case 0:
		b := []byte(randomHex(rnd, 12))
		for range len(b) / 4 {
			b[len("hex:")+rnd.IntN(len(b)-len("hex:"))] = '?'
		}
		b[len("hex:")] = '6'
		return string(b)
	case 1:
		return []string{"text/i:Ab", "text/wi:B", "text/i:aAaA", "text/awi:AB", "text/iW:aBa"}[rnd.IntN(5)]
	case 3:
		return randomKeyed(rnd)
	case 2:
		size := 8 << rnd.IntN(4)
		v := uint64(0x6162610000616261) >> (64 - size)
		return fmt.Sprintf("u%d%s:%d..%d", size, []string{"", "le", "be"}[rnd.IntN(3)], v-min(v, rnd.Uint64N(v)), v)
	}
	return randomHex(rnd, 20)
}

// randomKeyed returns text under keys that can be found in memory of a, b and zeros.
func randomKeyed(rnd *rand.Rand) string {
	flags := "x" + []string{"", "", "(00-ff)", "(01-ff)", "(61-62)", "(60-63)", "(00-20)", "(03)", "(61-ff)"}[rnd.IntN(9)] +
		[]string{"", "", "w", "wa", "wW", "aW"}[rnd.IntN(6)]
	b := make([]byte, 1+rnd.IntN(1+rnd.IntN(12)))
	for i := range b {
		b[i] = "ab\x03"[rnd.IntN(3)]
		if rnd.IntN(3) == 0 {
			b[i] = b[0]
		}
	}
	return "text/" + flags + ":" + strings.ReplaceAll(string(b), "\x03", `\x00`)
}

// The hits and their order are those of the oracle, for any number of workers, size of shards and
// kernel.
func TestScanAgainstByteMap(t *testing.T) {
	rnd := testRand(t)
	for range testenv.Rounds(12, 25, 120) {
		size := 1 + rnd.IntN(400)
		l := randomLayout(rnd, 7, size)
		s, model := l.space(t), l.model(size)
		target := patterns.Target{WordSize: 8, Order: addr.ByteOrder(rnd.IntN(2)), OrderKnown: true}
		if rnd.IntN(3) == 0 {
			target.Align = []uint64{1, 2, 3, 4, 8, 100}[rnd.IntN(6)]
		}
		texts := []string{"one=" + randomHex(rnd, 9)}
		if rnd.IntN(2) == 0 {
			texts = append(texts, "two="+randomHex(rnd, 3), "more=u16:0x6161..0x6261", "signed=i32:-5..0x61620000", "text/wW:a", "p=ptr:0..0x6162000061626162")
		}
		switch rnd.IntN(4) {
		case 0: // hits that differ, alone
			texts = []string{[]string{"text/i:AB", "hex:6?00??", "u32:0..0x61616161"}[rnd.IntN(3)]}
		case 1: // many of all kinds
			for k := range 1 + rnd.IntN(60) {
				texts = append(texts, fmt.Sprintf("n%d=%s", k, randomPattern(rnd)))
			}
		}
		set := compileSet(t, target, texts...)
		want := naive(l, model, set, func(int) bool { return true })
		for _, workers := range []int{1, 2, 7, 64} {
			for _, shard := range []uint64{1, 2, uint64(max(set.MaxLen()-1, 1)), 4096, 1 << 40} {
				for _, level := range levels() {
					if workers > 2 && level != simd.Reference && rnd.IntN(4) > 0 {
						continue // the kernels do not know of workers: a sample of the product will do
					}
					if shard <= 8 && !testenv.Long() && rnd.IntN(8) > 0 {
						continue // each shard is handed from one goroutine to another, which is all the time of the test
					}
					opt := Options{Workers: workers, ShardSize: shard, Kernel: level, Progress: &Progress{}}
					if got := collect(t, compile(t, s, set, opt)); !slices.Equal(got, want) {
						t.Fatalf("%v, %d workers, shards of %d, %v: %d hits, want %d\n%v\n%v\n%+v",
							texts, workers, shard, level, len(got), len(want), got, want, l)
					}
					if n := opt.Progress.Hits.Load(); n != uint64(2*len(want)) { // collect scans twice
						t.Fatalf("progress tells of %d hits, want %d", n, 2*len(want))
					}
				}
			}
		}
	}
}

func TestScanInRangesAndMappings(t *testing.T) {
	rnd := testRand(t)
	for range 300 {
		size := 1 + rnd.IntN(300)
		l := randomLayout(rnd, 7, size)
		s, model := l.space(t), l.model(size)
		set := compileSet(t, patterns.Target{}, "one="+randomHex(rnd, 4), "two="+randomHex(rnd, 2))
		opt := Options{Workers: 2, ShardSize: uint64(1 + rnd.IntN(50)), Kernel: levels()[rnd.IntN(len(levels()))]}
		for range rnd.IntN(3) {
			lo := rnd.IntN(size)
			opt.Ranges = append(opt.Ranges, addr.Range{First: l.base + addr.Addr(lo), Last: l.base + addr.Addr(lo+rnd.IntN(size-lo))})
		}
		if rnd.IntN(2) == 0 {
			opt.Where = func(m *Mapping) bool { return m.Name != "m1" }
		}
		in := func(i int) bool {
			a := l.base + addr.Addr(i)
			inside := len(opt.Ranges) == 0 || slices.ContainsFunc(opt.Ranges, func(r addr.Range) bool { return r.Contains(a) })
			return inside && (opt.Where == nil || opt.Where(s.At(a).Mapping))
		}
		want := naive(l, model, set, in)
		if got := collect(t, compile(t, s, set, opt)); !slices.Equal(got, want) {
			t.Fatalf("%v %v %+v: got %v, want %v", opt.Kernel, opt.Ranges, l, got, want)
		}
	}
}

// With large pieces, small pieces and zeros side by side, and so direct blocks and copied ones, a
// pattern is found across every border.
func TestScanLargePieces(t *testing.T) {
	rnd := testRand(t)
	for _, length := range []int{1, 2, 16, 70_000} {
		var mappings []Mapping
		var all []byte
		base := addr.Addr(0x10000)
		for range 30 {
			n := []int{1 + rnd.IntN(20), 4096, 40_000, 300_000, 700_000}[rnd.IntN(5)]
			m := Mapping{Range: addr.Range{First: base, Last: base + addr.Addr(n-1)}}
			b := make([]byte, n)
			if rnd.IntN(4) == 0 {
				m.State = Zero
			} else {
				for i := range b {
					b[i] = byte(rnd.Uint32())
				}
				m.Source = BytesSource("b", b)
			}
			all = append(all, b...)
			mappings = append(mappings, m)
			base += addr.Addr(n)
		}
		// The pattern is the bytes that stand across a border.
		at := int(mappings[15].First-0x10000) - length/2
		lit := all[max(at, 0) : at+length]
		s, err := NewSpace(mappings...)
		if err != nil {
			t.Fatal(err)
		}
		var want []addr.Addr
		for i := 0; ; i++ {
			j := bytes.Index(all[i:], lit)
			if j < 0 {
				break
			}
			i += j
			want = append(want, addr.Addr(0x10000+i))
		}
		set := compileSet(t, patterns.Target{}, "hex:"+hex.EncodeToString(lit))
		for _, level := range levels() {
			if level == simd.Reference && length > 1000 {
				continue
			}
			sc := compile(t, s, set, Options{Kernel: level, Workers: 3, ShardSize: uint64(1 + rnd.IntN(1<<20))})
			var got []addr.Addr
			for h, err := range sc.All(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, h.Addr)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%v, %d bytes: %d hits, want %d", level, length, len(got), len(want))
			}
		}
	}
}

// Pieces of some KiB that follow one another in memory but cannot be joined are searched in place,
// and their seams by themselves.
func TestScanInPlace(t *testing.T) {
	rnd := testRand(t)
	for round := range testenv.Rounds(6, 6, 24) {
		data := make([]byte, 60_000)
		for i := range data {
			data[i] = "ab\x00"[rnd.IntN(3)]
		}
		base := []addr.Addr{0, 0x7fff0001, addr.Max - addr.Addr(len(data)) + 1}[rnd.IntN(3)]
		l := layout{base: base}
		sources := []Source{BytesSource("even", data), BytesSource("odd", data)}
		for at := 0; at < len(data); {
			n := min(len(data)-at, []int{1024, 4096, 1 + rnd.IntN(6000), 30_000}[rnd.IntN(4)])
			if round%2 == 0 {
				n = min(len(data)-at, 1024+rnd.IntN(3000))
			}
			first := base + addr.Addr(at)
			l.mappings = append(l.mappings, Mapping{Range: addr.Range{First: first, Last: first + addr.Addr(n-1)},
				Source: sources[len(l.mappings)%2], Offset: uint64(at)})
			at += n
		}
		// There are patterns of several lengths that stand across a border, and words of
		// all alignments.
		texts := []string{"short=hex:61"}
		for k, n := range []int{2, 9, 60, 200} {
			at := max(0, int(l.mappings[1+rnd.IntN(len(l.mappings)-1)].First-base)-rnd.IntN(n))
			texts = append(texts, fmt.Sprintf("p%d=hex:%x", k, data[at:min(len(data), at+n)]))
		}
		texts = append(texts, "w=u64le:0x6161000000000000..0x6162000000000000", "v=u32be:0x61610000..0x61610061")
		if rnd.IntN(2) == 0 {
			texts = texts[1+rnd.IntN(4):][:1]
		}
		target := patterns.Target{Align: []uint64{0, 0, 2, 4, 8}[rnd.IntN(5)]}
		set := compileSet(t, target, texts...)
		model := make([]shown, len(data))
		for i, b := range data {
			model[i] = shown{Present, b, 0}
		}
		want := naive(l, model, set, func(int) bool { return true })
		for _, level := range levels() {
			opt := Options{Workers: 1 + rnd.IntN(3), ShardSize: uint64(1 + rnd.IntN(300_000)), Kernel: level}
			if got := collect(t, compile(t, l.space(t), set, opt)); !slices.Equal(got, want) {
				t.Fatalf("%v, %v, %+v: %d hits, want %d", texts, target.Align, opt, len(got), len(want))
			}
		}
	}
}

func TestFind(t *testing.T) {
	a, _ := BytesMapping("a", 0x101, []byte("aaaa"))
	b, _ := BytesMapping("b", 0x105, []byte("aab"))
	top, _ := BytesMapping("top", addr.Max-1, []byte("ab"))
	s, _ := NewSpace(a, b, top)
	all := func(lit string, from addr.Addr, align uint64) (got []addr.Addr) {
		for at, err := range s.FindAll(t.Context(), []byte(lit), from, align) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, at)
		}
		return got
	}
	for _, c := range []struct {
		lit   string
		from  addr.Addr
		align uint64
		want  []addr.Addr
	}{
		{"aa", 0, 1, []addr.Addr{0x101, 0x102, 0x103, 0x104, 0x105}},
		{"aa", 0x103, 0, []addr.Addr{0x103, 0x104, 0x105}},
		{"aa", 0, 2, []addr.Addr{0x102, 0x104}},
		{"ab", 0, 1, []addr.Addr{0x106, addr.Max - 1}},
		{"b", addr.Max, 1, []addr.Addr{addr.Max}},
		{"c", 0, 1, nil},
	} {
		if got := all(c.lit, c.from, c.align); !slices.Equal(got, c.want) {
			t.Errorf("%q from %v, align %d: %v, want %v", c.lit, c.from, c.align, got, c.want)
		}
		at, ok, err := s.Find(t.Context(), []byte(c.lit), c.from, c.align)
		if err != nil || ok != (len(c.want) > 0) || ok && at != c.want[0] {
			t.Errorf("%q from %v: first %v, %v, %v", c.lit, c.from, at, ok, err)
		}
	}
	if _, _, err := s.Find(t.Context(), nil, 0, 1); err == nil {
		t.Error("an empty pattern was searched for")
	}
}

func TestFindPointer(t *testing.T) {
	b := make([]byte, 64)
	for _, at := range []int{0, 8, 17, 24} { // 17 is not aligned
		addr.Big.PutUint(b[at:at+8], 0x1122334455)
	}
	addr.Big.PutUint(b[36:40], 0x22334455)
	m, _ := BytesMapping("m", 0x1000, b)
	s, _ := NewSpace(m)
	for _, c := range []struct {
		arch   addr.Arch
		target addr.Addr
		want   []addr.Addr
	}{
		{addr.BE64, 0x1122334455, []addr.Addr{0x1000, 0x1008, 0x1018}},
		{addr.LE64, 0x1122334455, nil},
		{addr.BE32, 0x22334455, []addr.Addr{0x1004, 0x100c, 0x101c, 0x1024}},
	} {
		var got []addr.Addr
		for a, err := range s.For(c.arch).FindPointer(t.Context(), c.target) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, a)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.arch, got, c.want)
		}
	}
}

// zeroSpace returns a space of n bytes of zeros in memory.
func zeroSpace(t testing.TB, n int) *Space {
	m, err := BytesMapping("zeros", 0x1000, make([]byte, n))
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSpace(m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Memory does not grow with the number of hits: where the callback is slow, workers wait.
func TestHitsStreamInBoundedMemory(t *testing.T) {
	n := testenv.Rounds(10_000_000, 10_000_000, 100_000_000)
	space := zeroSpace(t, n)
	set := compileSet(t, patterns.Target{}, "hex:00")
	for _, workers := range []int{1, 2, 64} {
		sc := compile(t, space, set, Options{Workers: workers})
		var before, now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		peak, hits, next := uint64(0), 0, addr.Addr(0x1000)
		_, err := sc.Scan(t.Context(), func(h Hit) bool {
			if h.Addr != next {
				t.Fatalf("hit %d at %v, want %v", hits, h.Addr, next)
			}
			next++
			if hits++; hits%2_000_000 == 0 {
				runtime.ReadMemStats(&now)
				peak = max(peak, now.HeapAlloc-min(now.HeapAlloc, before.HeapAlloc))
			}
			return true
		})
		if err != nil || hits != n {
			t.Fatalf("%d hits, %v", hits, err)
		}
		if peak > 192<<20 {
			t.Errorf("%d workers: %d MiB", workers, peak>>20)
		}
	}
}

// After a cancel, each worker takes at most one more view, and all of them end.
func TestCancelStopsAtOnce(t *testing.T) {
	const size, workers, until = 64 << 20, 4, 6
	for _, text := range []string{"hex:00", "hex:01", "u16:1..2", `re:\x01+`} {
		ctx, cancel := context.WithCancel(t.Context())
		src := &countedSource{b: make([]byte, size), until: until, then: cancel}
		space, err := NewSpace(Mapping{Range: addr.Range{First: 0x1000, Last: 0x1000 + size - 1}, Source: src})
		if err != nil {
			t.Fatal(err)
		}
		sc := compile(t, space, compileSet(t, patterns.Target{OrderKnown: true}, text), Options{Workers: workers, ShardSize: size / workers, Kernel: simd.Reference})
		goroutines := runtime.NumGoroutine()
		stats, err := sc.Scan(ctx, func(Hit) bool { return true })
		if !errors.Is(err, context.Canceled) || !stats.Cancelled || stats.Complete() {
			t.Fatalf("%s: %+v, %v", text, stats, err)
		}
		if n := src.views.Load(); n > until+workers {
			t.Errorf("%s: %d views, want %d at most", text, n, until+workers)
		}
		if most := uint64(src.bytes.Load()); stats.Scanned > most {
			t.Errorf("%s: %d bytes scanned of %d that were asked for", text, stats.Scanned, most)
		}
		waitUntil(t, "goroutines of the scan are left", func() bool { return runtime.NumGoroutine() <= goroutines })
	}
}

// A countedSource is bytes in memory that counts the views of them. With view number until it
// calls then.
type countedSource struct {
	b            []byte
	until        int64
	then         func()
	views, bytes atomic.Int64
}

func (s *countedSource) Name() string { return "counted" }
func (s *countedSource) Size() uint64 { return uint64(len(s.b)) }
func (s *countedSource) View(_ []byte, off uint64, n int) ([]byte, error) {
	s.bytes.Add(int64(n))
	if s.views.Add(1) == s.until {
		s.then()
	}
	return s.b[off:][:n:n], nil
}

// waitUntil waits until ok returns true, and fails the test after a minute.
func waitUntil(t *testing.T, otherwise string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(otherwise)
		}
	}
}

func TestStopAtFirst(t *testing.T) {
	b := make([]byte, 8<<20)
	for _, at := range []int{5<<20 + 7, 6 << 20, 3<<20 + 1} {
		b[at] = 'x'
	}
	m, _ := BytesMapping("m", 0, b)
	s, _ := NewSpace(m)
	sc := compile(t, s, compileSet(t, patterns.Target{}, "x"), Options{Workers: 7, ShardSize: 1 << 16})
	h, ok, err := sc.First(t.Context())
	if err != nil || !ok || h.Addr != 3<<20+1 || string(h.Bytes) != "x" {
		t.Fatalf("%+v, %v, %v", h, ok, err)
	}
	stats, err := sc.Scan(t.Context(), func(Hit) bool { return false })
	if err != nil || !stats.Stopped || stats.Hits != 1 || stats.Complete() {
		t.Fatalf("%+v, %v", stats, err)
	}
	defer func() {
		if recover() == nil {
			t.Error("the panic of the callback was lost")
		}
	}()
	sc.Scan(t.Context(), func(Hit) bool { panic("of the callback") })
}

// A brokenSource cannot read some of its pages, or shrinks.
type brokenSource struct {
	b      []byte
	broken map[uint64]bool // pages
	size   atomic.Uint64
}

func (s *brokenSource) Name() string { return "broken" }
func (s *brokenSource) Size() uint64 { return s.size.Load() }
func (s *brokenSource) View(buf []byte, off uint64, n int) ([]byte, error) {
	for i := range n {
		if at := off + uint64(i); s.broken[at/PageSize] || at >= s.size.Load() {
			return buf[:i], errors.New("broken page")
		}
		buf[i] = s.b[off+uint64(i)]
	}
	return buf[:n], nil
}

// Bytes that cannot be read are accounted for, byte by byte, and all others are searched; a match
// never spans bytes that cannot be read.
func TestUnreadable(t *testing.T) {
	rnd := testRand(t)
	for round := range 60 {
		src := &brokenSource{b: make([]byte, 12*PageSize), broken: map[uint64]bool{}}
		src.size.Store(uint64(len(src.b)))
		for i := range src.b {
			src.b[i] = "ab"[rnd.IntN(2)]
		}
		for range rnd.IntN(4) {
			src.broken[uint64(rnd.IntN(12))] = true
		}
		if round%3 == 0 {
			src.size.Store(uint64(1 + rnd.IntN(len(src.b))))
		}
		off := rnd.IntN(PageSize)
		l := layout{base: 0x4000, mappings: []Mapping{
			{Range: addr.Range{First: 0x4000, Last: 0x4000 + addr.Addr(len(src.b)-off-1)}, Source: src, Offset: uint64(off)},
		}}
		end := l.mappings[0].Last + 1
		tail, _ := BytesMapping("tail", end, []byte("abababab"))
		l.mappings = append(l.mappings, tail)
		lit := "abababab"[:1+rnd.IntN(8)]
		readable := func(a addr.Addr) (byte, bool) {
			if a >= end {
				return "abababab"[a-end], true
			}
			o := l.mappings[0].OffsetOf(a)
			return src.b[o], !src.broken[o/PageSize] && o < src.size.Load()
		}
		var want []addr.Addr
		var lost []addr.Range
		for a := l.base; a <= tail.Last; a++ {
			if _, ok := readable(a); !ok {
				lost = append(lost, addr.Range{First: a, Last: a})
			}
			hit := a+addr.Addr(len(lit)-1) <= tail.Last
			for i := 0; hit && i < len(lit); i++ {
				b, ok := readable(a + addr.Addr(i))
				hit = ok && b == lit[i]
			}
			if hit {
				want = append(want, a)
			}
		}
		for _, opt := range []Options{{Workers: 1}, {Workers: 3, ShardSize: 1000}} {
			sc := compile(t, l.space(t), compileSet(t, patterns.Target{}, lit), opt)
			var got []addr.Addr
			stats, err := sc.Scan(t.Context(), func(h Hit) bool { got = append(got, h.Addr); return true })
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("%q: %d hits, want %d, %v", lit, len(got), len(want), err)
			}
			if !slices.Equal(stats.Unreadable, addr.Merge(lost)) || stats.Scanned+stats.UnreadableBytes() != sc.Bytes() {
				t.Fatalf("unreadable %v, want %v; scanned %d of %d", stats.Unreadable, addr.Merge(lost), stats.Scanned, sc.Bytes())
			}
			if stats.Complete() != (len(lost) == 0) {
				t.Fatalf("complete: %v", stats.Complete())
			}
			if len(want) > 0 {
				stopsAt(t, sc, 1+rnd.IntN(len(want)), want, addr.Merge(lost))
			}
		}
	}
}

// stopsAt fails the test unless what could not be read, of scans that are stopped at hit n of want,
// is what of lost lies up to that hit, whatever workers had come to behind it.
func stopsAt(t *testing.T, sc *Scanner, n int, want []addr.Addr, lost []addr.Range) {
	t.Helper()
	left, last := uint64(n), want[n-1]
	stats, err := sc.Scan(t.Context(), func(h Hit) bool { left--; return left > 0 })
	if to := upTo(last, lost); err != nil || !stats.Stopped || !slices.Equal(stats.Unreadable, to) {
		t.Fatalf("stopped at %v: unreadable %v, want %v; %v", last, stats.Unreadable, to, err)
	}
	left = uint64(n)
	stats, err = sc.ScanBatches(t.Context(), func(b *Batch) bool {
		left, last = left-min(left, b.Len()), b.Last()
		return left > 0
	})
	if to := upTo(last, lost); err != nil || !stats.Stopped || !slices.Equal(stats.Unreadable, to) {
		t.Fatalf("stopped at the batch to %v: unreadable %v, want %v; %v", last, stats.Unreadable, to, err)
	}
	if _, _, err = sc.First(t.Context()); (err == nil) != (len(upTo(want[0], lost)) == 0) {
		t.Fatalf("the first, at %v, of what lacks %v: %v", want[0], lost, err)
	}
}

func TestOptionsAreValidated(t *testing.T) {
	s := zeroSpace(t, 1)
	set := compileSet(t, patterns.Target{}, "x")
	_, err := Compile(context.Background(), s, set, Options{Workers: -1, Kernel: 99, Ranges: []addr.Range{{First: 2, Last: 1}}})
	for _, want := range []string{"-1 workers", "0x2..0x1"} {
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte(want)) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

// pages returns data as one mapping, or as one-page mappings side by side: in order, of two
// sources by turns so that none can be joined, or scattered, so that their bytes lie in any order.
func pages(t testing.TB, data []byte, how string) *Space {
	n := len(data) / PageSize
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	sources := []Source{BytesSource("even", data), BytesSource("odd", data)}
	mappings := make([]Mapping, n)
	switch how {
	case "one mapping":
		mappings = []Mapping{{Range: addr.Range{First: 0x10000, Last: 0x10000 + addr.Addr(len(data)-1)}, Source: sources[0]}}
		order = nil
	case "scattered":
		rnd := testenv.Seeded(t, 1, 1)
		rnd.Shuffle(n, func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	for i, page := range order {
		first := addr.Addr(0x10000 + i*PageSize)
		mappings[i] = Mapping{Range: addr.Range{First: first, Last: first + PageSize - 1}, Source: sources[i%2], Offset: uint64(page * PageSize)}
	}
	s, err := NewSpace(mappings...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// BenchmarkPages compares 131,070 one-page mappings with one mapping of that
// size: in order, they should reach half its rate. Scattered ones are bound by
// fetching pages from anywhere in memory, whatever is done with them.
func BenchmarkPages(b *testing.B) {
	const n = 131_070
	data := make([]byte, n*PageSize)
	rnd := testenv.From(2, 2)
	for i := 0; i < len(data); i += 8 {
		addr.Little.PutUint(data[i:i+8], rnd.Uint64()>>8)
	}
	copy(data[1000:], "needle in the dump")
	set := compileSet(b, patterns.Target{}, "needle in the dump")
	for _, how := range []string{"one mapping", "in order", "scattered"} {
		sc := compile(b, pages(b, data, how), set, Options{Workers: 1})
		b.Run(how, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if stats, err := sc.Scan(context.Background(), func(Hit) bool { return true }); err != nil || stats.Hits != 1 {
					b.Fatalf("%+v, %v", stats, err)
				}
			}
		})
	}
}

// The bytes that hits of one pattern come with are those of memory, whatever
// their size, up to its last byte.
func TestBytesOfHits(t *testing.T) {
	rnd := testRand(t)
	for _, text := range []string{"u8:0x61..0x62", "u16le:0x6161..0x6262", "u32le:0x61000000..0x62ffffff", "u64le:0x6100000000000000..0x62ffffffffffffff",
		"u64be:0x6100000000000000..0x62ffffffffffffff", "hex:61??6?", "hex:61??????6?????6?", "hex:61" + strings.Repeat("??", 14) + "6?", "hex:6?" + strings.Repeat("??", 69)} {
		for _, align := range []uint64{1, 8} {
			l := layout{base: 0x1000}
			data := make([]byte, 4000+rnd.IntN(30_000))
			for i := range data {
				data[i] = "ab\x00c"[rnd.IntN(4)]
			}
			copy(data[len(data)-8:], "abababab")
			m, _ := BytesMapping("m", l.base, data)
			l.mappings = []Mapping{m}
			set := compileSet(t, patterns.Target{Align: align}, text)
			want := naive(l, l.model(len(data)), set, func(int) bool { return true })
			for _, level := range levels() {
				if got := collect(t, compile(t, l.space(t), set, Options{Kernel: level})); len(want) == 0 || !slices.Equal(got, want) {
					t.Fatalf("%s, align %d, %v: %d hits, want %d", text, align, level, len(got), len(want))
				}
			}
		}
	}
}
