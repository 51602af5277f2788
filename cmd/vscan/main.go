// Command vscan searches memory: dumps, cores and live processes.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/console"
	"vscan/cmd/vscan/internal/graphcmd"
	"vscan/internal/outfile"
)

func main() {
	// A write to a closed pipe then returns an error, which run takes for the end.
	signal.Ignore(syscall.SIGPIPE)
	offFirstThread(func() {
		os.Exit(runOrExit(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Exit))
	})
}

// run runs the command line and returns the exit code of the process.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return runOrExit(args, stdin, stdout, stderr, nil)
}

// runOrExit does what run does. If the program was asked to end and the command does not
// do so in time, exit ends the process; if exit is nil, the command is waited for.
func runOrExit(args []string, stdin io.Reader, stdout, stderr io.Writer, exit func(int)) int {
	if err := cli.CheckRoom(); err != nil {
		fmt.Fprintf(stderr, "vscan: %v\n", err)
		return cli.ExitError
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	app := &cli.App{Out: console.NewOutput(stdout, stderr), Err: stderr}
	app.Begin("starting")
	listening, ended := make(chan struct{}), make(chan struct{})
	defer close(ended)
	go interruptible(ctx, cancel, listening, ended, app, exit) // on its own goroutine, since it takes a fifth of a millisecond

	app.Out.Hold(listening)
	defer app.Out.Close()
	root := (&commands{app}).root(args)
	if isCompletion(args) {
		prepareCompletion(root)
		args = escapedArgs(args)
	}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(app.Out)
	root.SetErr(stderr)
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) { app.Begin("running " + cmd.CommandPath()) }
	return app.Exit(root.ExecuteContext(outfile.NotedIn(ctx, &app.Temporary)))
}

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
at (a truncated image, unreadable bytes, a file that changed meanwhile, YARA rules
that are left out), 130 interrupted: the first SIGINT or SIGTERM ends a command
within a second. What is written, field by field, is in docs/output.md.`

// commands makes the commands of vscan.
type commands struct{ *cli.App }

// namedCommand is the name of a command, and the function that makes it.
type namedCommand struct {
	name string
	make func() *cobra.Command
}

// all returns the commands below vscan, in the order of the help text.
func (a *commands) all() []namedCommand {
	graph := func() *cobra.Command { return graphcmd.Command(a.App) }
	return []namedCommand{
		{"find", a.findCommand}, {"refs", a.refsCommand}, {"strings", a.stringsCommand}, {"sets", a.setsCommand},
		{"rules", a.rulesCommand}, {"map", a.mapCommand}, {"info", a.infoCommand}, {"read", a.readCommand}, {"graph", graph}, {"sweep", a.sweepCommand}, {"task", a.taskCommand},
		{"kernels", a.kernelsCommand}, {"demo", a.demoCommand}, {"version", a.versionCommand},
	}
}

// root returns the command vscan with the commands below it. Where the first argument
// is the name of a command, only that command is made: making all of them takes longer
// than a small search.
func (a *commands) root(args []string) *cobra.Command {
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
		Args:                       cli.NoSuchCommand,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(cli.FlagError)
	all := a.all()
	if i := slices.IndexFunc(all, func(c namedCommand) bool { return len(args) > 0 && c.name == args[0] }); i >= 0 {
		root.CompletionOptions.DisableDefaultCmd = true
		root.AddCommand(all[i].make())
		return root
	}
	for _, c := range all {
		root.AddCommand(c.make())
	}
	cli.AddHelpCommand(root)
	addTopics(root)
	cli.AddCompletionCommand(root)
	return root
}
