package nice

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// childVar has the value that a process of this test sets, since no process may take it back.
const childVar = "VSCAN_TEST_NICE"

// All threads have the value: those that there were, and those that start afterwards. A
// lower value changes nothing.
func TestSet(t *testing.T) {
	if os.Getenv(childVar) != "" {
		child(t)
		return
	}
	if n, err := valueOf(0); err != nil || n >= 17 {
		t.Skip("the test itself gives way already")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestSet$", "-test.v")
	cmd.Env = append(os.Environ(), childVar+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "all threads are as they should be") {
		t.Errorf("%v: %s", err, out)
	}
}

// child sets values and looks at all threads.
func child(t *testing.T) {
	var started, end sync.WaitGroup
	done := make(chan struct{})
	start := func() {
		for range 5 {
			started.Add(1)
			end.Go(func() {
				runtime.LockOSThread()
				started.Done()
				<-done
			})
		}
		started.Wait()
	}
	start()
	for _, c := range []struct{ set, want int }{{17, 17}, {3, 17}, {18, 18}} {
		if err := Set(c.set); err != nil {
			t.Fatal(err)
		}
		start()
		checkThreads(t, c.want)
	}
	close(done)
	end.Wait()
	if !t.Failed() {
		fmt.Println("all threads are as they should be")
	}
}

func checkThreads(t *testing.T, want int) {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil || len(threads) < 6 {
		t.Fatalf("%d threads; %v", len(threads), err)
	}
	for _, thread := range threads {
		id := 0
		fmt.Sscan(thread.Name(), &id)
		if n, err := valueOf(id); err != syscall.ESRCH && n != want {
			t.Errorf("thread %d has %d, want %d; %v", id, n, want, err)
		}
		class, _, errno := syscall.Syscall(syscall.SYS_IOPRIO_GET, ioprioWhoProcess, uintptr(id), 0)
		if errno == 0 && class != ioprioIdle {
			t.Errorf("thread %d has the class and level %#x of what disks give, want %#x", id, class, ioprioIdle)
		}
		if errno != 0 && errno != syscall.ESRCH {
			t.Logf("thread %d: ioprio_get: %v", id, errno)
		}
	}
}
