package engine

import (
	"fmt"

	"vscan/engine/addr"
)

// ArchSpace is a space together with the word size and byte order of its
// machine. Whatever needs these hangs here and nowhere else, so that it cannot
// be called without them.
type ArchSpace struct {
	*Space
	arch addr.Arch
}

// For is the space as a machine of this architecture sees it.
func (s *Space) For(arch addr.Arch) ArchSpace { return ArchSpace{s, arch} }

// Arch is the word size and byte order.
func (s ArchSpace) Arch() addr.Arch { return s.arch }

// uint reads an unsigned number of size bytes at a, aligned or not.
func (s ArchSpace) uint(a addr.Addr, size int) (uint64, error) {
	var b [8]byte
	if _, err := s.Read(b[:size], a); err != nil {
		return 0, err
	}
	return s.arch.Order().Uint(b[:size]), nil
}

// Int32 is the signed number of 4 bytes at a, in the machine's byte order. An
// error is a [*MemoryError] or [ErrWrap], here and in the methods below.
func (s ArchSpace) Int32(a addr.Addr) (int32, error) {
	v, err := s.uint(a, 4)
	return int32(v), err
}

// Int64 is the signed number of 8 bytes at a.
func (s ArchSpace) Int64(a addr.Addr) (int64, error) {
	v, err := s.uint(a, 8)
	return int64(v), err
}

// CInt is a C int: 4 bytes on every machine there is.
func (s ArchSpace) CInt(a addr.Addr) (int32, error) { return s.Int32(a) }

// CLong is a C long of Unix: a signed word.
func (s ArchSpace) CLong(a addr.Addr) (int64, error) {
	if s.arch.WordSize() == 4 {
		v, err := s.Int32(a)
		return int64(v), err
	}
	return s.Int64(a)
}

// Word is the unsigned word at a, aligned or not.
func (s ArchSpace) Word(a addr.Addr) (uint64, error) { return s.uint(a, s.arch.WordSize()) }

// Pointer is the word at a as an address. It need not be mapped.
func (s ArchSpace) Pointer(a addr.Addr) (addr.Addr, error) {
	v, err := s.Word(a)
	return addr.Addr(v), err
}

// Follow follows n pointers: the pointer at a, the pointer at what that points
// to, and so on. With n = 0 it is a. It stops with an error at the first that
// cannot be read.
func (s ArchSpace) Follow(a addr.Addr, n int) (addr.Addr, error) {
	for i := range n {
		p, err := s.Pointer(a)
		if err != nil {
			return a, fmt.Errorf("following pointer %d of %d: %w", i+1, n, err)
		}
		a = p
	}
	return a, nil
}

// Align is the lowest address ≥ a that is aligned to a word, or [ErrWrap].
func (s ArchSpace) Align(a addr.Addr) (addr.Addr, error) {
	b, ok := a.AlignUp(uint64(s.arch.WordSize()))
	if !ok || b > s.arch.MaxAddr() {
		return 0, fmt.Errorf("%w: no word at or above %v", ErrWrap, a)
	}
	return b, nil
}

// Succ is the address one word above a, or [ErrWrap].
func (s ArchSpace) Succ(a addr.Addr) (addr.Addr, error) {
	b, ok := a.Add(uint64(s.arch.WordSize()))
	if !ok || b > s.arch.MaxAddr() {
		return 0, fmt.Errorf("%w: no word above %v", ErrWrap, a)
	}
	return b, nil
}

// Pred is the address one word below a, or [ErrWrap].
func (s ArchSpace) Pred(a addr.Addr) (addr.Addr, error) {
	b, ok := a.Sub(uint64(s.arch.WordSize()))
	if !ok {
		return 0, fmt.Errorf("%w: no word below %v", ErrWrap, a)
	}
	return b, nil
}
