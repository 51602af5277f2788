package imagetest

import (
	"strings"

	"vscan/engine/addr"
)

// MachO returns a Mach-O core with load commands: mach-o/loader.h.
func MachO(order addr.ByteOrder, wide bool, cpu uint64, commands ...string) string {
	magic, reserved := uint64(0xfeedface), ""
	if wide {
		magic, reserved = 0xfeedfacf, Zeros(4)
	}
	all := strings.Join(commands, "")
	return Words(order, 4, magic, cpu, 3, 4, uint64(len(commands)), uint64(len(all)), 0) + reserved + all
}

// MachSegment returns LC_SEGMENT, or LC_SEGMENT_64.
func MachSegment(order addr.ByteOrder, wide bool, name string, first, mem, off, stored, prot uint64) string {
	kind, size, w := uint64(1), uint64(56), 4
	if wide {
		kind, size, w = 0x19, 72, 8
	}
	return Words(order, 4, kind, size) + Padded(name, 16) + Words(order, w, first, mem, off, stored) + Words(order, 4, 7, prot, 0, 0)
}

// MachCommand returns a load command.
func MachCommand(order addr.ByteOrder, kind uint64, body string) string {
	return Words(order, 4, kind, uint64(8+len(body))) + body
}
