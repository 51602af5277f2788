package graph

import (
	"fmt"
	"unsafe"

	"vscan/engine/budget"
)

// This file has what budgets are asked for: the arrays that grow with the edges, words and
// objects of a graph. What a question takes otherwise is small.

// SetBudget sets the budget that is asked for the memory of questions to the graph before it
// is spent. What a Forward, or a Retention, takes stays taken: a program that asks for many,
// one after another, sets a Share for each, and releases it. It has to be set before the
// graph is asked. Nil, as it is at first, has no limit.
func (g *Graph) SetBudget(b *budget.Budget) { g.budget = b }

// take takes memory for a question.
func (g *Graph) take(n uint64, what string) error { return g.budget.Take(n, what) }

const (
	forForward    = "the edges of the graph turned round"
	forChains     = "the walks of all edges of the graph"
	forReach      = "the units of the graph"
	forCheck      = "comparing the graph with the image"
	forObjects    = "the objects of the heaps and what refers to them"
	forBest       = "the chains that are kept"
	forRegions    = "the regions of the graph"
	forBuild      = "building the graph"
	forGraph      = "the graph in memory"
	chunkMemory   = chunkBudget / 2 // chunks that are being filled take, on average
	workerMemory  = 4 << 20         // a worker of the sweep and of the sort takes, besides
	componentSize = 100             // bytes of a component in the maps that count it
)

// rankSetBytes returns how many bytes a set of the ranks of n edges among so many words
// takes at most.
func rankSetBytes(words, n uint64) uint64 {
	blocks := words/rankBits + 2
	return blocks*uint64(unsafe.Sizeof(rankBlock{})) + min(blocks, n)*uint64(unsafe.Sizeof(rankWords{}))
}

// regionBytes is about how many bytes a mapping takes in a build: as a region, in the ranges of
// sources and targets, and in the search for pointers to these.
const regionBytes = 450

// placeBytes is about how many bytes a region takes in a placeFinder.
const placeBytes = 200

// takeRegions takes the memory of what a build has of so many mappings.
func (o *Options) takeRegions(mappings int) (uint64, error) {
	need := budget.Product(uint64(mappings), regionBytes)
	if err := o.Budget.Take(need, forRegions); err != nil {
		return 0, fmt.Errorf("%d mappings: %w", mappings, err)
	}
	return need, nil
}

// takeBuild takes the memory of a build, and sets how much of it the edges may take: as the
// options say, or the default, or less where less is left. Edges that have no room go to the
// temporary file. They are sorted in half as much memory again.
func (o *Options) takeBuild(given uint64) (uint64, error) {
	fixed := chunkMemory + workerMemory*uint64(o.Workers)
	if left := o.Budget.Left(); given == 0 && left/3*2 < fixed+o.Memory/2*3 {
		o.Memory = max(minMemory, (left/3*2-min(left/3*2, fixed))/3*2)
	}
	need := fixed + o.Memory/2*3
	return need, o.Budget.Take(need, forBuild)
}
