package companion

import "syscall"

// ownGroup returns what makes a program run in a process group of its own, to which a
// console sends no Ctrl-C.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
