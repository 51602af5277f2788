//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package nice

import (
	"fmt"
	"syscall"
)

func set(n int) error {
	if is, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0); err == nil && is >= n {
		return nil
	}
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, n); err != nil {
		return fmt.Errorf("a nice value of %d: %w", n, err)
	}
	return nil
}
