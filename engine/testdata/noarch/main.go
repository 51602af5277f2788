// Package main must not compile: it asks a space without an Arch for what
// needs one.
package main

import "vscan/engine"

func main() {
	s, _ := engine.NewSpace()
	s.Word(0)
	s.Pointer(0)
	s.Follow(0, 1)
	s.Int32(0)
	s.CLong(0)
	s.FindPointer(nil, 0)
}
