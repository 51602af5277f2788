package view

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/graph"
	"vscan/internal/wording"
)

// The heat map of the page: how many references lead from which page of 4 KiB to
// which.
//
// Both axes are the memory that takes part, page by page, without the gaps. The
// counts are a tree: the root is a square of 2^levels × 2^levels pages, a square
// that is split has four quarters, and what is not split has a number only. It
// is stored depth first, in bits, most significant first:
//
//	square   count 1      the quarter, 2 bits, and so on down to the smallest
//	         else split   which quarters have any, 4 bits: first the upper left,
//	                      then the upper right, the lower left, the lower right;
//	                      the count of each of these but the last, less 1, in as
//	                      many bits as the largest it can be needs; then the
//	                      squares of these
//
// A square is split where its level is above heatTree.level, or its count at
// least heatTree.least. So the whole is there at the resolution of a screen, and
// the rest of the room goes to where most references are; with least 1, all is
// there page by page. Counts are never left out, only where exactly in a square
// they are.
const (
	heatScreen  = 1024      // squares that a side has at least, where there are as many pages
	heatCells   = 6 << 20   // squares that are kept in memory
	heatGap     = 256       // pages without references that the axes leave out
	heatBins    = 64 << 20  // parts of a region that are known to take part or not
	heatSide    = 1 << 31   // pages of an axis, else several are taken as one
	heatStretch = 4096      // stretches of an axis
	heatBytes   = 4_500_000 // of base64
	pageBytes   = 4096      // of memory
)

// A page takes about regionBytes for a region, most of them for tables and for
// the axes of the heat map; and heatCellBytes for each of as many squares as there are
// references, or heatCells, with what append leaves behind.
const (
	regionBytes   = 300
	heatCellBytes = 40
	forHeat       = "the heat map of the page"
)

// stretch is a run of pages on the axes.
type stretch struct {
	Name   string `json:"name"`
	Region string `json:"region"` // first address of the region it begins in
	First  string `json:"first"`  // address of the first page
	From   uint64 `json:"from"`   // place on the axis, in pages
	Pages  uint64 `json:"pages"`
	page   uint64 // number of the first page
}

// heatData is the heat map, for the page's script.
type heatData struct {
	Pages   uint64 `json:"pages"`  // of an axis
	Unit    uint64 `json:"unit"`   // pages that the smallest square has on a side
	Levels  int    `json:"levels"` // the root has 2^levels units on a side
	Low     int    `json:"low"`    // level of the smallest squares that are told apart
	Level   int    `json:"level"`  // see heatTree
	Least   uint64 `json:"least"`
	Edges   uint64 `json:"edges"`
	Exact   uint64 `json:"exact"` // of these, those of which the page is known
	Squares int    `json:"squares"`
	Ones    int    `json:"ones"` // squares that have one reference
	Bits    string `json:"bits"` // base64
}

// heatAxis lays memory that takes part side by side.
type heatAxis struct {
	stretches []stretch
	pages     uint64
}

