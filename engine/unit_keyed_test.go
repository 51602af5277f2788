package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/simd"
	"vscan/internal/testenv"
	"vscan/patterns"
)

// escaped returns bytes as the body of a text: pattern.
func escaped(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		fmt.Fprintf(&s, `\x%02x`, c)
	}
	return s.String()
}

// Text under keys has the hits of as many patterns as there are keys, each of which is a plain
// literal, over pieces of all sizes, beside plain literals, for any number of workers, size of shards
// and kernel.
func TestKeysAsLiterals(t *testing.T) {
	rnd := testenv.Seeded(t, 61, 62)
	found := 0
	for range testenv.Rounds(3, 8, 200) {
		// Memory is runs of few letters under keys that change, zeros and noise, in
		// pieces that do not end with them.
		letters := []string{"ab", "a\x00", "abcdefgh"}[rnd.IntN(3)]
		data := make([]byte, 20_000+rnd.IntN(150_000))
		for i := 0; i < len(data); {
			key, n, what := byte(rnd.IntN(256)), 1+rnd.IntN(400), rnd.IntN(6)
			for ; n > 0 && i < len(data); n-- {
				switch {
				case what > 1:
					data[i] = letters[rnd.IntN(len(letters))] ^ key
				case what == 1:
					data[i] = byte(rnd.Uint32())
				}
				i++
			}
		}
		base := []addr.Addr{0, 0x7fff0001, addr.Max - addr.Addr(len(data)) + 1}[rnd.IntN(3)]
		var mappings []Mapping
		sources := []Source{BytesSource("even", data), BytesSource("odd", data)}
		for at := 0; at < len(data); {
			n := min(len(data)-at, []int{1024, 4096, 1 + rnd.IntN(50), 40_000}[rnd.IntN(4)])
			first := base + addr.Addr(at)
			mappings = append(mappings, Mapping{Range: addr.Range{First: first, Last: first + addr.Addr(n-1)},
				Source: sources[len(mappings)%2], Offset: uint64(at)})
			at += n
		}
		space, err := NewSpace(mappings...)
		if err != nil {
			t.Fatal(err)
		}
		var keyed, plain []string
		var of []int // by pattern of plain: that of keyed
		for k := range 1 + rnd.IntN(12) {
			at := rnd.IntN(len(data) - 40)
			body, flags := data[at:at+3+rnd.IntN(30)], []string{"", "w", "aw"}[rnd.IntN(3)]
			if rnd.IntN(6) == 0 {
				body = slices.Repeat([]byte{byte(rnd.IntN(256))}, 3+rnd.IntN(8))
			}
			keys := patterns.KeyRange{Lo: byte(rnd.IntN(2)), Hi: 255}
			if rnd.IntN(3) == 0 {
				x, y := byte(rnd.IntN(256)), byte(rnd.IntN(256))
				keys = patterns.KeyRange{Lo: min(x, y), Hi: max(x, y)}
			}
			keyed = append(keyed, fmt.Sprintf("k%d=text/%sx(%02x-%02x):%s", k, flags, keys.Lo, keys.Hi, escaped(body)))
			for key := int(keys.Lo); key <= int(keys.Hi); key++ {
				plain, of = append(plain, fmt.Sprintf("k%d.%02x=text/%sx(%02x):%s", k, key, flags, key, escaped(body))), append(of, len(keyed)-1)
			}
			if rnd.IntN(3) == 0 {
				text := fmt.Sprintf("p%d=text:%s", k, escaped(body))
				keyed, plain, of = append(keyed, text), append(plain, text), append(of, len(keyed))
			}
		}
		want := collect(t, compile(t, space, compileSet(t, patterns.Target{}, plain...), Options{Kernel: simd.Generic, Workers: 1}))
		for i := range want {
			want[i].pattern = of[want[i].pattern]
		}
		slices.SortStableFunc(want, func(a, b plainHit) int {
			if a.addr != b.addr {
				return map[bool]int{true: -1, false: 1}[a.addr < b.addr]
			}
			return a.pattern - b.pattern
		})
		found += len(want)
		set := compileSet(t, patterns.Target{}, keyed...)
		for _, level := range levels() {
			if level == simd.Reference && len(data) > 60_000 && !testenv.Long() {
				continue
			}
			opt := Options{Kernel: level, Workers: 1 + rnd.IntN(3), ShardSize: uint64(1 + rnd.IntN(100_000))}
			if got := collect(t, compile(t, space, set, opt)); !slices.Equal(got, want) {
				t.Fatalf("%v, %q: %d hits, want %d", opt.Kernel, keyed, len(got), len(want))
			}
		}
	}
	if found < 100 {
		t.Errorf("%d hits in all: the test shows nothing", found)
	}
}

// A pattern under any key is one needle, and one expression as a full word, in each encoding.
func TestKeysAreNotMultiplied(t *testing.T) {
	set := compileSet(t, patterns.Target{}, "text/x:hunter2", "text/xwa:hunter3", "text/xwaf:hunter4", "text/x:h")
	if len(set.Needles()) != 4 || len(set.Exprs()) != 2 {
		t.Errorf("%d needles, %d expressions", len(set.Needles()), len(set.Exprs()))
	}
}
