package proc

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"vscan/engine/addr"
	"vscan/engine/image/elf"
)

// setBases finds the load bases of the files that the areas are of, and where
// other names begin. An area without a name is called [anon].
// The error is that of p.ctx.
func (p *process) setBases(vmas []vma) error {
	var pieces []elf.Piece
	var of []*vma // the area of each piece
	for i := range vmas {
		v := &vmas[i]
		if v.name == "" {
			v.name = "[anon]"
		}
		v.base = v.First
		if i > 0 && v.follows(&vmas[i-1]) {
			v.base = vmas[i-1].base
		}
		if path.IsAbs(v.name) {
			file := fmt.Sprintf("%s\x00%s %d", v.name, v.dev, v.inode) // names of memfd and of SysV segments repeat
			pieces = append(pieces, elf.Piece{Range: v.Range, Offset: v.offset, Name: file})
			of = append(of, v)
		}
	}
	bases, err := elf.LoadBases(p.ctx, pieces, func(i int) (uint64, bool) { return p.programAt(of[i]) })
	if err != nil {
		return err
	}
	for i, v := range of {
		v.base = bases[i]
	}
	return nil
}

// follows reports whether an area is one thing with the one before, which only
// permissions part.
func (v *vma) follows(before *vma) bool {
	return growsInParts(v.name) && v.name == before.name && before.Last != addr.Max && v.First == before.Last+1
}

// programAt is how many bytes of memory the program asks for that an area begins
// with, 0 where that is not known, and whether it is known to be none. It is
// read from its file, so that no page of the process is touched.
func (p *process) programAt(v *vma) (span uint64, data bool) {
	if p.pages == nil || v.inode == 0 || p.closed(v) {
		return 0, false
	}
	f := p.files.open(v)
	if f == nil {
		return 0, false
	}
	prog, err := elf.ReadHead(p.ctx, f.Reader())
	if err != nil {
		return 0, errors.Is(err, elf.ErrNoELF)
	}
	return prog.SpanFrom(v.First, uint64(os.Getpagesize())), false
}

// growsInParts reports whether areas of a name that lie side by side are one
// thing: the kernel calls all areas of the heap so, and of the stack.
func growsInParts(name string) bool {
	return name == "[heap]" || strings.HasPrefix(name, "[stack")
}
