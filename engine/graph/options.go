package graph

import (
	"errors"
	"fmt"
	"math/bits"
	"runtime"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/simd"
)

// Options says which edges a graph has and how it is built. The zero value is
// every aligned word that holds the address of a mapped byte.
type Options struct {
	// Sources and Targets, where there are any, are the only addresses that
	// an edge comes from (its whole word) or goes to. SourceIn and TargetIn,
	// if not nil, say so of mappings.
	Sources, Targets   []addr.Range
	SourceIn, TargetIn func(*engine.Mapping) bool

	// PresentOnly leaves out edges to bytes that were not saved.
	PresentOnly bool

	// Align is what the address of a source is a multiple of, in bytes: 1, 2,
	// 4 or 8; 0 is the word size.
	Align uint64

	Workers int        // 0: as many as there are processors; at most engine.MaxWorkers
	Kernel  simd.Level // simd.Auto: the best that this machine can run

	// Memory is about how many bytes the edges found so far may take before
	// they are written to a temporary file; 0 is 1 GiB.
	Memory uint64
	// Spill is the folder of the temporary file, which is needed only where
	// Memory does not suffice. "" is that of the output for BuildFile, and
	// os.TempDir for Build.
	Spill string

	// Missing is how many bytes the image should hold and does not, as
	// image.Image has it: they count as unreadable in what the graph says of
	// itself.
	Missing uint64

	// Progress, if not nil, is told how far the sweep has come.
	Progress *engine.Progress
}

const (
	defaultMemory = 1 << 30
	minMemory     = 1 << 20
)

// Validate says all that is wrong with the options.
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

// fillDefaults fills in what was left open.
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
