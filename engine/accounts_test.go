package engine

import (
	"context"
	"testing"

	"vscan/engine/addr"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// A flaky source has a hole and pages that cannot be read.
type flaky struct {
	brokenSource
	hole [2]uint64 // half-open
}

func (s *flaky) NextHole(off, end, least uint64) (first, behind uint64) {
	h := sparse{holes: [][2]uint64{s.hole}}
	return h.NextHole(off, end, least)
}

const accountPages = 24

// randomAccountSpace returns a space of some pages from 0x10000 on, with mappings over one another of
// every state and reason, and sources of which pages cannot be read.
func randomAccountSpace(t *testing.T, intN func(int) int) *Space {
	t.Helper()
	var all []Mapping
	for range 1 + intN(8) {
		first := addr.Addr(0x10000 + intN(accountPages*PageSize))
		m := Mapping{Range: addr.Range{First: first, Last: first + addr.Addr(intN(6*PageSize))}}
		switch intN(4) {
		case 0:
			m.State = Zero
		case 1:
			m.State, m.Absence = Absent, Absence(intN(3))
		default:
			src := &flaky{brokenSource: brokenSource{b: make([]byte, 7*PageSize), broken: map[uint64]bool{}}}
			for i := range src.b {
				src.b[i] = "ab"[intN(2)]
			}
			if intN(2) == 0 { // neither cut nor broken: holes are zeros
				from := intN(3 * PageSize)
				src.hole = [2]uint64{uint64(from), uint64(from + 2*PageSize + intN(PageSize))}
				clear(src.b[src.hole[0]:src.hole[1]])
			}
			for range intN(3) {
				src.broken[uint64(intN(7))] = true
			}
			src.size.Store(uint64(len(src.b) - intN(2)*intN(4*PageSize)))
			m.Source, m.Offset = src, uint64(intN(PageSize))
		}
		all = append(all, m)
	}
	s, err := NewSpace(all...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What a scan was to look at is searched, absent for one reason or another, unreadable or
// beyond its bounds, byte by byte, whatever sources fail and whatever bounds there are.
func TestAccountAddsUp(t *testing.T) {
	rnd := testRand(t)
	set := compileSet(t, patterns.Target{MaxMatch: 48}, "text:ab", `re:a\x00{20}`)
	ofZeros := compileSet(t, patterns.Target{MaxMatch: 48}, "hex:00")
	var zero, lost, beyond bool
	for range testenv.Rounds(60, 150, 3000) {
		s := randomAccountSpace(t, rnd.IntN)
		opt := Options{Workers: 1 + rnd.IntN(2), ShardSize: uint64(1 + rnd.IntN(3*PageSize))}
		part := func() []addr.Range {
			first := addr.Addr(0x10000 + rnd.IntN(accountPages*PageSize))
			return []addr.Range{{First: first, Last: first + addr.Addr(rnd.IntN(9*PageSize))}}
		}
		scope := []addr.Range{addr.All}
		if rnd.IntN(3) == 0 {
			opt.Ranges = part()
			scope = opt.Ranges
		}
		if rnd.IntN(3) == 0 {
			opt.Starts = part()
			scope = addr.Intersect(scope, opt.Starts)
		}
		if rnd.IntN(3) == 0 {
			opt.MaxBytes = uint64(1 + rnd.IntN(9*PageSize))
		}
		used := set
		if rnd.IntN(3) == 0 {
			used = ofZeros
		}
		sc := compile(t, s, used, opt)
		sc.leastSkip = uint64(1 + rnd.IntN(60))
		if err := sc.cutUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		stats, err := sc.Scan(t.Context(), func(Hit) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		var size, absent, excluded, missing, zeros uint64
		for _, r := range scope {
			for v := range s.Intervals(r) {
				if v.Mapping == nil {
					continue
				}
				size += v.Size()
				switch {
				case v.State() == Absent:
					absent += v.Size()
					excluded += v.Size() * uint64(boolInt(v.Mapping.Absence == Excluded))
					missing += v.Size() * uint64(boolInt(v.Mapping.Absence == Missing))
				case v.State() == Zero:
					zeros += v.Size()
				}
			}
		}
		unreadable := uint64(0)
		for _, r := range addr.Intersect(stats.Unreadable, scope) {
			unreadable += r.Size()
		}
		if stats.Scanned+stats.Absent+unreadable+stats.Beyond != size || stats.Absent != absent || stats.Excluded != excluded || stats.Missing != missing {
			t.Fatalf("%+v: %+v, %d unreadable in scope; want %d bytes, %d absent of which %d excluded and %d missing", opt, stats, unreadable, size, absent, excluded, missing)
		}
		if stats.Zero > stats.Scanned || opt.MaxBytes == 0 && stats.Zero < zeros {
			t.Fatalf("%+v: %d zeros of %d searched; mappings have %d", opt, stats.Zero, stats.Scanned, zeros)
		}
		zero, lost, beyond = zero || stats.Zero > zeros, lost || unreadable > 0, beyond || stats.Beyond > 0
	}
	if !zero || !lost || !beyond {
		t.Errorf("holes %v, unreadable %v, beyond %v: not all came up", zero, lost, beyond)
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// The zeros of a scan are those that are known, whatever the patterns are.
func TestZeroIsExact(t *testing.T) {
	b := make([]byte, 4<<20)
	copy(b, "ab")
	src := &sparse{Source: BytesSource("sparse", b), holes: [][2]uint64{{4096, 2 << 20}, {3 << 20, 3<<20 + 100}}}
	s, err := NewSpace(
		Mapping{Range: addr.Range{First: 0x1000, Last: 0x1000 + 4<<20 - 1}, Source: src},
		Mapping{Range: addr.Range{First: 1 << 40, Last: 1<<40 + 9999}, State: Zero},
		Mapping{Range: addr.Range{First: 1 << 50, Last: 1<<50 + 99}, State: Absent, Absence: Excluded},
		Mapping{Range: addr.Range{First: 1 << 51, Last: 1<<51 + 9}, State: Absent, Absence: Missing},
		Mapping{Range: addr.Range{First: 1 << 52, Last: 1<<52 + 4}, State: Absent},
	)
	if err != nil {
		t.Fatal(err)
	}
	const want = 2<<20 - 4096 + 10_000 // the hole of 100 bytes is too small to be asked for
	for _, text := range []string{"text:ab", "hex:0000", `re:\x00b`} {
		for _, starts := range [][]addr.Range{nil, {{First: 0, Last: 1 << 40}, {First: 1<<40 + 1, Last: addr.Max}}} {
			sc := compile(t, s, compileSet(t, patterns.Target{}, text), Options{Starts: starts})
			stats, err := sc.ScanBatches(t.Context(), func(*Batch) bool { return true })
			if err != nil || sc.Zero() != want || stats.Zero != want || stats.Scanned != 4<<20+10_000 {
				t.Errorf("%s: %d known to be zero, %+v, %v", text, sc.Zero(), stats, err)
			}
		}
	}
	sc := compile(t, s, compileSet(t, patterns.Target{}, "text:ab"), Options{Starts: []addr.Range{{First: 0x3000, Last: 0x3fff}}})
	if sc.Zero() != 0x1000 {
		t.Errorf("%d zeros in a page of the hole", sc.Zero())
	}
	var a Account
	for v := range s.Intervals(addr.All) {
		if err := a.Add(context.Background(), v); err != nil {
			t.Fatal(err)
		}
	}
	if a != (Account{Present: 4<<20 + 10_000 - want, Zero: want, Unsaved: 5, Excluded: 100, Missing: 10}) || a.Size() != 4<<20+10_115 || a.Absent() != 115 {
		t.Errorf("%+v", a)
	}
}
