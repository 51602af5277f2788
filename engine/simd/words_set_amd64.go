//go:build !purego

package simd

import (
	"slices"
	"unsafe"

	"vscan/engine/addr"
)

// wordsSieveNeeds is all CPU features that the sieve's instructions need.
var wordsSieveNeeds = features{fAVX, fBMI2}

//go:noescape
func sieveWords(st *sieveState)

// sieveState is what the sieve in assembly is handed.
type sieveState struct {
	base    *byte
	offsets *uint32
	n       int // the number of offsets, and after the call of those kept
	set     *wordSet
	states  *byte
	last    int    // the index of the last state
	load    int    // how words are loaded and looked up: see load2
	marked  uint32 // not 0 where an offset was marked with sieveMark
}

// sieveMark is set in offsets whose words have to be looked up in full.
const sieveMark = 1 << 31

// The values of load are the size of words in bytes, and 1 more where they
// are big-endian, and 16 more where they are looked up by hash. By hash there
// are only words of 4 and 8 bytes.
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

// sieveBlock is the most offsets that one call of the sieve looks at, since
// assembly cannot be preempted: see asmBlock.
const sieveBlock = 8 << 10

// sieve moves the offsets of the words of b that are in the set to the front,
// and returns their number. With trust, every word must be in an envelope.
func (s *wordSet) sieve(b []byte, offsets []uint32, spec WordSpec, trust bool) int {
	n := 0
	for chunk := range slices.Chunk(offsets, sieveBlock) {
		n += copy(offsets[n:], chunk[:s.sieveSome(b, chunk, spec, trust)])
	}
	return n
}

// sieveSome does what sieve does, with at most sieveBlock offsets.
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
		if at < sieveMark { // nearly all are
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