// newHeatAxis is the axis for the regions and what they have to do with edges.
func newHeatAxis(ctx context.Context, g *graph.Graph, memory *budget.Budget) (*heatAxis, error) {
	// The pages of regions, each with the first region that it shows.
	type part struct {
		region      int
		first, last uint64 // pages
		bin         uint64 // pages that a bit of used is about
		used        []uint64
	}
	var over error // the budget has no more for what is known to take part
	parts := make([]part, 0, len(g.Regions()))
	for i, r := range g.Regions() {
		first, last := uint64(r.First)/pageBytes, uint64(r.Last)/pageBytes
		if len(parts) > 0 {
			first = max(first, parts[len(parts)-1].last+1)
		}
		if first <= last {
			parts = append(parts, part{region: i, first: first, last: last, bin: (last-first)/heatBins + 1})
		}
	}
	var near [2]int
	use := func(side int, a addr.Addr) bool {
		p, k := uint64(a)/pageBytes, near[side]
		if k >= len(parts) || p < parts[k].first || p > parts[k].last {
			k, _ = slices.BinarySearchFunc(parts, p, func(q part, p uint64) int { return cmp.Compare(q.last, p) })
			if k == len(parts) || parts[k].first > p {
				return false
			}
			near[side] = k
		}
		q := &parts[k]
		if q.used == nil {
			words := (q.last-q.first)/q.bin/64 + 1
			if over = memory.Take(8*words, forHeat); over != nil {
				return false
			}
			q.used = make([]uint64, words)
		}
		b := (p - q.first) / q.bin
		q.used[b/64] |= 1 << (b % 64)
		return true
	}
	n := 0
	for c, err := range g.PageCells() {
		if err != nil {
			return nil, err
		}
		if n++; n&0xfffff == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if !use(0, c.From) || !use(1, c.To) {
			if over != nil {
				return nil, over
			}
			return nil, fmt.Errorf("an edge leads from %#x or to %#x, where nothing is mapped: the file is damaged; build the graph again", uint64(c.From), uint64(c.To))
		}
	}
	// A stretch for each run that is used, without gaps that are long.
	type run struct {
		region, more int // regions that are in it besides
		first, last  uint64
	}
	var runs []run
	for _, q := range parts {
		begun := false
		for b := uint64(0); b < uint64(len(q.used))*64; b++ {
			rest := q.used[b/64] >> (b % 64)
			if rest == 0 {
				b |= 63
				continue
			}
			b += uint64(bits.TrailingZeros64(rest))
			first := q.first + b*q.bin
			last := min(first+q.bin-1, q.last)
			if k := len(runs) - 1; begun && first-runs[k].last <= heatGap {
				runs[k].last = last
			} else {
				runs = append(runs, run{region: q.region, first: first, last: last})
			}
			begun = true
		}
	}
	for gap := uint64(1); len(runs) > heatStretch; gap *= 2 {
		kept := runs[:1]
		for _, r := range runs[1:] {
			k := &kept[len(kept)-1]
			if r.first-k.last > gap {
				kept = append(kept, r)
				continue
			}
			if k.last = r.last; r.region != k.region {
				k.more += r.more + 1
			}
		}
		runs = kept
	}
	a := &heatAxis{}
	for _, r := range runs {
		region := g.Regions()[r.region]
		name := shownName(region.Name)
		if r.more > 0 {
			name += fmt.Sprintf(" and %d more", r.more)
		}
		a.stretches = append(a.stretches, stretch{
			Name: name, Region: region.First.String(), First: addr.Addr(r.first * pageBytes).String(),
			From: a.pages, Pages: r.last - r.first + 1, page: r.first,
		})
		a.pages += r.last - r.first + 1
	}
	return a, nil
}

// place is where a page is on the axis; near is the stretch to look at first,
// and is set.
func (a *heatAxis) place(at addr.Addr, near *int) uint64 {
	p, k := uint64(at)/pageBytes, *near
	if k >= len(a.stretches) || p < a.stretches[k].page || p-a.stretches[k].page >= a.stretches[k].Pages {
		k, _ = slices.BinarySearchFunc(a.stretches, p, func(s stretch, p uint64) int {
			if s.page <= p {
				return -1
			}
			return 1
		})
		k = max(k-1, 0)
		*near = k
	}
	return a.stretches[k].From + p - a.stretches[k].page
}

// heatCell is a square that has references.
type heatCell struct {
	key   uint64 // bits of row and column in turn: see newHeatKey
	count uint64
}

// newHeatKey is where a square stands among all, quarter by quarter.
func newHeatKey(row, column uint64) uint64 { return spread(row)<<1 | spread(column) }

// spread puts a zero between the bits of x, which has 32.
func spread(x uint64) uint64 {
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	x = (x | x<<2) & 0x3333333333333333
	return (x | x<<1) & 0x5555555555555555
}

// heatCounter adds up squares. Where they are more than there is room for, four
// become one.
type heatCounter struct {
	cells []heatCell
	level int // squares are 2^level units on a side
	room  int
}

func (h *heatCounter) add(row, column, count uint64) {
	if len(h.cells) == h.room {
		h.merge()
		for len(h.cells) > h.room/4*3 {
			for i := range h.cells {
				h.cells[i].key >>= 2
			}
			h.level++
			h.join()
		}
	}
	h.cells = append(h.cells, heatCell{newHeatKey(row>>h.level, column>>h.level), count})
}

// merge sorts the squares, and makes one of those that are the same.
func (h *heatCounter) merge() {
	slices.SortFunc(h.cells, func(a, b heatCell) int { return cmp.Compare(a.key, b.key) })
	h.join()
}

