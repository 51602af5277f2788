// Package vmcoreinfo reads VMCOREINFO, which a Linux kernel tells of itself to whoever reads
// a dump of it. It is for the engine and may change.
//
// It is lines of KEY=VALUE; a key may have an argument in parentheses: OSRELEASE=6.1.0,
// SYMBOL(init_top_pgt)=ffffffff…. Source: linux kernel/vmcore_info.c and
// Documentation/admin-guide/kdump/vmcoreinfo.rst.
package vmcoreinfo

import (
	"bytes"
	"strconv"
	"time"

	"vscan/engine/image"
)

// MaxBytes is the most bytes of it that are read. Linux writes at most a page, of 64 KiB at
// most.
const MaxBytes = 64 << 10

// factKeys are the names of the facts that have a key's value.
var factKeys = []struct{ fact, key string }{
	{"kernel_release", "OSRELEASE"}, {"build_id", "BUILD-ID"}, {"page_size", "PAGESIZE"},
	{"kernel_offset", "KERNELOFFSET"}, {"phys_base", "NUMBER(phys_base)"},
}

// Tell tells an image what the text says: what people ask for under the names that all
// formats have for it, and then all of its lines.
func Tell(img *image.Draft, text []byte) {
	text = text[:min(len(text), MaxBytes)]
	values := map[string]string{}
	var lines []string
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		line = bytes.TrimRight(line, "\x00")
		key, value, ok := bytes.Cut(line, []byte("="))
		if !ok || len(key) == 0 {
			continue
		}
		values[string(key)] = string(value)
		lines = append(lines, string(line))
	}
	for _, f := range factKeys {
		value := values[f.key]
		if f.key == "KERNELOFFSET" && value != "" {
			value = "0x" + value // hexadecimal without a sign of it
		}
		img.Tell(f.fact, value)
	}
	if seconds, err := strconv.ParseInt(values["CRASHTIME"], 10, 64); err == nil {
		img.Tell("crash_time", time.Unix(seconds, 0).UTC().Format(time.RFC3339))
	}
	for _, line := range lines {
		img.Tell(image.FactVMCoreInfo, line)
	}
}
