package view

import (
	"encoding/base64"
	"math/bits"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/graph/graphtest"
	"vscan/internal/testenv"
)

// heatSquare is a square that is not split, at level 0 one unit on a side.
type heatSquare struct {
	level    int
	row, col uint64
	count    uint64
}

// readHeat reads the tree as the comment in heat.go has it.
func readHeat(t *testing.T, h heatData) []heatSquare {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(h.Bits)
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	take := func(width int) (v uint64) {
		for range width {
			v = v<<1 | uint64(b[at/8]>>(7-at%8)&1)
			at++
		}
		return v
	}
	var out []heatSquare
	squares, ones := 0, 0
	var read func(s heatSquare)
	read = func(s heatSquare) {
		squares++
		split := func() bool { return s.level > h.Low && (s.level > h.Level || s.count >= h.Least) }
		if s.count == 1 {
			ones++
			for split() {
				q := take(2)
				s.row, s.col, s.level = 2*s.row+q>>1, 2*s.col+q&1, s.level-1
			}
		}
		if !split() {
			out = append(out, s)
			return
		}
		mask := take(4)
		left, rest := bits.OnesCount64(mask), s.count
		var counts [4]uint64
		for q := range counts {
			if mask>>(3-q)&1 == 0 {
				continue
			}
			if left--; left == 0 {
				counts[q] = rest
			} else {
				counts[q] = take(bits.Len64(rest-uint64(left)-1)) + 1
			}
			rest -= counts[q]
		}
		for q, c := range counts {
			if c > 0 {
				read(heatSquare{s.level - 1, 2*s.row + uint64(q)>>1, 2*s.col + uint64(q)&1, c})
			}
		}
	}
	if h.Edges > 0 {
		read(heatSquare{level: h.Levels, count: h.Edges})
	}
	if len(b)-(at+7)/8 > 0 || squares != h.Squares || ones != h.Ones {
		t.Fatalf("%d bits of %d bytes; %d squares of %d, %d ones of %d", at, len(b), squares, h.Squares, ones, h.Ones)
	}
	return out
}

// The tree has the count of every square, whatever the room: those of pages
// where there is room, and else those of larger squares.
func TestHeatTree(t *testing.T) {
	rnd := testenv.Seeded(t, 3, 3)
	for round := range 60 {
		side := uint64(1) << rnd.IntN(14)
		if round%7 == 0 {
			side = 1 << 31
		}
		plain := map[[2]uint64]uint64{}
		edges := uint64(0)
		counter := heatCounter{room: 1 << (4 + rnd.IntN(12))}
		for range rnd.IntN(3000) {
			row, col, n := rnd.Uint64N(side), rnd.Uint64N(side), uint64(1)
			if rnd.IntN(3) == 0 {
				row, col = row>>rnd.IntN(10), col>>rnd.IntN(10)
			}
			if rnd.IntN(20) == 0 {
				n += rnd.Uint64() >> (rnd.IntN(50) + 13)
			}
			plain[[2]uint64{row, col}] += n
			edges += n
			counter.add(row, col, n)
		}
		counter.merge()
		for _, room := range []uint64{0, 100, 5000, 20000, 1 << 40} {
			tree := &heatTree{cells: counter.cells, low: counter.level, levels: max(bits.Len64(side-1), counter.level)}
			tree.fit(edges, room)
			w := &heatWriter{heatTree: tree}
			if edges > 0 {
				w.square(tree.cells, tree.levels, edges)
			}
			if size := uint64(8*len(w.out) + w.have); size > room {
				t.Fatalf("%d bits, room for %d", size, room)
			}
			w.put(0, 7)
			h := heatData{Levels: tree.levels, Low: tree.low, Level: tree.level, Least: tree.least, Edges: edges, Squares: w.squares, Ones: w.ones, Bits: base64.StdEncoding.EncodeToString(w.out)}
			if room == 1<<40 && (tree.least != 1 || tree.low == 0 && w.exact != edges) {
				t.Fatalf("least %d, %d of %d exact, where all has room", tree.least, w.exact, edges)
			}
			got := map[heatSquare]uint64{}
			exact := uint64(0)
			levels := map[int]bool{}
			for _, s := range readHeat(t, h) {
				n := s.count
				if s.level == 0 {
					exact += n
				}
				if s.level > max(tree.level, tree.low) {
					t.Fatalf("a square of level %d, want %d at most", s.level, tree.level)
				}
				levels[s.level] = true
				s.count = 0
				got[s] = n
			}
			if exact != w.exact {
				t.Fatalf("%d exact, said to be %d", exact, w.exact)
			}
			// Every page is in one square, and all squares have what their pages have.
			for at, n := range plain {
				found := 0
				for l := range levels {
					s := heatSquare{level: l, row: at[0] >> l, col: at[1] >> l}
					if _, ok := got[s]; ok {
						got[s] -= n
						found++
					}
				}
				if found != 1 {
					t.Fatalf("page %v is in %d squares", at, found)
				}
			}
			for s, n := range got {
				if n != 0 {
					t.Fatalf("%+v has %d too many", s, int64(n))
				}
			}
		}
	}
	for _, c := range []uint64{1, 2, 1023, 1024, 1151, 1152, 5000, 1 << 40, 1<<63 - 1, 1<<64 - 1} {
		k := heatCount(c)
		if k >= heatCounts || heatLeast(k) > c || heatCount(heatLeast(k)) != k || k+1 < heatCounts && heatLeast(k+1) <= c {
			t.Errorf("%d is of kind %d, which begins at %d", c, k, heatLeast(k))
		}
	}
}

