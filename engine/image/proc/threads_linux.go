package proc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
)

// maxStack is how far above a stack pointer the control block of a thread is
// looked for, in bytes.
const maxStack = 1 << 20

// findPointer looks for the thread's control block above its stack pointer, where
// glibc puts it for all threads but the first. On x86-64 it tells itself: its first
// and its third word are its own address (sysdeps/x86_64/nptl/tls.h, tcbhead_t: tcb
// and self). It looks at pages alone that were in memory or swapped when stock was taken:
// to read others would touch them.
func (p *process) findPointer(t *image.Thread) {
	if runtime.GOARCH != "amd64" || t.SP == 0 || t.SP > addr.Max-maxStack {
		return
	}
	stack := addr.Range{First: t.SP.AlignDown(16), Last: t.SP + maxStack - 1}
	first, _ := slices.BinarySearchFunc(p.Mappings, stack.First, func(m engine.Mapping, at addr.Addr) int { return cmp.Compare(m.Last, at) })
	for _, m := range p.Mappings[first:] {
		r, above := m.Intersect(stack)
		if !above || r.First > stack.First { // another area, or none
			return
		}
		if m.Source == p.mem {
			if t.Pointer = p.controlBlock(r); t.Pointer != 0 {
				return
			}
		}
		stack.First = r.Last + 1
	}
}

// controlBlock returns where the control block of a thread begins in r, whose first address
// is a multiple of 16, or 0 where there is none.
func (p *process) controlBlock(r addr.Range) addr.Addr {
	const self = 16 // bytes from the first word to the third
	buf := make([]byte, 1<<14)
	for at := r.First; ; at += addr.Addr(len(buf)) {
		n, _ := p.mem.pread(buf[:min(uint64(len(buf)), uint64(r.Last-at)+1)], uint64(at))
		for i := 0; i+self+8 <= n; i += 16 {
			a := uint64(at) + uint64(i)
			if addr.Little.Uint(buf[i:i+8]) == a && addr.Little.Uint(buf[i+self:i+self+8]) == a {
				return addr.Addr(a)
			}
		}
		if n < len(buf) || r.Last-at < addr.Addr(len(buf)) {
			return 0
		}
	}
}

// readThreads returns the threads of a live process with what /proc/PID/task/TID/syscall
// says of them, without stopping them. A thread that ends meanwhile is left out.
func (p *process) readThreads(ctx context.Context) ([]image.Thread, error) {
	tasks, err := os.ReadDir(p.dir + "/task")
	if err != nil {
		return nil, fmt.Errorf("the threads of the process: %w", err)
	}
	var out []image.Thread
	for i, task := range tasks {
		if err := ctx.Err(); err != nil {
			return nil, image.Interrupted(err, p.mem.path, "asking for the registers of thread %d of %d", i+1, len(tasks))
		}
		id, err := strconv.ParseUint(task.Name(), 10, 64)
		if err != nil {
			continue
		}
		line, err := os.ReadFile(p.dir + "/task/" + task.Name() + "/syscall")
		switch {
		case errors.Is(err, fs.ErrNotExist) && len(tasks) > 1, errors.Is(err, unix.ESRCH):
			continue
		case err != nil:
			return nil, fmt.Errorf("the registers of thread %d: %w", id, err)
		}
		t := parseSyscall(id, string(line))
		p.findPointer(&t)
		out = append(out, t)
	}
	return out, nil
}

// parseSyscall reads /proc/PID/task/TID/syscall, all numbers but the first in
// hexadecimal with 0x: proc_pid_syscall(5).
//
//	running                                  it runs: nothing is told
//	-1 SP PC                                 it is stopped, and in no call
//	number argument … (six of them) SP PC    it is in a system call
func parseSyscall(id uint64, line string) image.Thread {
	t := image.Thread{ID: id, Partial: true}
	fields := strings.Fields(line)
	if len(fields) != 3 && len(fields) != 9 {
		return t
	}
	for _, f := range fields[1:] {
		n, err := strconv.ParseUint(strings.TrimPrefix(f, "0x"), 16, 64)
		if err != nil {
			return image.Thread{ID: id, Partial: true}
		}
		t.Registers = append(t.Registers, n)
	}
	t.SP = addr.Addr(t.Registers[len(t.Registers)-2])
	switch runtime.GOARCH { // the process runs on this machine
	case "amd64":
		t.RedZone = 128
	case "ppc64", "ppc64le":
		t.RedZone = 512
	}
	return t
}
