package image

import (
	"fmt"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
)

// area is a line of /proc/PID/maps: a range of a process's memory.
type area struct {
	addr.Range
	perm engine.Perm
	name string // "" where the line has none
}

// areas reads /proc/PID/maps in the plainest way: proc(5).
func areas(t *testing.T, maps []byte) (out []area) {
	t.Helper()
	for line := range strings.Lines(string(maps)) {
		var first, end uint64
		var perm string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &first, &end, &perm); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		a := area{Range: addr.Range{First: addr.Addr(first), Last: addr.Addr(end - 1)}, perm: engine.PermKnown}
		for i, flag := range []engine.Perm{engine.PermRead, engine.PermWrite, engine.PermExecute} {
			if perm[i] != '-' {
				a.perm |= flag
			}
		}
		a.name = line
		for range 5 { // addresses, permissions, offset, device and inode
			_, a.name, _ = strings.Cut(a.name, " ")
		}
		a.name = strings.TrimSpace(a.name)
		out = append(out, a)
	}
	return out
}
