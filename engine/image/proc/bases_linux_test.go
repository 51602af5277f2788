package proc

import (
	"fmt"
	"strings"
	"testing"

	"vscan/engine/image"
)

// Where the names of a process's areas begin: files by their base, a heap that
// permissions part by its beginning, everything else by itself.
func TestProcessBases(t *testing.T) {
	vmas, err := parseMaps(t.Context(), strings.NewReader(`1000-2000 r-xp 00000000 08:01 7  /bin/prog
2000-3000 rw-p 00001000 08:01 7  /bin/prog
3000-4000 rw-p 00000000 00:00 0
4000-5000 rw-p 00000000 00:00 0  [heap]
5000-6000 r--p 00000000 00:00 0  [heap]
6000-7000 rw-p 00000000 00:00 0  [heap]
8000-9000 rw-p 00000000 00:00 0
9000-a000 r--p 00000000 00:00 0
a000-b000 r-xp 00000000 08:01 7  /bin/prog
b000-c000 rw-s 00000000 00:01 8  /memfd:x (deleted)
c000-d000 rw-s 00000000 00:01 9  /memfd:x (deleted)
d000-e000 rw-s 00001000 00:01 9  /memfd:x (deleted)
`))
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Draft: new(image.Draft), ctx: t.Context()}
	if err := p.setBases(vmas); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range vmas {
		got = append(got, fmt.Sprintf("%x", uint64(v.base)>>12))
	}
	if want := "1 1 3 4 4 4 8 9 a b c c"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
	if vmas[2].name != "[anon]" || vmas[0].name != "/bin/prog" {
		t.Errorf("names %q, %q", vmas[2].name, vmas[0].name)
	}
}
