package automaton

import (
	"testing"

	"vscan/internal/testenv"
)

// memory returns n bytes: text, numbers, pointers and zeros.
func memory(n int) []byte {
	r := testenv.From(1, 2)
	b := make([]byte, 0, n+64)
	for len(b) < n {
		switch r.IntN(4) {
		case 0:
			for range 1 + r.IntN(40) {
				b = append(b, "etaoin shrdlu.@/=0123456789ABC"[r.IntN(30)])
			}
		case 1:
			b = append(b, byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()), 0x55, 0x7f, 0, 0, 0)
		case 2:
			b = append(b, make([]byte, r.IntN(64))...)
		case 3:
			b = append(b, byte(r.Uint32()), byte(r.Uint32()>>28), 0, 0)
		}
	}
	return b[:n]
}

// BenchmarkAll asks at every place that Next leaves, as a search without anchors does.
func BenchmarkAll(b *testing.B) {
	mem := memory(1 << 20)
	for _, c := range []struct {
		expr string
		hits int
	}{
		{`[a-z]+@[a-z]+\.[a-z]{2,3}`, -1},
		{`\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b`, -1},
		{`[a-z]{8,}`, -1},
		{`\b[0-9a-f]{32}\b`, -1},
		{`x[^\x00]{0,100}y`, -1},
		{`(?s).\x7f\x00\x00`, -1},
		{`e.*t`, -1},
	} {
		b.Run(c.expr, func(b *testing.B) {
			n, err := ParseRegexp(c.expr, 0)
			if err != nil {
				b.Fatal(err)
			}
			p, err := Compile(n, Options{Limit: 4096})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(mem)))
			b.ReportAllocs()
			hits := 0
			for b.Loop() {
				hits = 0
				for at := p.Next(mem, 0, len(mem)); at < len(mem); at = p.Next(mem, at+1, len(mem)) {
					if p.Match(mem, at, nil) > 0 {
						hits++
					}
				}
			}
			b.ReportMetric(float64(hits), "hits")
		})
	}
}
