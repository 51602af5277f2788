package macho

import (
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/input"
)

// The threads: LC_THREAD has sets of registers, each its flavor (4), its number of words of
// 32 bits (4), and these. Sources: xnu osfmk/mach/i386/thread_status.h and
// _structs.h, osfmk/mach/arm/thread_status.h and _structs.h; for PowerPC the same of
// older ones.

// state is the general registers of a CPU type.
type state struct {
	flavor uint64
	word   int // size of a register
	count  int // how many there are, the program counter among them
	sp     int // number of the stack pointer among them
	red    uint64
}

var states = map[uint64]state{
	7:          {1, 4, 16, 7, 0},    // eax, ebx, ecx, edx, edi, esi, ebp, esp, ss, eflags, eip …
	0x01000007: {4, 8, 21, 7, 128},  // rax, rbx, rcx, rdx, rdi, rsi, rbp, rsp, r8 … r15, rip …
	12:         {1, 4, 17, 13, 0},   // r0 … r12, sp, lr, pc, cpsr
	0x0100000c: {6, 8, 33, 31, 128}, // x0 … x28, fp, lr, sp, pc
	18:         {1, 4, 40, 3, 224},  // srr0, srr1, r0, r1 …
	0x01000012: {5, 8, 34, 3, 288},  // the same
}

// unified is the flavor of x86 that has flavor and size of another one in front.
const unified = 7

// takeThread keeps a thread, whose sets of registers are b. Threads have no numbers, so that
// theirs is which one they are, from 0.
func (c *reader) takeThread(b []byte) {
	if len(c.threads) == maxThreads {
		c.left++
		return
	}
	t := image.Thread{ID: uint64(len(c.threads))}
	want, known := states[c.cpu]
	for known && len(b) >= 8 {
		f := input.NewFields(b, c.order)
		flavor, words := f.U32(0), f.U32(4)
		b = b[8:]
		n := min(words*4, uint64(len(b)))
		regs := b[:n]
		b = b[n:]
		if x86 := c.cpu&0xff == 7; x86 && flavor == unified && len(regs) >= 8 {
			flavor, regs = input.NewFields(regs, c.order).U32(0), regs[8:]
		}
		if flavor == want.flavor && len(regs) >= want.word*want.count {
			for i := range want.count {
				t.Registers = append(t.Registers, c.order.Uint(regs[i*want.word:][:want.word]))
			}
			t.SP, t.RedZone = addr.Addr(t.Registers[want.sp]), want.red
			break
		}
	}
	c.threads = append(c.threads, t)
}
