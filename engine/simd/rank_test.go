package simd

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestFrequency(t *testing.T) {
	total := 0
	for c, f := range frequency {
		if f < 1 {
			t.Errorf("%#02x never occurs", c)
		}
		if c > 0 && f >= frequency[0] {
			t.Errorf("%#02x is as common as zero", c)
		}
		total += int(f)
	}
	if total < 65536-256 || total > 65536+256 {
		t.Errorf("all bytes together occur %d times in 65536", total)
	}
}

func TestByRarity(t *testing.T) {
	long := bytes.Repeat([]byte{0}, 5000)
	long[3210] = 0x9d
	for _, c := range []struct {
		name, lit string
		want      []int // the first of them
	}{
		{"one byte", "x", []int{0}},
		{"zero is no rare byte", "\x00\x00\x00\x01", []int{3}},
		{"rare before common", "\x00\xd6e", []int{1, 2, 0}},
		{"of zeros, the ends first", "\x00\x00\x00\x00\x00\x00\x00\x00", []int{0, 7}},
		{"of a run, one and then the other byte", "aaaaab", []int{5, 0}},
		{"a repeated byte before zeros", "\x9d\x00\x00\x00\x9d", []int{0, 4}},
		{"far into a long one", string(long), []int{3210}},
	} {
		got := byRarity([]byte(c.lit), nil, 64)
		if len(got) < len(c.want) || !slices.Equal(got[:len(c.want)], c.want) {
			t.Errorf("%s: %v, want %v first", c.name, got, c.want)
		}
	}
	for n := 1; n <= 2000; n += 1 + n/7 {
		for _, lit := range []string{strings.Repeat("a", n), strings.Repeat("abc\x00", n)} {
			got := byRarity([]byte(lit), nil, 16)
			slices.Sort(got)
			if want := min(16, len(lit)); len(slices.Compact(got)) != want || got[0] < 0 || got[len(got)-1] >= len(lit) {
				t.Errorf("%d bytes: %v, want %d distinct positions in them", len(lit), got, want)
			}
		}
	}
}

func TestZArray(t *testing.T) {
	for _, lit := range []string{"a", "aaaa", "abab", "abcabcabd", "aabaaab", strings.Repeat("ab", 50) + "b"} {
		for i, got := range zArray([]byte(lit)) {
			want := 0
			for i+want < len(lit) && lit[want] == lit[i+want] {
				want++
			}
			if int(got) != want {
				t.Errorf("%q: %d bytes in common at %d, want %d", lit, got, i, want)
			}
		}
	}
}
