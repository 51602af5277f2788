package core

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"vscan/engine/addr"
	"vscan/engine/image/elf"
	"vscan/engine/image/input"
	"vscan/engine/image/vmcoreinfo"
)

// What else a core tells, for people. VirtualBox's notes are those of
// include/VBox/vmm/dbgfcorefmt.h: DBGFCOREDESCRIPTOR, and DBGFCORECPU, in which 18 general
// registers of 8 bytes and 6 segment registers of 24 stand in front of cr0, cr2, cr3 and
// cr4.

const (
	vboxMagic = 0xc01ac0de
	vboxCR0   = 18*8 + 6*24
	vboxCR3   = vboxCR0 + 2*8
)

// takeVirtualBox reads a note of VirtualBox of size bytes, and returns how many of them it has
// read.
func (c *reader) takeVirtualBox(name string, r io.Reader, size, at uint64) (uint64, error) {
	if name == "VBCPU" {
		c.cpus++
	}
	desc := make([]byte, min(size, vboxCR3+8))
	if err := c.fill(r, desc, at); err != nil {
		return 0, err
	}
	f := input.NewFields(desc, c.Order)
	switch {
	case name == "VBCORE" && len(desc) >= 16 && f.U32(0) == vboxMagic:
		version := f.U32(12) // major 8 bits, minor 8, build 16
		c.creator = fmt.Sprintf("VirtualBox %d.%d.%d", version>>24, version>>16&0xff, version&0xffff)
	case name == "VBCPU" && len(desc) >= vboxCR3+8 && f.U64(vboxCR0)&cr0Paging != 0:
		c.tellTables(f.U64(vboxCR3))
	}
	return uint64(len(desc)), nil
}

// tellTables keeps where the page tables of a CPU begin, of the first one that pages.
func (c *reader) tellTables(cr3 uint64) {
	if c.dtb == "" && cr3 != 0 {
		c.dtb = addr.Addr(cr3).String()
	}
}

// takeVMCoreInfo reads VMCOREINFO of size bytes, and returns how many of them it has read.
func (c *reader) takeVMCoreInfo(r io.Reader, size, at uint64) (uint64, error) {
	c.vmcoreinfo = make([]byte, min(size, vmcoreinfo.MaxBytes))
	if err := c.fill(r, c.vmcoreinfo, at); err != nil {
		return 0, err
	}
	return uint64(len(c.vmcoreinfo)), nil
}

// textAt returns the text in memory at an address that ends with a zero byte, or "" where
// there is none of up to a page, and for 0.
func (n *namer) textAt(a uint64) string {
	if a == 0 {
		return ""
	}
	b := make([]byte, elf.PageSize)
	text, _, ended := bytes.Cut(b[:n.read(b, addr.Addr(a))], []byte{0})
	if !ended {
		return ""
	}
	return string(text)
}

// tellFacts tells what was read of the notes.
func (c *reader) tellFacts() {
	img := c.Draft
	name, _ := elf.MachineName(c.Machine)
	img.Tell("machine", name)
	if c.isMachine() {
		img.Tell("creator", c.creator)
		img.Tell("cpus", unlessNone(uint64(c.cpus)))
		img.Tell("dtb", c.dtb)
		vmcoreinfo.Tell(img, c.vmcoreinfo)
		return
	}
	img.Tell("command", strings.TrimRight(c.args, " ")) // Linux writes a blank behind the last argument
	img.Tell("executable", c.executed)
	img.Tell("pid", unlessNone(c.pid))
	img.Tell("signal", unlessNone(c.signal))
	img.Tell("threads", unlessNone(uint64(len(c.threads))))
	img.Tell("platform", c.platform)
}

// unlessNone returns a number as text, or "" for 0.
func unlessNone(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}
