package simd

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"math"
	"sync"
	"unsafe"
)

// This file looks for a literal of which every byte is exclusive-ored with a key that is not
// known. The exclusive or of two neighbouring bytes does not depend on the key, since
// (x^key) ^ (y^key) = x^y, so that one literal of differences stands in the differences of
// memory wherever the literal stands under any key:
//
//	literal      h  u  n  t  e  r         memory       . .  h^k u^k n^k t^k e^k r^k . .
//	differences  1d 1b 1a 11 17           differences  . . .   1d  1b  1a  11  17   . .
//
//	for each stretch of memory that stays in a near cache:
//	    write its differences to a buffer
//	    a kernel for plain literals looks for the differences there
//	    the first byte of what it finds tells the key; is that one of those asked for?
//
// The differences of the bytes determine these but for the key, so nothing else is left to
// verify.

// A Keyed is a literal under keys: it stands at s in b where, for one key from Lo to Hi, both
// included, b[s+i] is Bytes[i]^key for every i.
type Keyed struct {
	Bytes  []byte
	Lo, Hi byte
}

// Check returns an error that says what is wrong with a literal under keys, nil where nothing
// is. It must have 2 to MaxLiteral bytes, for one byte has no neighbour, and a key.
func (l Keyed) Check() error {
	switch {
	case len(l.Bytes) < 2:
		return errors.New("less than two bytes under keys")
	case len(l.Bytes) > MaxLiteral:
		return fmt.Errorf("%d bytes: at most %d", len(l.Bytes), MaxLiteral)
	case l.Lo > l.Hi:
		return fmt.Errorf("keys %02x to %02x: the first is above the last", l.Lo, l.Hi)
	}
	return nil
}

// StandsAt reports whether the literal stands at the beginning of b, under one of its keys.
func (l Keyed) StandsAt(b []byte) bool {
	if len(b) < len(l.Bytes) {
		return false
	}
	key := b[0] ^ l.Bytes[0]
	if key < l.Lo || key > l.Hi {
		return false
	}
	for i, c := range l.Bytes {
		if b[i] != c^key {
			return false
		}
	}
	return true
}

// Differences returns the exclusive or of each byte of the literal and the next one.
func (l Keyed) Differences() []byte {
	out := make([]byte, len(l.Bytes)-1)
	for i := range out {
		out[i] = l.Bytes[i] ^ l.Bytes[i+1]
	}
	return out
}

// Rate returns how often the most telling bytes of the literal are expected to stand at a
// position in memory under any of its keys, from 0 to 1: the sum of what Rate returns of the
// literal under each.
func (l Keyed) Rate() float64 {
	sum, lit := 0., bytes.Clone(l.Bytes)
	for key := int(l.Lo); key <= int(l.Hi); key++ {
		for i, c := range l.Bytes {
			lit[i] = c ^ byte(key)
		}
		sum += Rate(Lit{Bytes: lit})
	}
	return math.Min(sum, 1)
}

// FirstLook returns, in words, which differences of the literal a kernel for it alone compares
// first.
func (l Keyed) FirstLook() string { return DifferencesLook(FirstLook(Lit{Bytes: l.Differences()})) }

// DifferencesLook returns what FirstLook says of a literal of differences, with that in words.
func DifferencesLook(look string) string { return look + ", of differences of neighbouring bytes" }

// NewKeyed makes a kernel that finds every occurrence of a literal under its keys, overlapping
// ones too, at stride 1. Its hits are exact. Its shape and level are those of the kernel that
// looks for the differences. lit is copied; one that Check refuses is an error.
//
// There is one at each level. A level that this machine lacks is an error.
func NewKeyed(level Level, lit Keyed) (Kernel, error) {
	if err := lit.Check(); err != nil {
		return nil, err
	}
	lit.Bytes = bytes.Clone(lit.Bytes)
	if level == Reference {
		return keyedRef{lit}, nil
	}
	k, err := NewLiteral(level, lit.Differences())
	if err != nil {
		return nil, err
	}
	return &keyedKernel{Kernel: k, lit: lit, stretch: max(keyedStretch, 2*len(lit.Bytes))}, nil
}

// keyedRef compares the literal with memory at every position in turn.
type keyedRef struct{ lit Keyed }

func (keyedRef) Level() Level { return Reference }

func (keyedRef) Shape() Shape { return Literal }

func (k keyedRef) Len() int { return len(k.lit.Bytes) }

func (k keyedRef) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, k.Len())
	for s := from; s < end; s++ {
		if n == len(dst) {
			return n, s
		}
		if k.lit.StandsAt(b[s:]) {
			dst[n] = uint32(s)
			n++
		}
	}
	return n, to
}

// keyedStretch is how many bytes are turned into differences at a time, unless the literal is
// very long: the buffer and the bytes stay in the nearest caches.
const keyedStretch = 16 << 10

// A keyedKernel finds a literal under keys by its differences.
type keyedKernel struct {
	Kernel  // looks for the differences
	lit     Keyed
	stretch int

	buffers sync.Pool // of *DifferenceBuffer
}

func (k *keyedKernel) Len() int { return len(k.lit.Bytes) }

func (k *keyedKernel) Scan(dst []uint32, b []byte, from, to int) (n, next int) {
	end := clip(dst, b, from, to, k.Len())
	buf, _ := k.buffers.Get().(*DifferenceBuffer)
	if buf == nil {
		buf = new(DifferenceBuffer)
	}
	for lo := from; lo < end; {
		hi := min(end, lo+k.stretch)
		d := buf.Of(b[lo : hi+k.Len()-1])
		for at := 0; at < hi-lo; {
			if len(dst)-n < MinDst {
				k.buffers.Put(buf)
				return n, lo + at
			}
			var found int
			found, at = k.Kernel.Scan(dst[n:], d, at, hi-lo)
			n += k.keep(dst[n:n+found], b, lo)
		}
		lo = hi
	}
	k.buffers.Put(buf)
	return n, to
}

// keep keeps those of the offsets of differences, counted from base in b, at which the literal
// stands under one of its keys, in front and counted from 0. It returns how many these are.
func (k *keyedKernel) keep(offsets []uint32, b []byte, base int) (n int) {
	first, lo, span := k.lit.Bytes[0], k.lit.Lo, k.lit.Hi-k.lit.Lo
	if span == 0xff {
		for i := range offsets {
			offsets[i] += uint32(base)
		}
		return len(offsets)
	}
	for _, off := range offsets {
		off += uint32(base)
		offsets[n] = off
		if b[off]^first-lo <= span {
			n++
		}
	}
	return n
}

// A DifferenceBuffer holds differences of neighbouring bytes. Its zero value is ready.
type DifferenceBuffer struct{ buf []byte }

// differenceAlign is what the addresses of bytes and of their differences are the same modulo:
// a cache line.
const differenceAlign = 64

// Of returns the exclusive or of each byte of b and the next one, which is one byte less than b
// has. It is valid until the next call, and lies in memory as b does modulo a cache line, so
// that kernels look at it in the same phase.
func (d *DifferenceBuffer) Of(b []byte) []byte {
	if len(b) < 2 {
		return nil
	}
	n := len(b) - 1
	if len(d.buf) < n+differenceAlign {
		d.buf = make([]byte, n+n/8+differenceAlign)
	}
	place := func(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
	at := int((place(b) - place(d.buf)) % differenceAlign)
	out := d.buf[at : at+n : at+n]
	subtle.XORBytes(out, b[:n], b[1:])
	return out
}
