//go:build !linux && !darwin && !dragonfly && !freebsd && !netbsd && !openbsd

package nice

import (
	"fmt"
	"runtime"
)

func set(int) error {
	return fmt.Errorf("there are no nice values on %s: lower the priority of the process with what the system has for it, as start /low on Windows", runtime.GOOS)
}
