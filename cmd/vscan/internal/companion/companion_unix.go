//go:build unix

package companion

import "syscall"

// ownGroup returns what makes a program run in a process group of its own, to which a
// terminal sends no interrupt.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
