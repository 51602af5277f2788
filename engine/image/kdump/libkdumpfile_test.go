package kdump_test

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
)

// described adds the pages that a description of these tests has: of each a line with its address and how it is kept,
// and one with digits and how often they come.
func described(t *testing.T, k *imagetest.Kdump, text string) {
	t.Helper()
	k.Pages = map[uint64]string{}
	page := uint64(0)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if at, kind, ok := strings.Cut(line, " "); ok && at[0] == '@' {
			n, err := strconv.ParseUint(at[1:], 0, 64)
			if err != nil {
				t.Fatal(err)
			}
			if page = n / 4096; kind == "exclude" {
				k.Excluded = append(k.Excluded, page)
			}
			continue
		}
		digits, count, _ := strings.Cut(line, "*")
		b, err := hex.DecodeString(digits)
		n, bad := strconv.Atoi(count)
		if err != nil || bad != nil {
			t.Fatalf("%q: %v, %v", line, err, bad)
		}
		k.Pages[page] = strings.Repeat(string(b), n)
	}
}

// What libkdumpfile expects of its test files is what is read: byte by byte, and "??" where it reads none.
func TestLibkdumpfile(t *testing.T) {
	show := func(s *engine.Space, from addr.Addr, n int) (out []string) {
		for i := range n {
			b, err := s.Bytes(from+addr.Addr(i), 1)
			if err != nil {
				out = append(out, "??")
			} else {
				out = append(out, fmt.Sprintf("%02X", b[0]))
			}
		}
		return out
	}
	space := func(t *testing.T, path string) *engine.Space {
		img, err := formats.Open(t.Context(), path, image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { img.Close() })
		s, err := engine.NewSpace(img.Mappings...)
		if err != nil || img.Missing > 0 {
			t.Fatal(err, img.Notes)
		}
		return s
	}
	for _, how := range []string{"none", "zlib", "lzo", "snappy", "zstd"} {
		t.Run("excluded "+how, func(t *testing.T) {
			k := imagetest.Kdump{Version: 6, Machine: "x86_64", How: how}
			described(t, &k, imagetest.Libkdumpfile(t, "diskdump-excluded.data"))
			want := strings.Fields(imagetest.Libkdumpfile(t, "diskdump-excluded.expect"))
			want = want[:3*4096] // behind that is a page that its test asks for as zeros
			got := show(space(t, imagetest.TempFile(t, "dump", string(k.Build()))), 0, len(want))
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("at %#x: %s, want %s", i, got[i], want[i])
				}
			}
		})
		t.Run("split "+how, func(t *testing.T) {
			dir := t.TempDir()
			for i := range uint64(3) {
				k := imagetest.Kdump{Version: 6, Machine: "x86_64", How: how}
				described(t, &k, imagetest.Libkdumpfile(t, "diskdump-split.data"))
				k.Split = [2]uint64{2 * i, 2*i + 2}
				imagetest.WriteFile(t, dir, fmt.Sprint("dump", i), string(k.Build()))
			}
			s := space(t, filepath.Join(dir, "dump1"))
			var got []string
			for page := range 3 {
				got = append(got, show(s, addr.Addr(page+2)*4096-4, 8)...)
			}
			if want := strings.Fields(imagetest.Libkdumpfile(t, "diskdump-split.expect")); strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}
