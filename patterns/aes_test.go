package patterns

import (
	"bytes"
	"context"
	"encoding/hex"
	"slices"
	"testing"

	"vscan/internal/testenv"
)

// Keys of FIPS 197, appendix A, and some words of what they expand to.
var aesVectors = []struct {
	bits, key string
	words     map[int]string
}{
	{"128", "2b7e151628aed2a6abf7158809cf4f3c", map[int]string{4: "a0fafe17", 5: "88542cb1", 7: "2a6c7605", 9: "7a96b943", 10: "5935807a", 40: "d014f9a8", 43: "b6630ca6"}},
	{"192", "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b", map[int]string{6: "fe0c91f7", 7: "2402f5a5", 12: "4db7b4bd", 51: "01002202"}},
	{"256", "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", map[int]string{8: "9ba35411", 12: "a8b09c1a", 59: "706c631e"}},
}

// expandKey is the key expansion as FIPS 197 has it in pseudo-code (figure 11).
func expandKey(key []byte) []byte {
	nk := len(key) / 4
	w := make([][4]byte, 4*(nk+7))
	subWord := func(t [4]byte) [4]byte { return [4]byte{sbox[t[0]], sbox[t[1]], sbox[t[2]], sbox[t[3]]} }
	rcon := []byte{0, 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36}
	for i := range w {
		if i < nk {
			w[i] = [4]byte(key[4*i:])
			continue
		}
		temp := w[i-1]
		if i%nk == 0 {
			temp = subWord([4]byte{temp[1], temp[2], temp[3], temp[0]})
			temp[0] ^= rcon[i/nk]
		} else if nk > 6 && i%nk == 4 {
			temp = subWord(temp)
		}
		for k := range temp {
			w[i][k] = w[i-nk][k] ^ temp[k]
		}
	}
	var out []byte
	for _, t := range w {
		out = append(out, t[:]...)
	}
	return out
}

func swapWords(b []byte) []byte {
	b = bytes.Clone(b)
	for i := 0; i+4 <= len(b); i += 4 {
		slices.Reverse(b[i : i+4])
	}
	return b
}

func aesExpr(t testing.TB, pattern string) (Expr, *Set) {
	t.Helper()
	p, err := Parse(pattern)
	if err != nil {
		t.Fatal(err)
	}
	set, err := Compile(context.Background(), []Pattern{p}, Target{})
	if err != nil {
		t.Fatal(err)
	}
	return set.Exprs()[0], set
}

func TestSbox(t *testing.T) {
	// FIPS 197, figure 7: the first and the last row, and 0x53 of the text.
	first, _ := hex.DecodeString("637c777bf26b6fc53001672bfed7ab76")
	last, _ := hex.DecodeString("8ca1890dbfe6426841992d0fb054bb16")
	if !bytes.Equal(sbox[:16], first) || !bytes.Equal(sbox[240:], last) || sbox[0x53] != 0xed {
		t.Errorf("%x", sbox)
	}
}

func TestAES(t *testing.T) {
	for _, v := range aesVectors {
		key, _ := hex.DecodeString(v.key)
		schedule := expandKey(key)
		for i, want := range v.words {
			if hex.EncodeToString(schedule[4*i:4*i+4]) != want {
				t.Errorf("%s: w[%d] = %x, want %s", v.bits, i, schedule[4*i:4*i+4], want)
			}
		}
		for _, flag := range []string{"", "/s"} {
			expr, set := aesExpr(t, "aes"+flag+":"+v.bits)
			memory := bytes.Clone(schedule)
			if flag != "" {
				memory = swapWords(schedule)
			}
			if got, ok := set.Value(0, memory); got != v.key || !ok {
				t.Errorf("aes%s:%s: key %s", flag, v.bits, got)
			}
			for _, before := range []int{0, 1, 7, 64} {
				for _, after := range []int{0, 5} {
					m := slices.Concat(make([]byte, before), memory, make([]byte, after))
					for _, plain := range []bool{false, true} {
						got := matchesIn(expr, &Memory{Bytes: m}, len(m), plain)
						if !slices.Equal(got, [][2]int{{before, len(schedule)}}) {
							t.Errorf("aes%s:%s behind %d bytes: %v", flag, v.bits, before, got)
						}
					}
				}
			}
			// A schedule with a byte of another value is none, and neither is one that ends
			// early.
			for i := range memory {
				memory[i] ^= 1
				if got := matchesIn(expr, &Memory{Bytes: memory}, len(memory), true); got != nil {
					t.Errorf("aes%s:%s with byte %d changed: %v", flag, v.bits, i, got)
				}
				memory[i] ^= 1
				if got := matchesIn(expr, &Memory{Bytes: memory[:i]}, i, false); got != nil {
					t.Errorf("aes%s:%s, %d bytes of it: %v", flag, v.bits, i, got)
				}
			}
			// It is not found as a schedule of another kind either.
			for _, other := range []string{"aes:128", "aes:192", "aes:256", "aes/s:128", "aes/s:192", "aes/s:256"} {
				if other == "aes"+flag+":"+v.bits {
					continue
				}
				expr, _ := aesExpr(t, other)
				if got := matchesIn(expr, &Memory{Bytes: memory}, len(memory), false); got != nil {
					t.Errorf("aes%s:%s as %s: %v", flag, v.bits, other, got)
				}
			}
		}
	}
	for _, bad := range []string{"aes:", "aes:64", "aes:128 256", "aes/w:128"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

// The Finder skips nothing that the Matcher takes.
func TestAESNext(t *testing.T) {
	rnd := testenv.Rand(t)
	found := 0
	for range 300 {
		b := make([]byte, 3000)
		for i := range b {
			if i%1000 < 500 {
				b[i] = byte(rnd.Uint32())
			}
		}
		for range 3 {
			v := rnd.IntN(3)
			key := make([]byte, 16+8*v)
			for i := range key {
				key[i] = byte(rnd.Uint32())
			}
			schedule := expandKey(key)
			if rnd.IntN(2) == 0 {
				schedule = swapWords(schedule)
			}
			copy(b[rnd.IntN(len(b)):], schedule)
		}
		for _, pattern := range []string{"aes:128", "aes:192", "aes:256", "aes/s:128", "aes/s:192", "aes/s:256"} {
			expr, _ := aesExpr(t, pattern)
			want := matchesIn(expr, &Memory{Bytes: b}, len(b), true)
			found += len(want)
			if got := matchesIn(expr, &Memory{Bytes: b}, len(b), false); !slices.Equal(got, want) {
				t.Fatalf("%s: %v, want %v", pattern, got, want)
			}
		}
	}
	if found < 500 {
		t.Errorf("only %d schedules were there to find", found)
	}
}

func BenchmarkAESNext(b *testing.B) {
	expr, _ := aesExpr(b, "aes:128")
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
