// Package graph is the pointer-reference graph of a memory image: who points at
// what, and by which chains a root reaches an object. It is for programs that use
// vscan as a library.
//
//	question                                        asked of
//	who refers to a range of addresses              Graph.To, Graph.CountTo; many at a time: Graph.ToBatches
//	what a range of addresses refers to             Graph.From; many times: Forward.From, Forward.Target
//	what an address belongs to                      Graph.Place: a module or mapping, and the offset in it
//	what is referred to most                        Graph.TopTargets, Graph.TopPages, Graph.TopRegions
//	how large the graph is, and how dense           Graph.Info
//	how many edges lead from region to region       Graph.Matrix
//	how many edges lead from page to page           Graph.PageCells
//	by which chains of pointers an object is found  Forward.Chains, then Chains.Best or Chains.All
//	how many ways there are to it                   Chains.Walks
//	what roots reach, and what nothing refers to    Forward.Reach
//	what hangs together                             Forward.Components
//	what lies around an object, to be drawn         Forward.Neighbourhood
//	what keeps the objects of heaps, what they
//	keep, and what is lost                          Graph.Objects, with package heap
//	whether the graph is that of an image           Graph.Check
//
// An edge goes from a source, the address of a word, to its target, the value of
// that word, where that value is the address of a mapped byte and not zero. Both
// are addresses of the space that was swept. Bytes that show at several addresses
// are a source at each of them, and a byte that another mapping hides is none. A
// word is a source even where its bytes come from several pieces of memory. A
// target may be absent, which means mapped but not saved, unless
// [Options.PresentOnly] is set.
//
// The graph stores the reverse direction, by target: the forward direction is the
// image itself. [Build] makes a graph in memory, [BuildFile] makes one in a file,
// and [Open] opens such a file. [Graph.Forward] turns the edges round: chains and
// reach work on the [Forward] that it returns, which is made once for all
// questions.
//
//	g, stats, err := graph.Build(ctx, space, arch, graph.Options{Missing: img.Missing})
//	f, err := g.Forward(ctx, 0)
//	c, err := f.Chains(graph.ChainOptions{Target: target})
//	best, err := c.Best(ctx, 10, nil)
//
// An object is a range of addresses, of one byte or of all its bytes. Ask who
// refers to its first byte with addr.Range{First: a, Last: a}, and who refers to
// any of its bytes with [addr.Sized].
//
// A graph knows only the words that were read. [Graph.Complete] reports whether
// all of them could be read and, if [Options.Missing] was set, whether none was
// missing from the image. That nothing refers to an object is no finding where
// Complete is false, nor where memory that was never saved may refer to the
// object: see [Info.Absent].
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
	"vscan/engine/budget"
	"vscan/internal/outfile"
)

// Edge is one reference: a word that holds the address of a mapped byte.
type Edge struct {
	Source addr.Addr // the address of the word's first byte
	Target addr.Addr // the word's value
}

// Region is a maximal run of addresses that show one mapping.
type Region struct {
	addr.Range
	State engine.State // never Hole
	Perm  engine.Perm
	File  bool // whether the bytes are those of a mapped file, as in engine.Mapping
	Name  string

	// NameOffset is how many bytes of what Name names lie before Range.First: see
	// engine.Mapping.
	NameOffset uint64
}

// Graph is a reverse index of edges: it has, for each page of targets, the sources
// of the edges that lead into that page.
type Graph struct {
	metadata
	data     blob
	groups   directory
	verified []atomic.Uint32 // one bit for each group: whether its checksum was found right
	close    io.Closer       // the open file, nil for a graph in memory
	from     outfile.Options // what a file that is made of it is made of
	readers  sync.Pool       // of *pageReader: most questions are so short that allocating one would be half of their time

	budget *budget.Budget // see SetBudget

	placesOnce sync.Once
	names      *engine.Places
}

// metadata is what a graph knows besides its edges.
type metadata struct {
	arch        addr.Arch
	align       uint64 // what the addresses of sources are multiples of, in bytes
	presentOnly bool
	filtered    bool // Options restricted sources or targets
	edges       uint64
	scanned     uint64 // bytes that the sweep looked at
	unreadable  uint64 // bytes that could not be read, or were missing from the image
	regions     []Region
	sources     numbering // numbers the words that can be sources: units of align bytes
	targets     numbering // numbers the pages that can be targets
	identity    memoryIdentity
}

// Arch returns the word size and byte order of the image.
func (g *Graph) Arch() addr.Arch { return g.arch }

// Align returns what the addresses of sources are multiples of, in bytes.
func (g *Graph) Align() uint64 { return g.align }

// Edges returns the number of edges.
func (g *Graph) Edges() uint64 { return g.edges }

// Complete reports whether all words that edges could come from were read: no byte
// was unreadable when the graph was built, and none was missing from the image, as
// far as Options.Missing said.
func (g *Graph) Complete() bool { return g.unreadable == 0 }

// Regions returns what showed in the space, ascending by address, without the
// holes. The caller must not change it.
func (g *Graph) Regions() []Region { return g.regions }

// RegionAt returns the index in Regions of the region that holds a, or −1 where a
// lies in a hole.
func (g *Graph) RegionAt(a addr.Addr) int {
	i := sort.Search(len(g.regions), func(i int) bool { return g.regions[i].Last >= a })
	if i == len(g.regions) || g.regions[i].First > a {
		return -1
	}
	return i
}

// Close closes the file of a graph that was opened. All iterators of the graph must
// have ended before. A graph in memory need not be closed.
func (g *Graph) Close() error {
	if g.close == nil {
		return nil
	}
	return g.close.Close()
}
