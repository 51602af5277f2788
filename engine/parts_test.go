package engine

import (
	"slices"
	"testing"

	"vscan/engine/addr"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// The parts of a scan lie side by side, and scans of them, with what may stay of their
// matches shown to one OverlapFilter, have the hits of the whole and count the same,
// exceptions included.
func TestPartsHaveTheHits(t *testing.T) {
	r := testenv.Rand(t)
	s := exceptingSpace(t, r, 20000)
	pats := []patterns.Pattern{
		excepting(t, "re:[ab]+:[abx]+@[ab]?", "re:^a:", "re:xxx+@"),
		excepting(t, "re/aw:[ab]+:[abx]+@", "re:^b+:", "re:x@$"),
		excepting(t, "re:[abx-]+"), excepting(t, "text:ab"), excepting(t, "hex:61 [0-9] 62"),
		excepting(t, "re:-+[abx]?", "re:."),
	}
	set := compilePatterns(t, pats...)
	for range testenv.Rounds(4, 6, 40) {
		opt := Options{Workers: 1 + r.IntN(4), ShardSize: uint64(1 + r.IntN(5000)), PerMapping: r.IntN(3) == 0}
		if r.IntN(3) == 0 {
			opt.MaxBytes = uint64(1 + r.IntN(20000))
		}
		whole := compile(t, s, set, opt)
		var want []Hit
		keep := keeper{borrowed: true}
		stats, err := whole.Scan(t.Context(), func(h Hit) bool { want = append(want, keep.hit(h)); return true })
		if err != nil {
			t.Fatal(err)
		}
		dropped, scanned, next := make([]uint64, len(pats)), uint64(0), addr.Addr(0)
		var got []Hit
		overlaps := NewOverlapFilter(pats)
		for part := range whole.Parts(uint64(1 + r.IntN(9000))) {
			if part.First != next || !part.Valid() {
				t.Fatalf("the part %v does not begin at %v", part, next)
			}
			next = part.Last + 1
			of := opt
			of.Starts, of.Unsettled, of.KeepExcepted, of.MaxBytes = []addr.Range{part}, true, true, 0
			more, err := compile(t, s, set, of).ScanBatches(t.Context(), func(b *Batch) bool {
				i := 0
				for h := range b.Hits() {
					match := addr.Range{First: h.Addr, Last: h.Addr + addr.Addr(h.Len-1)}
					switch excepted := b.Excepted(i); {
					case !overlaps.Keep(h.Pattern, match, excepted):
					case excepted:
						dropped[h.Pattern]++
					default:
						got = append(got, keep.hit(h))
					}
					i++
				}
				return true
			})
			if err != nil {
				t.Fatal(err)
			}
			scanned += more.Scanned
		}
		compareHits(t, got, want)
		if stats.Excepted == nil {
			stats.Excepted = make([]uint64, len(pats))
		}
		if !slices.Equal(dropped, stats.Excepted) || scanned != stats.Scanned {
			t.Errorf("%+v: %v dropped of %d bytes, in the whole %v of %d", opt, dropped, scanned, stats.Excepted, stats.Scanned)
		}
		if whole.Beyond() == 0 && next != 0 {
			t.Errorf("the parts end at %v", next-1)
		}
	}
}

// There is a part where there is nothing to scan.
func TestPartsOfNothing(t *testing.T) {
	s, err := NewSpace()
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Collect(compile(t, s, compileSet(t, patterns.Target{}, "hex:00"), Options{}).Parts(10))
	if !slices.Equal(got, []addr.Range{addr.All}) {
		t.Errorf("%v", got)
	}
}
