package engine

import (
	"errors"
	"fmt"
	"math"
	"reflect"

	"vscan/engine/addr"
)

// State says what is known of the bytes of a mapping.
type State uint8

const (
	// Present bytes are held by the mapping's source.
	Present State = iota
	// Absent bytes belonged to the memory but were not saved: a segment whose
	// file size is smaller than its memory size, an excluded page, the lost
	// tail of a truncated file. Absent is never taken for zero.
	Absent
	// Zero bytes are not stored because they are known to be zero.
	Zero
	// Hole is the state of an address that no mapping has. A mapping never is
	// in it.
	Hole
)

// String is "present", "absent", "zero" or "hole".
func (s State) String() string {
	switch s {
	case Present:
		return "present"
	case Absent:
		return "absent"
	case Zero:
		return "zero"
	case Hole:
		return "hole"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// Perm is the permissions of a mapping.
type Perm uint8

const (
	Read    Perm = 1 << iota // may be read
	Write                    // may be written
	Execute                  // may be executed
	// PermKnown tells that the image names permissions at all: "---" is
	// PermKnown alone, and an image without permissions has the zero Perm.
	PermKnown
)

// String is as /proc/PID/maps prints it ("r-x"), or "" where the image does
// not say.
func (p Perm) String() string {
	if p&PermKnown == 0 {
		return ""
	}
	b := []byte("---")
	for i, c := range []byte("rwx") {
		if p&(1<<i) != 0 {
			b[i] = c
		}
	}
	return string(b)
}

// Mapping is a range of addresses and where its bytes come from. A Space lays
// mappings over one another; the one added last is on top. Both ends of the range
// are included: [addr.Sized] makes one of an address and a size. Bytes of it that
// Source does not hold cannot be read.
type Mapping struct {
	addr.Range
	State State
	Perm  Perm

	// Part tells that the mapping goes on from the one whose range ends before
	// it, of which it is but cut off: a mapping of a process whose pages differ
	// in state is several mappings here. See [Mapping.Continues].
	Part bool

	// File tells that Name is that of a file that was loaded or mapped there, as
	// a path is without it: what has it is of a module.
	File bool

	Source Source // of the bytes; nil unless State is Present
	Offset uint64 // in Source, of the byte at Range.First
	Name   string // as the image names it: a path, "[heap]", "load[3]"

	// NameOffset is how many bytes of what Name names lie before Range.First: 0
	// where the mapping begins it. Of a file it counts from the module's load
	// base, the lowest address at which it is mapped there: see [Module].
	NameOffset uint64
}

// Validate says what is wrong with the mapping: its ends are out of order, it
// should be present and has no source, or its offsets would pass 2^64.
func (m *Mapping) Validate() error {
	switch {
	case !m.Range.Valid():
		return fmt.Errorf("range %v ends before it begins", m.Range)
	case m.State >= Hole:
		return fmt.Errorf("%v: a mapping cannot have state %v", m.Range, m.State)
	case m.State == Present && m.Source == nil:
		return fmt.Errorf("%v: %w", m.Range, errNoSource)
	case m.State == Present && !reflect.TypeOf(m.Source).Comparable():
		return fmt.Errorf("%v: a source of type %T cannot be compared with ==; make it a pointer", m.Range, m.Source)
	case m.State == Present && uint64(m.Last-m.First) > math.MaxUint64-m.Offset:
		return fmt.Errorf("%v: from offset %#x it would run past the last offset of its source", m.Range, m.Offset)
	}
	return nil
}

var errNoSource = errors.New("present bytes without a source")

// PlaceOf is the distance in bytes of a, which lies in the range, from where what
// Name names begins in memory. Where several mappings have the name of a program's
// file, that is the beginning of the one that holds a: it is neither the offset in
// the file, which the Modules of an image tell, nor that from the program's base,
// which graph.Graph.Place tells.
func (m *Mapping) PlaceOf(a addr.Addr) uint64 { return m.NameOffset + uint64(a-m.First) }

// Continues reports whether m is the next part of the mapping that before is a
// part of: it is a [Mapping.Part], its range follows, and name, permissions and
// NameOffset go on. Two mappings of one file side by side remain two.
func (m *Mapping) Continues(before *Mapping) bool {
	return m.Part && before.Last != addr.Max && m.First == before.Last+1 &&
		m.NameOffset == before.PlaceOf(before.Last)+1 && m.Name == before.Name && m.Perm == before.Perm
}

// OffsetOf is the offset in Source of the byte at a, which lies in the range: of a
// core, the offset in the core's file.
func (m *Mapping) OffsetOf(a addr.Addr) uint64 { return m.Offset + uint64(a-m.First) }
