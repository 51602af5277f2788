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
	return VMGroups(magic, "cpu", VMTag("cpu:numVCPUs", 1), "memory", memory)
}

// VMGroups returns a state file with groups: a name, and the tags, of each.
func VMGroups(magic uint64, groups ...string) string {
	n := len(groups) / 2
	at := 12 + 80*n
	heads, bodies := "", ""
	for i := range n {
		body := groups[2*i+1] + "\x00\x00"
		heads += Padded(groups[2*i], 64) + Words(addr.Little, 8, uint64(at), uint64(len(body)))
		bodies += body
		at += len(body)
	}
	return Words(addr.Little, 4, magic, 8, uint64(n)) + heads + bodies
}

const VMMagic = 0xbed2bed2
