package nice

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// What ioprio_set takes (linux/ioprio.h): which is a thread, and the class, in the upper
// bits, is idle.
const (
	ioprioWhoProcess = 1
	ioprioIdle       = 3 << 13
)

// set goes through the threads one by one, for that is what nice values are of on Linux.
// A thread has those of the one that started it, so once all threads of a list were seen
// to, there are no others, but one that was being started at that time: so they are listed once more.
func set(n int) error {
	for done, again := map[int]bool{}, false; ; {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("the threads of the process, each of which gets the nice value, cannot be listed: %w", err)
		}
		some := false
		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err != nil || done[id] {
				continue
			}
			some, done[id] = true, true
			if err := setThread(id, n); err != nil && !errors.Is(err, syscall.ESRCH) { // else it has ended
				return err
			}
		}
		if !some && again {
			return nil
		}
		if again = !some; again {
			time.Sleep(time.Millisecond)
		}
	}
}

func setThread(id, n int) error {
	is, err := valueOf(id)
	if err != nil {
		return err
	}
	if is < n {
		if err := syscall.Setpriority(syscall.PRIO_PROCESS, id, n); err != nil {
			return fmt.Errorf("a nice value of %d: %w", n, err)
		}
	}
	_, _, errno := syscall.Syscall(syscall.SYS_IOPRIO_SET, ioprioWhoProcess, uintptr(id), ioprioIdle)
	if errno != 0 && errno != syscall.ENOSYS { // a kernel without it has no other order of what disks give
		return fmt.Errorf("the idle class of what disks give: %w", errno)
	}
	return nil
}

// valueOf returns the nice value of a thread.
func valueOf(id int) (int, error) {
	p, err := syscall.Getpriority(syscall.PRIO_PROCESS, id)
	return 20 - p, err // the system call returns it so, to be above 0
}
