package minidump

import (
	"fmt"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/input"
)

// The threads: MINIDUMP_THREAD, or MINIDUMP_THREAD_EX, which begins alike; their registers,
// a CONTEXT of the machine (winnt.h; Breakpad minidump_cpu_*.h); MINIDUMP_THREAD_NAME.

const (
	threadSize   = 48
	threadExSize = 64
	nameSize     = 12
	maxThreads   = 1 << 16 // more are not read
	threadWeight = 3       // a thread takes as much memory as so many other entries
)

// thread is a thread, and where its stack is.
type thread struct {
	image.Thread
	stack saved // what the thread says that was saved of it; without a name
}

// layoutOf is how the registers of a CPU are laid out. Offsets are in bytes.
type layoutOf struct {
	size  int    // bytes up to the last register
	flags int    // where ContextFlags are
	cpu   uint64 // bits of these, one of which says that the context is of this CPU
	first int    // where the general registers begin
	word  int    // size of a register
	count int    // how many there are side by side, the program counter among them
	sp    int    // number of the stack pointer among them
}

// Where two bits tell a CPU they are those of Windows and of Breakpad.
var contexts = map[cpu]layoutOf{
	cpuX86:   {size: 0xcc, flags: 0, cpu: 0x10000, first: 0x9c, word: 4, count: 12, sp: 10},             // edi … eip, cs, flags, esp, ss
	cpuAMD64: {size: 0x100, flags: 0x30, cpu: 0x100000, first: 0x78, word: 8, count: 17, sp: 4},         // rax … r15, rip
	cpuARM:   {size: 0x44, flags: 0, cpu: 0x200000 | 0x40000000, first: 4, word: 4, count: 16, sp: 13},  // r0 … pc
	cpuARM64: {size: 0x110, flags: 0, cpu: 0x400000 | 0x80000000, first: 8, word: 8, count: 33, sp: 31}, // x0 … lr, sp, pc
}

// readThreads reads ThreadList and ThreadExList, and the names of the threads.
func (d *reader) readThreads() error {
	if err := d.readThreadList(threadList, threadSize); err != nil {
		return err
	}
	if err := d.readThreadList(threadExList, threadExSize); err != nil {
		return err
	}
	return d.readThreadNames()
}

// readThreadList reads the threads of a list.
func (d *reader) readThreadList(kind, size uint64) error {
	l, err := d.counted(kind, size)
	if err != nil {
		return err
	}
	l.count = d.capped(l.name(), l.At, l.count, min(maxThreads, d.left/threadWeight))
	d.left -= (threadWeight - 1) * l.count
	var at []stream // of the registers
	err = d.each(l, func(i uint64, f input.Fields) {
		t := thread{Thread: image.Thread{ID: f.U32(0), Pointer: addr.Addr(f.U64(16))}}
		t.stack = d.saved(threadList, i, f.U64(24), f.U32(32), f.U32(36))
		d.threads = append(d.threads, t)
		at = append(at, stream{f.U32(44), f.U32(40)})
	})
	if err != nil {
		return err
	}
	read := d.threads[len(d.threads)-len(at):]
	for i := range read {
		if err := d.watch.Step(64); err != nil {
			return err
		}
		if err := d.readRegisters(&read[i].Thread, at[i]); err != nil {
			return err
		}
	}
	return nil
}

// readRegisters reads the registers of a thread, where they are of the machine's CPU.
func (d *reader) readRegisters(t *image.Thread, s stream) error {
	c, ok := contexts[d.system.cpu]
	if !ok || s.size < uint64(c.size) {
		return nil
	}
	b := make([]byte, c.size)
	n, err := d.Fill(b, s.off)
	if err != nil || n < len(b) {
		return err
	}
	f := input.NewFields(b, d.order)
	if f.U32(c.flags)&c.cpu == 0 {
		return nil
	}
	for i := range c.count {
		at := c.first + i*c.word
		t.Registers = append(t.Registers, d.order.Uint(b[at:at+c.word]))
	}
	t.SP = addr.Addr(t.Registers[c.sp])
	t.RedZone = d.system.redZone()
	return nil
}

// redZone returns how many bytes below the stack pointer a function may use: System V AMD64,
// 3.2.2; Apple, "Writing ARM64 code".
func (s *system) redZone() uint64 {
	apple := s.platform == macOS || s.platform == iOS
	if s.cpu == cpuAMD64 && !s.ofWindows() || s.cpu == cpuARM64 && apple {
		return 128
	}
	return 0
}

// readThreadNames reads ThreadNames: of each the number of the thread, and the file offset
// of the name (8).
func (d *reader) readThreadNames() error {
	l, err := d.counted(threadNames, nameSize)
	if err != nil {
		return err
	}
	l.count = d.capped(l.name(), l.At, l.count, maxThreads)
	type entry struct{ id, name uint64 }
	var all []entry
	if err := d.each(l, func(_ uint64, f input.Fields) { all = append(all, entry{f.U32(0), f.U64(4)}) }); err != nil {
		return err
	}
	for _, e := range all {
		if err := d.watch.Step(64); err != nil {
			return err
		}
		name, err := d.stringAt(e.name)
		if err != nil {
			return err
		}
		if name != "" {
			d.img.Tell("thread", fmt.Sprintf("%d %s", e.id, name))
		}
	}
	return nil
}

// stacks returns the stacks of the threads: those without registers are on what they say
// that was saved.
func (d *reader) stacks() image.Stacks {
	threads := make([]image.Thread, len(d.threads))
	for i := range d.threads {
		t := &d.threads[i]
		threads[i] = t.Thread
		if t.SP == 0 && !t.stack.empty {
			threads[i].SP = t.stack.First
		}
	}
	return image.NewStacks(threads)
}
