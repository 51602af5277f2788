package consoletest

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Terminal is a pseudoterminal and what its screen shows.
type Terminal struct {
	*Display
	t      *testing.T
	Master *os.File // the end that a terminal's emulator has
	Tty    *os.File // the end that programs have
	marks  int      // how many marks Sync has written
}

// OpenTerminal opens a terminal of so many columns. It skips the test where there are
// no pseudoterminals.
func OpenTerminal(t *testing.T, width int) *Terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudoterminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetUint32(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudoterminals here: %v", err)
	}
	t.Cleanup(func() { tty.Close() })
	// When Ctrl-C is pressed, a terminal drops what it has not shown yet, and shows ^C in the midst of what is being written;
	// this one is to show all that was written, and nothing else.
	settings, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	settings.Lflag |= unix.NOFLSH
	settings.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(int(tty.Fd()), unix.TCSETS, settings); err != nil {
		t.Fatal(err)
	}
	x := &Terminal{Display: newDisplay(width), t: t, Master: master, Tty: tty}
	x.Resize(width)
	return x
}

// Resize makes the terminal so many columns wide.
func (x *Terminal) Resize(width int) {
	x.t.Helper()
	x.width = width
	if err := unix.IoctlSetWinsize(int(x.Master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: uint16(width)}); err != nil {
		x.t.Fatal(err)
	}
}

// Sync shows all that was written to the terminal by now.
func (x *Terminal) Sync() {
	x.t.Helper()
	x.marks++
	mark := fmt.Sprint(x.marks)
	io.WriteString(x.Tty, "\x1b["+mark+"z")
	x.WaitFor("what was written", func() bool { return strings.HasSuffix(x.Display.marks, mark+" ") })
}

// WaitFor shows what comes until is returns true. What it waits for is for the message
// of a failure.
func (x *Terminal) WaitFor(what string, is func() bool) {
	x.t.Helper()
	guard := time.AfterFunc(2*time.Minute, func() { x.Tty.Close(); x.Master.Close() })
	defer guard.Stop()
	b := make([]byte, 64) // a small buffer, so that is is asked often
	for !is() {
		n, err := x.Master.Read(b)
		x.Display.Write(b[:n])
		if err != nil {
			x.t.Fatalf("waiting for %s: %v; the screen:\n%s", what, err, x.Text())
		}
	}
}
