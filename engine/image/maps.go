package image

import (
	"bytes"
	"fmt"
	"strconv"

	"vscan/engine"
	"vscan/engine/addr"
)

// vma is a line of /proc/PID/maps.
type vma struct {
	addr.Range
	perm engine.Perm
	name string // "" where the line has none
}

// parseMaps reads /proc/PID/maps: one mapping a line, ascending,
//
//	7f1c2a000000-7f1c2a021000 rw-p 00000000 00:00 0        /path with blanks (deleted)
//
// with the address behind the last one second. Source: proc(5); linux
// fs/proc/task_mmu.c, show_map_vma. Errors name the line, from 1.
func parseMaps(text []byte) ([]vma, error) {
	var out []vma
	for n := 1; len(text) > 0; n++ {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte("\n"))
		if len(line) == 0 {
			continue
		}
		v, err := parseMapsLine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		out = append(out, v)
	}
	return out, nil
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
	v := vma{name: string(bytes.TrimLeft(rest, " "))}

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
	v.perm = engine.PermKnown
	for i, want := range []byte("rwx") {
		switch field[1][i] {
		case want:
			v.perm |= engine.Perm(1 << i)
		case '-':
		default:
			return vma{}, fmt.Errorf("%q: want permissions such as r-xp", field[1])
		}
	}
	return v, nil
}
