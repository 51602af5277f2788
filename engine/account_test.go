package engine

import (
	"context"
	"errors"
	"slices"
	"testing"

	"vscan/engine/addr"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// brokenSpace returns 8 pages at 0x10000 with "needle" in pages 2 and 5. The
// pages broken cannot be read.
func brokenSpace(t *testing.T, broken ...uint64) *Space {
	t.Helper()
	src := &brokenSource{b: make([]byte, 8*PageSize), broken: map[uint64]bool{}}
	src.size.Store(8 * PageSize)
	copy(src.b[2*PageSize+10:], "needle")
	copy(src.b[5*PageSize+10:], "needle")
	for _, page := range broken {
		src.broken[page] = true
	}
	s, err := NewSpace(Mapping{Range: addr.Range{First: 0x10000, Last: 0x17fff}, Source: src})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Every easy way of searching ends with an error where bytes could not be read.
func TestEasyWaysKeepTheAccount(t *testing.T) {
	const first, second = 0x1200a, 0x1500a
	set, err := patterns.Compile(context.Background(), []patterns.Pattern{patterns.Bytes([]byte("needle"))}, patterns.Target{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		broken    []uint64
		all       []addr.Addr
		lost      uint64    // pages
		first     addr.Addr // 0: there is none
		firstLost uint64    // pages below it, all where there is none
	}{
		{nil, []addr.Addr{first, second}, 0, first, 0},
		{[]uint64{7}, []addr.Addr{first, second}, 1, first, 0},
		{[]uint64{0}, []addr.Addr{first, second}, 1, first, 1},
		{[]uint64{2}, []addr.Addr{second}, 1, second, 1},
		{[]uint64{1, 2, 5}, nil, 3, 0, 3},
	} {
		s := brokenSpace(t, c.broken...)
		sc := compile(t, s, set, Options{Workers: 1, ShardSize: PageSize})
		var got []addr.Addr
		var last error
		for h, err := range sc.All(t.Context()) {
			if last = err; err == nil {
				got = append(got, h.Addr)
			}
		}
		checkLost(t, last, c.lost)
		if !slices.Equal(got, c.all) {
			t.Errorf("%v: %v", c.broken, got)
		}
		got, last = nil, nil
		for a, err := range s.FindAll(t.Context(), []byte("needle"), 0, 1) {
			if last = err; err == nil {
				got = append(got, a)
			}
		}
		checkLost(t, last, c.lost)
		if !slices.Equal(got, c.all) {
			t.Errorf("%v: FindAll %v", c.broken, got)
		}
		h, ok, err := sc.First(t.Context())
		checkLost(t, err, c.firstLost)
		if ok != (c.first != 0) || h.Addr != c.first {
			t.Errorf("%v: first %v, %v", c.broken, h, ok)
		}
		a, ok, err := s.Find(t.Context(), []byte("needle"), 0, 1)
		checkLost(t, err, c.firstLost)
		if ok != (c.first != 0) || a != c.first {
			t.Errorf("%v: find %v, %v", c.broken, a, ok)
		}
	}
	// FindPointer does so too.
	var last error
	for _, last = range brokenSpace(t, 3).For(mustArch(t, 8)).FindPointer(t.Context(), 0x77) {
	}
	checkLost(t, last, 1)
}

func mustArch(t *testing.T, word int) addr.Arch {
	t.Helper()
	a, err := addr.NewArch(word, addr.Little)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func checkLost(t *testing.T, err error, pages uint64) {
	t.Helper()
	var e *IncompleteError
	switch {
	case pages == 0 && err != nil:
		t.Errorf("error %v", err)
	case pages > 0 && (!errors.As(err, &e) || e.Stats.UnreadableBytes() != pages*PageSize || e.Error() == ""):
		t.Errorf("error %v, want one about %d pages", err, pages)
	}
}

// A context that ends is the cause of the error, which has the account as well.
func TestIncompleteByContext(t *testing.T) {
	why := errors.New("no more time")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	sc := compile(t, brokenSpace(t), compileSet(t, patterns.Target{}, "text:needle"), Options{})
	for _, err := range sc.All(ctx) {
		var e *IncompleteError
		if !errors.Is(err, why) || !errors.As(err, &e) || !e.Stats.Cancelled {
			t.Errorf("%v", err)
		}
	}
	if _, ok, err := sc.First(ctx); ok || !errors.Is(err, why) {
		t.Errorf("first: %v, %v", ok, err)
	}
	// A caller who wants no more hits gets no error.
	for _, err := range compile(t, brokenSpace(t, 6), compileSet(t, patterns.Target{}, "text:needle"), Options{}).All(t.Context()) {
		if err != nil {
			t.Error(err)
		}
		break
	}
}

// Hits of All keep their bytes.
func TestHitsOfAllCanBeKept(t *testing.T) {
	b := make([]byte, 1<<20)
	rnd := testRand(t)
	for i := range b {
		b[i] = byte(rnd.IntN(256))
	}
	s := spaceOf(t, b)
	m := s.At(0)
	for v := range s.Intervals(addr.All) {
		if v.Mapping != nil {
			m = v
			break
		}
	}
	for _, text := range []string{"u32le:0..0x7fffffff", "re:[a-z]{2,80}", "hex:4? 5?", "text/i:ab", "text:a"} {
		var kept []Hit
		for h, err := range compile(t, s, compileSet(t, patterns.Target{}, text), Options{}).All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, h)
		}
		if len(kept) == 0 {
			t.Errorf("%s: no hits", text)
		}
		for _, h := range kept {
			off := int(h.Addr - m.First)
			if string(h.Bytes) != string(b[off:off+min(h.Len, HitBytes)]) {
				t.Fatalf("%s: a hit at %v with other bytes: %x", text, h.Addr, h.Bytes)
			}
		}
	}
}

// Scans whose Starts are the parts of a range have together the hits of a scan
// of the range, wherever the parts meet, and their counts add up.
func TestStartsPartTheHits(t *testing.T) {
	rnd := testRand(t)
	for range testenv.Rounds(25, 60, 150) {
		parted, _ := zerosAround(t, 0x1000, randomLetters(rnd.IntN, 200), 1+rnd.IntN(300), randomLetters(rnd.IntN, 200))
		hole, err := BytesMapping("more", 0x8000, randomLetters(rnd.IntN, 100))
		if err != nil {
			t.Fatal(err)
		}
		s, err := parted.Add(hole, Mapping{Range: addr.Range{First: 0x9000, Last: 0x90ff}, State: Absent})
		if err != nil {
			t.Fatal(err)
		}
		texts := []string{"text:ab", `hex:6100`, `re:a\x00{1,40}b`, "re:[ab]{1,20}", "u32le:1..0x626262", "hex:61 [0-40] 62", "text/f:ab", "hex:00"}
		set := compileSet(t, patterns.Target{MaxMatch: 48, OrderKnown: true}, texts[rnd.IntN(len(texts))], texts[rnd.IntN(len(texts))])
		opt := Options{Workers: 1 + rnd.IntN(3), ShardSize: uint64(1 + rnd.IntN(100)), Overlapping: true}
		whole := compile(t, s, set, opt)
		want := collect(t, whole)
		var got []plainHit
		bytes, absent := uint64(0), uint64(0)
		for at := addr.Addr(0); ; {
			last := at + addr.Addr(rnd.IntN(200))
			switch {
			case at > 0x9100:
				last = addr.Max
			case at < 0x900:
				last = 0x900
			case at > 0x1400 && at < 0x7e00: // there is nothing
				last = 0x7e00 + addr.Addr(rnd.IntN(0x300))
			}
			opt.Starts = []addr.Range{{First: at, Last: last}}
			if last > at && rnd.IntN(2) == 0 { // in two, the wrong way round
				mid := at + (last-at)/2
				opt.Starts = []addr.Range{{First: mid + 1, Last: last}, {First: at, Last: mid}}
			}
			sc := compile(t, s, set, opt)
			sc.leastSkip = uint64(1 + rnd.IntN(40))
			sc.cutUp(t.Context())
			got = append(got, collect(t, sc)...)
			bytes, absent = bytes+sc.Bytes(), absent+sc.Absent()
			if last == addr.Max {
				break
			}
			at = last + 1
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%d hits in parts, %d in the whole: %v, %v", len(got), len(want), got, want)
		}
		if bytes != whole.Bytes() || absent != whole.Absent() {
			t.Fatalf("%d bytes and %d absent in parts, %d and %d in the whole", bytes, absent, whole.Bytes(), whole.Absent())
		}
	}
}

func randomLetters(intN func(int) int, n int) []byte {
	b := make([]byte, 1+intN(n))
	for i := range b {
		b[i] = "ab\x00"[intN(3)]
	}
	return b
}

// A match runs on beyond Starts, but not beyond Ranges.
func TestStartsAndRanges(t *testing.T) {
	s := spaceAt(t, 0x1000, []byte("..needle..needle"))
	set := compileSet(t, patterns.Target{}, "text:needle")
	one := func(first, last addr.Addr) []addr.Range { return []addr.Range{{First: first, Last: last}} }
	for _, c := range []struct {
		opt  Options
		want int
	}{
		{Options{Starts: one(0x1002, 0x1002)}, 1},
		{Options{Starts: one(0x1003, 0x1009)}, 0},
		{Options{Starts: one(0x1002, 0x1002), Ranges: one(0x1000, 0x1006)}, 0},
		{Options{Starts: one(0x1000, 0x100a), Ranges: one(0x1002, 0x100f)}, 2},
		{Options{Starts: one(0x5000, 0x5000)}, 0},
		{Options{Starts: one(0, addr.Max)}, 2},
	} {
		if got := collect(t, compile(t, s, set, c.opt)); len(got) != c.want {
			t.Errorf("%+v: %d hits, want %d", c.opt, len(got), c.want)
		}
	}
	if _, err := Compile(context.Background(), s, set, Options{Starts: one(2, 1)}); err == nil {
		t.Error("starts the wrong way round")
	}
}

func spaceAt(t *testing.T, first addr.Addr, b []byte) *Space {
	t.Helper()
	m, err := BytesMapping("bytes", first, b)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSpace(m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// An IncompleteError that a program makes by hand does not panic, and says what
// it can.
func TestIncompleteErrorByHand(t *testing.T) {
	for _, c := range []struct {
		e    IncompleteError
		want string
	}{
		{IncompleteError{}, "not complete: the scan ended after 0 bytes"},
		{IncompleteError{Stats: Stats{Scanned: 7}}, "not complete: the scan ended after 7 bytes"},
		{IncompleteError{Stats: Stats{Scanned: 7}, Err: errors.New("why")}, "not complete: the scan ended after 7 bytes: why"},
		{IncompleteError{Stats: Stats{Unreadable: []addr.Range{{First: 5, Last: 6}}}}, "not complete: 2 bytes could not be read, the first at 0x5"},
	} {
		if got := c.e.Error(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
