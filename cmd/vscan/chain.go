package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"vscan/engine"
	"vscan/engine/addr"
)

// A chain of pointers as graph chains prints it: an address, and what is added
// to the pointer there, to the one at the sum, and so on.
//
//	game+0x40c0 -> +0x0 -> -0x38

const chainArrow = "->"

// chain is one as it was given.
type chain struct {
	base  string  // an address
	steps []int64 // what is added to each pointer; none: the address itself
}

// parseChain reads ADDRESS [-> OFFSET]..., where each offset has a sign. Names
// may hold the arrow, so what is no offset behind it belongs to the name.
func parseChain(s string) (chain, error) {
	c := chain{base: s}
	for {
		i := strings.LastIndex(c.base, chainArrow)
		if i < 0 {
			break
		}
		step, err := parseStep(strings.TrimSpace(c.base[i+len(chainArrow):]))
		if err != nil && isAddress(c.base) {
			break
		} else if err != nil {
			return c, err
		}
		c.base, c.steps = strings.TrimRight(c.base[:i], " \t"), append(c.steps, step)
	}
	slices.Reverse(c.steps)
	if !isAddress(c.base) {
		_, err := parseAddress(nil, c.base) // it names nothing, and needs no image
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

// stepText is an offset with its sign, as graph chains prints it.
func stepText(n int64) string {
	if n < 0 {
		return signedHex(n)
	}
	return "+" + signedHex(n)
}

// in is the address that the chain begins at.
func (c *chain) in(p *engine.Places) (addr.Addr, error) { return parseAddress(p, c.base) }

// follow goes along the steps from an address, and is where they lead. said is
// called with a line for each.
func (c *chain) follow(s *engine.Space, arch addr.Arch, a addr.Addr, said func(string)) (addr.Addr, error) {
	for i, step := range c.steps {
		where := fmt.Sprintf("step %d of %d, %s", i+1, len(c.steps), stepText(step))
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

// check is an error where the last step leads to nothing.
func (c *chain) check(s *engine.Space, a addr.Addr) error {
	if _, err := s.Bytes(a, 1); err != nil && len(c.steps) > 0 {
		n := len(c.steps)
		return fmt.Errorf("step %d of %d, %s: %w", n, n, stepText(c.steps[n-1]), err)
	}
	return nil
}

// added is an address and an offset, where that is an address.
func added(a addr.Addr, n int64, arch addr.Arch) (addr.Addr, bool) {
	if n < 0 {
		return a.Sub(uint64(-n))
	}
	sum, ok := a.Add(uint64(n))
	return sum, ok && sum <= arch.MaxAddr()
}