// The axis has every page that takes part, once, and no long gap; where there
// are too many mappings, neighbours share a stretch.
func TestHeatAxis(t *testing.T) {
	rnd := testenv.Seeded(t, 4, 4)
	const reserve = 0x7000_0000_0000
	var mappings []engine.Mapping
	for i := range 9000 {
		b := make([]byte, 64)
		for k := 0; k < len(b); k += 8 {
			v := 0x10000 + rnd.Uint64N(9000)*0x5000
			if rnd.IntN(8) == 0 {
				v = reserve + 1<<30*rnd.Uint64N(40)
			}
			addr.Little.PutUint(b[k:k+8], v)
		}
		m, err := engine.BytesMapping("m", addr.Addr(0x10000+i*0x5000+64*(i%3)), b)
		if err != nil {
			t.Fatal(err)
		}
		mappings = append(mappings, m)
	}
	mappings = append(mappings, engine.Mapping{Range: addr.Range{First: reserve, Last: reserve + 16<<40 - 1}, State: engine.Absent, Name: "reserve"})
	for _, some := range []int{0, 8800} { // many mappings, some
		g := graphtest.Open(t, graphtest.File(t, mappings[some:]...))
		a, err := newHeatAxis(t.Context(), g, nil)
		if err != nil {
			t.Fatal(err)
		}
		pages := uint64(0)
		for i, s := range a.stretches {
			if s.From != pages || i > 0 && s.page < a.stretches[i-1].page+a.stretches[i-1].Pages {
				t.Fatalf("stretch %d begins at %d, page %#x", i, s.From, s.page)
			}
			pages += s.Pages
		}
		if pages != a.pages || len(a.stretches) > heatStretch {
			t.Errorf("%d pages of %d in %d stretches", pages, a.pages, len(a.stretches))
		}
		near, n := 0, 0
		for e, err := range g.To(addr.All) {
			if err != nil {
				t.Fatal(err)
			}
			for _, at := range []addr.Addr{e.Source, e.Target} {
				place := a.place(at, &near)
				s := a.stretches[near]
				if place < s.From || place >= s.From+s.Pages || s.page+place-s.From != uint64(at)/pageBytes {
					t.Fatalf("%v is at %d, in stretch %+v", at, place, s)
				}
			}
			n++
		}
		t.Logf("%d edges, %d pages in %d stretches", n, a.pages, len(a.stretches))
	}
}
