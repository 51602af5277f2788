package wording

import (
	"math"
	"testing"
)

func TestWording(t *testing.T) {
	for got, want := range map[string]string{
		Count(0, "hit"):                "0 hits",
		Count(1, "hit"):                "1 hit",
		Size(1):                        "1 byte",
		Size(1023):                     "1023 bytes",
		Size(1<<20 - 1):                "1.0 MiB",
		Size(3 << 29):                  "1.5 GiB",
		Size(math.MaxUint64):           "16.0 EiB",
		Offset(16):                     "0x10",
		Offset(-16):                    "-0x10",
		Offset(math.MinInt64):          "-0x8000000000000000",
		Place("[heap]", 0):             "[heap]+0x0",
		Place("[heap]", -16):           "[heap]-0x10",
		ShortName("/usr/lib/libc.so"):  "libc.so",
		ShortName("[heap]"):            "[heap]",
		ShortName("a/b"):               "a/b",
		Printable("a\x1b\xff\u00e4\n"): `a\x1b\xffä\n`,
		ValidUTF8("a\x1b\xff\n"):       "a\x1b\\xff\n",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
