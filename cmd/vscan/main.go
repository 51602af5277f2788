// Command vscan searches memory: dumps, cores and live processes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	// A closed pipe is then an error of a write, which run takes for the end.
	signal.Ignore(syscall.SIGPIPE)
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// The exit codes. Where several apply, the first of exitError, exitInterrupted,
// exitIncomplete holds; 0 and 1 only where none of these does.
const (
	exitFound       = 0
	exitNothing     = 1
	exitError       = 2   // usage; an image that cannot be read or is not recognised
	exitIncomplete  = 3   // not everything could be looked at
	exitInterrupted = 130 // by Ctrl-C
)

// exitCode is an outcome that is no error: it has been told already.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit status %d", int(c)) }

// run is the whole program. It returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once

	app := &app{out: newOutput(stdout), err: stderr}
	defer app.out.close()
	root := app.command()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(app.out)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if flushErr := app.out.close(); err == nil {
		err = flushErr
	}
	var code exitCode
	switch {
	case err == nil:
		return exitFound
	case errors.Is(err, syscall.EPIPE):
		return exitFound // who reads our output has seen enough
	case errors.As(err, &code):
		return int(code)
	}
	app.complain(err)
	return exitError
}

// app is what all commands share.
type app struct {
	out *output
	err io.Writer
}

// complain writes an error to standard error, one line for each that is joined.
func (a *app) complain(err error) {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range j.Unwrap() {
			a.complain(e)
		}
		return
	}
	fmt.Fprintf(a.err, "vscan: %s\n", strings.TrimRight(err.Error(), "\n"))
}

// note writes a line to standard error.
func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.err, "vscan: "+format+"\n", args...)
}

const longHelp = `vscan searches memory: dumps, cores and live processes, at the speed of memory.

An IMAGE is a file (an ELF core, a LiME dump, raw memory), FILE@ADDR (raw bytes
placed at an address) or pid:N (a live process).

Addresses are decimal, or hexadecimal with 0x. Ranges are LO..HI, both ends
included, either may be left out, or LO+LEN.

Exit codes: 0 found, 1 nothing found, 2 error, 3 not everything could be looked
at (a truncated image, unreadable bytes), 130 interrupted.`

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "vscan",
		Short:         "Search memory: dumps, cores and live processes",
		Long:          longHelp,
		Example:       "  vscan demo\n  vscan find 'password=' core.1234\n  vscan map core.1234\n  vscan refs core.1234 0x7f3a5c001000",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w (see vscan %s --help)", err, strings.TrimPrefix(cmd.CommandPath(), "vscan "))
	})
	root.AddCommand(a.findCommand(), a.refsCommand(), a.mapCommand(), a.readCommand(),
		a.kernelsCommand(), a.demoCommand(), a.versionCommand())
	return root
}
