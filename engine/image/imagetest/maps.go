package imagetest

import (
	"fmt"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
)

// Area is a line of /proc/PID/maps: a range of a process's memory.
type Area struct {
	addr.Range
	Perm engine.Perm
	Name string // "" where the line has none
}

// Areas reads /proc/PID/maps in the plainest way: proc(5).
func Areas(t *testing.T, maps []byte) (out []Area) {
	t.Helper()
	for line := range strings.Lines(string(maps)) {
		var first, end uint64
		var perm string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &first, &end, &perm); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		a := Area{Range: addr.Range{First: addr.Addr(first), Last: addr.Addr(end - 1)}, Perm: engine.PermKnown}
		for i, flag := range []engine.Perm{engine.PermRead, engine.PermWrite, engine.PermExecute} {
			if perm[i] != '-' {
				a.Perm |= flag
			}
		}
		a.Name = line
		for range 5 { // addresses, permissions, offset, device and inode
			_, a.Name, _ = strings.Cut(a.Name, " ")
		}
		a.Name = strings.TrimSpace(a.Name)
		out = append(out, a)
	}
	return out
}