// join makes one of neighbours that are the same.
func (h *heatCounter) join() {
	n := 0
	for i, c := range h.cells {
		if i > 0 && c.key == h.cells[n-1].key {
			h.cells[n-1].count += c.count
		} else {
			h.cells[n] = c
			n++
		}
	}
	h.cells = h.cells[:n]
}

// heatTree is the tree of squares.
type heatTree struct {
	cells  []heatCell // ascending, at level low
	low    int
	levels int    // of the root
	level  int    // above it, all squares are split
	least  uint64 // references that a square has to have, to be split elsewhere
}

// splits says whether a square is split.
func (t *heatTree) splits(level int, count uint64) bool {
	return level > t.low && (level > t.level || count >= t.least)
}

// quarters parts the squares of one at a level into its quarters.
func (t *heatTree) quarters(cells []heatCell, level int) (parts [4][]heatCell, counts [4]uint64) {
	shift := 2 * (level - 1 - t.low)
	for len(cells) > 0 {
		q := cells[0].key >> shift
		n, _ := slices.BinarySearchFunc(cells, q, func(c heatCell, q uint64) int {
			if c.key>>shift <= q {
				return -1
			}
			return 1
		})
		part := cells[:n]
		for _, c := range part {
			counts[q&3] += c.count
		}
		parts[q&3], cells = part, cells[n:]
	}
	return parts, counts
}

// childBits is how many bits tell the counts of quarters.
func childBits(counts *[4]uint64, count uint64, f func(value uint64, width int)) {
	left := 0
	for _, c := range counts {
		if c > 0 {
			left++
		}
	}
	for _, c := range counts {
		if c == 0 {
			continue
		}
		if left--; left == 0 {
			return
		}
		// The others have 1 at least.
		f(c-1, bits.Len64(count-uint64(left)-1))
		count -= c
	}
}

// heatCost is how many bits the splits of squares take, by level and count.
type heatCost [64][heatCounts]uint64

// heatCounts is how many counts are told apart: those below 1024, and eight for
// each power of two from there.
const heatCounts = 1024 + 8*54

func heatCount(c uint64) int {
	if c < 1024 {
		return int(c)
	}
	n := bits.Len64(c)
	return 1024 + (n-11)*8 + int(c>>(n-4)&7)
}

// heatLeast is the smallest count of a kind.
func heatLeast(kind int) uint64 {
	if kind < 1024 {
		return uint64(kind)
	}
	n := (kind-1024)/8 + 11
	return uint64(8+(kind-1024)%8) << (n - 4)
}

func (t *heatTree) cost(cells []heatCell, level int, count uint64, sum *heatCost) {
	if count == 1 {
		for l := level; l > t.low; l-- {
			sum[l][1] += 2
		}
		return
	}
	if level == t.low {
		return
	}
	parts, counts := t.quarters(cells, level)
	size := 4
	childBits(&counts, count, func(_ uint64, width int) { size += width })
	sum[level][heatCount(count)] += uint64(size)
	for q, part := range parts {
		if len(part) > 0 {
			t.cost(part, level-1, counts[q], sum)
		}
	}
}

// fit chooses level and least so that the tree has at most so many bits: as much
// as a screen shows, then squares with most references, then the others level by
// level.
func (t *heatTree) fit(edges uint64, room uint64) {
	if len(t.cells) == 0 {
		return
	}
	sum := &heatCost{}
	t.cost(t.cells, t.levels, edges, sum)
	size := func(level int, kind int) uint64 {
		n := uint64(0)
		for l := range sum {
			for k, c := range sum[l] {
				if l > level || k >= kind {
					n += c
				}
			}
		}
		return n
	}
	// How many levels a screen shows.
	t.level = max(t.levels-bits.Len(heatScreen-1), t.low)
	for t.level < t.levels && size(t.level, heatCounts) > room {
		t.level++
	}
	kind := 1
	if size(t.level, 1) > room { // the smallest that fits: size descends by kind
		lo, hi := 1, heatCounts
		for lo+1 < hi {
			if mid := (lo + hi) / 2; size(t.level, mid) > room {
				lo = mid
			} else {
				hi = mid
			}
		}
		kind = hi
	}
	for t.level > t.low && size(t.level-1, kind) <= room {
		t.level--
	}
	t.least = 1 << 63
	if kind < heatCounts {
		t.least = heatLeast(kind)
	}
}

