package graph

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"strings"

	"vscan/engine/addr"
)

// Chains of pointers from roots to a target:
//
//	root          word         word
//	[ptr]──────►  ….[ptr]───►  ….[ptr]───►  ….target
//	         offset      offset       offset
//
// Each pointer leads near the word that holds the next one, or near the
// target: as far below or above as the window says. There can be very many
// chains, so they are never made just to be counted. Instead, with pseudo-code
// for one level after another from the target back:
//
//	walks[1][e] = 1 where the target is in the window of e's value, else 0
//	walks[k][e] = Σ walks[k−1][e'] of all edges e' whose source is in the window of e's value
//
// Edges are numbered by source, so those of a window are a run of numbers, and
// the sum is the difference of two prefix sums: a level costs O(edges),
// however many walks there are. Sums are exact, of 64 bits, and of 128 where
// that does not suffice. Whether walks[k][e] is 0 remains as a bit, and the
// listing, which goes forward from the roots, follows only edges that arrive:
// it never meets a dead end.
//
// A walk may come by the same word twice. Such loops are counted as walks, and
// left out of the listing, which counts them.

// ChainOptions says which chains are wanted.
type ChainOptions struct {
	// Target is where chains end: any address of it.
	Target addr.Range
	// Depth is the most pointers of a chain, 1 to MaxDepth; 0 is 5.
	Depth int
	// Low and High are the window: offsets from Low to High, in bytes, are
	// added to a pointer. Both 0 mean a Low of 0 and a High of 1023.
	Low, High int64
	// Roots is where chains begin. The zero value is StaticRoots.
	Roots Roots
	// Also are graphs of other images of the same program: only chains that
	// hold in each are listed. Counts of walks do not heed them.
	Also []Also
}

// MaxDepth is the most pointers of a chain.
const MaxDepth = 32

// maxWindow bounds the window on either side.
const maxWindow = 1 << 32

// Also is another image that chains have to hold in. The root is found there by
// the name of its module or mapping and the offset in it.
type Also struct {
	Forward *Forward
	// Target, if any, is where chains have to end there; without it they
	// have to end at a mapped address.
	Target *addr.Range
}

// Roots is where chains begin. The zero value is the data of modules.
type Roots struct {
	Static bool         // the data of modules, .bss included
	Stack  bool         // mappings whose names begin with [stack
	Names  []string     // mappings, by their name or the last part of a path
	Ranges []addr.Range // addresses
}

func (o *ChainOptions) complete() error {
	if o.Depth == 0 {
		o.Depth = 5
	}
	if o.Low == 0 && o.High == 0 {
		o.High = 1023
	}
	var errs []error
	if o.Depth < 1 || o.Depth > MaxDepth {
		errs = append(errs, fmt.Errorf("chains of %d pointers: want 1 to %d", o.Depth, MaxDepth))
	}
	if o.Low > o.High || o.Low < -maxWindow || o.High > maxWindow {
		errs = append(errs, fmt.Errorf("window from %d to %d bytes: want the lower end first, and neither beyond 2^32", o.Low, o.High))
	}
	if !o.Target.Valid() {
		errs = append(errs, fmt.Errorf("target %v ends before it begins", o.Target))
	}
	for _, r := range o.Roots.Ranges {
		if !r.Valid() {
			errs = append(errs, fmt.Errorf("roots %v end before they begin", r))
		}
	}
	return errors.Join(errs...)
}

// RootClass says what a root is; chains from lower classes come first.
type RootClass uint8

const (
	ProgramData RootClass = iota // of the program's own file
	LibraryData                  // of another module
	StackData
	OtherData
	rootClasses
)

// String is "program", "library", "stack" or "other".
func (c RootClass) String() string {
	return []string{"program", "library", "stack", "other"}[min(c, OtherData)]
}

