package graph

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/internal/interrupt"
)

// regionFile is the bit of Region.File, beside those of the permissions.
const regionFile = 1 << 7

// A name takes about nameBytes in memory, and a region and a range so many bytes of the file at
// least: none has room for more.
const (
	nameBytes   = 32
	leastRegion = 6
	leastRange  = 2
)

// maxKnownNames is the most names that encode finds again. Segments that have no name are called
// by their numbers, each otherwise: a map of millions takes more memory than the regions.
const maxKnownNames = 1 << 16

// encode returns the section that says what was mapped, and which ranges sources and
// targets are in. A range is written as the distance from the end of the one before
// and the distance of its ends, and a name as the number of its first appearance:
//
//	names    │ regions (range, state, permissions, name, offset) │ ranges of sources │ ranges of targets
//
// The error is that of ctx.
func (a *metadata) encode(ctx context.Context) ([]byte, error) {
	watch := interrupt.New(ctx)
	var b []byte
	names := map[string]uint64{} // of those that came first: what is not there is written anew
	var text []byte
	regions := make([]byte, 0, 8*len(a.regions))
	written, last := uint64(0), Region{} // how many names were written, and the region before
	at := uint64(0)
	for _, r := range a.regions {
		if err := watch.Step(1); err != nil {
			return nil, err
		}
		n, known := names[r.Name]
		if !known && written > 0 && r.Name == last.Name {
			n, known = written-1, true
		}
		if !known {
			n = written
			written++
			if len(names) < maxKnownNames {
				names[r.Name] = n
			}
			text = binary.AppendUvarint(text, uint64(len(r.Name)))
			text = append(text, r.Name...)
		}
		regions = binary.AppendUvarint(regions, uint64(r.First)-at)
		regions = binary.AppendUvarint(regions, uint64(r.Last-r.First))
		perm := byte(r.Perm)
		if r.File {
			perm |= regionFile
		}
		regions = append(regions, byte(r.State), perm)
		regions = binary.AppendUvarint(regions, n)
		regions = binary.AppendUvarint(regions, r.NameOffset)
		at, last = uint64(r.Last), r
	}
	b = binary.AppendUvarint(b, written)
	b = append(b, text...)
	b = binary.AppendUvarint(b, uint64(len(a.regions)))
	b = append(b, regions...)
	for _, n := range []numbering{a.sources, a.targets} {
		b = binary.AppendUvarint(b, uint64(len(n.ranges)))
		at = 0
		for _, r := range n.ranges {
			if err := watch.Step(1); err != nil {
				return nil, err
			}
			b = binary.AppendUvarint(b, uint64(r.First)-at)
			b = binary.AppendUvarint(b, uint64(r.Last-r.First))
			at = uint64(r.Last)
		}
	}
	return b, nil
}

// decode reads what encode has written. INVARIANT: regions and ranges ascend and
// are disjoint, or there is an error, which may be that of ctx, or of the budget.
func (a *metadata) decode(ctx context.Context, b []byte, memory *budget.Budget) error {
	watch := interrupt.New(ctx)
	c := cursor{b: b}
	count := func() uint64 { // reads how many things follow, each of at least a byte
		n := c.uvarint()
		if n > uint64(len(c.b)) {
			c.bad, n = true, 0
		}
		return n
	}
	named := count()
	if err := memory.Take(named*nameBytes, "the names of the regions of the graph"); err != nil {
		return err
	}
	names := make([]string, named)
	for i := range names {
		if err := watch.Step(1); err != nil {
			return err
		}
		names[i] = string(c.take(c.uvarint()))
	}
	at, first := uint64(0), true
	next := func() addr.Range {
		gap, size := c.uvarint(), c.uvarint()
		lo := at + gap
		hi := lo + size
		if lo < at || hi < lo || !first && gap == 0 {
			c.bad = true
		}
		at, first = hi, false
		return addr.Range{First: addr.Addr(lo), Last: addr.Addr(hi)}
	}
	n := count()
	n = min(n, uint64(len(c.b))/leastRegion+1)
	if err := memory.Take(n*uint64(unsafe.Sizeof(Region{})), forRegions); err != nil {
		return err
	}
	a.regions = make([]Region, 0, n)
	for range n {
		if err := watch.Step(1); err != nil {
			return err
		}
		r := Region{Range: next()}
		if flags := c.take(2); !c.bad {
			r.State, r.Perm, r.File = engine.State(flags[0]), engine.Perm(flags[1]&^regionFile), flags[1]&regionFile != 0
		}
		name := c.uvarint()
		r.NameOffset = c.uvarint()
		if c.bad || name >= uint64(len(names)) || r.State >= engine.Hole {
			return fmt.Errorf("region %d of %d makes no sense", len(a.regions), n)
		}
		r.Name = names[name]
		a.regions = append(a.regions, r)
	}
	for _, to := range []struct {
		*numbering
		shift uint
	}{{&a.sources, log2(a.align)}, {&a.targets, pageShift}} {
		at, first = 0, true
		n := count()
		n = min(n, uint64(len(c.b))/leastRange+1)
		if err := memory.Take(n*(uint64(unsafe.Sizeof(addr.Range{}))+8), forRegions); err != nil {
			return err
		}
		ranges := make([]addr.Range, 0, n)
		for range n {
			if err := watch.Step(1); err != nil {
				return err
			}
			ranges = append(ranges, next())
		}
		var err error
		if *to.numbering, err = newNumbering(ctx, to.shift, ranges); err != nil || c.bad {
			return fmt.Errorf("ranges of addresses make no sense")
		}
	}
	if c.bad || len(c.b) > 0 {
		return errors.New("it does not end where it should")
	}
	return nil
}
