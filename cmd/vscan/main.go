// Command vscan searches memory: dumps, cores and live processes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
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
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	listening := make(chan struct{})
	go interruptible(ctx, cancel, listening) // beside the rest, for it takes a fifth of a millisecond

	app := &app{out: newOutput(stdout, stderr), err: stderr}
	app.out.hold(listening)
	defer app.out.close()
	root := app.command(args)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(app.out)
	root.SetErr(stderr)
	return app.exit(root.ExecuteContext(ctx))
}

// interruptible cancels ctx when the program is asked to end, for the first time;
// the second time ends it at once. It closes listening once it would know.
func interruptible(ctx context.Context, cancel func(), listening chan struct{}) {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, os.Interrupt, syscall.SIGTERM)
	close(listening)
	select {
	case <-asked:
	case <-ctx.Done():
	}
	signal.Stop(asked)
	cancel()
}

// app is what all commands share.
type app struct {
	out *output
	err io.Writer
}

// exit ends the output and turns the outcome of a command into an exit code.
func (a *app) exit(err error) int {
	writing := a.out.close()
	code := a.judge(err)
	if writing != nil && !isClosedPipe(writing) && !errors.Is(err, writing) {
		a.complain(writing)
		code = exitError
	}
	return code
}

// judge is the exit code of an error. It tells those that have not been told.
func (a *app) judge(err error) int {
	var code exitCode
	switch {
	case err == nil, isClosedPipe(err): // who reads our output has seen enough
		return exitFound
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, context.Canceled):
		a.note("not complete: interrupted")
		return exitInterrupted
	}
	a.complain(err)
	return exitError
}

// complain writes an error to standard error, one line for each that is joined.
func (a *app) complain(err error) {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range j.Unwrap() {
			a.complain(e)
		}
		return
	}
	a.tell(explained(err))
}

// note writes a line to standard error.
func (a *app) note(format string, args ...any) { a.tell(printable(fmt.Sprintf(format, args...))) }

// tell writes to standard error, below all output so far.
func (a *app) tell(text string) { a.out.note("vscan: " + text) }

const longHelp = `vscan searches memory: dumps, cores and live processes, at the speed of memory.

An IMAGE is a file (an ELF core, a LiME dump, raw memory), FILE@ADDR (raw bytes
placed at an address, or an ELF program or library loaded there;
FILE@ADDR+OFFSET[:LEN] a part of its bytes) or pid:N, pid:NAME or pid:self (a
live process).

More of a core's memory is in files that it names: --modules lays them below it
from their paths, --sysroot DIR from a folder, --under FILE one of them. Programs
and libraries lie where their program headers say, and another build than the
core's is refused.

Addresses are decimal, hexadecimal with 0x, or NAME+OFFSET as vscan prints them:
[heap]+0x10, libc.so.6+0x1d2000, counted from where the module was loaded. NAME is
that of a module or mapping, or the last part of its path. Ranges are LO..HI, both
ends included, either may be left out, or LO+LEN: what stands behind the last + is
the length then ([heap]+0x10+0x20). Sizes may end in K, M, G or T, of 1024.

Exit codes: 0 found, 1 nothing found, 2 error, 3 not everything could be looked
at (a truncated image, unreadable bytes, YARA rules that are left out), 130
interrupted. What is written, field by field, is in docs/output.md.`

// namedCommand is a command that can be made.
type namedCommand struct {
	name string
	make func() *cobra.Command
}

func (a *app) commands() []namedCommand {
	return []namedCommand{
		{"find", a.findCommand}, {"refs", a.refsCommand}, {"strings", a.stringsCommand}, {"sets", a.setsCommand},
		{"rules", a.rulesCommand}, {"map", a.mapCommand}, {"read", a.readCommand}, {"graph", a.graphCommand},
		{"kernels", a.kernelsCommand}, {"demo", a.demoCommand}, {"version", a.versionCommand},
	}
}

// command returns the command line. Where the first argument is the name of a
// command, that is the only one below it: to make all of them takes longer than a
// small search.
func (a *app) command(args []string) *cobra.Command {
	root := &cobra.Command{
		Use:     "vscan COMMAND",
		Short:   "Search memory: dumps, cores and live processes",
		Long:    longHelp,
		Example: "  vscan demo\n  vscan find 'password=' core.1234\n  vscan map core.1234\n  vscan refs core.1234 0x7f3a5c001000",
		Version: version(),

		SilenceUsage:               true,
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
		DisableFlagsInUseLine:      true,
		Args:                       noSuchCommand,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	all := a.commands()
	if i := slices.IndexFunc(all, func(c namedCommand) bool { return len(args) > 0 && c.name == args[0] }); i >= 0 {
		root.CompletionOptions.DisableDefaultCmd = true
		root.AddCommand(all[i].make())
		return root
	}
	for _, c := range all {
		root.AddCommand(c.make())
	}
	addHelpCommand(root)
	addCompletionCommand(root)
	return root
}