// Chains is the answer to one question for chains. Levels are computed when
// they are first needed. It is not safe for concurrent use.
type Chains struct {
	f      *Forward
	opt    ChainOptions
	places *places
	roots  [rootClasses][]edgeRange
	lo, hi []uint32 // of each edge: those in the window of its value
	also   []*places

	levels  []level  // by pointers of a chain less one
	full    int      // so many levels are known for all edges; of later ones, for roots
	sums    []uint64 // prefix sums of the last full level: of all edges before
	high    []uint64 // the upper 64 bits of sums; nil where all are 0
	spare   []uint64 // for the next sums; may be nil
	inexact bool     // sums have passed 2^128, and now say only whether there are walks
}

// edgeRange is edges by number: lo ≤ number < hi.
type edgeRange struct{ lo, hi uint32 }

// level is what is known of walks of a number of pointers.
type level struct {
	arrives []uint64 // a bit an edge: a walk begins with it; nil where the level is not full
	roots   [rootClasses]rootLevel
	exact   bool
}

// rootLevel is the part of a level that begins at roots of a class.
type rootLevel struct {
	starts []uint32 // the roots that walks begin with, ascending
	walks  *big.Int
}

// Chains prepares a question. It costs O(edges).
func (f *Forward) Chains(o ChainOptions) (*Chains, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	c := &Chains{f: f, opt: o, places: f.g.newPlaces()}
	if err := c.findRoots(); err != nil {
		return nil, err
	}
	for _, a := range o.Also {
		c.also = append(c.also, a.Forward.g.newPlaces())
	}
	n := len(f.targets)
	c.lo, c.hi = make([]uint32, n), make([]uint32, n)
	f.parallel(n, func(_, lo, hi int) {
		finders := make([]windowFinder, hintCount)
		for e := lo; e < hi; e++ {
			v := f.targets[e]
			c.lo[e], c.hi[e] = finders[(v>>hintShift)%hintCount].find(f, v, o.Low, o.High)
		}
	})
	return c, nil
}

// windowFinder finds the edges whose sources are in the window of a value. It
// is quick where the one before was near.
type windowFinder struct {
	hint   int
	within addr.Range // the last value and its neighbours, whose windows lie in one range of sources
	unit   uint64     // what to add to an address of that range, shifted, for its number
}

func (w *windowFinder) find(f *Forward, v addr.Addr, low, high int64) (lo, hi uint32) {
	src := &f.g.sources
	if w.within.Contains(v) && w.within.First > 0 {
		round := addr.Addr(1)<<src.shift - 1
		return f.rank(w.unit + uint64(v+addr.Addr(low)+round)>>src.shift), f.rank(w.unit + uint64(v+addr.Addr(high)+1+round)>>src.shift)
	}
	r, ok := window(v, low, high)
	if !ok {
		return 0, 0
	}
	lo, hi = f.span(r, &w.hint)
	if i := src.find(r.Last, &w.hint); i < len(src.ranges) && src.ranges[i].First <= r.First && src.ranges[i].Last-src.ranges[i].First > 2<<src.shift {
		// From the first word that begins in the range to the last that can.
		in := src.ranges[i]
		first, okFirst := addOffset(in.First+1<<src.shift, -low)
		last, okLast := addOffset(in.Last-1<<src.shift, -high)
		if okFirst && okLast && first <= last && first > 0 {
			w.within = addr.Range{First: first, Last: last}
			w.unit = src.first[i] - uint64(in.First)>>src.shift
		}
	}
	return lo, hi
}

// addOffset is a + o; false where that wraps round.
func addOffset(a addr.Addr, o int64) (addr.Addr, bool) {
	if o < 0 {
		return a.Sub(uint64(-o))
	}
	return a.Add(uint64(o))
}

// window is the addresses from v+low to v+high, as far as there are any.
func window(v addr.Addr, low, high int64) (addr.Range, bool) {
	r := addr.Range{}
	var ok bool
	if low < 0 {
		if r.First, ok = v.Sub(uint64(-low)); !ok {
			r.First = 0
		}
	} else if r.First, ok = v.Add(uint64(low)); !ok {
		return r, false
	}
	if high < 0 {
		if r.Last, ok = v.Sub(uint64(-high)); !ok {
			return r, false
		}
	} else if r.Last, ok = v.Add(uint64(high)); !ok {
		r.Last = addr.Max
	}
	return r, true
}

