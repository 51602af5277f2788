package core

import (
	"io"
	"math/bits"
	"slices"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/elf"
	"vscan/engine/image/input"
)

// User memory in QEMU's dumps with paging (dump-guest-memory -p) of x86-64.
//
// QEMU makes an address from the numbers of its entries in the page tables and
// extends the sign as if the topmost were set, whatever it is:
//
//	four levels   address | 0xffff << 48   0x400000 → 0xffff000000400000
//	five levels   address | 0x7f << 57     0x400000 → 0xfe00000000400000
//
// Kernel addresses are right then. Of user memory the bits that are set are one
// thing and the topmost bit below, which is the sign, another: no machine with so
// many levels has such an address, so it cannot be meant, and the bits are
// cleared. How many levels there were is in CR4 of a CPU, and shows in addresses
// that only five levels have: 0xffff000000400000 is one of the kernel there.
//
// Sources: QEMU target/i386/arch_memory_mapping.c, x86_cpu_get_memory_mapping and
// walk_pml5e; target/i386/arch_dump.c, QEMUCPUState; Intel SDM volume 1, 3.3.7.1,
// "Canonical Addressing".

const (
	emX86_64   = 62
	qemuCR0    = 392 // offset of cr[0] in QEMUCPUState, 8 bytes each
	qemuCR3    = qemuCR0 + 3*8
	qemuCR4    = qemuCR0 + 4*8
	cr0Paging  = 1 << 31
	cr4LA57    = 1 << 12
	fourLevels = 0xffff << 48 // bits that QEMU sets
	fiveLevels = 0x7f << 57
)

// takeQEMU reads the state of a CPU of size bytes, and returns how many of them
// it has read.
func (c *reader) takeQEMU(r io.Reader, size, at uint64) (uint64, error) {
	c.ofQEMU = true
	c.cpus++
	if size < qemuCR4+8 {
		return 0, nil
	}
	state := make([]byte, qemuCR4+8)
	if err := c.fill(r, state, at); err != nil {
		return 0, err
	}
	f := input.NewFields(state, c.Order)
	if f.U64(qemuCR0)&cr0Paging != 0 {
		c.levels5 = c.levels5 || f.U64(qemuCR4)&cr4LA57 != 0
		c.tellTables(f.U64(qemuCR3))
	}
	return uint64(len(state)), nil
}

// userMemory puts segments to where the guest had them.
type userMemory struct {
	signs uint64 // bits that QEMU has set in addresses of user memory; 0: another's dump
	count int    // segments that have them
	first elf.Segment
}

// userMemory is for the segments of this dump.
func (c *reader) userMemory() userMemory {
	switch {
	case !c.ofQEMU || c.Machine != emX86_64 || !c.Wide:
		return userMemory{}
	case c.levels5 || slices.ContainsFunc(c.Loads, c.onlyFiveLevels):
		return userMemory{signs: fiveLevels}
	}
	return userMemory{signs: fourLevels}
}

// onlyFiveLevels reports whether a segment is where QEMU puts none with four.
func (c *reader) onlyFiveLevels(s elf.Segment) bool {
	return c.hasVirtual(&s) && s.Vaddr&fiveLevels == fiveLevels && s.Vaddr&fourLevels != fourLevels
}

// place calls yield with a segment at its addresses in the guest: one that goes
// on from the last of user memory to the first of the kernel is two.
func (u *userMemory) place(s *elf.Segment, yield func(*elf.Segment)) {
	if u.signs == 0 || !u.wrong(s.Vaddr) {
		yield(s)
		return
	}
	if u.count++; u.count == 1 {
		u.first = *s
	}
	user, kernel := cut(s, u.sign()-s.Vaddr&^u.signs)
	user.Vaddr &^= u.signs
	yield(&user)
	if kernel.Memsz > 0 {
		yield(&kernel)
	}
}

// sign returns the topmost bit that QEMU has not set.
func (u *userMemory) sign() uint64 { return 1 << (bits.TrailingZeros64(u.signs) - 1) }

// wrong reports whether QEMU has set bits of an address that the sign does not
// set.
func (u *userMemory) wrong(a uint64) bool { return a&u.signs == u.signs && a&u.sign() == 0 }

// report says what was done.
func (u *userMemory) report(img *image.Draft) {
	if u.count > 0 {
		img.Note("%s of user memory at addresses that no machine has, as QEMU sets the sign bits of every one: shown where the guest had them, the first at %v instead of %v",
			input.Plural(u.count, "load segment"), addr.Addr(u.first.Vaddr&^u.signs), addr.Addr(u.first.Vaddr))
	}
}

// cut returns a segment's first n bytes and its others, of which there may be none.
func cut(s *elf.Segment, n uint64) (head, tail elf.Segment) {
	head, tail = *s, *s
	head.Memsz, head.Filesz = min(s.Memsz, n), min(s.Filesz, n)
	tail.Memsz, tail.Filesz = s.Memsz-head.Memsz, s.Filesz-head.Filesz
	tail.Off, tail.Vaddr, tail.Paddr = input.AddSat(s.Off, n), s.Vaddr+n, s.Paddr+n
	return head, tail
}
