package core

import (
	"testing"
)

// A core's notes give every register, and what is cut gives no thread.
func TestThreadRegisters(t *testing.T) {
	for machine, r := range registersOf {
		c := &reader{}
		c.Machine, c.Wide = machine.machine, machine.wide
		regs := c.Pick(72, 112) + r.skip
		desc := make([]byte, regs+r.size*64+8)
		c.Order.PutUint(desc[c.Pick(24, 32):][:4], 77)
		for i := range 64 {
			c.Order.PutUint(desc[regs+r.size*i:][:r.size], uint64(0x1000+i))
		}
		for n := range len(desc) + 1 {
			c.threads = nil
			c.takeStatus(desc[:n])
			if machine.machine == 8 && !machine.wide {
				continue // its size tells MIPS n32 from o32
			}
			if want := n >= regs+r.size*(r.sp+1); want != (len(c.threads) == 1) {
				t.Fatalf("%v: %d bytes give %d threads", machine, n, len(c.threads))
			}
		}
		th := c.threads[0]
		if machine.machine == 8 && !machine.wide {
			continue
		}
		if th.ID != 77 || uint64(th.SP) != uint64(0x1000+r.sp) || len(th.Registers) < 64 || th.Registers[63] != 0x1000+63 {
			t.Errorf("%v: %+v", machine, th)
		}
		if want := uint64(0x1000 + r.tp); r.tp > 0 && uint64(th.Pointer) != want || r.tp == 0 && th.Pointer != 0 {
			t.Errorf("%v: thread pointer %v", machine, th.Pointer)
		}
	}
}
