//go:build unix && !purego

package simd

import "testing"

// TestTeddyAtOnceGuard does what TestTeddyGuard does, for the loop of AVX2
// that looks up all three bytes at once.
func TestTeddyAtOnceGuard(t *testing.T) {
	if err := teddyAVX2Needs.check(AVX2); err != nil {
		t.Skip(err)
	}
	p, mem := guardedTeddy(t, ByNibbles)
	k := newTeddyAVX2(p).(*teddyAsm)
	k.busy.Store(1 << 30)
	guardTeddy(t, p, k, mem)
}
