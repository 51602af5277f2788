package proc

import (
	"fmt"
	"strings"
	"testing"

	"vscan/engine/image/imagetest"
)

func TestParseMaps(t *testing.T) {
	const text = `00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus-daemon
00e03000-00e24000 rw-p 00000000 00:00 0           [heap]
35b1800000-35b1820000 r--s 00001000 08:02 135522  /tmp/a file with  blanks (deleted)
7f00aa000000-7f00aa001000 ---p 00000000 00:00 0 
7ffdaaaaa000-7ffdaaaab000 rw-p 00000000 00:00 0
f2c6ff8c000-7f2c7078c000 rw-p 00000000 00:00 0    [stack:986]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
`
	const want = `0x400000..0x451fff r-x "/usr/bin/dbus-daemon"
0xe03000..0xe23fff rw- "[heap]"
0x35b1800000..0x35b181ffff r-- "/tmp/a file with  blanks (deleted)"
0x7f00aa000000..0x7f00aa000fff --- ""
0x7ffdaaaaa000..0x7ffdaaaaafff rw- ""
0xf2c6ff8c000..0x7f2c7078bfff rw- "[stack:986]"
0xffffffffff600000..0xffffffffff600fff --x "[vsyscall]"
`
	vmas, err := parseMaps(t.Context(), strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, v := range vmas {
		fmt.Fprintf(&got, "%v %v %q\n", v.Range, v.perm, v.name)
	}
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
	if vmas, err := parseMaps(t.Context(), strings.NewReader("")); len(vmas) != 0 || err != nil {
		t.Errorf("nothing: %v, %v", vmas, err)
	}
	for _, line := range []string{
		"x", "400000-452000 r-xp", "400000-452000 r-xp 0 0", "400000-400000 r-xp 0 08:02 1", "452000-400000 r-xp 0 08:02 1",
		"400000 r-xp 0 08:02 1", "-1-2 r-xp 0 08:02 1", "10000000000000000-10000000000000001 r-xp 0 08:02 1",
		"400000-452000 rxwp 0 08:02 1", "400000-452000 rwx 0 08:02 1", "400000-452000 rwxpp 0 08:02 1", " 400000-452000 rwxp 0 08:02 1",
	} {
		_, err := parseMaps(t.Context(), strings.NewReader("400000-452000 r-xp 0 08:02 1\n"+line))
		imagetest.CheckError(t, err, "line 2: ")
	}
}