// heatWriter writes the tree.
type heatWriter struct {
	*heatTree
	out     []byte
	acc     uint64
	have    int
	exact   uint64 // references that are in squares of one page
	squares int
	ones    int
}

// put writes the low bits of v, at most 56 at a time.
func (w *heatWriter) put(v uint64, width int) {
	for width > 32 {
		width -= 32
		w.put(v>>width&(1<<32-1), 32)
	}
	w.acc = w.acc<<width | v&(1<<width-1)
	for w.have += width; w.have >= 8; w.have -= 8 {
		w.out = append(w.out, byte(w.acc>>(w.have-8)))
	}
}

func (w *heatWriter) square(cells []heatCell, level int, count uint64) {
	w.squares++
	if count == 1 {
		w.ones++
		for ; w.splits(level, 1); level-- {
			w.put(cells[0].key>>(2*(level-1-w.low)), 2)
		}
	}
	if level == 0 {
		w.exact += count
	}
	if count == 1 || !w.splits(level, count) {
		return
	}
	parts, counts := w.quarters(cells, level)
	mask := uint64(0)
	for q, part := range parts {
		if len(part) > 0 {
			mask |= 8 >> q
		}
	}
	w.put(mask, 4)
	childBits(&counts, count, w.put)
	for q, part := range parts {
		if len(part) > 0 {
			w.square(part, level-1, counts[q])
		}
	}
}

// heat makes the heat map, and the strip, when all else is there: it has the room
// that is left.
func (v *page) heat() error {
	axis, err := newHeatAxis(v.ctx, v.g, v.options.Budget)
	if err != nil {
		return err
	}
	v.data.Axis = axis.stretches
	v.data.Strip = make([]uint64, stripBins)
	h := heatData{Pages: axis.pages, Unit: 1}
	for axis.pages/h.Unit > heatSide {
		h.Unit *= 2
	}
	strip := func(place float64, count uint64) {
		v.data.Strip[min(int(place*stripBins/float64(axis.pages)), stripBins-1)] += count
	}
	if err := v.options.Budget.Take(budget.Product(min(heatCells, v.g.Info().Edges), heatCellBytes), forHeat); err != nil {
		return err
	}
	counter := heatCounter{room: heatCells}
	row, column, n := 0, 0, 0
	for c, err := range v.g.PageCells() {
		if err != nil {
			return err
		}
		if n++; n&0xfffff == 0 && v.ctx.Err() != nil {
			return context.Cause(v.ctx)
		}
		y, x := axis.place(c.From, &row), axis.place(c.To, &column)
		counter.add(y/h.Unit, x/h.Unit, c.Edges)
		h.Edges += c.Edges
		if axis.pages >= stripBins {
			strip(float64(x), c.Edges)
		}
	}
	if axis.pages < stripBins { // parts of a page are told apart
		for e, err := range v.g.To(addr.All) {
			if err != nil {
				return err
			}
			strip(float64(axis.place(e.Target, &column))+float64(e.Target%pageBytes)/pageBytes, 1)
		}
	}
	v.data.StripMax = slices.Max(v.data.Strip)
	counter.merge()
	t := &heatTree{cells: counter.cells, low: counter.level, levels: bits.Len64((max(axis.pages, 1) - 1) / h.Unit)}
	t.levels = max(t.levels, t.low)
	rest, err := json.Marshal(v.data)
	if err != nil {
		return err
	}
	room := min(v.heatRoom, maxBytes-len(pageHTML)-len(pageScript)-len(pageStyle())-len(rest))
	t.fit(h.Edges, uint64(max(room, 0))/4*3*8)
	w := &heatWriter{heatTree: t}
	if h.Edges > 0 {
		w.square(t.cells, t.levels, h.Edges)
	}
	w.put(0, 7)
	h.Levels, h.Low, h.Level, h.Least = t.levels, t.low, t.level, t.least
	h.Squares, h.Ones = w.squares, w.ones
	if h.Unit == 1 {
		h.Exact = w.exact
	}
	h.Bits = base64.StdEncoding.EncodeToString(w.out)
	v.data.Heat = h
	return nil
}

// shownName is a name as the page shows it: printable, and not too long for it.
func shownName(name string) string {
	s := []rune(wording.Escape(wording.ShortName(name)))
	if len(s) > 80 {
		return strings.TrimSpace(string(s[:40])) + "…" + string(s[len(s)-39:])
	}
	return string(s)
}
