package imagetest

import (
	"vscan/engine/addr"
)

// VMTag returns a tag of a VMware state file with a value of 4 bytes.
func VMTag(name string, value uint64, index ...uint64) string {
	return string([]byte{byte(len(index)<<6 | 4), byte(len(name))}) + name + Words(addr.Little, 4, index...) + Words(addr.Little, 4, value)
}

// VMBlock returns a tag with a block of bytes behind padding.
func VMBlock(wide bool, name, data string, padding int) string {
	size := 4
	if wide {
		size = 8
	}
	n := uint64(len(data))
	return string([]byte{63, byte(len(name))}) + name + Words(addr.Little, size, n, n) + Words(addr.Little, 2, uint64(padding)) + Zeros(padding) + data
}

// VMRegions returns the tags of regions: ppn, page and size of each.
func VMRegions(regions ...[3]uint64) string {
	s := VMTag("regionsCount", uint64(len(regions)))
	for i, r := range regions {
		s += VMTag("regionPageNum", r[1], uint64(i)) + VMTag("regionPPN", r[0], uint64(i)) + VMTag("regionSize", r[2], uint64(i))
	}
	return s
}

// VMState returns a state file with a group before that of memory.
func VMState(magic uint64, memory string) string {
	group := func(name string, at, size int) string {
		return Padded(name, 64) + Words(addr.Little, 8, uint64(at), uint64(size))
	}
	cpu := VMTag("cpu:numVCPUs", 1) + "\x00\x00"
	memory += "\x00\x00"
	at := 12 + 2*80 // the header, and two groups
	return Words(addr.Little, 4, magic, 8, 2) + group("cpu", at, len(cpu)) + group("memory", at+len(cpu), len(memory)) + cpu + memory
}

const VMMagic = 0xbed2bed2
