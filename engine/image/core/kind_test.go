package core

import (
	"testing"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/imagetest"
)

// Which cores are of machines, after what is known of each writer.
func TestELFKind(t *testing.T) {
	const none = 1<<64 - 1
	note := func(name string, types ...uint64) (all string) {
		for _, typ := range types {
			all += imagetest.Note(addr.Little, 4, name, typ, "desc")
		}
		return all
	}
	// load is a segment with flags, bare one without.
	load := func(vaddr, paddr uint64) imagetest.Segment {
		return imagetest.Segment{Type: 1, Flags: 6, Vaddr: vaddr, Paddr: paddr, Data: "abcd", Memsz: 4}
	}
	bare := func(vaddr, paddr uint64) imagetest.Segment {
		return imagetest.Segment{Type: 1, Vaddr: vaddr, Paddr: paddr, Data: "abcd", Memsz: 4}
	}
	linux := note("CORE", ntStatus, 3, ntSigInfo, ntAuxv, ntFile, 2) + note("LINUX", 0x202)
	kcore := note("CORE", ntStatus, 3, 4)
	esp := note("CORE", ntStatus, ntStatus)
	s390 := note("CORE", ntStatus, 2) + note("LINUX", 0x305, 0x304, 0x301)
	for name, c := range map[string]struct {
		machine uint64
		notes   string
		loads   []imagetest.Segment
		spaces  string // of a machine; "" of a process
	}{
		"linux":                      {62, linux, []imagetest.Segment{load(0x400000, 0), load(0x7fff00000000, 0)}, ""},
		"linux, paddr set":           {62, linux, []imagetest.Segment{load(0x400000, 0x1000)}, ""},
		"linux, registers only":      {62, note("CORE", ntStatus), []imagetest.Segment{load(0x400000, 0)}, ""},
		"linux, signal only":         {62, note("CORE", ntStatus, ntSigInfo), []imagetest.Segment{load(0x400000, 0x1000)}, ""},
		"linux, s390x":               {22, note("CORE", ntStatus, ntAuxv) + note("LINUX", 0x306, 0x307, 0x309), []imagetest.Segment{load(0x400000, 0)}, ""},
		"another's 0x304":            {62, note("LINUX", 0x304) + note("CORE", ntStatus), []imagetest.Segment{load(0x400000, 0)}, ""},
		"gcore, paddr is vaddr":      {62, note("CORE", ntStatus, 3), []imagetest.Segment{load(0x400000, 0x400000), load(0x7fff0000, 0)}, ""},
		"gcore, paddr is -1":         {62, note("CORE", ntStatus), []imagetest.Segment{load(0x400000, none), load(0x500000, 0xffffffff)}, ""},
		"FreeBSD":                    {62, note("FreeBSD", 1, 2, 3, 7, 8), []imagetest.Segment{load(0x400000, 0x400000)}, ""},
		"NetBSD":                     {62, note("NetBSD-CORE", 1, 2) + note("NetBSD-CORE@1", 33, 35), []imagetest.Segment{load(0x400000, 0x1000)}, ""},
		"NetBSD, threads only":       {62, note("NetBSD-CORE@12", 33), []imagetest.Segment{load(0x400000, 0x1000)}, ""},
		"OpenBSD":                    {62, note("OpenBSD", 10, 11) + note("OpenBSD@4711", 20), []imagetest.Segment{load(0x400000, 0x400000)}, ""},
		"ESP-IDF":                    {94, esp + note("ESP_CORE_DUMP_INFO", 8266) + note("ESP_EXTRA_INFO", 677), []imagetest.Segment{load(0x3ffb0000, 0x3ffb0000), load(0x3ffb8000, 0x3ffb8000)}, ""},
		"ESP-IDF, registers only":    {243, esp, []imagetest.Segment{load(0x3fc80000, 0x3fc80000), load(0x3fc90000, 0x3fc90000)}, ""},
		"ESP-IDF, no flags":          {94, esp + note("ESP_EXTRA_INFO", 677), []imagetest.Segment{bare(0x3ffb0000, 0x3ffb0000)}, ""},
		"no notes":                   {62, "", []imagetest.Segment{load(0x400000, 0)}, ""},
		"no notes, paddr is -1":      {62, "", []imagetest.Segment{load(0x400000, none)}, ""},
		"no notes, paddr is vaddr":   {62, "", []imagetest.Segment{load(0x400000, 0x400000)}, "physical"},
		"no notes, paddr":            {62, "", []imagetest.Segment{load(0xffff888000001000, 0x1000)}, "virtual physical"},
		"notes of another kind":      {62, note("GNU", 1, 3, 6) + note("LINUX", 0x202), []imagetest.Segment{load(0xffff888000001000, 0x1000)}, "virtual physical"},
		"QEMU":                       {62, note("CORE", ntStatus) + note("QEMU", 0), []imagetest.Segment{bare(0, 0), bare(0x100000, 0x100000)}, "physical"},
		"QEMU, flags set":            {62, note("CORE", ntStatus) + note("QEMU", 0), []imagetest.Segment{load(0x100000, 0x100000)}, "physical"},
		"QEMU, old":                  {62, note("CORE", ntStatus) + note("QEMU", 0), []imagetest.Segment{bare(0, 0), bare(0, 0x100000)}, "physical"},
		"QEMU, paging":               {62, note("CORE", ntStatus) + note("QEMU", 0), []imagetest.Segment{bare(0xffffffff81000000, 0x1000000)}, "virtual physical"},
		"QEMU, AArch64":              {183, note("CORE", ntStatus, 2), []imagetest.Segment{bare(0, 0), bare(0x40000000, 0x40000000)}, "physical"},
		"QEMU, RISC-V, one segment":  {243, note("CORE", ntStatus), []imagetest.Segment{bare(0x80000000, 0x80000000)}, "physical"},
		"QEMU, ppc64, one segment":   {21, note("CORE", ntStatus, 2) + note("LINUX", 0x100), []imagetest.Segment{bare(0, 0)}, "physical"},
		"QEMU, AArch64, old":         {183, note("CORE", ntStatus, 2), []imagetest.Segment{bare(0, 0x40000000)}, "physical"},
		"QEMU, s390x":                {22, s390, []imagetest.Segment{bare(0, 0), bare(0x80000000, 0x80000000)}, "physical"},
		"kdump, s390x, identity":     {22, s390 + note("CORE", 3), []imagetest.Segment{load(0, 0), load(0x10000000, 0x10000000)}, "physical"},
		"kdump, s390x, old names":    {22, note("CORE", 3, ntStatus, 2, 0x301, 0x304, 0x305), []imagetest.Segment{load(0x1000, 0x1000)}, "physical"},
		"kdump":                      {62, note("CORE", ntStatus) + note("VMCOREINFO", 0), []imagetest.Segment{load(0xffffffff81000000, 0x1000000)}, "virtual physical"},
		"kdump, no VMCOREINFO":       {62, note("CORE", ntStatus), []imagetest.Segment{load(0xffffffff81000000, 0x1000000), load(0xffff888000001000, 0x1000)}, "virtual physical"},
		"kdump, high memory":         {62, note("CORE", ntStatus), []imagetest.Segment{load(0xc0000000, 0), load(none, 0x38000000)}, "virtual physical"},
		"kcore":                      {62, kcore + note("VMCOREINFO", 0), []imagetest.Segment{load(0xffff888000001000, 0x1000), load(0xffffc90000000000, none)}, "virtual physical"},
		"kcore before linux 4.19":    {62, kcore, []imagetest.Segment{load(0xffff888000001000, 0x1000), load(0xffffc90000000000, none)}, "virtual physical"},
		"kcore before linux 4.11":    {62, kcore, []imagetest.Segment{load(0xffff888000001000, 0), load(0xffffc90000000000, 0)}, ""},
		"VirtualBox":                 {62, note("VBCORE", 0xb00) + note("VBCPU", 0xb01), []imagetest.Segment{bare(0, 0), bare(0, 0x100000)}, "physical"},
		"Xen":                        {62, note("CORE", ntStatus) + note("Xen", 3), []imagetest.Segment{load(0x1000, 0x1000)}, "physical"},
		"machine's and process's":    {62, note("CORE", ntAuxv) + note("QEMU", 0), []imagetest.Segment{bare(0x1000, 0x1000)}, "physical"},
		"process's name, cut":        {62, note("FreeBS", 1), []imagetest.Segment{load(0x400000, 0x1000)}, "virtual physical"},
		"process's name, and more":   {62, note("FreeBSDs", 1), []imagetest.Segment{load(0x400000, 0x1000)}, "virtual physical"},
		"auxiliary vector, not CORE": {62, note("core", ntAuxv), []imagetest.Segment{load(0x400000, 0x1000)}, "virtual physical"},
	} {
		t.Run(name, func(t *testing.T) {
			b := imagetest.BuildELF(true, addr.Little, append([]imagetest.Segment{{Type: 4, Data: c.notes}}, c.loads...), func(h []byte) { addr.Little.PutUint(h[18:20], c.machine) })
			img := openTestELF(t, b, image.Options{})
			format, spaces := "ELF machine dump", c.spaces
			if spaces == "" {
				format, spaces = "ELF process core", "virtual"
			}
			if got := imagetest.JoinedSpaces(img.Spaces); img.Format != format || got != spaces {
				t.Errorf("%s with %s addresses, want %s with %s", img.Format, got, format, spaces)
			}
		})
	}
}
