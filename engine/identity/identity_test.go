package identity

import (
	"bytes"
	"testing"

	"vscan/engine"
)

// peeked is a source that is looked at by Peek alone.
type peeked struct {
	engine.Source
	t *testing.T
}

func (p *peeked) View(buf []byte, off uint64, n int) ([]byte, error) {
	p.t.Errorf("a view of %d bytes at %#x", n, off)
	return nil, nil
}

func (p *peeked) Peek(buf []byte, off uint64, n int) ([]byte, error) {
	return p.Source.View(buf, off, n)
}

// A source that can be looked at beside a pass over it is, and has the identity that it has
// without that.
func TestPeeker(t *testing.T) {
	for _, n := range []int{1, sampleBytes, samples*sampleBytes - 1, 3*samples*sampleBytes + 5} {
		data := bytes.Repeat([]byte("vscan"), n/5+1)[:n]
		plain := engine.BytesSource("plain", data)
		if got, want := sourceOf(&peeked{plain, t}), sourceOf(plain); got != want {
			t.Errorf("%d bytes: %v, want %v", n, got, want)
		}
	}
}
