//go:build !purego

package simd

// The vectors of a group are laid one over the other, and the lanes, of 32,
// that have a hit in any of them are counted. Up to fewLanes such lanes, hits
// are stored by the macro FEW, up to someLanes by SOME64, and above that by
// MANY32.
const (
	//lint:ignore U1000 the assembly uses it
	fewLanes = 2
	//lint:ignore U1000 the assembly uses it
	someLanes = 20
)

// compress8 has, for every mask of eight lanes, the numbers of the lanes that
// are in it, ascending; the entries behind them have no meaning. It stands in
// for the instruction that AVX2 lacks, which packs the lanes of a mask.
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

// lanes has the numbers of the lanes of a vector, 0 to 63, 4 bytes each.
//
//lint:ignore U1000 the assembly uses it
var lanes = func() (t [64]uint32) {
	for lane := range t {
		t[lane] = uint32(lane)
	}
	return t
}()

// byteLanes has the same numbers, a byte each.
//
//lint:ignore U1000 the assembly uses it
var byteLanes = func() (t [64]uint8) {
	for lane := range t {
		t[lane] = uint8(lane)
	}
	return t
}()
