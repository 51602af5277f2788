package elf

import (
	"context"
	"fmt"

	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/image/input"
)

// Separate debugging information: an ELF file that has the header, the program
// headers and the build-id of a program or library, and of what is mapped
// nothing. objcopy --only-keep-debug and eu-strip -f leave sections without bytes
// in place (SHT_NOBITS), so what lies at the offsets of the program headers, or
// behind, is of other sections: laid as memory it would be invented. Source:
// System V ABI, "Sections".

const (
	shtNobits = 8 // sh_type of a section without bytes in the file
	shfWrite  = 1 // sh_flags
	shfAlloc  = 2 // sh_flags: in memory
)

// ReadWhole reads the headers of a program or library that is to be laid
// whole, as ReadProgram does, and refuses what has no bytes of it.
func ReadWhole(ctx context.Context, in input.Reader, b *budget.Budget) (*Program, error) {
	p, err := readProgram(ctx, in, b)
	if err != nil {
		return nil, err
	}
	bare, err := p.isDebugFile(ctx)
	if err == nil && bare {
		err = fmt.Errorf("%s has only the debugging information of a program or library: its code and data are not in it; give the program itself", in.Path())
	}
	return p, err
}

// isDebugFile reports whether the file has a section that is read-only, in
// memory, and without bytes: zeros that nobody can write are of no use to a
// program, and .bss may be written. A table of sections that cannot be read
// tells nothing, since no loader needs one.
func (p *Program) isDebugFile(ctx context.Context) (bool, error) {
	var head [64]byte
	n, err := p.Fill(head[:p.Pick(52, 64)], 0)
	if err != nil || n < p.Pick(52, 64) || p.shoff == 0 {
		return false, err
	}
	f := input.NewFields(head[:], p.Order)
	size, count := f.U16(p.Pick(46, 58)), f.U16(p.Pick(48, 60))
	least := p.Pick(40, 64)
	if size < uint64(least) || p.shoff >= p.Size {
		return false, nil
	}
	bare, lost := false, count == 0 // where it is 0, sh_size of section header 0 has it
	if lost {
		count = 1
	}
	table := input.Records{At: p.shoff, Stride: size, Size: least}
	read, _, err := p.Each(ctx, table, func() uint64 {
		if bare {
			return 0
		}
		return count
	}, func(i uint64, b []byte) {
		s := p.section(b)
		if i == 0 && lost {
			count = s.size
		}
		bare = bare || s.isBare()
	})
	if err != nil && ctx.Err() == nil {
		return false, nil
	}
	return bare, image.Interrupted(err, p.Path(), "reading section header %d of %d", read, count)
}

// section is what matters of a section header.
type section struct{ typ, flags, size uint64 }

func (p *Program) section(b []byte) section {
	f := input.NewFields(b, p.Order)
	if p.Wide {
		return section{f.U32(4), f.U64(8), f.U64(32)}
	}
	return section{f.U32(4), f.U32(8), f.U32(20)}
}

// isBare reports whether a section is one as isDebugFile tells.
func (s section) isBare() bool {
	return s.typ == shtNobits && s.flags&(shfAlloc|shfWrite) == shfAlloc && s.size > 0
}
