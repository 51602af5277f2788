package engine

import (
	"fmt"

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
)

// String is "present", "absent" or "zero".
func (s State) String() string {
	switch s {
	case Present:
		return "present"
	case Absent:
		return "absent"
	case Zero:
		return "zero"
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
// mappings over one another; the one added last is on top.
type Mapping struct {
	addr.Range
	State  State
	Perm   Perm
	Source Source // of the bytes; nil unless State is Present
	Offset uint64 // in Source, of the byte at Range.First
	Name   string // as the image names it: a path, "[heap]", "load[3]"
}
