package image

import "vscan/engine/addr"

// vmTag is a tag of a VMware state file with a value of 4 bytes.
func vmTag(name string, value uint64, index ...uint64) string {
	return string([]byte{byte(len(index)<<6 | 4), byte(len(name))}) + name + words(addr.Little, 4, index...) + words(addr.Little, 4, value)
}

// vmBlock is a tag with a block of bytes behind padding.
func vmBlock(wide bool, name, data string, padding int) string {
	size := 4
	if wide {
		size = 8
	}
	n := uint64(len(data))
	return string([]byte{63, byte(len(name))}) + name + words(addr.Little, size, n, n) + words(addr.Little, 2, uint64(padding)) + zeros(padding) + data
}

// vmRegions is the tags of regions: ppn, page and size of each.
func vmRegions(regions ...[3]uint64) string {
	s := vmTag("regionsCount", uint64(len(regions)))
	for i, r := range regions {
		s += vmTag("regionPageNum", r[1], uint64(i)) + vmTag("regionPPN", r[0], uint64(i)) + vmTag("regionSize", r[2], uint64(i))
	}
	return s
}

// vmState is a state file with a group before that of memory.
func vmState(magic uint64, memory string) string {
	group := func(name string, at, size int) string {
		return padded(name, 64) + words(addr.Little, 8, uint64(at), uint64(size))
	}
	cpu := vmTag("cpu:numVCPUs", 1) + "\x00\x00"
	memory += "\x00\x00"
	at := 12 + 2*80 // the header, and two groups
	return words(addr.Little, 4, magic, 8, 2) + group("cpu", at, len(cpu)) + group("memory", at+len(cpu), len(memory)) + cpu + memory
}

const vmMagic = 0xbed2bed2
