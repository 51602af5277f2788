package report

import (
	"strings"
	"testing"

	"vscan/internal/wording"
)

func TestCSVText(t *testing.T) {
	for in, want := range map[string]string{
		"":                "",
		"hunter2":         "hunter2",
		"[heap]":          "[heap]",
		"/usr/lib/a,b.so": "/usr/lib/a,b.so",
		"2.core":          "2.core",
		"u32:1..5":        "u32:1..5",
		"november":        "november",
		"a=b":             "a=b",

		"=1+1": "'=1+1", "+1": "'+1", "-w-": "'-w-", "@SUM(A1)": "'@SUM(A1)", "\t=1": `'\x09=1`, "\rx": `'\x0dx`, "\nx": `'\x0ax`,
		"'x": "''x", "'": "''", " =1": "' =1", "\u202e=1": `'\u202e=1`, "\ufeff@x": `'\ufeff@x`, "\uff1d1": "'\uff1d1", "\u22121": "'\u22121",
		"007": "'007", "1e400": "'1e400", "68756e74657232": "'68756e74657232", "0x10": "'0x10", "1_000": "'1_000", ".5": "'.5", " 5": "' 5",
		"(5)": "'(5)", "$5": "'$5", "5%": "'5%", "2024-01-02": "'2024-01-02", "2024-01-02T10:00:00Z": "'2024-01-02T10:00:00Z", "1/2": "'1/2",
		"10:30 pm": "'10:30 pm", "1-Mar": "'1-Mar", "5 May 2024": "'5 May 2024", "May 5": "'May 5", "1.2.3": "'1.2.3",
		"a;=1": `a\x3b=1`, ";+1": `\x3b+1`, `;"=1`: `\x3b"=1`, "; @x;-1;b": `\x3b @x\x3b-1;b`, `C:\new;=1`: `C:\\new\x3b=1`, `\xff;=1`: `\\xff\x3b=1`, "\xff;\uff1d1": `\xff\x3b` + "\uff1d1",
		"a;b": "a;b", "for(;;)": "for(;;)", "a;": "a;", ";": ";", `;\x3d`: `;\\x3d`, "a\n;=1": `a\x0a\x3b=1`,
		"true": "'true", "F": "'F", "NaN": "'NaN", "-inf": "'-inf", "Infinity": "'Infinity", "NULL": "'NULL", "None": "'None", "N/A": "'N/A",
		"a\xff": `a\xff`, "a\x00b": `a\x00b`, `a\xff`: `a\\xff`, "a\n=1": `a\x0a=1`, "\u009b=": `'\u009b=`,
	} {
		if got := CSVText(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestCSVValue(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "0": "0", "255": "255", "999999999999999": "999999999999999", "18446744073709551615": "'18446744073709551615",
		"-1": "'-1", "0.1": "0.1", "-2.5": "'-2.5", "1e+30": "1e+30", "1.5e-07": "1.5e-07", "NaN": "'NaN", "+Inf": "'+Inf",
		"0x7fff00001000": "0x7fff00001000", "0x10 -0x8": "0x10 -0x8", "-0x8": "'-0x8", "00112233445566778899aabbccddeeff": "'00112233445566778899aabbccddeeff",
	} {
		if got := CSVValue(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzCSVText(f *testing.F) {
	for _, s := range []string{"", "=1", "'x", "\x00=", "\xff", "1e5", "May 1", `\;"=`, "; @"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		cell := CSVText(s)
		if got := wording.Unescape(strings.TrimPrefix(cell, "'")); got != s {
			t.Fatalf("%q: %q", s, cell)
		}
		if strings.IndexAny(cell, "=+-@\t\r\n") == 0 || wording.Printable(cell) != cell {
			t.Fatalf("%q: %q", s, cell)
		}
		for _, part := range strings.Split(cell, ";")[1:] {
			if strings.IndexAny(strings.TrimLeft(part, ` "`), "=+-@\t\r\n") == 0 {
				t.Fatalf("%q: %q", s, cell)
			}
		}
	})
}
