package engine

import (
	"fmt"

	"vscan/engine/addr"
)

// An ArchSpace is a space together with the word size and byte order of its
// machine. What needs these is a method of ArchSpace and not of Space, so that
// it cannot be called without them.
type ArchSpace struct {
	*Space
	arch addr.Arch
}

// For returns the space as a machine of this word size and byte order sees it.
func (s *Space) For(arch addr.Arch) ArchSpace { return ArchSpace{s, arch} }

// Arch returns the word size and byte order.
func (s ArchSpace) Arch() addr.Arch { return s.arch }

// uint returns the unsigned number of size bytes, at most 8, at a, aligned or
// not, in the machine's byte order.
func (s ArchSpace) uint(a addr.Addr, size int) (uint64, error) {
	var b [8]byte
	if _, err := s.Read(b[:size], a); err != nil {
		return 0, err
	}
	return s.arch.Order().Uint(b[:size]), nil
}

// Int32 returns the signed number of 4 bytes at a, aligned or not, in the
// machine's byte order. An error of it and of the methods below is a
// [*MemoryError], or wraps [ErrWrap].
func (s ArchSpace) Int32(a addr.Addr) (int32, error) {
	v, err := s.uint(a, 4)
	return int32(v), err
}

// Int64 returns the signed number of 8 bytes at a, as Int32 does.
func (s ArchSpace) Int64(a addr.Addr) (int64, error) {
	v, err := s.uint(a, 8)
	return int64(v), err
}

// CInt returns the C int at a, which has 4 bytes on every machine.
func (s ArchSpace) CInt(a addr.Addr) (int32, error) { return s.Int32(a) }

// CLong returns the C long at a, which on Unix is a signed word.
func (s ArchSpace) CLong(a addr.Addr) (int64, error) {
	if s.arch.WordSize() == 4 {
		v, err := s.Int32(a)
		return int64(v), err
	}
	return s.Int64(a)
}

// Word returns the unsigned word at a, aligned or not.
func (s ArchSpace) Word(a addr.Addr) (uint64, error) { return s.uint(a, s.arch.WordSize()) }

// Pointer returns the word at a as an address, which need not be mapped.
func (s ArchSpace) Pointer(a addr.Addr) (addr.Addr, error) {
	v, err := s.Word(a)
	return addr.Addr(v), err
}

// Follow follows n pointers: the pointer at a, the pointer at the address that
// it holds, and so on. It returns the address that the last one holds; a where
// n is 0. Where a pointer cannot be read, it returns its address and an error.
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

// Align returns the lowest address ≥ a that is aligned to a word. Where a word
// cannot hold it, the error wraps [ErrWrap].
func (s ArchSpace) Align(a addr.Addr) (addr.Addr, error) {
	b, ok := a.AlignUp(uint64(s.arch.WordSize()))
	if !ok || b > s.arch.MaxAddr() {
		return 0, fmt.Errorf("%w: no word at or above %v", ErrWrap, a)
	}
	return b, nil
}

// Succ returns the address one word above a. Where a word cannot hold it, the
// error wraps [ErrWrap].
func (s ArchSpace) Succ(a addr.Addr) (addr.Addr, error) {
	b, ok := a.Add(uint64(s.arch.WordSize()))
	if !ok || b > s.arch.MaxAddr() {
		return 0, fmt.Errorf("%w: no word above %v", ErrWrap, a)
	}
	return b, nil
}

// Pred returns the address one word below a. Where it would be below 0, the
// error wraps [ErrWrap].
func (s ArchSpace) Pred(a addr.Addr) (addr.Addr, error) {
	b, ok := a.Sub(uint64(s.arch.WordSize()))
	if !ok {
		return 0, fmt.Errorf("%w: no word below %v", ErrWrap, a)
	}
	return b, nil
}
