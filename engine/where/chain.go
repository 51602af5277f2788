package where

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
)

// chainArrow stands between the steps of a chain.
const chainArrow = "->"

// Chain is a chain of pointers: an address, what is added to the pointer that lies
// there, what is added to the pointer at that sum, and so on.
//
//	game+0x40c0 -> +0x0 -> -0x38
type Chain struct {
	Base  string  // the text of an address
	Steps []int64 // what is added to each pointer, in bytes; none: the chain is the address itself
}

// ParseChain reads ADDRESS -> OFFSET -> OFFSET..., where each offset has a sign. A name
// may hold the arrow: text behind an arrow that is no offset belongs to the name.
func ParseChain(s string) (Chain, error) {
	c := Chain{Base: s}
	for {
		i := strings.LastIndex(c.Base, chainArrow)
		if i < 0 {
			break
		}
		step, err := parseStep(strings.TrimSpace(c.Base[i+len(chainArrow):]))
		if err != nil && IsAddress(c.Base) {
			break
		} else if err != nil {
			return c, err
		}
		c.Base, c.Steps = strings.TrimRight(c.Base[:i], " \t"), append(c.Steps, step)
	}
	slices.Reverse(c.Steps)
	if !IsAddress(c.Base) {
		_, err := ParseAddress(nil, c.Base) // returns an error without asking an image
		return c, err
	}
	return c, nil
}

// parseStep reads an offset with its sign.
func parseStep(s string) (int64, error) {
	digits, negative := strings.CutPrefix(s, "-")
	if !negative {
		var ok bool
		if digits, ok = strings.CutPrefix(s, "+"); !ok {
			return 0, fmt.Errorf("%q: want what is added to a pointer, +OFFSET or -OFFSET", s)
		}
	}
	n, err := addr.ParseSize(digits)
	switch {
	case err != nil:
		return 0, fmt.Errorf("what is added to a pointer: %w", err)
	case n > math.MaxInt64:
		return 0, fmt.Errorf("%q: more than 2^63 is never added to a pointer", s)
	case negative:
		return -int64(n), nil
	}
	return int64(n), nil
}

// StepText returns an offset with its sign, as ParseChain reads it.
func StepText(n int64) string {
	if n < 0 {
		return "-0x" + strconv.FormatUint(uint64(-n), 16)
	}
	return "+0x" + strconv.FormatUint(uint64(n), 16)
}

// In returns the address at which the chain begins in an image.
func (c *Chain) In(p *engine.Places) (addr.Addr, error) { return ParseAddress(p, c.Base) }

// Follow goes along the steps from address a, reading pointers of the architecture, and
// returns where they lead, which is an address that can be read if there are steps. It
// calls said with a line of text for each step, and with one for the word at the end.
func (c *Chain) Follow(s *engine.Space, arch addr.Arch, a addr.Addr, said func(string)) (addr.Addr, error) {
	for i, step := range c.Steps {
		where := fmt.Sprintf("step %d of %d, %s", i+1, len(c.Steps), StepText(step))
		pointer, err := s.For(arch).Pointer(a)
		if err != nil {
			return 0, fmt.Errorf("%s: the pointer: %w", where, err)
		}
		next, ok := added(pointer, step, arch)
		if !ok {
			return 0, fmt.Errorf("%s: from the pointer %v that is at %v no address is so far away", where, pointer, a)
		}
		said(fmt.Sprintf("%s: at %v the pointer %v, leads to %v", where, a, pointer, next))
		a = next
	}
	if err := c.check(s, a); err != nil {
		return 0, err
	}
	if v, err := s.For(arch).Word(a); err == nil {
		said(fmt.Sprintf("at %v the word %#x, %d", a, v, v))
	}
	return a, nil
}

// check returns an error where the last step leads to nothing that can be read.
func (c *Chain) check(s *engine.Space, a addr.Addr) error {
	if _, err := s.Bytes(a, 1); err != nil && len(c.Steps) > 0 {
		n := len(c.Steps)
		return fmt.Errorf("step %d of %d, %s: %w", n, n, StepText(c.Steps[n-1]), err)
	}
	return nil
}

// added returns the sum of an address and an offset, and reports whether that is an
// address of the architecture.
func added(a addr.Addr, n int64, arch addr.Arch) (addr.Addr, bool) {
	if n < 0 {
		return a.Sub(uint64(-n))
	}
	sum, ok := a.Add(uint64(n))
	return sum, ok && sum <= arch.MaxAddr()
}
