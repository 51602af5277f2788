package heap

import (
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/heap/heaptest"
	"vscan/internal/testenv"
)

// Memory of any content does no harm: a heap, a heap of a thread's arena, and the data of a file, one of
// which may be missing.
func FuzzHeaps(f *testing.F) {
	testenv.LargeInputs(f)
	h := heaptest.New(addr.LE64, 0x100000, 0x1000, 0, 0)
	h.Add(84, true)
	h.Add(6, true)
	h.End()
	f.Add(h.Bytes, []byte(nil), []byte(nil), uint8(0))
	f.Add(make([]byte, 100), make([]byte, 4096), make([]byte, 1000), uint8(3))
	for i, arch := range machines {
		w := arch.WordSize()
		m := heaptest.New(arch, 0x100000, 0x2000, 0, 0)
		m.Add(84, true)
		m.Add(6, false)
		m.Add(30, true)
		m.Fence()
		m.From(0x1000)
		m.Add(20, true)
		top := m.Base + addr.Addr(m.At())
		m.End()
		x := heaptest.New(arch, 0x4000000, 0x2000, chunkOther, 0x900)
		x.Put(0, uint64(x.Base)+uint64(6*w))
		x.Put(2*w, 0x2000)
		x.Add(84, true)
		x.Add(8, false)
		x.Add(6, true)
		x.PutState(6*w, heaptest.State{Top: x.Base + addr.Addr(x.At()), Memory: 0x2000, Apart: true})
		x.End()
		l := heaptest.New(arch, 0x7000000, 0x2000, 0, 0)
		l.PutState(0x100, heaptest.State{Top: top, Memory: 0x2000, Apart: i%2 == 1})
		f.Add(m.Bytes, x.Bytes, l.Bytes, uint8(i))
	}
	f.Fuzz(func(t *testing.T, main, thread, data []byte, machine uint8) {
		arch := machines[machine%4]
		var mappings []engine.Mapping
		for i, b := range [][]byte{main, thread, data} {
			m, err := engine.BytesMapping([]string{"[heap]", "x", "/lib/libc.so.6"}[i], []addr.Addr{0x100000, 0x4000000, 0x7000000}[i], b)
			if err != nil {
				continue
			}
			mappings = append(mappings, m)
		}
		checkHeaps(t, find(t, arch, mappings...))
	})
}
