package engine

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"vscan/engine/addr"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// zerosAround returns in parted bytes, then zeros that are not stored, then
// bytes, from an address on, and in whole the same in one piece.
func zerosAround(t *testing.T, base addr.Addr, before []byte, zeros int, after []byte) (parted, whole *Space) {
	t.Helper()
	var parts []Mapping
	at := base
	add := func(m Mapping, n int) {
		if n > 0 {
			m.Range = addr.Range{First: at, Last: at + addr.Addr(n-1)}
			parts = append(parts, m)
			at += addr.Addr(n)
		}
	}
	add(Mapping{Source: BytesSource("before", before)}, len(before))
	add(Mapping{State: Zero}, zeros)
	add(Mapping{Source: BytesSource("after", after)}, len(after))
	all := slices.Concat(before, make([]byte, zeros), after)
	m, err := BytesMapping("all", base, all)
	if err != nil {
		t.Fatal(err)
	}
	parted, err1 := NewSpace(parts...)
	whole, err2 := NewSpace(m)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return parted, whole
}

// No hit is lost where zeros are left out: the hits are those in the same
// bytes in one piece, whether matches begin before the zeros, end behind them,
// or span them, and whether the zeros are longer or shorter than a match.
func TestSkippedZerosHideNothing(t *testing.T) {
	rnd := testRand(t)
	texts := []string{
		`re:\b\x00{1,3}`, `re:\x00{3}\b`, `re:\B\x00\x00\b`, `re/w:\b\x00`, `re:(?m)^\x00`, `re:\x00$`,
		"text:ab", `hex:6100`, `hex:0061`, `hex:000000000062`, `hex:610000`, `re:a\x00{1,40}b`, `re:\x00{2,30}b`, `re/i:A\x00{3,9}`,
		`hex:61 [0-40] 62`, `hex:00 [2] 61`, "text/f:ab", "text/w:ab", "u32le:1..0x626262", "u16be:1..0xff", "u64:1..0x6262", `re:[^\x00]+`, `re:(?s)a.{0,30}b`,
	}
	skipped, rounds := 0, testenv.Rounds(80, 200, 4000)
	for range rounds {
		chosen := []string{texts[rnd.IntN(len(texts))], texts[rnd.IntN(len(texts))]}[:1+rnd.IntN(2)]
		some := func() []byte {
			b := make([]byte, rnd.IntN(60))
			for i := range b {
				b[i] = "ab\x00"[rnd.IntN(3)]
			}
			return b
		}
		parted, whole := zerosAround(t, addr.Addr(0x1000+rnd.IntN(8)), some(), 1+rnd.IntN(300), append(some(), 'a'))
		set := compileSet(t, patterns.Target{MaxMatch: 48, OrderKnown: true}, chosen...)
		opt := Options{Workers: 1 + rnd.IntN(3), ShardSize: uint64(1 + rnd.IntN(200)), Overlapping: rnd.IntN(2) == 0}
		want := collect(t, compile(t, whole, set, opt))
		sc := compile(t, parted, set, opt)
		sc.leastSkip = uint64(1 + rnd.IntN(20))
		if err := sc.cutUp(t.Context()); err != nil || sc.skipped > 0 {
			skipped++
		}
		if got := collect(t, sc); !slices.Equal(got, want) {
			t.Fatalf("%q: %v without the zeros, %v with them; %d bytes left out of %v", chosen, got, want, sc.skipped, sc.plan.pieces)
		}
	}
	if skipped < rounds/8 {
		t.Errorf("only %d of %d rounds left anything out", skipped, rounds)
	}
}

// A sparse is bytes in memory that tell of some of their zeros as holes.
type sparse struct {
	Source
	holes [][2]uint64 // ascending, half-open
	looks int
}

func (s *sparse) NextHole(off, end, least uint64) (first, behind uint64) {
	s.looks++
	for _, h := range s.holes {
		first, behind := max(h[0], off), min(h[1], end)
		if first < behind && behind-first >= least {
			return first, behind
		}
		if first < behind && s.looks%3 == 0 {
			return behind, behind // no hole up to here, and perhaps more to look at
		}
	}
	return end, end
}

