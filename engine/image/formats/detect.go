package formats

import (
	"slices"

	"vscan/engine/image/core"
	"vscan/engine/image/elf"
	"vscan/engine/image/flattened"
	"vscan/engine/image/kdump"
	"vscan/engine/image/lime"
	"vscan/engine/image/macho"
	"vscan/engine/image/magic"
	"vscan/engine/image/minidump"
	"vscan/engine/image/packed"
	"vscan/engine/image/refused"
	"vscan/engine/image/vmware"
	"vscan/engine/image/windows"
	"vscan/engine/image/zdmp"
)

// table is what detection knows, asked in this order: dumps before what may
// hold one, and magics at the start of a file before those further in. What is not
// here is raw memory.
var table = slices.Concat(
	[]magic.Format{kdump.Format, flattened.Format},
	refused.CrashDumps,
	[]magic.Format{windows.Format, lime.Format, lime.AVML, core.Format, elf.Format, minidump.Format, macho.Format, vmware.Format, zdmp.Format},
	refused.Dumps,
	packed.Formats,
	refused.Containers,
)

// Identify names the format or container of a file's first bytes (64 KiB of
// them are enough for every one), or "" where they are none that is known. The
// few that only a file's last bytes tell, as some disk images, are not found
// so; [Open] looks at both ends.
func Identify(head []byte) string {
	if k := Recognize(head, nil); k != nil {
		return k.Name
	}
	return ""
}

// Recognize returns the format of a file by its first bytes, or else its last; nil
// where it is none that is known. It is for the engine and may change.
func Recognize(head, tail []byte) *magic.Format {
	head = head[:min(len(head), magic.HeadSize)]
	for i := range table {
		if table[i].Match(head) {
			return &table[i]
		}
	}
	tail = tail[max(len(tail)-magic.TailSize, 0):]
	for i := range table {
		if t := table[i].Tail; t != nil && t(tail) {
			return &table[i]
		}
	}
	return nil
}
