package image

import "slices"

// formats is what detection knows, asked in this order: dumps before what may
// hold one, and magics at the start of a file before those further in. What is not
// here is raw memory.
var formats = slices.Concat(
	crashDumps,
	[]known{limeFormat, coreFormat, programFormat},
	dumps,
	containers,
)

// Identify names the format or container of a file's first bytes (64 KiB of
// them are enough for every one), or "" where they are none that is known. The
// few that only a file's last bytes tell, as some disk images, are not found
// so; [Open] looks at both ends.
func Identify(head []byte) string {
	if k := identify(head, nil); k != nil {
		return k.name
	}
	return ""
}

// identify finds the format of a file by its first bytes, or else its last.
func identify(head, tail []byte) *known {
	head = head[:min(len(head), headSize)]
	for i := range formats {
		if formats[i].match(head) {
			return &formats[i]
		}
	}
	tail = tail[max(len(tail)-tailSize, 0):]
	for i := range formats {
		if t := formats[i].tail; t != nil && t(tail) {
			return &formats[i]
		}
	}
	return nil
}
