package proc

import "testing"

func TestKindOf(t *testing.T) {
	for entry, want := range map[uint64]pageKind{
		0:                  untouched,
		0x8180000000000000: resident,
		0x8180000000012345: resident,
		0x4000000000000000: swapped, // whoever asks may not know where
		0x4080000000000060: swapped, // the fourth page of the first swap file
		0x420000000000003f: untouched,
		0x4200000000000000: swapped,
		0x42000000000000e0: swapped,
		0x440000000000009f: guarded,
		0x400000000000005f: swapped, // the mark of a page that is broken
	} {
		if got := kindOf(entry); got != want {
			t.Errorf("%#x: %d, want %d", entry, got, want)
		}
	}
}
