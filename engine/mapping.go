package engine

import (
	"errors"
	"fmt"
	"math"
	"reflect"

	"vscan/engine/addr"
)

// A State says what is known of the bytes of a mapping.
type State uint8

const (
	// Present bytes are held by the mapping's source.
	Present State = iota
	// Absent bytes belonged to the memory but were not saved: a segment whose
	// file size is smaller than its memory size, an excluded page, the lost tail
	// of a truncated file. Absent bytes are never taken for zeros.
	Absent
	// Zero bytes are not stored because they are known to be zero.
	Zero
	// Hole is the state of an address that no mapping has. No mapping has this
	// state.
	Hole
)

// String returns "present", "absent", "zero" or "hole".
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

// An Absence says why bytes are absent.
type Absence uint8

const (
	// Unsaved bytes are those that the image knows of and has not: why, it does not say.
	Unsaved Absence = iota
	// Excluded bytes were left out on purpose by the program that wrote the image, which
	// says so: pages that makedumpfile was told to leave out.
	Excluded
	// Missing bytes are those that the image should hold and does not: of a file that was
	// cut or is damaged, or of a part of a set of files that is not there.
	Missing
)

// String returns "unsaved", "excluded" or "missing".
func (a Absence) String() string {
	switch a {
	case Unsaved:
		return "unsaved"
	case Excluded:
		return "excluded"
	case Missing:
		return "missing"
	}
	return fmt.Sprintf("Absence(%d)", uint8(a))
}

// A Perm is the permissions of a mapping, a bit each.
type Perm uint8

const (
	PermRead    Perm = 1 << iota // may be read
	PermWrite                    // may be written
	PermExecute                  // may be executed
	// PermKnown is set where the image names permissions at all: "---" is
	// PermKnown alone, and a mapping of an image without permissions has the
	// zero Perm.
	PermKnown
)

// String returns the permissions as /proc/PID/maps prints them ("r-x"), or "" where
// the image does not name them.
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

// A Mapping is a range of addresses and where its bytes come from. A Space lays
// mappings over one another; the one added last is on top. Both ends of the range
// are included: [addr.Sized] makes a range of an address and a size. Bytes of a
// present mapping that Source does not hold cannot be read.
type Mapping struct {
	addr.Range
	State   State
	Absence Absence // why its bytes are absent, where State is Absent
	Perm    Perm

	// Continuation says that the mapping continues the one whose range ends just
	// below it: a mapping of a process whose pages differ in state is several
	// mappings here. See [Mapping.Continues].
	Continuation bool

	// File says that Name is the name of a file that was loaded or mapped there,
	// and the mapping part of a module. Where Name is a path, that is so without
	// File.
	File bool

	Source Source // yields the bytes; nil unless State is Present
	Offset uint64 // the offset in Source of the byte at Range.First
	Name   string // as the image names it: a path, "[heap]", "load[3]"

	// NameOffset is the distance in bytes of Range.First from where the thing
	// that Name names begins in memory: 0 where it begins with the mapping. For
	// a file that is the module's load base, the lowest address at which it is
	// mapped there: see [Module].
	NameOffset uint64
}

// Validate returns an error that says what is wrong with the mapping, nil where
// nothing is. It is wrong where the ends of the range are out of order, its state is
// none of a mapping, it says why bytes are absent that are not, it is present without a
// source, its source cannot be compared with ==, or its offsets would pass 2^64 − 1.
func (m *Mapping) Validate() error {
	switch {
	case !m.Range.Valid():
		return fmt.Errorf("range %v ends before it begins", m.Range)
	case m.State >= Hole:
		return fmt.Errorf("%v: a mapping cannot have state %v", m.Range, m.State)
	case m.Absence > Missing || m.Absence != Unsaved && m.State != Absent:
		return fmt.Errorf("%v: bytes that are %v cannot be %v", m.Range, m.State, m.Absence)
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

// PlaceOf returns the distance in bytes of a, which must lie in the range, from
// where the thing that Name names begins in memory: for a file, from the module's
// load base. It is not the offset in the file.
func (m *Mapping) PlaceOf(a addr.Addr) uint64 { return m.NameOffset + uint64(a-m.First) }

// Continues reports whether m goes on with what before is, or is the end of:
// m.Continuation is set, its range follows that of before, name and permissions are
// the same, and NameOffset goes on. So two mappings of one file side by side remain
// two.
func (m *Mapping) Continues(before *Mapping) bool {
	return m.Continuation && before.Last != addr.Max && m.First == before.Last+1 &&
		m.NameOffset == before.PlaceOf(before.Last)+1 && m.Name == before.Name && m.Perm == before.Perm
}

// OffsetOf returns the offset in Source of the byte at a, which must lie in the
// range: for a core, the offset in the core's file.
func (m *Mapping) OffsetOf(a addr.Addr) uint64 { return m.Offset + uint64(a-m.First) }
