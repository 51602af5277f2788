package main

import "runtime"

// Linux hands a signal to the first thread of a program, if that does not block it, and a
// thread that waits in the kernel for a slow disk or server takes none. So the first thread
// does nothing but wait: otherwise whoever wants to end the program would wait for
// the read as well, whenever the first thread happens to be the one that reads.
func init() { runtime.LockOSThread() } // the main goroutine stays on the first thread, and no other goroutine comes there

// offFirstThread calls f, which ends the program, on another thread than the first one. It
// does not return: to wake the first thread for the exit alone would take longer.
func offFirstThread(f func()) {
	go f()
	select {}
}