// byClass is the addresses that roots are at.
func (r Roots) byClass(g *Graph) (by [rootClasses][]addr.Range, err error) {
	if !r.Static && !r.Stack && len(r.Names)+len(r.Ranges) == 0 {
		r.Static = true
	}
	if r.Static {
		for _, m := range g.Modules() {
			class := LibraryData
			if m.Program {
				class = ProgramData
			}
			by[class] = append(by[class], m.Data...)
		}
	}
	for _, region := range g.regions {
		if r.Stack && strings.HasPrefix(region.Name, "[stack") {
			by[StackData] = append(by[StackData], region.Range)
		}
	}
	for _, name := range r.Names {
		ranges := g.Named(name)
		if len(ranges) == 0 {
			return by, fmt.Errorf("roots %q: no mapping has this name, and it is no address or range", name)
		}
		by[OtherData] = append(by[OtherData], ranges...)
	}
	by[OtherData] = append(by[OtherData], r.Ranges...)
	return by, nil
}

// Roots is the addresses that roots are at, merged.
func (g *Graph) Roots(r Roots) ([]addr.Range, error) {
	by, err := r.byClass(g)
	var all []addr.Range
	for _, ranges := range by {
		all = append(all, ranges...)
	}
	return addr.Merge(all), err
}

// findRoots finds the edges that chains may begin with, by class.
func (c *Chains) findRoots() error {
	by, err := c.opt.Roots.byClass(c.f.g)
	if err != nil {
		return err
	}
	hint := 0
	var taken []addr.Range // by classes before
	for class := range by {
		for _, part := range without(addr.Merge(by[class]), taken) {
			if lo, hi := c.f.span(part, &hint); lo < hi {
				c.roots[class] = append(c.roots[class], edgeRange{lo, hi})
			}
		}
		taken = addr.Merge(append(taken, by[class]...))
	}
	return nil
}

// without is what of ranges lies in none of the others; both are merged.
func without(ranges, others []addr.Range) []addr.Range {
	var out []addr.Range
	k := 0
	for _, r := range ranges {
		for k > 0 && others[k-1].Last >= r.First {
			k--
		}
		for ; k < len(others) && others[k].Last < r.First; k++ {
		}
		rest, left := r, true
		for j := k; left && j < len(others) && others[j].First <= rest.Last; j++ {
			if others[j].First > rest.First {
				out = append(out, addr.Range{First: rest.First, Last: others[j].First - 1})
			}
			if left = others[j].Last < rest.Last; left {
				rest.First = others[j].Last + 1
			}
		}
		if left {
			out = append(out, rest)
		}
	}
	return out
}

// Named is the ranges of the mappings with a name, or, where there are none, of
// those that have it as the last part of a path; merged.
func (g *Graph) Named(name string) []addr.Range {
	var whole, last []addr.Range
	for _, r := range g.regions {
		if r.Name == name || name == "mapped" {
			whole = append(whole, r.Range)
		} else if strings.HasSuffix(r.Name, "/"+name) {
			last = append(last, r.Range)
		}
	}
	if len(whole) == 0 {
		whole = last
	}
	return addr.Merge(whole)
}

// level computes walks of k pointers, and of fewer, where they are not known
// yet. All edges count up to k − 1, and at k only the roots. The error is the
// cause of the context's end.
func (c *Chains) level(ctx context.Context, k int) (*level, error) {
	for len(c.levels) < k {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if c.full < len(c.levels) {
			c.fill()
		}
		c.addRoots()
	}
	return &c.levels[k-1], nil
}

// addRoots adds a level that is known for roots only; the one before is full.
func (c *Chains) addRoots() {
	l := level{exact: !c.inexact}
	for class := range l.roots {
		of := &l.roots[class]
		of.walks = new(big.Int)
		var low, high uint64 // of the sum
		over := new(big.Int)
		for _, r := range c.roots[class] {
			for e := r.lo; e < r.hi; e++ {
				v, h := c.walks(e)
				if v|h == 0 {
					continue
				}
				of.starts = append(of.starts, e)
				var carry uint64
				low, carry = bits.Add64(low, v, 0)
				if high, carry = bits.Add64(high, h, carry); carry > 0 {
					over.Add(over, big.NewInt(1))
				}
			}
		}
		of.walks.Lsh(over, 64).Add(of.walks, new(big.Int).SetUint64(high))
		of.walks.Lsh(of.walks, 64).Add(of.walks, new(big.Int).SetUint64(low))
	}
	c.levels = append(c.levels, l)
}

