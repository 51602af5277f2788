package proc

import (
	"bytes"
	"testing"
)

func FuzzMaps(f *testing.F) {
	f.Add([]byte("00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus-daemon\n7f00aa000000-7f00aa001000 ---p 00000000 00:00 0 \n"))
	f.Add([]byte("ffffffffff600000-ffffffffff601000 --xs 00000000 00:00 0   [vsyscall]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		vmas, err := parseMaps(t.Context(), bytes.NewReader(b))
		if err != nil {
			return
		}
		for _, v := range vmas {
			if !v.Valid() || v.perm.String() == "" {
				t.Errorf("%+v", v)
			}
		}
	})
}
