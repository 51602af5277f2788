// Package graph is the pointer-reference graph of a memory image: who points at what,
// and by which chains a root reaches an object. It is for programs that use vscan as
// a library.
//
// An edge goes from a source, the address of a word, to its target, the value
// of that word, where that is the address of a mapped byte and not zero. Both
// are addresses of the space that was swept: bytes that show at several
// addresses are a source at each of them, a byte that another mapping hides is
// none, and a word is a source whatever pieces of memory its bytes come from.
// A target may be absent, mapped but not saved, unless [Options.PresentOnly].
//
// What is stored is the reverse direction, by target; the forward direction is
// the image itself. [Build] makes a graph in memory, [BuildFile] in a file,
// [Open] opens such a file.
//
//	Graph.To, .CountTo    who refers to a range of addresses, and how many
//	Graph.From            what a range of addresses refers to
//	Graph.Place           what an address belongs to: a module or mapping, and the offset in it
//	Graph.TopTargets,
//	.TopPages, .TopRegions what is referred to most
//	Graph.Info            the graph in numbers
//	Graph.Matrix          region × region counts
//	Graph.PageCells       page × page counts
//	Graph.Forward         the edges by source: what chains and reach work on
//	Forward.Chains        chains of pointers from roots to a target
//	Forward.Reach         what roots reach, and what nobody refers to
//	Forward.Components    what hangs together
//	Graph.Objects         objects of heaps (package heap): what keeps them, what they keep, what is lost
//	Graph.Check           whether the graph is of an image
//
// An object is a range of addresses, of one byte or all of its own: who refers to
// its first byte is asked with addr.Range{First: a, Last: a}, who to any of it with
// [addr.Sized]. Chains are asked of a [Forward], which is made once for all
// questions:
//
//	g, stats, err := graph.Build(ctx, space, arch, graph.Options{Missing: img.Missing})
//	f, err := g.Forward(ctx, 0)
//	c, err := f.Chains(graph.ChainOptions{Target: target})
//	best, err := c.Best(ctx, 10, nil)
//
// A graph knows only words that were read. [Graph.Complete] says whether some could
// not be, and, if [Options.Missing] has been told, were missing from the image; that
// none refers to an object is no finding where it is false. Nor is it one where
// memory that was never saved may refer to the object: [Info.Absent].
//
// A graph is immutable and safe for concurrent use.
package graph

import (
	"io"
	"sort"
	"sync"
	"sync/atomic"

	"vscan/engine"
	"vscan/engine/addr"
)

// Edge is a word that holds the address of a mapped byte.
type Edge struct {
	Source addr.Addr // of the word's first byte
	Target addr.Addr // the word's value
}

// Region is a run of addresses that one mapping shows.
type Region struct {
	addr.Range
	State engine.State // never Hole
	Perm  engine.Perm
	File  bool // as of an engine.Mapping
	Name  string

	// NameOffset is how many bytes of what Name names lie before Range.First: see
	// engine.Mapping.
	NameOffset uint64
}

// Graph is a reverse index of edges: for each page of targets, its sources.
type Graph struct {
	metadata
	data     blob
	groups   directory
	verified []atomic.Uint32 // a bit a group: its checksum was right
	close    io.Closer       // nil where there is nothing to close
	readers  sync.Pool       // of *walk, for questions: most are so short that to allocate would be half of it

	placesOnce sync.Once
	names      *engine.Places
}

// metadata is what a graph knows besides its edges.
type metadata struct {
	arch        addr.Arch
	align       uint64 // of sources, in bytes
	presentOnly bool
	filtered    bool // sources or targets were restricted
	edges       uint64
	scanned     uint64 // bytes looked at
	unreadable  uint64 // bytes that could not be read, or were missing
	regions     []Region
	sources     numbering // of words, by alignment
	targets     numbering // of pages
	identity    identity
}

// Arch is the word size and byte order.
func (g *Graph) Arch() addr.Arch { return g.arch }

// Align is what sources are multiples of, in bytes.
func (g *Graph) Align() uint64 { return g.align }

// Edges is how many edges there are.
func (g *Graph) Edges() uint64 { return g.edges }

// Complete says that no byte in scope was unreadable when the graph was built,
// and none was missing from the image, as far as Options.Missing told.
func (g *Graph) Complete() bool { return g.unreadable == 0 }

// Regions is what showed in the space, ascending; holes are left out. It must
// not be changed.
func (g *Graph) Regions() []Region { return g.regions }

// RegionAt is the index in Regions of what shows at a, −1 in a hole.
func (g *Graph) RegionAt(a addr.Addr) int {
	i := sort.Search(len(g.regions), func(i int) bool { return g.regions[i].Last >= a })
	if i == len(g.regions) || g.regions[i].First > a {
		return -1
	}
	return i
}

// Close closes the file of a graph that was opened. Iterators of the graph
// have to have ended.
func (g *Graph) Close() error {
	if g.close == nil {
		return nil
	}
	return g.close.Close()
}