// No hit is lost where holes are left out: mappings show parts of a source with holes, side
// by side or apart, some of them several times, and the hits are those in the same bytes
// without holes.
func TestSkippedHolesHideNothing(t *testing.T) {
	rnd := testRand(t)
	texts := []string{
		"text:ab", `hex:6100`, `hex:0061`, `hex:000000000062`, `re:a\x00{1,40}b`, `re:\b\x00{1,3}`, `re:\x00{3}\b`, `re/w:\b\x00`, `re:\x00$`, `hex:0000`, `hex:00`,
		`re:\x00{2,30}b`, `hex:61 [0-40] 62`, "text/f:ab", "u32le:1..0x626262", "u64:0..0x6262", `re:[^\x00]+`, `re:(?s)a.{0,30}b`,
	}
	skipped, rounds := 0, testenv.Rounds(80, 200, 4000)
	for range rounds {
		var b []byte
		holes := &sparse{}
		for range 1 + rnd.IntN(4) {
			for range rnd.IntN(40) {
				b = append(b, "ab\x00"[rnd.IntN(3)])
			}
			from := uint64(len(b))
			b = append(b, make([]byte, 1+rnd.IntN(200))...)
			holes.holes = append(holes.holes, [2]uint64{from, uint64(len(b))})
		}
		for range rnd.IntN(20) {
			b = append(b, "ab\x00"[rnd.IntN(3)])
		}
		plain := BytesSource("plain", b)
		holes.Source = plain
		var with, without []Mapping
		at := addr.Addr(0x1000)
		for range 1 + rnd.IntN(4) {
			off := rnd.IntN(len(b))
			n := 1 + rnd.IntN(len(b)-off)
			m := Mapping{Range: addr.Range{First: at, Last: at + addr.Addr(n-1)}, Source: plain, Offset: uint64(off)}
			without = append(without, m)
			m.Source = holes
			with = append(with, m)
			at += addr.Addr(n + rnd.IntN(2)*100)
		}
		parted, err1 := NewSpace(with...)
		whole, err2 := NewSpace(without...)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		chosen := []string{texts[rnd.IntN(len(texts))], texts[rnd.IntN(len(texts))]}[:1+rnd.IntN(2)]
		set := compileSet(t, patterns.Target{MaxMatch: 48, OrderKnown: true}, chosen...)
		opt := Options{Workers: 1 + rnd.IntN(3), ShardSize: uint64(1 + rnd.IntN(200)), Overlapping: rnd.IntN(2) == 0, PerMapping: rnd.IntN(2) == 0}
		want := collect(t, compile(t, whole, set, opt))
		sc := compile(t, parted, set, opt)
		sc.leastSkip = uint64(1 + rnd.IntN(20))
		if err := sc.cutUp(t.Context()); err != nil || sc.skipped > 0 {
			skipped++
		}
		if got := collect(t, sc); !slices.Equal(got, want) {
			t.Fatalf("%q: %v with holes, %v without; holes at %v, mappings %v, %d bytes left out", chosen, got, want, holes.holes, with, sc.skipped)
		}
		if stats, err := sc.Scan(t.Context(), func(Hit) bool { return true }); err != nil || stats.Scanned != sc.Bytes() || !stats.Complete() {
			t.Fatalf("%+v of %d bytes, %v", stats, sc.Bytes(), err)
		}
	}
	if skipped < rounds/8 {
		t.Errorf("only %d of %d rounds left anything out", skipped, rounds)
	}
}

// watchedHole is a source of some bytes, a hole and as many bytes, which calls viewed at every view.
type watchedHole struct {
	sparse
	size   atomic.Uint64
	viewed func()
}

func (s *watchedHole) Size() uint64 { return s.size.Load() }

func (s *watchedHole) View(buf []byte, off uint64, n int) ([]byte, error) {
	s.viewed()
	return s.Source.View(buf, off, n)
}

// watchHole returns a scanner of a watchedHole for ab, which stands at both ends of it.
func watchHole(t *testing.T) (*watchedHole, *Scanner) {
	t.Helper()
	const hole = 10_000
	b := append(append([]byte("ab"), make([]byte, hole)...), "ab"...)
	src := &watchedHole{sparse: sparse{Source: BytesSource("hole", b), holes: [][2]uint64{{2, 2 + hole}}}}
	src.size.Store(uint64(len(b)))
	space, err := NewSpace(Mapping{Range: addr.Range{First: 0x1000, Last: 0x1000 + addr.Addr(len(b)-1)}, Source: src})
	if err != nil {
		t.Fatal(err)
	}
	sc := compile(t, space, compileSet(t, patterns.Target{}, "text:ab"), Options{Workers: 1, ShardSize: 2})
	sc.leastSkip = 1
	if err := sc.cutUp(t.Context()); err != nil || sc.skipped < hole-1 {
		t.Fatalf("%d bytes are left out, %v", sc.skipped, err)
	}
	return src, sc
}

