package simd

import (
	"fmt"
	"slices"
	"testing"

	"vscan/internal/testenv"
)

// A marker at every level has the bits of the bytes that are in its set, and no others, wherever
// memory begins and ends; it writes to no word behind.
func TestMarker(t *testing.T) {
	rnd := testenv.Rand(t)
	for _, level := range append(Levels(), Auto) {
		t.Run(level.String(), func(t *testing.T) {
			if err := level.Check(); err != nil {
				t.Skip(err)
			}
			for range testenv.Rounds(200, 1000, 100_000) {
				var set ByteSet
				switch rnd.IntN(4) {
				case 0:
					for range rnd.IntN(4) {
						set.Add(byte(rnd.Uint32()))
					}
				case 1:
					for c, last := rnd.IntN(256), rnd.IntN(256); c <= last; c++ {
						set.Add(byte(c))
					}
				default:
					for i := range set {
						set[i] = rnd.Uint64()
					}
				}
				m, err := NewMarker(level, set)
				if err != nil {
					t.Fatal(err)
				}
				b := make([]byte, rnd.IntN(1<<(1+rnd.IntN(12))))
				for i := range b {
					b[i] = byte(rnd.Uint32())
				}
				b = b[min(len(b), rnd.IntN(70)):]
				want := make([]uint64, (len(b)+63)/64, len(b)/64+3)
				for i, c := range b {
					if set.Has(c) {
						want[i/64] |= 1 << (i % 64)
					}
				}
				got := make([]uint64, len(want)+2)
				for i := range got {
					got[i] = rnd.Uint64()
				}
				want = append(want, got[len(want):]...)
				if m.Mark(got, b); !slices.Equal(got, want) {
					t.Fatalf("set %x, %d bytes: %x, want %x", set, len(b), got, want)
				}
			}
		})
	}
}

// Marking is at the level that was asked for, or below it where there is no assembly.
func TestMarkerLevel(t *testing.T) {
	for _, level := range []Level{Reference, Generic} {
		if m, err := NewMarker(level, ByteSet{1}); err != nil || m.Level() != Generic {
			t.Errorf("%v: %v, %v", level, m, err)
		}
	}
	if AVX2.Check() == nil {
		if m, err := NewMarker(AVX2, ByteSet{1}); err != nil || m.Level() != AVX2 {
			t.Errorf("avx2: %v, %v", m, err)
		}
	}
	if _, err := NewMarker(99, ByteSet{1}); err == nil {
		t.Error("there is a level 99")
	}
}

func BenchmarkMark(b *testing.B) {
	data := make([]byte, 64<<10)
	dst := make([]uint64, len(data)/64)
	for _, level := range Levels() {
		if level == Reference || level.Check() != nil {
			continue
		}
		b.Run(fmt.Sprint(level), func(b *testing.B) {
			m, err := NewMarker(level, ByteSet{0x3ff << 48, 0x7fffffe})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				m.Mark(dst, data)
			}
		})
	}
}
