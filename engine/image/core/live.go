package core

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"os"
	"strconv"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image/elf"
	"vscan/engine/image/input"
	"vscan/internal/interrupt"
)

// The memory of the running kernel, as /proc/kcore has it: an ELF core that is made while it
// is read. Its segments tell addresses and where they are in the file, whose size says
// nothing. Those of RAM and of the kernel itself have physical addresses, since linux 4.11;
// in physical memory each page is there once, which is why that is the default.
//
// Those without are of virtual memory only. That of vmalloc has all addresses that there are
// for it, 32 TiB (with five levels of page tables 12,800 TiB), and what is not in use reads
// as zeros. Which is in use /proc/vmallocinfo tells, unless the kernel hides its addresses.
// What lies on devices (ioremap), and before linux 6.3 what is mapped by vm_map_ram, reads
// as zeros too, which it need not be: it is absent.
//
// What cannot be read is told when it is read, as of any image. Sources: linux
// fs/proc/kcore.c, read_kcore_iter; mm/vmalloc.c, vread_iter and s_show.

// usedArea is a range of addresses that vmalloc has given.
type usedArea struct {
	addr.Range
	unread bool // it reads as zeros, whatever it holds
}

// maxUntold is how many bytes a segment of virtual memory has at most to be shown where it
// is not told what of it is in use.
const maxUntold = 1 << 40

// usedAreas reads what vmalloc has given of a live kernel, ascending; none where that is not
// told. The error is that of c.ctx.
func (c *reader) usedAreas() ([]usedArea, error) {
	if !c.Live {
		return nil, nil
	}
	f, err := os.Open(c.vmallocInfo)
	if err != nil {
		c.Draft.Note("which virtual memory is in use cannot be told: %v", err)
		return nil, nil
	}
	defer f.Close()
	var out []usedArea
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if err := c.watch.Step(4); err != nil {
			return nil, err
		}
		if a, ok := parseUsed(lines.Bytes()); ok {
			out = append(out, a)
		}
	}
	if err := lines.Err(); err != nil {
		c.Draft.Note("which virtual memory is in use is told in part: %v", err)
	}
	return out, interrupt.SortStableFunc(c.ctx, out, func(a, b usedArea) int { return cmp.Compare(a.First, b.First) })
}

// parseUsed reads a line of vmallocinfo: the first address and the one behind the last, the
// size, which includes a page that guards the end, and words that say what it is:
//
//	0xffffc90000000000-0xffffc90000005000   20480 kernel_clone+0xbf/0x430 pages=4 vmalloc N0=4
//
// It is false where that is damaged, or where the kernel writes other numbers for addresses.
func parseUsed(line []byte) (a usedArea, ok bool) {
	words := bytes.Fields(line)
	if len(words) < 2 {
		return a, false
	}
	lo, hi, _ := bytes.Cut(words[0], []byte("-"))
	first, err1 := strconv.ParseUint(string(lo), 0, 64)
	end, err2 := strconv.ParseUint(string(hi), 0, 64)
	if err1 != nil || err2 != nil || first >= end {
		return a, false
	}
	for _, w := range words[2:] {
		if n, ok := bytes.CutPrefix(w, []byte("pages=")); ok {
			if pages, err := strconv.ParseUint(string(n), 10, 64); err == nil && pages > 0 {
				end = min(end, input.AddSat(first, input.MulSat(pages, uint64(os.Getpagesize()))))
			}
		}
		a.unread = a.unread || string(w) == "ioremap" || string(w) == "vm_map_ram"
	}
	a.Range = addr.Range{First: addr.Addr(first), Last: addr.Addr(end - 1)}
	return a, true
}

// layUsed makes the mappings of a segment of a live kernel that has virtual addresses only:
// of what is in use of it or, where nothing tells, of all of it, unless it is too large.
func (l *layout) layUsed(s *elf.Segment, used []usedArea, yield func(engine.Mapping)) {
	whole := addr.Range{First: addr.Addr(s.Vaddr), Last: addr.Addr(s.Vaddr + (s.Memsz - 1))}
	told := false
	next := whole.First
	for _, a := range used {
		x, ok := whole.Intersect(a.Range)
		if !ok || x.First < next {
			continue
		}
		told, next = true, x.Last+1
		d := uint64(x.First - whole.First)
		part := *s
		part.Vaddr, part.Off, part.Memsz, part.Filesz = uint64(x.First), input.AddSat(s.Off, d), x.Size(), x.Size()
		if a.unread {
			part.Filesz = 0
		}
		l.lay(&part, x.First, nil, yield)
		if next == 0 { // it ends with the last address
			break
		}
	}
	if told {
		return
	}
	part := *s
	if s.Memsz > maxUntold {
		part.Filesz = 0
		l.Draft.Note("%s", untold(s, whole))
	}
	l.lay(&part, whole.First, nil, yield)
}

// untold says that a segment is too large to be read whole.
func untold(s *elf.Segment, r addr.Range) string {
	return fmt.Sprintf("program header %d: of %v, addresses of %d GiB that vmalloc gives memory at, it is not told which are in use: absent (root sees them in /proc/vmallocinfo where kernel.kptr_restrict is 1)", s.Index, r, s.Memsz>>30)
}
