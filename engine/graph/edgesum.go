package graph

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"unsafe"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/patterns"
)

// A graph is a function of the regions and the edges of an image, so it is that of an image
// if Build would make the same of it. What is compared are regions, one by one, and the
// edges, as a sum:
//
//	sum(edges) = Σ hash(key, source, target) mod 2^64
//
// Such a sum is the same in whichever order its edges come, and however they are shared out
// among workers: those of the graph come by target, those of the image by shard. Since every
// edge has its address in it, two edges that change places do not cancel out.
//
// Nothing of this is stored. The file of a graph has all of its edges, which are summed up
// when they are to be compared, so the key is drawn anew each time: no image can be made so
// that its sum is that of another one.

// edgeKey is drawn at random for each comparison.
type edgeKey [4]uint64

// newEdgeKey draws a key.
func newEdgeKey() (k edgeKey) {
	var b [unsafe.Sizeof(k)]byte
	rand.Read(b[:]) // never fails
	for i := range k {
		k[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return k
}

// hash returns the hash of an edge: two of the folded multiplications that wyhash consists of
// (github.com/wangyi-fudan/wyhash, _wymix), since the sum of one alone is nearly linear.
func (k *edgeKey) hash(e Edge) uint64 {
	hi, lo := bits.Mul64(uint64(e.Source)^k[0], uint64(e.Target)^k[1])
	hi, lo = bits.Mul64(hi^lo^k[2], k[3]^uint64(e.Target))
	return hi ^ lo
}

// edgeSum is how many edges there are, and their sum.
type edgeSum struct{ count, sum uint64 }

func (s *edgeSum) plus(other edgeSum) {
	s.count += other.count
	s.sum += other.sum
}

// edgeSummer sums up edges on one goroutine.
type edgeSummer struct {
	g   *Graph
	key *edgeKey

	// within is set where edges came from some places only: then a word counts only if all
	// of it lies in one range of sources. Of a word that ends behind such a range, the
	// graph does not tell whether it was to be looked at.
	within bool
	last   addr.Addr // the highest source of an edge
	most   addr.Addr // edges from higher sources are counted in behind

	edgeSum
	behind uint64

	source, page, at int // hints for the lookups of each kind
}

// add adds an edge.
func (s *edgeSummer) add(e Edge) {
	if s.within {
		end, ok := e.Source.Add(uint64(s.g.arch.WordSize()) - 1)
		i := s.g.sources.find(e.Source, &s.source)
		if !ok || i == len(s.g.sources.ranges) || !s.g.sources.ranges[i].Contains(e.Source) || !s.g.sources.ranges[i].Contains(end) {
			return
		}
	}
	if e.Source > s.most {
		s.behind++
		return
	}
	s.last = max(s.last, e.Source)
	s.plus(edgeSum{1, s.key.hash(e)})
}

// sumOfGraph returns the sum of the graph's edges, and the highest address that an edge
// comes from.
func (g *Graph) sumOfGraph(ctx context.Context, key *edgeKey, workers int) (sum edgeSum, last addr.Addr, err error) {
	parts, err := parallelPages(ctx, g, workers, func() *edgeSummer { return &edgeSummer{g: g, key: key, within: g.filtered, most: addr.Max} },
		func(s *edgeSummer, page uint64, entries []entry) error {
			base := g.targets.at(page, &s.page)
			for _, e := range entries {
				s.add(Edge{g.sources.at(e.source(), &s.at), base + addr.Addr(e.offset())})
			}
			return nil
		})
	for _, s := range parts {
		sum.plus(s.edgeSum)
		last = max(last, s.last)
	}
	return sum, last, err
}

// checkEdges returns nil where the edges of the graph are those of the space, whose
// regions are those of the graph. Where memory was left out when the graph was made, or
// could not be read, words behind the last edge of the graph are not compared.
func (g *Graph) checkEdges(ctx context.Context, space *engine.Space, workers int) error {
	o := Options{Workers: workers}
	if err := o.Validate(); err != nil {
		return err
	}
	o.fillDefaults(g.arch)
	memory := workerMemory * uint64(o.Workers)
	if err := g.take(memory, forCheck); err != nil {
		return err
	}
	defer g.budget.Give(memory)
	key := newEdgeKey()
	want, last, err := g.sumOfGraph(ctx, &key, o.Workers)
	if err != nil || len(g.targets.ranges) == 0 {
		return err
	}
	eo := engine.Options{Workers: o.Workers}
	if g.filtered {
		eo.Ranges = g.sources.ranges
	}
	sc, err := pointerScanner(ctx, space, g.arch, g.align, g.targets.ranges, eo)
	if err != nil {
		return err
	}
	most := addr.Max
	if g.filtered && !g.Complete() || !g.filtered && sc.Bytes() > g.scanned {
		most = last
	}
	parts := make([]*edgeSummer, o.Workers)
	for i := range parts {
		parts[i] = &edgeSummer{g: g, key: &key, within: g.filtered, most: most}
	}
	stats, err := sc.ScanShards(ctx, func(worker int, _ uint64, b *engine.Batch) bool {
		eachEdge(b, g.arch, g.targets.ranges[0].First, parts[worker].add)
		return true
	})
	if err != nil {
		return err
	}
	var got edgeSum
	for i := range parts {
		got.plus(parts[i].edgeSum)
	}
	unreadable := ""
	if n := stats.UnreadableBytes(); n > 0 {
		unreadable = fmt.Sprintf(", and %d bytes cannot be read", n)
	}
	switch {
	case got.count != want.count:
		return fmt.Errorf("%w: that had %d pointers, and this one has %d%s", ErrOtherImage, want.count, got.count, unreadable)
	case got != want:
		return fmt.Errorf("%w: that had as many pointers, %d, and other ones%s", ErrOtherImage, want.count, unreadable)
	}
	return nil
}

// checkRegions returns nil where the regions of the graph are those of the space.
func (g *Graph) checkRegions(ctx context.Context, space *engine.Space) error {
	memory := uint64(len(g.regions)) * uint64(unsafe.Sizeof(Region{})+3*unsafe.Sizeof(addr.Range{}))
	if err := g.take(memory, forCheck); err != nil {
		return err
	}
	defer g.budget.Give(memory)
	ends, err := newEndpoints(ctx, space, g.arch, &Options{})
	if err != nil {
		return err
	}
	if !sameRegions(g.regions, ends.regions) {
		return fmt.Errorf("%w: its memory has other names or permissions", ErrOtherImage)
	}
	return nil
}

// sameRegions reports whether regions are the same but for the names of the files that the
// image is read from, which may have been given another name since: names that the memory
// itself has are paths or begin with a bracket.
func sameRegions(a, b []Region) bool {
	renamed, back := map[string]string{}, map[string]string{}
	ofMemory := func(name string) bool { return name == "" || name[0] == '/' || name[0] == '[' }
	return slices.EqualFunc(a, b, func(a, b Region) bool {
		if !ofMemory(a.Name) && !ofMemory(b.Name) {
			to, known := renamed[a.Name]
			if from, taken := back[b.Name]; (known || taken) && (to != b.Name || from != a.Name) {
				return false
			}
			renamed[a.Name], back[b.Name] = b.Name, a.Name
			a.Name = b.Name
		}
		return a == b
	})
}

// pointerScanner returns a scanner that finds the words whose values lie in targets, of which
// there has to be one, exactly these and no others.
func pointerScanner(ctx context.Context, space *engine.Space, arch addr.Arch, align uint64, targets []addr.Range, o engine.Options) (*engine.Scanner, error) {
	ref, err := patterns.ParsePointer("@targets")
	if err != nil {
		return nil, err
	}
	set, err := patterns.Compile(ctx, []patterns.Pattern{ref}, patterns.Target{
		WordSize: arch.WordSize(), Order: arch.Order(), OrderKnown: true, Align: align,
		Mapping: func(string) ([]addr.Range, error) { return targets, nil },
	})
	if err != nil {
		return nil, err
	}
	return engine.Compile(ctx, space, set, o)
}

// eachEdge calls add with the edges that are the hits of a batch of a pointerScanner. first
// is the first target, which all words have where there is only one.
func eachEdge(b *engine.Batch, arch addr.Arch, first addr.Addr, add func(Edge)) {
	words := b.Bytes()
	if len(words) == 0 { // a batch has no bytes where only one value was looked for
		for h := range b.Hits() {
			add(Edge{h.Addr, first})
		}
		return
	}
	size, order := arch.WordSize(), arch.Order()
	for i, off := range b.Offsets {
		add(Edge{b.Base + addr.Addr(off), addr.Addr(order.Uint(words[i*size:][:size]))})
	}
}
