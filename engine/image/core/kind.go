package core

import (
	"slices"
	"strings"

	"vscan/engine/image/elf"
)

// Whether an ELF core is of a process or of a machine. No field says so; what
// its writers leave behind does. The first line that holds decides:
//
//	a note of machines (machineNotes)                         machine
//	    QEMU on x86, kdump, makedumpfile, VirtualBox, Xen, /proc/kcore since
//	    linux 4.19
//	control registers or the prefix of a CPU of s390          machine
//	    kdump and QEMU there; of a process they are not told
//	a note of processes                                       process
//	    an auxiliary vector, a list of files, a signal; any of the BSDs' and of
//	    ESP-IDF's
//	registers, and a p_paddr is an address but not p_vaddr    machine
//	    a vmcore without VMCOREINFO, older QEMU on others than x86, /proc/kcore of
//	    linux 4.11 to 4.18
//	registers, every p_paddr is p_vaddr, and p_flags are 0    machine
//	    QEMU on others than x86: it writes no flags, and no note of its own
//	registers                                                 process
//	    ESP-IDF's without their own notes; bare ones of gdb's; also /proc/kcore
//	    before linux 4.11, whose p_paddr are 0 and whose addresses are virtual
//	nothing, and a p_paddr is an address                      machine
//	nothing                                                   process
//
// Registers are NT_PRSTATUS. NT_PRPSINFO proves nothing: /proc/kcore and s390's
// kdump write one, of a process "vmlinux". 0 and −1 are no physical addresses.
//
// Sources: QEMU dump/dump.c, write_elf64_load, and target/*/arch_dump.c; linux
// fs/proc/kcore.c, elf_kcore_store_hdr, fs/binfmt_elf.c, elf_core_dump, and
// arch/s390/kernel/crash_dump.c; FreeBSD kern/imgact_elf.c; NetBSD
// kern/core_elf32.c; OpenBSD kern/exec_elf.c; ESP-IDF
// components/espcoredump/src/core_dump_elf.c, elf_add_segment (p_paddr is p_vaddr).

const (
	ntSigInfo    = 0x53494749 // NT_SIGINFO of "CORE"
	ntS390Ctrs   = 0x304      // NT_S390_CTRS of "LINUX", in older kernels of "CORE"
	ntS390Prefix = 0x305      // NT_S390_PREFIX, the same
	emS390       = 22
)

// processNotes are the names of notes that are written for processes only.
var processNotes = []string{
	"FreeBSD", "NetBSD-CORE", "OpenBSD",
	"ESP_CORE_DUMP_INFO", "ESP_EXTRA_INFO", "ESP_PANIC_DETAILS",
}

// noteKind notes what the name and the type of a note tell of the core.
func (c *reader) noteKind(name string, typ uint64) {
	_, machine := machineNotes[name]
	ofSystem := name == "CORE" || name == "LINUX"
	owner, _, _ := strings.Cut(name, "@") // the BSDs have the number of a thread behind it
	switch {
	case machine, ofSystem && c.Machine == emS390 && (typ == ntS390Ctrs || typ == ntS390Prefix):
		c.ofMachine = true
	case slices.Contains(processNotes, owner), name == "CORE" && (typ == ntAuxv || typ == ntFile || typ == ntSigInfo):
		c.ofProcess = true
	case name == "CORE" && typ == ntStatus:
		c.hasRegisters = true
	}
}

// isMachine reports whether the core is of a machine rather than of a process:
// the table above.
func (c *reader) isMachine() bool {
	switch {
	case c.Live:
		return true
	case c.ofMachine, c.ofProcess:
		return c.ofMachine
	case c.hasRegisters:
		return slices.ContainsFunc(c.Loads, c.differs) || c.unflagged()
	}
	return slices.ContainsFunc(c.Loads, c.hasPhysical)
}

// hasPhysical reports whether a segment tells a physical address other than 0.
func (c *reader) hasPhysical(s elf.Segment) bool { return s.Paddr != 0 && !c.noAddr(s.Paddr) }

// differs reports whether a segment tells a physical address that is not its
// virtual one.
func (c *reader) differs(s elf.Segment) bool { return c.hasPhysical(s) && s.Paddr != s.Vaddr }

// unflagged reports whether no segment has flags, and all have one address for
// both.
func (c *reader) unflagged() bool {
	return !slices.ContainsFunc(c.Loads, func(s elf.Segment) bool { return s.Flags != 0 || s.Paddr != s.Vaddr })
}
