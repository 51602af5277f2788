package input_test

import (
	"testing"

	"vscan/engine"
	"vscan/engine/image/imagetest"
	"vscan/engine/image/input"
)

// bare is a source that tells no places.
type bare struct{ engine.Source }

// placed is a source that tells any place in the same words.
type placed struct {
	engine.Source
	told string
}

func (p placed) PlaceOf(uint64) string { return p.told }

// A place is what the source calls it, and says its offset where that has another name or none.
func TestPlace(t *testing.T) {
	in := imagetest.Reader(make([]byte, 100))
	for want, got := range map[string]input.Place{
		"file offset 0x10": in.Place(16),
		"file offset 0x25": in.Prefix(32, 10).Place(5),
		"offset 0x10":      in.Of(bare{in.Source}).Place(16),
		"offset 0x11":      in.Of(placed{in.Source, ""}).Place(17),
		"offset 0x12 (in the block at file offset 0x200)": in.Of(placed{in.Source, "in the block at file offset 0x200"}).Place(18),
		"unpacked offset 0x1":                             in.Of(placed{in.Source, "at unpacked offset 0x1"}).Place(0x99),
	} {
		if got.String() != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