// walks is how many walks begin with edge e, of one pointer more than the last
// full level.
func (c *Chains) walks(e uint32) (low, high uint64) {
	if c.full == 0 {
		if w, ok := window(c.f.targets[e], c.opt.Low, c.opt.High); ok && w.Overlaps(c.opt.Target) {
			return 1, 0
		}
		return 0, 0
	}
	low, borrow := bits.Sub64(c.sums[c.hi[e]], c.sums[c.lo[e]], 0)
	if c.high != nil {
		high = c.high[c.hi[e]] - c.high[c.lo[e]] - borrow
	}
	return low, high
}

// fill makes the first level full that is not.
func (c *Chains) fill() {
	l := &c.levels[c.full]
	l.arrives = make([]uint64, len(c.f.targets)/64+1)
	sums, high, fits := c.count(l, c.high != nil)
	if !fits && high == nil {
		sums, high, fits = c.count(l, true)
	}
	if !fits { // from here on only whether there are walks is known
		c.inexact = true
		high = nil
		n := uint64(0)
		for e := range c.f.targets {
			n += l.arrives[e/64] >> (e % 64) & 1
			sums[e+1] = n
		}
	}
	c.spare, c.sums, c.high = c.sums, sums, high
	c.full++
}

// count computes the walks of a level and their prefix sums. It is false where
// these pass 2^128, or, unless wide, 2^64. What is computed for edges does not.
func (c *Chains) count(l *level, wide bool) (sums, high []uint64, fits bool) {
	n := len(c.f.targets)
	clear(l.arrives)
	if sums, c.spare = c.spare, nil; sums == nil {
		sums = make([]uint64, n+1)
	}
	if wide {
		high = make([]uint64, n+1)
	}
	type part struct {
		lo, hi    int
		sum, high uint64
		over      bool
	}
	parts := make([]part, c.f.workers)
	some := c.someArrive()
	// Whole words of arrives, so that no two goroutines write to one.
	c.f.parallel(len(l.arrives), func(p, lo, hi int) {
		s := &parts[p]
		s.lo, s.hi = lo*64, min(hi*64, n)
		switch {
		case c.full == 0:
			s.sum = c.countFirst(l.arrives, sums, s.lo, s.hi)
			if wide {
				clear(high[s.lo+1 : s.hi+1])
			}
		case wide:
			s.sum, s.high, s.over = c.countWide(l.arrives, sums, high, s.lo, s.hi)
		default:
			s.sum, s.over = c.countNarrow(l.arrives, sums, s.lo, s.hi, some)
		}
	})
	var sum, top uint64 // of the parts before
	fits = true
	for i := range parts {
		p := &parts[i]
		fits = fits && !p.over
		var carry uint64
		next, nextTop := uint64(0), uint64(0)
		next, carry = bits.Add64(sum, p.sum, 0)
		if wide {
			nextTop, carry = bits.Add64(top, p.high, carry)
		}
		fits = fits && carry == 0
		p.sum, p.high = sum, top
		sum, top = next, nextTop
	}
	if !fits {
		if !wide {
			c.spare = sums
		}
		return sums, high, false
	}
	sums[0] = 0
	c.f.parallel(len(l.arrives), func(p, _, _ int) {
		s := parts[p]
		if s.sum|s.high == 0 {
			return
		}
		for e := s.lo; e < s.hi; e++ {
			var carry uint64
			sums[e+1], carry = bits.Add64(sums[e+1], s.sum, 0)
			if wide {
				high[e+1] += s.high + carry
			}
		}
	})
	return sums, high, true
}

