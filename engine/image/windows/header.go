package windows

import (
	"fmt"
	"strings"
	"time"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/input"
)

// fields are where a header has what, in bytes from its beginning.
type fields struct {
	size     int // of the header
	word     int // size of an address
	dtb      int // DirectoryTableBase; PfnDataBase, PsLoadedModuleList and PsActiveProcessHead follow
	machine  int // MachineImageType; NumberProcessors and BugCheckCode follow
	params   int // BugCheckParameter, four
	debugger int // KdDebuggerDataBlock
	runs     int // NumberOfRuns, of 4 bytes in a word; NumberOfPages follows, and then the runs
	mostRuns int // that fit in PhysicalMemoryBlockBuffer, of 700 bytes
	kind     int // DumpType
	comment  int
	time     int // SystemTime
	uptime   int // SystemUpTime
}

var (
	narrow = fields{size: 0x1000, word: 4, dtb: 0x10, machine: 0x20, params: 0x2c, debugger: 0x60, runs: 0x64, mostRuns: 86, kind: 0xf88, comment: 0x820, time: 0xfc0, uptime: 0xfb8}
	wide   = fields{size: 0x2000, word: 8, dtb: 0x10, machine: 0x30, params: 0x40, debugger: 0x80, runs: 0x88, mostRuns: 42, kind: 0xf98, comment: 0xfb0, time: 0xfa8, uptime: 0x1030}
)

const paeEnabled = 0x5c // in a header of a 32-bit machine

// MachineImageType: IMAGE_FILE_MACHINE_… in Microsoft's winnt.h.
const (
	machineI386  = 0x14c
	machineARM   = 0x1c4
	machineIA64  = 0x200
	machineAMD64 = 0x8664
	machineARM64 = 0xaa64
)

// Windows fills the header with these bytes before it sets anything.
const filler = "PAGE"

// header is the header of a dump.
type header struct {
	fields
	b       []byte
	kind    uint64
	machine uint64
}

// readHeader reads the header of a file that begins with the magic of either.
func readHeader(in input.Reader) (header, error) {
	b := make([]byte, wide.size)
	n, err := in.Fill(b, 0)
	if err != nil {
		return header{}, err
	}
	h := header{fields: narrow}
	if strings.HasPrefix(string(b), "PAGEDU64") {
		h.fields = wide
	}
	if n < h.size {
		return header{}, fmt.Errorf("%s: truncated: the header of the crash dump is cut at the end of the file after %#x of %#x bytes", in.Path(), n, h.size)
	}
	h.b = b[:h.size]
	h.kind, _ = h.number(h.fields.kind, 4)
	h.machine, _ = h.number(h.fields.machine, 4)
	return h, nil
}

// number returns the number of some bytes at an offset, and whether it was set.
func (h *header) number(off, size int) (uint64, bool) {
	b := h.b[off : off+size]
	return addr.Little.Uint(b), string(b) != strings.Repeat(filler, size/len(filler))
}

// tell keeps what the header says of the machine.
func (h *header) tell(img *image.Draft) {
	img.Tell("dump_type", kinds[h.kind])
	img.Tell("machine", h.machineName())
	h.tellNumber(img, "os_build", "%d", 0xc, 4)
	h.tellNumber(img, "processors", "%d", h.fields.machine+4, 4)
	if pae, set := h.pae(); set {
		img.Tell("pae", fmt.Sprint(pae))
	}
	if root, ok := h.root(); ok {
		img.Tell("dtb", fmt.Sprintf("%#x", root))
	}
	for i, what := range []string{"pfn_database", "ps_loaded_module_list", "ps_active_process_head"} {
		h.tellNumber(img, what, "%#x", h.dtb+(i+1)*h.word, h.word)
	}
	h.tellNumber(img, "kd_debugger_data", "%#x", h.debugger, h.word)
	h.tellNumber(img, "bugcheck", "%#x", h.fields.machine+8, 4)
	h.tellParameters(img)
	h.tellTimes(img)
	if s := h.b[h.comment : h.comment+128]; !strings.HasPrefix(string(s), filler) {
		text, _, _ := strings.Cut(string(s), "\x00")
		img.Tell("comment", text)
	}
}

// tellNumber keeps a number that was set.
func (h *header) tellNumber(img *image.Draft, what, format string, off, size int) {
	if n, set := h.number(off, size); set {
		img.Tell(what, fmt.Sprintf(format, n))
	}
}

// tellParameters keeps those of the bug check, unless there was none.
func (h *header) tellParameters(img *image.Draft) {
	code, set := h.number(h.fields.machine+8, 4)
	var all []string
	for i := range 4 {
		p, given := h.number(h.params+i*h.word, h.word)
		set = set && given
		all = append(all, fmt.Sprintf("%#x", p))
	}
	if set && code != 0 {
		img.Tell("bugcheck_parameters", strings.Join(all, " "))
	}
}

// Times are counted in units of 100 ns, those of days since 1601.
const (
	unixBegins = 11644473600 // in seconds since 1601
	unitsASec  = 10_000_000
)

// tellTimes keeps when the dump was begun, and how long the machine ran until then.
func (h *header) tellTimes(img *image.Draft) {
	if n, set := h.number(h.time, 8); set && n != 0 {
		if t := time.Unix(int64(n/unitsASec)-unixBegins, int64(n%unitsASec)*100).UTC(); t.Year() >= 1970 && t.Year() < 10000 {
			img.Tell("time", t.Format(time.RFC3339))
		}
	}
	if n, set := h.number(h.uptime, 8); set && n != 0 && n < 1<<62 {
		img.Tell("uptime", (time.Duration(n/unitsASec) * time.Second).String())
	}
}

// machineName returns the machine in the words that other formats have for it.
func (h *header) machineName() string {
	switch h.machine {
	case machineI386:
		return "i386"
	case machineAMD64:
		return "x86-64"
	case machineARM:
		return "ARM"
	case machineARM64:
		return "AArch64"
	}
	return fmt.Sprintf("machine %#x", h.machine)
}

// pae reports whether the page tables of a 32-bit machine have entries of 8 bytes, and whether
// the header says so.
func (h *header) pae() (on, set bool) {
	if h.word == 8 {
		return false, false
	}
	b := h.b[paeEnabled]
	return b == 1, b <= 1
}

// root returns the address of the page tables of the process that ran: DirectoryTableBase
// without the bits of the register that it comes from which are no address. Those are the
// lowest and, of 64-bit machines, the highest ones: in CR3 flags and the number of the process's
// context (PCID), in TTBR0 the ASID.
func (h *header) root() (uint64, bool) {
	n, set := h.number(h.dtb, h.word)
	pae, known := h.pae()
	switch {
	case known && pae:
		n &^= 0x1f
	case h.machine == machineARM64:
		n &= 1<<48 - pageSize
	case h.word == 8:
		n &= pageLimit - pageSize
	case known:
		n &^= pageSize - 1
	}
	return n, set
}
