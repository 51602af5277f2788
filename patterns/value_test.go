package patterns

import (
	"context"
	"testing"

	"vscan/engine/addr"
)

func TestValue(t *testing.T) {
	for _, test := range []struct {
		pattern string
		bytes   string
		want    string // "" where there is none
	}{
		{"u8:1..", "\xff", "255"},
		{"i8:..", "\xff", "-1"},
		{"u16:..", "\x01\x02", "258"}, // the image is big-endian
		{"u16le:..", "\x01\x02", "513"},
		{"i16be:..", "\x80\x00", "-32768"},
		{"i32le:5", "\x05\x00\x00\x00", "5"},
		{"i64le:..", "\xfe\xff\xff\xff\xff\xff\xff\xff", "-2"},
		{"u64be:..", "\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615"},
		{"ptr:..", "\x00\x01\x00\x00", "0x10000"},
		{"f32le:0..", "\xcd\xcc\xcc\x3d", "0.1"},
		{"f64:..", "\xc0\x04\x00\x00\x00\x00\x00\x00", "-2.5"},
		{"f32be:nan", "\x7f\xc0\x00\x00", "NaN"},
		{"text:abc", "abc", ""},
		{"hex:00", "\x00", ""},
		{"abc", "abc", ""},
	} {
		p, err := Parse(test.pattern)
		if err != nil {
			t.Fatal(err)
		}
		set, err := Compile(context.Background(), []Pattern{p}, Target{WordSize: 4, Order: addr.Big, OrderKnown: true})
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := set.Value(0, []byte(test.bytes)); got != test.want || ok != (test.want != "") {
			t.Errorf("%s: %q, %v, want %q", test.pattern, got, ok, test.want)
		}
	}
	for e, bytes := range []string{ASCII: "a\tb", UTF16LE: "a\x00\t\x00b\x00", UTF16BE: "\x00a\x00\t\x00b"} {
		p, err := ASCIIRuns(Encoding(e), 1)
		if err != nil {
			t.Fatal(err)
		}
		set, err := Compile(context.Background(), []Pattern{p}, Target{})
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := set.Value(0, []byte(bytes)); got != "a\tb" || !ok {
			t.Errorf("%v: %q, %v", p.Name, got, ok)
		}
	}
}
