//go:build unix

package graphcmd

import "syscall"

// ownGroup lets a program run in a group of its own, to which a terminal sends no
// interrupt.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
