//go:build purego || !amd64

package simd

type markTables = *struct{}

func (m *Marker) assemble(Level, *classPlan) {}

func (m *Marker) markFast([]uint64, []byte) int { return 0 }
