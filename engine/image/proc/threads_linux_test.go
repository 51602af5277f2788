package proc

import (
	"slices"
	"testing"
)

// What the kernel tells of threads, and what is no such line.
func TestParseSyscall(t *testing.T) {
	for line, want := range map[string][]uint64{
		"running":         nil,
		"-1 0x7ffc 0x400": {0x7ffc, 0x400},
		"34 0x1 0x2 0x3 0x4 0x5 0x6 0x7ffc 0x400": {1, 2, 3, 4, 5, 6, 0x7ffc, 0x400},
		"": nil, "34 0x1": nil, "-1 0x7ffc zz": nil, "-1 0xfffffffffffffffff 0x1": nil,
	} {
		th := parseSyscall(5, line)
		if !slices.Equal(th.Registers, want) || !th.Partial || th.ID != 5 {
			t.Errorf("%q: %+v", line, th)
		}
		if sp := uint64(th.SP); want != nil && sp != 0x7ffc || want == nil && sp != 0 {
			t.Errorf("%q: stack pointer %#x", line, sp)
		}
	}
}
