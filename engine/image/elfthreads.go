package image

import (
	"bytes"
	"cmp"
	"io"
	"slices"

	"vscan/engine/addr"
)

// The threads of a process core: NT_PRSTATUS tells of each its number and its
// registers, of which the stack pointer matters here, and NT_PRPSINFO the number
// of the process, which is that of its first thread.
//
// Both are C structs, so what lies where depends on the machine. Up to pr_reg all
// 64-bit and all 32-bit machines of the table agree: linux
// include/linux/elfcore.h, struct elf_prstatus_common. The registers are those of
// arch/*/include/asm/elf.h, ELF_CORE_COPY_REGS, and of
// arch/*/include/uapi/asm/ptrace.h. Machines whose structs are aligned otherwise
// or that keep the stack pointer elsewhere (m68k, SPARC, Alpha, IA-64, PA-RISC,
// SuperH) are not read: their threads have no stacks by name.

// thread is a thread of the process.
type thread struct {
	id uint64
	sp addr.Addr // its stack pointer
}

// registers says where the stack pointer is among a machine's registers.
type registers struct {
	size int // of a register in bytes
	skip int // bytes before the numbered registers
	sp   int // the number of the stack pointer
}

// abi is a machine and the class of its core.
type abi struct {
	machine uint64
	wide    bool
}

var registersOf = map[abi]registers{
	{3, false}:   {4, 0, 15},  // i386: user_regs_struct, sp
	{8, false}:   {4, 0, 35},  // MIPS o32: asm/reg.h, MIPS32_EF_R29
	{8, true}:    {8, 0, 29},  // MIPS n64: asm/reg.h, MIPS64_EF_R29
	{20, false}:  {4, 0, 1},   // PowerPC: pt_regs, gpr[1]
	{21, true}:   {8, 0, 1},   // PowerPC64: the same
	{22, false}:  {4, 8, 15},  // s390: s390_regs, gprs[15] behind the psw
	{22, true}:   {8, 16, 15}, // s390x: the same
	{40, false}:  {4, 0, 13},  // ARM: pt_regs, ARM_sp
	{62, false}:  {8, 0, 19},  // x32: user_regs_struct, sp
	{62, true}:   {8, 0, 19},  // x86-64: the same
	{183, true}:  {8, 0, 31},  // AArch64: user_pt_regs, sp
	{243, false}: {4, 0, 2},   // RISC-V: user_regs_struct, sp
	{243, true}:  {8, 0, 2},
	{258, true}:  {8, 0, 3}, // LoongArch: user_pt_regs, regs[3]
}

// registers says where the stack pointer is in an NT_PRSTATUS of size bytes;
// false: not known. MIPS n32 has 32-bit addresses and 64-bit registers, which the
// size alone tells.
func (c *elf) registers(size int) (registers, bool) {
	if c.machine == 8 && !c.wide && size >= 72+45*8 {
		return registersOf[abi{8, true}], true
	}
	r, ok := registersOf[abi{c.machine, c.wide}]
	return r, ok
}

// takeThread keeps what NT_PRSTATUS or NT_PRPSINFO say, and returns how many of
// its size bytes it has read.
func (c *elf) takeThread(typ uint64, r io.Reader, size, at uint64) (uint64, error) {
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

// takeStatus reads NT_PRSTATUS: pr_pid, and the stack pointer of pr_reg.
func (c *elf) takeStatus(desc []byte) {
	r, ok := c.registers(len(desc))
	sp := c.pick(72, 112) + r.skip + r.size*r.sp
	if !ok || len(desc) < sp+r.size {
		return
	}
	id := fields{desc, c.order}.u32(c.pick(24, 32))
	c.threads = append(c.threads, thread{id, addr.Addr(c.order.Uint(desc[sp : sp+r.size]))})
}

// takeInfo reads NT_PRPSINFO: pr_pid, which the size of the struct places, and
// pr_psargs, its last 80 bytes.
func (c *elf) takeInfo(desc []byte) {
	at, ok := map[int]int{124: 12, 128: 16, 136: 24}[len(desc)]
	if !ok {
		return
	}
	c.pid = fields{desc, c.order}.u32(at)
	args, _, _ := bytes.Cut(desc[len(desc)-80:], []byte{0})
	c.args = string(args)
}

// byNumber is the threads, the lowest number first.
func byNumber(threads []thread) []thread {
	return slices.SortedStableFunc(slices.Values(threads), func(a, b thread) int { return cmp.Compare(a.id, b.id) })
}
