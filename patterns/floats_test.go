package patterns

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"vscan/internal/testenv"
)

func TestFloats(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"f32:1", "0000803f/1"},
		{"f32be:-1.5", "bfc00000/1"},
		{"f64be:0x1p-2", "3fd0000000000000/1"},
		{"f64be:1e+0", "3ff0000000000000/1"},
		{"f32be: 0.1 ", "3dcccccd/1"},
		{"f32:0", "4l 0..0 80000000..80000000/1"},
		{"f64:-0.0", "8l 0..0 8000000000000000..8000000000000000/1"},
		{"f32:nan", "4l 7f800001..7fffffff ff800001..ffffffff/1"},
		{"f64:NaN", "8l 7ff0000000000001..7fffffffffffffff fff0000000000001..ffffffffffffffff/1"},
		{"f32be:inf", "7f800000/1"},
		{"f32be:-inf", "ff800000/1"},
		{"f32:1..2", "4l 3f800000..40000000/1"},
		{"f32:-2..-1", "4l bf800000..c0000000/1"},
		{"f32:-2..1", "4l 0..3f800000 80000000..c0000000/1"},
		{"f32:0..1", "4l 0..3f800000 80000000..80000000/1"},
		{"f32:-1..-0", "4l 0..0 80000000..bf800000/1"},
		{"f32:..", "4l 0..7f800000 80000000..ff800000/1"},
		{"f32:1e30..", "4l 7149f2ca..7f800000/1"},
		{"f32:..-1e30", "4l f149f2ca..ff800000/1"},
		{"f32:1.5~0.5", "4l 3f800000..40000000/1"},
		{"f32:0~1", "4l 0..3f800000 80000000..bf800000/1"},
		{"f64:2~0", "0000000000000040/1"},
		{"f32:1e38~3e38", "4l 0..7f800000 80000000..ff167699/1"}, // up to 4e38, which rounds to inf
	} {
		if got := compile1(t, mustParse(t, c.in), le64); got != c.want {
			t.Errorf("%s: %s, want %s", c.in, got, c.want)
		}
	}
	if _, err := Compile(context.Background(), []Pattern{mustParse(t, "f64:1")}, Target{}); err == nil || !strings.Contains(err.Error(), "le or be behind the type says it") {
		t.Errorf("no byte order: %v", err)
	}
}

// Everything that C can write as a float lies where it should, at the borders of its
// exponents and of ranges.
func TestFloat32Borders(t *testing.T) {
	var borders []float32
	for exp := range uint32(256) {
		for _, m := range []uint32{0, 1, 0x3fffff, 0x400000, 0x7fffff} {
			for _, sign := range []uint32{0, 1 << 31} {
				borders = append(borders, math.Float32frombits(sign|exp<<23|m))
			}
		}
	}
	r := testenv.Rand(t)
	for range 400 {
		lo, hi := borders[r.IntN(len(borders))], borders[r.IntN(len(borders))]
		if lo != lo || hi != hi {
			continue
		}
		if lo > hi {
			lo, hi = hi, lo
		}
		if r.IntN(3) == 0 {
			hi = lo
		}
		write := func(v float32) string { return strconv.FormatFloat(float64(v), 'g', -1, 32) }
		body := "f32le:" + write(lo) + ".." + write(hi)
		if lo == hi && r.IntN(2) == 0 {
			body = "f32le:" + write(lo)
		}
		s, err := Compile(context.Background(), []Pattern{mustParse(t, body)}, Target{})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range borders {
			if got, want := floatIn(s, math.Float32bits(v)), lo <= v && v <= hi; got != want {
				t.Fatalf("%s: %x, %v: %v, want %v", body, math.Float32bits(v), v, got, want)
			}
		}
	}
}

// floatIn reports whether the needle of s has a word of 4 bytes.
func floatIn(s *Set, word uint32) bool {
	n := s.Needles()[0]
	if n.Words != nil {
		return n.Words.Contains(uint64(word))
	}
	return binary.LittleEndian.Uint32(n.Lit) == word
}

// A number has the bytes that Python's struct makes of it.
func TestFloatsAgainstPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	r := testenv.Rand(t)
	var in strings.Builder
	var got []string
	for len(got) < 10_000 {
		s := strconv.FormatFloat(r.NormFloat64()*math.Pow(10, float64(r.IntN(60)-30)), 'e', r.IntN(20), 64)
		for _, k := range []struct{ word, format string }{{"f32le", "<f"}, {"f32be", ">f"}, {"f64le", "<d"}, {"f64be", ">d"}} {
			p, err := Parse(k.word + ":" + s)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&in, k.format, s)
			got = append(got, strings.TrimSuffix(compile1(t, p, Target{}), "/1"))
		}
	}
	cmd := exec.Command(python, "-c", "import sys, struct\nfor l in sys.stdin:\n f, v = l.split()\n print(struct.pack(f, float(v)).hex())")
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	asked, wrong := strings.Split(in.String(), "\n"), 0
	for i, want := range strings.Fields(string(out)) {
		// Python rounds twice to 4 bytes, which may differ in the last bit.
		if got[i] != want {
			if wrong++; asked[i][1] == 'd' || wrong > 3 {
				t.Errorf("%s: %s, want %s", asked[i], got[i], want)
			}
		}
	}
}
