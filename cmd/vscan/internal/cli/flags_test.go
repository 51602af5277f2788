package cli

import (
	"strings"
	"testing"
)

func TestNumberFlags(t *testing.T) {
	var v uint64
	n := number{&v, 2, 0x20}
	for in, want := range map[string]uint64{"2": 2, "0x20": 32, "010": 10} {
		if err := n.Set(in); err != nil || v != want {
			t.Errorf("%q: %d, %v, want %d", in, v, err, want)
		}
	}
	for in, want := range map[string]string{"1": "2 or more", "33": "at most 32", "": "want decimal", "1k": "want decimal", "-3": "want decimal"} {
		if err := n.Set(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
	if v != 32 && v != 10 && v != 2 {
		t.Errorf("%d: a value that is refused is not kept", v)
	}
}
