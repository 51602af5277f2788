package graph

import (
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"runtime"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/simd"
)

// Options says which edges a graph has and how it is built. The zero value asks for
// every aligned word that holds the address of a mapped byte.
type Options struct {
	// Sources, where it is not empty, has the only addresses that an edge may
	// come from: all bytes of the word have to lie in them. Targets, where it is
	// not empty, has the only addresses that an edge may lead to. SourceIn and
	// TargetIn, where they are not nil, restrict the mappings that edges come
	// from and lead to in the same way.
	Sources, Targets   []addr.Range
	SourceIn, TargetIn func(*engine.Mapping) bool

	// PresentOnly leaves out the edges that lead to bytes which were not saved.
	PresentOnly bool

	// Align is what the address of a source is a multiple of, in bytes: 1, 2, 4
	// or 8. 0 stands for the word size.
	Align uint64

	Workers int        // number of goroutines, at most engine.MaxWorkers; 0 is one for each processor
	Kernel  simd.Level // level of the kernels; simd.Auto is the best that this machine can run

	// Memory is about how many bytes the edges found so far may take before they
	// are written to a temporary file; 0 is 1 GiB.
	Memory uint64
	// Spill is the folder of that temporary file, which is made only where Memory
	// does not suffice. "" stands for the folder of the output in BuildFile, and
	// for os.TempDir in Build.
	Spill string

	// MaxBytes, where it is not 0, is the most bytes that are looked through for edges,
	// those with the lowest addresses. The graph is not Complete where it leaves some
	// out: they count as unreadable.
	MaxBytes uint64

	// Missing is how many bytes the image should hold and does not, as
	// image.Image.Missing says. They count as unreadable in Graph.Complete and
	// Info.Unreadable.
	Missing uint64

	// Budget is asked for the memory of the build before it is spent, which is given back
	// at its end; of Build, the bytes of the graph stay taken. Where Memory is 0, edges take
	// less than 1 GiB if there is less. Nil has no limit.
	Budget *budget.Budget

	// From are the files that the image is read from, as image.Image.Files says. The file
	// of the graph is written over none of them, and its permissions are at most those
	// that all of them have. Without any, and if Private is set, which it should be of a
	// live process, only the owner can read it.
	From    []fs.FileInfo
	Private bool

	// Changed, if not nil, is asked once, when all of the image has been read: whether
	// its bytes may have changed meanwhile, as image.Image.Changed tells. The graph is
	// not Complete then, and counts a byte as unreadable.
	Changed func() bool

	// Progress, if not nil, is kept up to date with how far the sweep has come.
	Progress *engine.Progress
}

const (
	defaultMemory = 1 << 30
	minMemory     = 1 << 20
)

// Validate returns an error that says all that is wrong with the options, or nil.
func (o *Options) Validate() error {
	var errs []error
	if o.Align > 8 || bits.OnesCount64(o.Align) > 1 {
		errs = append(errs, fmt.Errorf("alignment %d: want 1, 2, 4 or 8, or 0 for the word size", o.Align))
	}
	if o.Workers < 0 || o.Workers > engine.MaxWorkers {
		errs = append(errs, fmt.Errorf("%d workers: want 0 to %d", o.Workers, engine.MaxWorkers))
	}
	if err := o.Kernel.Check(); err != nil {
		errs = append(errs, err)
	}
	for _, r := range append(append([]addr.Range(nil), o.Sources...), o.Targets...) {
		if !r.Valid() {
			errs = append(errs, fmt.Errorf("range %v ends before it begins", r))
		}
	}
	return errors.Join(errs...)
}

// fillDefaults puts the default in place of each option that is zero.
func (o *Options) fillDefaults(arch addr.Arch) {
	if o.Align == 0 {
		o.Align = uint64(arch.WordSize())
	}
	if o.Workers == 0 {
		o.Workers = min(runtime.GOMAXPROCS(0), engine.MaxWorkers)
	}
	if o.Memory == 0 {
		o.Memory = defaultMemory
	}
	o.Memory = max(o.Memory, minMemory)
}
