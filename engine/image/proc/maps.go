// Package proc opens the memory of live processes, by the files of /proc. It is for the
// engine and may change: programs open processes with the formats package.
//
//	proc_linux.go     opens a process and its memory; why that is refused
//	pages_linux.go    the mappings: where the bytes of each page come from
//	gone_linux.go     what went away while stock was taken
//	pagemap_linux.go  which pages are in memory, swapped out or guards
//	maps.go           the areas of /proc/PID/maps and smaps
//	bases_linux.go    where the names of areas begin
//	find_linux.go     processes by their names
//	threads_linux.go  threads, without stopping them
package proc

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/internal/interrupt"
)

// vma is a virtual memory area of a process: a line of /proc/PID/maps, and what
// /proc/PID/smaps says of it.
type vma struct {
	addr.Range
	perm   engine.Perm
	shared bool
	offset uint64 // in the file, of the first byte
	dev    string // of the file, as "fe:00"
	inode  uint64 // 0: there is no file
	name   string // "" where the line has none

	base  addr.Addr // that offsets in what name names count from
	known bool      // smaps has told how much of it is in memory
	used  bool      // some of it is in memory or swapped out
	flags vmaFlags
}

// vmaFlags are those of the kernel's flags that matter here.
type vmaFlags uint8

const (
	vmaIO      vmaFlags = 1 << iota // io: memory of a device
	vmaPFN                          // pf: pages that the kernel does not manage
	vmaMissing                      // um: what was never there, a userfaultfd supplies
	vmaHuge                         // ht: of hugetlbfs
	vmaGuarded                      // uw: a userfaultfd guards it against writing
)

// vmaFlagNames are the names in VmFlags. Source: linux fs/proc/task_mmu.c,
// show_smap_vma_flags.
var vmaFlagNames = map[string]vmaFlags{"io": vmaIO, "pf": vmaPFN, "um": vmaMissing, "ht": vmaHuge, "uw": vmaGuarded}

// parseMaps reads /proc/PID/maps or /proc/PID/smaps. Of the first each line is a
// mapping, ascending, with the address behind the last one second; in the second,
// lines with what is known of it follow:
//
//	7f1c2a000000-7f1c2a021000 rw-p 00000000 00:00 0        /path with blanks (deleted)
//	Rss:                  12 kB
//	VmFlags: rd wr mr mw me ac
//
// Source: proc(5); linux fs/proc/task_mmu.c, show_map_vma, show_smap. Errors name
// the line, from 1, or are that of ctx.
func parseMaps(ctx context.Context, text io.Reader) ([]vma, error) {
	var out []vma
	lines := bufio.NewReaderSize(text, 1<<16) // a path has at most 4,096 bytes, each of which may be escaped
	watch := interrupt.New(ctx)
	for n := 1; ; n++ {
		if err := watch.Step(8); err != nil { // the kernel counts the pages of an area of smaps first
			return nil, err
		}
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return out, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		if len(out) > 0 && out[len(out)-1].takeDetail(line) || len(line) == 0 {
			continue
		}
		v, err := parseMapsLine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		out = append(out, v)
	}
}

// takeDetail reads a line of smaps that speaks of v, and reports whether the line
// is one.
func (v *vma) takeDetail(line []byte) bool {
	key, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || bytes.ContainsAny(key, "- ") {
		return false
	}
	switch string(key) {
	case "Rss", "Swap", "Shared_Hugetlb", "Private_Hugetlb":
		v.known = true
		v.used = v.used || string(bytes.TrimSpace(value)) != "0 kB"
	case "VmFlags":
		for _, f := range bytes.Fields(value) {
			v.flags |= vmaFlagNames[string(f)]
		}
	}
	return true
}

// Area is what a line of /proc/PID/maps says of a mapping, for what keeps a copy of that file.
type Area struct {
	addr.Range
	Perm   engine.Perm
	Offset uint64 // in the file, in bytes, of the first byte
	Name   string // of the file, or as "[heap]"; "" where the line has none
}

// ParseArea reads a line of /proc/PID/maps, without its end. The error does not say which
// line it is.
func ParseArea(line []byte) (Area, error) {
	v, err := parseMapsLine(line)
	return Area{v.Range, v.perm, v.offset, v.name}, err
}

func parseMapsLine(line []byte) (vma, error) {
	var field [5]string // addresses, permissions, offset, device, inode
	rest := line
	for i := range field {
		f, r, _ := bytes.Cut(rest, []byte(" "))
		if len(f) == 0 {
			return vma{}, fmt.Errorf("%q: want addresses, permissions, offset, device, inode and perhaps a name", line)
		}
		field[i], rest = string(f), r
	}
	v := vma{dev: field[3], name: string(bytes.TrimLeft(rest, " "))}

	lo, hi, _ := bytes.Cut([]byte(field[0]), []byte("-"))
	first, err1 := strconv.ParseUint(string(lo), 16, 64)
	end, err2 := strconv.ParseUint(string(hi), 16, 64)
	if err1 != nil || err2 != nil || first >= end {
		return vma{}, fmt.Errorf("%q: want two hexadecimal addresses, the first below the second", field[0])
	}
	v.Range = addr.Range{First: addr.Addr(first), Last: addr.Addr(end - 1)}

	if len(field[1]) != 4 {
		return vma{}, fmt.Errorf("%q: want permissions such as r-xp", field[1])
	}
	v.perm, v.shared = engine.PermKnown, field[1][3] == 's'
	for i, want := range []byte("rwx") {
		switch field[1][i] {
		case want:
			v.perm |= engine.Perm(1 << i)
		case '-':
		default:
			return vma{}, fmt.Errorf("%q: want permissions such as r-xp", field[1])
		}
	}
	if v.offset, err1 = strconv.ParseUint(field[2], 16, 64); err1 != nil || v.offset > math.MaxInt64 {
		return vma{}, fmt.Errorf("%q: want the offset in the file, in hexadecimal", field[2])
	}
	if v.inode, err1 = strconv.ParseUint(field[4], 10, 64); err1 != nil {
		return vma{}, fmt.Errorf("%q: want the number of an inode", field[4])
	}
	return v, nil
}
