//go:build !purego

package simd

// In how many of the 32 lanes of a group's vectors, one over the other, a byte
// may be for it to be few, and to be some: see FEW, SOME64 and MANY32.
const (
	//lint:ignore U1000 the assembly uses it
	fewLanes = 2
	//lint:ignore U1000 the assembly uses it
	someLanes = 20
)

// compress8 has, for every set of eight lanes, the numbers of the lanes that
// are in it, ascending, and then anything. AVX2 has no instruction that packs
// the lanes of a mask; this is its substitute, eight lanes at a time.
//
//lint:ignore U1000 the assembly uses it
var compress8 = func() (t [256][8]uint8) {
	for set := range t {
		n := 0
		for lane := range 8 {
			if set>>lane&1 != 0 {
				t[set][n] = uint8(lane)
				n++
			}
		}
	}
	return t
}()

// lanes is the numbers of the lanes of a vector, 0 to 63.
//
//lint:ignore U1000 the assembly uses it
var lanes = func() (t [64]uint32) {
	for lane := range t {
		t[lane] = uint32(lane)
	}
	return t
}()

// byteLanes is the same, a byte each.
//
//lint:ignore U1000 the assembly uses it
var byteLanes = func() (t [64]uint8) {
	for lane := range t {
		t[lane] = uint8(lane)
	}
	return t
}()
