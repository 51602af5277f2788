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
		Printable("a\x1b\xff\u00e4\n"): `a\x1b\xffä\x0a`,
		ValidUTF8("a\x1b\xff\n"):       "a\x1b\\xff\n",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 bytes", 1: "1 byte", 2: "2 bytes", 1023: "1023 bytes",
		1024: "1.0 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1.0 MiB", 1 << 20: "1.0 MiB", 1<<20 - 1<<6: "1023.9 KiB",
		5 << 30: "5.0 GiB", 3 << 40: "3.0 TiB", 1 << 50: "1.0 PiB", math.MaxUint64: "16.0 EiB",
	} {
		if got := Size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "0 hits", 1: "1 hit", 2: "2 hits"} {
		if got := Count(n, "hit"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestOrList(t *testing.T) {
	for want, words := range map[string][]string{"": nil, "a": {"a"}, "a or b": {"a", "b"}, "a, b or c": {"a", "b", "c"}} {
		if got := OrList(words); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