// countFirst marks and counts the edges from lo to hi, a multiple of 64 and an
// end, whose windows the target is in. sums[e+1] is how many up to e.
func (c *Chains) countFirst(arrives, sums []uint64, lo, hi int) (sum uint64) {
	for e := lo; e < hi; e++ {
		if w, ok := window(c.f.targets[e], c.opt.Low, c.opt.High); ok && w.Overlaps(c.opt.Target) {
			arrives[e/64] |= 1 << (e % 64)
			sum++
		}
		sums[e+1] = sum
	}
	return sum
}

// someArrive has a bit for each 64 edges: some arrive at the last full level.
// It is nil where most of these bits are set, so that asking them is no use.
func (c *Chains) someArrive() []uint64 {
	if c.full == 0 {
		return nil
	}
	arrives := c.levels[c.full-1].arrives
	some, set := make([]uint64, len(arrives)/64+1), 0
	for i, w := range arrives {
		if w != 0 {
			some[i/64] |= 1 << (i % 64)
			set++
		}
	}
	if set > len(arrives)/4 {
		return nil
	}
	return some
}

// countNarrow sums up the walks of edges from lo to hi, in 64 bits. Windows lie
// anywhere in memory. Where few edges arrive, some, which the cache holds, says
// of most windows that nothing is to be had there. Else there is no branch that
// depends on what is added up: a processor that need not guess waits for many
// windows at a time.
func (c *Chains) countNarrow(arrives, sums []uint64, lo, hi int, some []uint64) (sum uint64, over bool) {
	last, los, his := c.sums, c.lo[:hi], c.hi[:hi]
	carries := uint64(0)
	for e := lo; e < hi; e += 64 {
		word := uint64(0)
		end := min(e+64, hi)
		l, h, s := los[e:end], his[e:end], sums[e+1:end+1]
		if some != nil {
			for i := range min(len(l), len(h), len(s)) {
				if a, b := l[i]/64, h[i]/64; some[a/64]>>(a%64)&(2<<min(b-a, 63)-1) != 0 || a/64 != b/64 {
					v := last[h[i]] - last[l[i]]
					word |= (v | -v) >> 63 << (i & 63)
					var carry uint64
					sum, carry = bits.Add64(sum, v, 0)
					carries |= carry
				}
				s[i] = sum
			}
			arrives[e/64] = word
			continue
		}
		for i := range min(len(l), len(h), len(s)) {
			v := last[h[i]] - last[l[i]]
			word |= (v | -v) >> 63 << (i & 63)
			var carry uint64
			sum, carry = bits.Add64(sum, v, 0)
			carries |= carry
			s[i] = sum
		}
		arrives[e/64] = word
	}
	return sum, carries != 0
}

// countWide is countNarrow in 128 bits.
func (c *Chains) countWide(arrives, sums, high []uint64, lo, hi int) (sum, top uint64, over bool) {
	for e := lo; e < hi; e++ {
		v, borrow := bits.Sub64(c.sums[c.hi[e]], c.sums[c.lo[e]], 0)
		h := uint64(0)
		if c.high != nil {
			h = c.high[c.hi[e]] - c.high[c.lo[e]] - borrow
		}
		if v|h != 0 {
			arrives[e/64] |= 1 << (e % 64)
		}
		var carry uint64
		sum, carry = bits.Add64(sum, v, 0)
		top, carry = bits.Add64(top, h, carry)
		over = over || carry > 0
		sums[e+1], high[e+1] = sum, top
	}
	return sum, top, over
}

// Roots is how many edges chains can begin with.
func (c *Chains) Roots() uint64 {
	n := uint64(0)
	for _, class := range c.roots {
		for _, r := range class {
			n += uint64(r.hi - r.lo)
		}
	}
	return n
}

// Walks is how many walks of n pointers, 1 to the depth that was asked for,
// lead from roots to the target, loops included. Where exact is false, sums over
// all edges have passed 2^128, and the number means nothing.
func (c *Chains) Walks(ctx context.Context, n int) (walks *big.Int, exact bool, err error) {
	l, err := c.level(ctx, n)
	if err != nil {
		return nil, false, err
	}
	sum := new(big.Int)
	for _, r := range l.roots {
		sum.Add(sum, r.walks)
	}
	return sum, l.exact, nil
}
