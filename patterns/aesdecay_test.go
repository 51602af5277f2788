package patterns

import (
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"vscan/internal/testenv"
)

var aesSizes = []int{128, 192, 256}

// decayed returns the schedule of a random key, of which so many bits are wrong. swap turns
// the bytes of each word round.
func decayed(rnd *rand.Rand, size, wrong int, swap bool) (key, memory []byte) {
	key = make([]byte, size/8)
	for i := range key {
		key[i] = byte(rnd.Uint32())
	}
	memory = expandKey(key)
	if swap {
		memory = swapWords(memory)
	}
	for _, bit := range rnd.Perm(8 * len(memory))[:wrong] {
		memory[bit/8] ^= 1 << (bit % 8)
	}
	return key, memory
}

// Schedules with wrong bits anywhere are found, only at their place, and the key comes
// without the wrong bits. Those with more wrong bits are not found.
func TestAESDecay(t *testing.T) {
	rnd := testenv.Rand(t)
	certain := map[int]int{128: 10, 192: 7, 256: 6}
	for range 300 {
		size, swap := aesSizes[rnd.IntN(3)], rnd.IntN(2) == 0
		limit := 1 + rnd.IntN(certain[size])
		pattern := "aes/d(" + strconv.Itoa(limit) + "):" + strconv.Itoa(size)
		if swap {
			pattern = "aes/sd(" + strconv.Itoa(limit) + "):" + strconv.Itoa(size)
		}
		expr, set := aesExpr(t, pattern)
		for _, wrong := range []int{0, 1, rnd.IntN(limit + 1), limit, limit + 1, limit + 5} {
			key, memory := decayed(rnd, size, wrong, swap)
			before := rnd.IntN(40)
			m := slices.Concat(make([]byte, before), memory, []byte("behind"), make([]byte, rnd.IntN(300)))
			want := [][2]int{{before, len(memory)}}
			if wrong > limit {
				want = nil
			}
			for _, plain := range []bool{false, true} {
				if got := matchesIn(expr, &Memory{Bytes: m}, len(m), plain); !slices.Equal(got, want) {
					t.Errorf("%s, %d bits wrong: %v, want %v", pattern, wrong, got, want)
				}
			}
			if got, _ := set.Value(0, memory); want != nil && got != hex.EncodeToString(key) {
				t.Errorf("%s, %d bits wrong: key %s, want %x", pattern, wrong, got, key)
			}
		}
	}
}

// Of the keys that a cold memory keeps, bits change one way, most often to 0. So do these,
// one bit in 200. All that have few wrong bits are found where a row is right.
func TestAESDecayOneWay(t *testing.T) {
	rnd := testenv.Seeded(t, 7, 1)
	found, few := 0, 0
	expr, _ := aesExpr(t, "aes/d:128")
	for range 400 {
		_, memory := decayed(rnd, 128, 0, false)
		wrong := 0
		for bit := range 8 * len(memory) {
			if memory[bit/8]>>(bit%8)&1 == 1 && rnd.IntN(100) == 0 {
				memory[bit/8] ^= 1 << (bit % 8)
				wrong++
			}
		}
		got := len(matchesIn(expr, &Memory{Bytes: memory}, len(memory), false))
		found += got
		if wrong <= defaultWrong {
			few++
		}
		if (got == 1) != (wrong <= defaultWrong) {
			t.Errorf("%d bits wrong: %d hits", wrong, got)
		}
	}
	if few < 300 || found != few {
		t.Errorf("%d found, %d have few wrong bits", found, few)
	}
}

// Memory of all kinds without keys has none, however many bits may be wrong, and the Finder
// skips nothing that the Matcher takes.
func TestAESDecayNoise(t *testing.T) {
	rnd := testenv.Seeded(t, 3, 1)
	b := make([]byte, 1<<20)
	for i := range b {
		switch i >> 14 % 4 {
		case 0:
			b[i] = byte(rnd.Uint32())
		case 1:
			if i%8 < 3 && rnd.IntN(3) == 0 { // small numbers and zeros
				b[i] = byte(rnd.IntN(16))
			}
		case 2:
			b[i] = byte(i >> 8)
		}
	}
	for _, pattern := range []string{"aes/d:128", "aes/d(1):192", "aes/d:192", "aes/d(32):128", "aes/sd(20):256"} {
		expr, _ := aesExpr(t, pattern)
		if got := matchesIn(expr, &Memory{Bytes: b}, len(b), false); got != nil {
			t.Errorf("%s: %v", pattern, got)
		}
	}
	for _, bad := range []string{"aes/d(0):128", "aes/d(33):128", "aes/d():128", "aes/d(x):128", "aes/d:129", "aes/d(-1):128", "aes/dd:128"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func BenchmarkAESDecay(b *testing.B) {
	expr, _ := aesExpr(b, "aes/d:128")
	rnd := testenv.From(1, 1)
	random := make([]byte, 4<<20)
	for i := range random {
		random[i] = byte(rnd.Uint32())
	}
	for name, data := range map[string][]byte{"zeros": make([]byte, 4<<20), "random": random} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				matchesIn(expr, &Memory{Bytes: data}, len(data), false)
			}
		})
	}
}
