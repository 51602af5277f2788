package core

import (
	"bytes"
	"cmp"
	"io"
	"slices"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/input"
)

// The threads of a process core: NT_PRSTATUS tells of each its number and its
// registers, and NT_PRPSINFO the number of the process, which is that of its
// first thread. Where the thread pointer is no general register, a note behind
// NT_PRSTATUS has it: NT_ARM_TLS on AArch64, NT_386_TLS on i386.
//
// Both are C structs, so what lies where depends on the machine. Up to pr_reg all
// 64-bit and all 32-bit machines of the table agree: linux
// include/linux/elfcore.h, struct elf_prstatus_common. The registers are those of
// arch/*/include/asm/elf.h, ELF_CORE_COPY_REGS, and of
// arch/*/include/uapi/asm/ptrace.h. Machines whose structs are aligned otherwise
// or that keep the stack pointer elsewhere (m68k, SPARC, Alpha, IA-64, PA-RISC,
// SuperH) are not read: their threads have no stacks by name.

// registers says where the stack pointer is among a machine's registers.
type registers struct {
	size int // of a register in bytes
	skip int // bytes before the numbered registers
	sp   int // the number of the stack pointer
	tp   int // the number of the thread pointer; 0: it is none of them
	red  int // bytes below the stack pointer that a function may use
}

// abi is a machine and the class of its core.
type abi struct {
	machine uint64
	wide    bool
}

// The red zones are those of the machines' ABIs: System V AMD64, 3.2.2; 64-bit
// PowerPC ELF, 3.2.2 (512 bytes for the kernel, 288 for functions).
var registersOf = map[abi]registers{
	{3, false}:   {4, 0, 15, 0, 0},    // i386: user_regs_struct, sp
	{8, false}:   {4, 0, 35, 0, 0},    // MIPS o32: asm/reg.h, MIPS32_EF_R29
	{8, true}:    {8, 0, 29, 0, 0},    // MIPS n64: asm/reg.h, MIPS64_EF_R29
	{20, false}:  {4, 0, 1, 2, 0},     // PowerPC: pt_regs, gpr[1], gpr[2]
	{21, true}:   {8, 0, 1, 13, 512},  // PowerPC64: the same, gpr[13]
	{22, false}:  {4, 8, 15, 0, 0},    // s390: s390_regs, gprs[15] behind the psw
	{22, true}:   {8, 16, 15, 0, 0},   // s390x: the same
	{40, false}:  {4, 0, 13, 0, 0},    // ARM: pt_regs, ARM_sp
	{62, false}:  {8, 0, 19, 21, 128}, // x32: user_regs_struct, sp, fs_base
	{62, true}:   {8, 0, 19, 21, 128}, // x86-64: the same
	{183, true}:  {8, 0, 31, 0, 0},    // AArch64: user_pt_regs, sp
	{243, false}: {4, 0, 2, 4, 0},     // RISC-V: user_regs_struct, sp, tp
	{243, true}:  {8, 0, 2, 4, 0},
	{258, true}:  {8, 0, 3, 2, 0}, // LoongArch: user_pt_regs, regs[3], regs[2]
}

// registers says where the stack pointer is in an NT_PRSTATUS of size bytes;
// false: not known. MIPS n32 has 32-bit addresses and 64-bit registers, which the
// size alone tells.
func (c *reader) registers(size int) (registers, bool) {
	if c.Machine == 8 && !c.Wide && size >= 72+45*8 {
		return registersOf[abi{8, true}], true
	}
	r, ok := registersOf[abi{c.Machine, c.Wide}]
	return r, ok
}

// takeThread keeps what NT_PRSTATUS or NT_PRPSINFO say, and returns how many of
// its size bytes it has read.
func (c *reader) takeThread(typ uint64, r io.Reader, size, at uint64) (uint64, error) {
	desc := make([]byte, min(size, 1024)) // the largest, of IA-64, has no more
	if err := c.fill(r, desc, at); err != nil {
		return 0, err
	}
	if typ == ntStatus {
		c.takeStatus(desc)
	} else if c.pid == 0 {
		c.takeInfo(desc)
	}
	return uint64(len(desc)), nil
}

// takeStatus reads NT_PRSTATUS: pr_pid, and pr_reg.
func (c *reader) takeStatus(desc []byte) {
	r, ok := c.registers(len(desc))
	regs := c.Pick(72, 112) + r.skip
	if !ok || len(desc) < regs+r.size*(r.sp+1) {
		return
	}
	t := image.Thread{ID: input.NewFields(desc, c.Order).U32(c.Pick(24, 32)), RedZone: uint64(r.red)}
	for at := regs; at+r.size <= len(desc); at += r.size {
		t.Registers = append(t.Registers, c.Order.Uint(desc[at:at+r.size]))
	}
	if len(c.threads) == 0 { // the first thread is the one that the signal ended
		c.signal = input.NewFields(desc, c.Order).U16(12) // pr_cursig
	}
	t.SP = addr.Addr(t.Registers[r.sp])
	if r.tp > 0 && r.tp < len(t.Registers) {
		t.Pointer = addr.Addr(t.Registers[r.tp])
	}
	c.threads = append(c.threads, t)
}

// takePointer reads NT_ARM_TLS, a word, or NT_386_TLS, some struct user_desc of
// which the first is that of the thread: linux arch/x86/include/uapi/asm/ldt.h,
// its entry's number, base, limit and flags. Both follow the NT_PRSTATUS of their
// thread.
func (c *reader) takePointer(r io.Reader, size, at uint64) (uint64, error) {
	desc := make([]byte, min(size, 16))
	if err := c.fill(r, desc, at); err != nil {
		return 0, err
	}
	if n := len(c.threads); n > 0 && c.threads[n-1].Pointer == 0 {
		switch t := &c.threads[n-1]; {
		case c.Machine == 183 && len(desc) >= 8:
			t.Pointer = addr.Addr(c.Order.Uint(desc[:8]))
		case c.Machine == 3 && len(desc) >= 8:
			t.Pointer = addr.Addr(input.NewFields(desc, c.Order).U32(4))
		}
	}
	return uint64(len(desc)), nil
}

// takeInfo reads NT_PRPSINFO: pr_pid, which the size of the struct places, and
// pr_psargs, its last 80 bytes.
func (c *reader) takeInfo(desc []byte) {
	at, ok := map[int]int{124: 12, 128: 16, 136: 24}[len(desc)]
	if !ok {
		return
	}
	c.pid = input.NewFields(desc, c.Order).U32(at)
	args, _, _ := bytes.Cut(desc[len(desc)-80:], []byte{0})
	c.args = string(args)
}

// byNumber returns the threads, the lowest number first.
func byNumber(threads []image.Thread) []image.Thread {
	return slices.SortedStableFunc(slices.Values(threads), func(a, b image.Thread) int { return cmp.Compare(a.ID, b.ID) })
}
