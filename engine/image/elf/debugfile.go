package elf

import (
	"bufio"
	"fmt"
	"io"
	"math"

	"vscan/engine/image/input"
)

// Separate debugging information: an ELF file that has the header, the program
// headers and the build-id of a program or library, and of what is mapped
// nothing. objcopy --only-keep-debug and eu-strip -f leave sections without bytes
// in place (SHT_NOBITS), so what lies at the offsets of the program headers, or
// behind, is of other sections: laid as memory it would be invented. Source:
// System V ABI, "Sections".

const (
	shtNobits   = 8       // sh_type of a section without bytes in the file
	shfWrite    = 1       // sh_flags
	shfAlloc    = 2       // sh_flags: in memory
	maxSections = 1 << 16 // that are looked at
)

// ReadWhole reads the headers of a program or library that is to be laid
// whole, as ReadProgram does, and refuses what has no bytes of it.
func ReadWhole(in input.Reader) (*Program, error) {
	p, err := ReadProgram(in)
	if err != nil {
		return nil, err
	}
	bare, err := p.isDebugFile()
	if err == nil && bare {
		err = fmt.Errorf("%s has only the debugging information of a program or library: its code and data are not in it; give the program itself", in.Path())
	}
	return p, err
}

// isDebugFile reports whether the file has a section that is read-only, in
// memory, and without bytes: zeros that nobody can write are of no use to a
// program, and .bss may be written. A table of sections that cannot be read
// tells nothing, since no loader needs one.
func (p *Program) isDebugFile() (bool, error) {
	var head [64]byte
	n, err := p.Fill(head[:p.Pick(52, 64)], 0)
	if err != nil || n < p.Pick(52, 64) || p.shoff == 0 {
		return false, err
	}
	f := input.NewFields(head[:], p.Order)
	size, count := f.U16(p.Pick(46, 58)), f.U16(p.Pick(48, 60))
	if least := uint64(p.Pick(40, 64)); size < least || p.shoff >= p.Size {
		return false, nil
	}
	if count == 0 { // section 0 has it
		count = maxSections
	}
	count = min(count, (p.Size-p.shoff)/size)
	r := bufio.NewReader(io.NewSectionReader(p, int64(p.shoff), math.MaxInt64-int64(p.shoff)))
	return p.anyBare(r, size, count), nil
}

// anyBare reports whether one of count section headers, of size bytes each, is
// of a section as isDebugFile tells.
func (p *Program) anyBare(r *bufio.Reader, size, count uint64) bool {
	b := make([]byte, p.Pick(40, 64))
	for range count {
		if _, err := io.ReadFull(r, b); err != nil {
			return false // the file has just been cut
		}
		f := input.NewFields(b, p.Order)
		flags, length := f.U32(8), f.U32(20)
		if p.Wide {
			flags, length = f.U64(8), f.U64(32)
		}
		if f.U32(4) == shtNobits && flags&(shfAlloc|shfWrite) == shfAlloc && length > 0 {
			return true
		}
		r.Discard(int(size) - len(b)) // what it cannot skip, the next read cannot have
	}
	return false
}
