package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/engine/simd"
)

func (a *commands) kernelsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "kernels",
		Short: "List kernels: compiled in, able to run here, chosen",
		Long: `kernels lists, for each shape of pattern and each level, whether there is a
kernel in this program, whether this machine can run it, and which one is chosen
without --kernel. Where a shape has none at a level that --kernel names, the next
lower one that it has is used, and the summary says so.`,
		Args: cli.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			w := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
			fmt.Fprintln(w, "SHAPE\tLEVEL\tCHOSEN\tSTATE")
			for _, r := range simd.Table() {
				chosen, state := "", "runs here"
				if r.Auto {
					chosen = "*"
				}
				switch {
				case r.Err != nil:
					state = r.Err.Error()
				case r.Only != "":
					state += ", for " + r.Only
				}
				fmt.Fprintf(w, "%v\t%v\t%s\t%s\n", r.Shape, r.Level, chosen, state)
			}
			return w.Flush()
		},
	}
}

func (a *commands) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cli.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.Out, version())
			return err
		},
	}
}

// version returns one line about the program: its version, the commit it was built
// from, the version of Go and the machine.
func version() string {
	v, revision := "(devel)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		v = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value
			}
		}
	}
	return fmt.Sprintf("vscan %s%s %s %s/%s", v, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
