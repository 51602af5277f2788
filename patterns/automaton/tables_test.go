package automaton

import (
	"testing"
	"unsafe"
)

// The row of a state lies right behind it, whatever the number of symbols.
func TestRow(t *testing.T) {
	for _, symbols := range []int{1, 2, 7, 256, 2570} {
		if at := rowed(symbols).Field(1).Offset; at != unsafe.Sizeof(state{}) {
			t.Errorf("%d symbols: the row is at %d, want %d", symbols, at, unsafe.Sizeof(state{}))
		}
		s := newTables(symbols, 1<<20, []uint32{0}).start.Load()
		for symbol := range symbols {
			if to := s.step(symbol).Load(); to != nil {
				t.Errorf("%d symbols: %d leads somewhere already", symbols, symbol)
			}
			s.step(symbol).Store(s)
		}
	}
}
