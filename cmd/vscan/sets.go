package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/patterns/sets"
)

func (a *commands) setsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "sets [NAME]",
		Short: "List the built-in sets of patterns, or print one",
		Long: `sets lists the sets of patterns that find --set knows: the name, how many
patterns it has, and what they are for. With a NAME it prints that set, a file of
patterns as find -f reads it, each pattern with the source that says so. The
secrets are looked for as bytes and as UTF-16LE; what is plainly a placeholder
(http://user:password@host, keys of manuals, xxxx) is left out and counted.`,
		Example: `  vscan sets
  vscan sets secrets
  vscan sets headers > my.patterns`,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     completeSets,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return a.listSets()
			case 1:
				set, err := sets.Get(args[0])
				if err != nil {
					return cli.UsageError(cmd, "%v", err)
				}
				_, err = io.WriteString(a.Out, set.Text)
				return err
			}
			return cli.UsageError(cmd, "want the name of one set, found %d", len(args))
		},
	}
}

// listSets prints a line for each built-in set.
func (a *commands) listSets() error {
	w := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
	for _, s := range sets.All() {
		pats, err := s.Patterns()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%d\t%s\n", s.Name, len(pats), s.Description)
	}
	return w.Flush()
}

// completeSets offers the names of the built-in sets.
func completeSets(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, s := range sets.All() {
		names = append(names, cobra.CompletionWithDesc(s.Name, s.Description))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
