//go:build !purego

package simd

import (
	"slices"
	"unsafe"

	"vscan/engine/addr"
)

// wordsSieveNeeds is every CPU feature that the sieve's instructions need.
var wordsSieveNeeds = features{fAVX, fBMI2}

//go:noescape
func sieveWords(st *sieveState)

// sieveState is what the sieve in assembly is handed.
type sieveState struct {
	base    *byte
	offsets *uint32
	n       int // of offsets, and then of those kept
	set     *wordSet
	states  *byte
	last    int    // number of the last state
	load    int    // what words are like, and keys
	marked  uint32 // not 0 where an offset was marked
}

// sieveMark is in offsets whose words have to be looked up in full.
const sieveMark = 1 << 31

// What words are like: their size in bytes, and 1 more where they are
// big-endian. By hash there are only words of 4 and 8 bytes.
const (
	load2     = 2
	load4     = 4
	load8     = 8
	bigEndian = 1
	byHash    = 16

	//lint:ignore U1000 the assembly uses it
	load2Big = load2 + bigEndian
	//lint:ignore U1000 the assembly uses it
	load4Big = load4 + bigEndian
	//lint:ignore U1000 the assembly uses it
	load8Big = load8 + bigEndian
	//lint:ignore U1000 the assembly uses it
	load4Hash = load4 + byHash
	//lint:ignore U1000 the assembly uses it
	load8Hash = load8 + byHash
	//lint:ignore U1000 the assembly uses it
	load4BigHash = load4Big + byHash
	//lint:ignore U1000 the assembly uses it
	load8BigHash = load8Big + byHash
)

// sieveBlock is the most offsets that one call of the sieve looks at, for the
// reason that asmBlock has.
const sieveBlock = 8 << 10

// sieve moves the offsets of words in the set to the front and returns their
// number. Words may be outside of all envelopes only where trust is false.
func (s *wordSet) sieve(b []byte, offsets []uint32, spec WordSpec, trust bool) int {
	n := 0
	for chunk := range slices.Chunk(offsets, sieveBlock) {
		n += copy(offsets[n:], chunk[:s.sieveSome(b, chunk, spec, trust)])
	}
	return n
}

// sieveSome does so with at most sieveBlock offsets.
func (s *wordSet) sieveSome(b []byte, offsets []uint32, spec WordSpec, trust bool) int {
	st := sieveState{
		base:    unsafe.SliceData(b),
		offsets: unsafe.SliceData(offsets),
		n:       len(offsets),
		set:     s,
		states:  unsafe.SliceData(s.states),
		last:    len(s.states) - 1,
		load:    spec.Size,
	}
	if spec.Order == addr.Big && spec.Size > 1 {
		st.load += bigEndian
	}
	if s.hashed {
		st.load += byHash
		trust = false
	}
	sieveWords(&st)
	if trust && st.marked == 0 {
		return st.n
	}
	offsets = offsets[:st.n]
	n := 0
	if !trust {
		for _, at := range offsets {
			start := at &^ sieveMark
			offsets[n] = start
			if s.has(spec.Order.Uint(b[start : int(start)+spec.Size])) {
				n++
			}
		}
		return n
	}
	from := 0 // offsets[from:i] are kept, and still to be moved
	for i, at := range offsets {
		if at < sieveMark { // nearly all
			continue
		}
		n += copy(offsets[n:], offsets[from:i])
		from = i + 1
		start := at - sieveMark
		if s.enclosed(spec.Order.Uint(b[start : int(start)+spec.Size])) {
			offsets[n] = start
			n++
		}
	}
	return n + copy(offsets[n:], offsets[from:])
}
