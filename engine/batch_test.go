package engine

import (
	"bytes"
	"slices"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/simd"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// Dense hits come as series, sparse ones as offsets, and both in order.
func TestRuns(t *testing.T) {
	data := make([]byte, testenv.Rounds(1<<19, 3<<19, 3<<20))
	rnd := testRand(t)
	want := uint64(len(data))
	for range 20 {
		at := rnd.IntN(len(data))
		if data[at] == 0 {
			data[at] = 1
			want--
		}
	}
	m, _ := BytesMapping("m", 0x1001, data)
	space, _ := NewSpace(m)
	for _, level := range levels() {
		sc := compile(t, space, compileSet(t, patterns.Target{}, "hex:00"), Options{Kernel: level, Workers: 2})
		var hits, inSeries uint64
		next := addr.Addr(0)
		_, err := sc.ScanBatches(t.Context(), func(b *Batch) bool {
			if b.Series.Count > 0 {
				if b.Base < next || b.Series.Step != 1 {
					t.Fatalf("a series at %v, steps of %d, after %v", b.Base, b.Series.Step, next)
				}
				next = b.Base + addr.Addr(b.Series.Count)
				inSeries += b.Series.Count
			}
			hits += b.Len()
			return true
		})
		if err != nil || hits != want {
			t.Fatalf("%v: %d hits, want %d; %v", level, hits, want, err)
		}
		if inSeries < want/2 {
			t.Errorf("%v: %d of %d hits in series", level, inSeries, want)
		}
		if got := collect(t, sc); uint64(len(got)) != want || !slices.IsSortedFunc(got, func(a, b plainHit) int { return int(a.addr) - int(b.addr) }) {
			t.Fatalf("%v: %d hits, want %d in order", level, len(got), want)
		}
	}
}

// A scan that is stopped in the middle of a batch has counted what was wanted.
func TestStopInBatch(t *testing.T) {
	m, _ := BytesMapping("m", 0, bytes.Repeat([]byte("ab"), 50_000))
	space, _ := NewSpace(m)
	for _, texts := range [][]string{{"a"}, {"a", "b"}, {"text/i:A"}} {
		n := 0
		stats, err := compile(t, space, compileSet(t, patterns.Target{}, texts...), Options{}).Scan(t.Context(), func(Hit) bool {
			n++
			return n < 12345
		})
		if err != nil || n != 12345 || stats.Hits != 12345 || !stats.Stopped {
			t.Errorf("%v: %d hits, %+v, %v", texts, n, stats, err)
		}
	}
}

// Dense hits of many needles are found and merged as they come, whatever other
// needles there are.
func TestManyDenseNeedles(t *testing.T) {
	data := bytes.Repeat([]byte("\x00\x00\x00\x00\x00\x00\x00a"), testenv.Rounds(10_000, 25_000, 60_000))
	m, _ := BytesMapping("m", 0x5000, data)
	space, _ := NewSpace(m)
	texts := []string{"z=hex:00", "zz=hex:0000", "a=a", "w=u64le:0..0x6100000000000000", "v=u16be:0..5", "s=zzzz", "i=text/i:A"}
	set := compileSet(t, patterns.Target{}, texts...)
	model := make([]shown, len(data))
	for i, b := range data {
		model[i] = shown{Present, b, 0}
	}
	want := naive(layout{base: 0x5000}, model, set, func(int) bool { return true })
	for _, level := range levels()[1:] {
		if got := collect(t, compile(t, space, set, Options{Kernel: level})); !slices.Equal(got, want) {
			t.Fatalf("%v: %d hits, want %d", level, len(got), len(want))
		}
	}
}

// The owners of a value are the needles with a range that has it.
func TestValueTable(t *testing.T) {
	rnd := testRand(t)
	for range 300 {
		var all []patterns.Needle
		var which []int32
		for range 1 + rnd.IntN(6) {
			n := patterns.Needle{Words: &patterns.Words{Size: 8}}
			at := rnd.Uint64N(5)
			if rnd.IntN(3) == 0 {
				at -= 4 // near 2^64, from where it wraps
			}
			for range 1 + rnd.IntN(4) {
				r := patterns.ValueRange{Lo: at, Hi: at + rnd.Uint64N(4)}
				if r.Hi < r.Lo {
					r.Hi = ^uint64(0)
				}
				n.Words.Ranges = append(n.Words.Ranges, r)
				if at = r.Hi + 2 + rnd.Uint64N(3); at < r.Hi {
					break
				}
			}
			which = append(which, int32(len(all)))
			all = append(all, n)
		}
		table, ok := newValueTable(all, which)
		if !ok {
			t.Fatal("too many owners")
		}
		inRanges := func(v uint64) bool {
			return slices.ContainsFunc(table.ranges(), func(r simd.WordRange) bool { return r.Lo <= v && v <= r.Hi })
		}
		for v := ^uint64(40); v != 60; v++ {
			var want []int32
			for i, n := range all {
				if n.Words.Contains(v) {
					want = append(want, int32(i))
				}
			}
			if got := table.owners(v); !slices.Equal(got, want) || inRanges(v) != (len(want) > 0) {
				t.Fatalf("owners of %#x are %v, want %v", v, got, want)
			}
		}
	}
}

// Hundreds of needles whose ranges lie within one another are searched in
// several passes, not with a table whose size grows with the square of their
// number.
func TestNestedRanges(t *testing.T) {
	var texts []string
	for i := range testenv.Rounds(1000, 3000, 3000) {
		texts = append(texts, "u32le:"+addr.Addr(i).String()+".."+addr.Addr(100_000-i).String())
	}
	data := make([]byte, 40)
	rnd := testenv.Seeded(t, 1, 1)
	for i := range data[20:] {
		data[20+i] = byte(rnd.Uint32())
	}
	m, _ := BytesMapping("m", 0, data)
	space, _ := NewSpace(m)
	set := compileSet(t, patterns.Target{}, texts...)
	model := make([]shown, len(data))
	for i, b := range data {
		model[i] = shown{Present, b, 0}
	}
	want := naive(layout{}, model, set, func(int) bool { return true })
	if got := collect(t, compile(t, space, set, Options{})); !slices.Equal(got, want) {
		t.Fatalf("%d hits, want %d", len(got), len(want))
	}
}
