//go:build !linux

package mmap

import "os"

// CanEnter says whether Enter does anything on this system.
const CanEnter = false

// Enter does nothing.
func Enter([]byte) error { return nil }

// Sequential does nothing.
func Sequential(*os.File) {}

// Huge does nothing.
func Huge([]byte) {}

// Fits returns false.
func Fits(int) bool { return false }