// A hole counts as searched once the search is behind it.
func TestHolesCountOncePassed(t *testing.T) {
	src, sc := watchHole(t)
	src.viewed = func() {}
	if stats, err := sc.Scan(t.Context(), func(Hit) bool { return true }); err != nil || stats.Scanned != src.Size() {
		t.Errorf("%+v of %d bytes, %v", stats, src.Size(), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	src.viewed = cancel // the first shard is in hand
	if stats, err := sc.Scan(ctx, func(Hit) bool { return true }); !errors.Is(err, context.Canceled) || stats.Scanned > 10 {
		t.Errorf("%d bytes count as searched, %v", stats.Scanned, err)
	}
}

// Of a hole that was passed over, what lies past the end of a file that was cut is lost.
func TestHolesOfAFileThatIsCut(t *testing.T) {
	src, sc := watchHole(t)
	whole := src.Size()
	src.viewed = func() { src.size.Store(1000) }
	hits := 0
	stats, err := sc.Scan(t.Context(), func(h Hit) bool { hits++; return true })
	want := []addr.Range{{First: 0x1000 + 1000, Last: 0x1000 + addr.Addr(whole-1)}}
	if err != nil || hits != 1 || !slices.Equal(stats.Unreadable, want) || stats.Scanned != 1000 {
		t.Errorf("%d hits, %+v, %v; want %v lost", hits, stats, err, want)
	}
}

// What a source tells of its holes that makes no sense ends the questions, and a file of very many holes
// has no more left out than maxHoles.
func TestHolesThatAreNone(t *testing.T) {
	for _, h := range []oddHoles{{5, 3}, {0, 0}, {0, 1 << 40}, {0, 1}, {1 << 40, 1 << 41}} {
		src := &oddSource{Source: BytesSource("odd", make([]byte, 4096)), answer: h}
		space, err := NewSpace(Mapping{Range: addr.Range{First: 0, Last: 4095}, Source: src})
		if err != nil {
			t.Fatal(err)
		}
		sc := compile(t, space, compileSet(t, patterns.Target{}, "text:a"), Options{})
		sc.leastSkip = 1
		if err := sc.cutUp(t.Context()); err != nil || src.looks > 4 {
			t.Errorf("%v: %d questions, %v", h, src.looks, err)
		}
	}
	src := &oddSource{Source: BytesSource("many", nil), every: true}
	space, err := NewSpace(Mapping{Range: addr.Range{First: 0, Last: 1 << 40}, Source: src})
	if err != nil {
		t.Fatal(err)
	}
	sc := compile(t, space, compileSet(t, patterns.Target{}, "text:a"), Options{})
	if src.looks > maxHoles+1 || len(sc.cut) > maxHoles+1 {
		t.Errorf("%d questions, %d stretches", src.looks, len(sc.cut))
	}
}

type oddHoles struct{ first, behind uint64 }

// An oddSource answers whatever it is told to, or has a hole beside every byte.
type oddSource struct {
	Source
	answer oddHoles
	every  bool
	looks  int
}

func (s *oddSource) NextHole(off, end, least uint64) (first, behind uint64) {
	s.looks++
	if s.every {
		return off, min(off+least+1, end)
	}
	return s.answer.first, s.answer.behind
}

// Terabytes that were never touched are passed over at once, and count as
// searched.
func TestTerabytesOfZeros(t *testing.T) {
	const size = 20 << 40
	head, tail := []byte("needle at the beginning, and a"), []byte("z behind them, needle")
	first := addr.Addr(1 << 44)
	space, err := NewSpace(
		Mapping{Range: addr.Range{First: first, Last: first + addr.Addr(len(head)-1)}, Source: BytesSource("head", head)},
		Mapping{Range: addr.Range{First: first + addr.Addr(len(head)), Last: first + size - 1}, State: Zero},
		Mapping{Range: addr.Range{First: first + size, Last: first + size + addr.Addr(len(tail)-1)}, Source: BytesSource("tail", tail)},
	)
	if err != nil {
		t.Fatal(err)
	}
	progress := &Progress{}
	set := compileSet(t, patterns.Target{WordSize: 8, OrderKnown: true}, "text:needle", `re:a\x00{20}`, `re:\x00{7}z`, "ptr:0x61..0x6161", `re:[\w.]+@[\w.]+\.org`)
	sc := compile(t, space, set, Options{Progress: progress})
	var at []addr.Addr
	stats, err := sc.Scan(context.Background(), func(h Hit) bool { at = append(at, h.Addr); return true })
	if err != nil || !stats.Complete() || stats.Scanned != sc.Bytes() || sc.Bytes() < size || progress.Bytes.Load() != sc.Bytes() {
		t.Fatalf("%+v, %v; %d of %d bytes", stats, err, progress.Bytes.Load(), sc.Bytes())
	}
	want := []addr.Addr{first, first + addr.Addr(bytes.LastIndexByte(head, 'a')), first + size - 7, first + size + addr.Addr(bytes.Index(tail, []byte("needle")))}
	if !slices.Equal(at, want) {
		t.Errorf("hits at %v, want %v", at, want)
	}
	var edges int
	refs := compile(t, space, compileSet(t, patterns.Target{WordSize: 8, OrderKnown: true}, "ptr:0x61..0x7fffffffffffffff"), Options{})
	if _, err := refs.ScanShards(context.Background(), func(_ int, _ uint64, b *Batch) bool { edges += int(b.Len()); return true }); err != nil || edges == 0 {
		t.Errorf("%d words, %v", edges, err)
	}
}

// Zeros are searched where a pattern matches them.
func TestZerosAreMatched(t *testing.T) {
	texts := []string{"hex:0000", `re:\x00{4}`, "u32:0..5", `re:[^x]{3}`, "hex:?0 ~41", `re:(?s).{9}`, "re:x*\x00"}
	for _, text := range texts[:testenv.Rounds(2, len(texts), len(texts))] {
		parted, whole := zerosAround(t, 0x2000, []byte("xx"), minSkip+4096, []byte("yy"))
		set := compileSet(t, patterns.Target{OrderKnown: true}, text)
		want := collect(t, compile(t, whole, set, Options{}))
		if got := collect(t, compile(t, parted, set, Options{})); len(got) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: %d hits in zeros that are not stored, %d in those that are", text, len(got), len(want))
		}
	}
}

// With PerMapping, a mapping in parts is searched as one.
func TestContinuedMappingsAreOne(t *testing.T) {
	b := []byte("....ne" + "edle....")
	part := func(first addr.Addr, b []byte, name string, off uint64) Mapping {
		m, err := BytesMapping(name, first, b)
		if err != nil {
			t.Fatal(err)
		}
		m.Name, m.NameOffset, m.Continuation = name, off, off > 0
		return m
	}
	for _, c := range []struct {
		name string
		off  uint64
		want int
	}{{"heap", 6, 1}, {"heap", 0, 0}, {"heap", 5, 0}, {"other", 6, 0}} {
		space, err := NewSpace(part(0x1000, b[:6], "heap", 0), part(0x1006, b[6:], c.name, c.off))
		if err != nil {
			t.Fatal(err)
		}
		if got := collect(t, compile(t, space, compileSet(t, patterns.Target{}, "text:needle"), Options{PerMapping: true})); len(got) != c.want {
			t.Errorf("part of %s at %d: %d hits, want %d", c.name, c.off, len(got), c.want)
		}
	}
}

// Extents joins mappings that continue one another, and no others.
func TestExtents(t *testing.T) {
	at := func(first, last addr.Addr, state State, name string, off uint64) Mapping {
		m := Mapping{Range: addr.Range{First: first, Last: last}, State: state, Name: name, NameOffset: off, Continuation: off > 0}
		if state == Present {
			m.Source = BytesSource(name, make([]byte, last+1))
		}
		return m
	}
	space, err := NewSpace(
		at(0x1000, 0x1fff, Present, "a", 0), at(0x2000, 0x2fff, Zero, "a", 0x1000), at(0x3000, 0x3fff, Present, "a", 0x2000),
		at(0x4000, 0x4fff, Absent, "a", 0x3000), at(0x5000, 0x5fff, Zero, "a", 0x4000), at(0x6000, 0x6fff, Present, "a", 0),
		at(0x8000, 0x8fff, Present, "a", 0x1000), at(0x9000, 0x9fff, Present, "b", 0x2000),
		at(0x3800, 0x38ff, Present, "over", 0),
	)
	if err != nil {
		t.Fatal(err)
	}
	want := []addr.Range{{First: 0x1800, Last: 0x37ff}, {First: 0x3800, Last: 0x38ff}, {First: 0x3900, Last: 0x3fff}, {First: 0x5000, Last: 0x5fff}, {First: 0x6000, Last: 0x6fff}, {First: 0x8000, Last: 0x8fff}, {First: 0x9000, Last: 0x97ff}}
	var got []addr.Range
	for v := range space.Extents(addr.Range{First: 0x1800, Last: 0x97ff}) {
		got = append(got, v.Range)
		if v.First == 0x3900 && v.Mapping.PlaceOf(v.First) != 0x2900 {
			t.Errorf("%v is %#x into its name", v.Range, v.Mapping.PlaceOf(v.First))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("extents %v, want %v", got, want)
	}
	for range space.Extents(addr.All) {
		break
	}
}
