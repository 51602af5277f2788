package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vscan/engine/simd"
	"vscan/internal/wording"
)

// A shell completes file names wherever a command says nothing else. What this file says
// is needed for completion alone, so it runs only when a shell asks.

// isCompletion reports whether a shell asks for completions with this command line.
func isCompletion(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// escapedArgs returns arguments as they are printed. What is wrong with them cobra tells as
// it stands, on standard error. What could be completed is words of this program, and what is
// in files is completed by the shell.
func escapedArgs(args []string) []string {
	out := slices.Clone(args)
	for i := range out {
		out[i] = wording.Escape(out[i])
	}
	return out
}

// prepareCompletion keeps shells from offering file names where no file can stand: as
// arguments of commands that take none, and as values of flags that name no file. It
// also completes vscan help with its topics.
func prepareCompletion(root *cobra.Command) {
	help, _, _ := root.Find([]string{"help"})
	help.ValidArgsFunction = withTopics(root, help.ValidArgsFunction)
	for _, cmd := range allCommands(root) {
		if takesNoFiles(cmd) {
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) { completeFlag(cmd, f) })
	}
}

// allCommands returns a command and all commands below it.
func allCommands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		all = append(all, allCommands(sub)...)
	}
	return all
}

// takesNoFiles reports whether no argument of a command can be a file. That holds of
// topics of vscan help, and of commands that refuse even one argument.
func takesNoFiles(cmd *cobra.Command) bool {
	if cmd.ValidArgsFunction != nil || !cmd.Runnable() {
		return cmd.ValidArgsFunction == nil
	}
	return cmd.Args != nil && cmd.Args(cmd, nil) == nil && cmd.Args(cmd, []string{"x"}) != nil
}

// completeFlag sets what the value of a flag is completed with, unless the flag has set
// that itself.
func completeFlag(cmd *cobra.Command, f *pflag.Flag) {
	if _, said := cmd.GetFlagCompletionFunc(f.Name); said {
		return
	}
	value, _ := pflag.UnquoteUsage(f)
	switch {
	case namesFile(value):
	case value == "LEVEL":
		cmd.RegisterFlagCompletionFunc(f.Name, completeLevels)
	default:
		cmd.RegisterFlagCompletionFunc(f.Name, cobra.NoFileCompletions)
	}
}

// namesFile reports whether a flag's value, named as in the help text, is a file or a
// folder.
func namesFile(value string) bool {
	return slices.ContainsFunc([]string{"FILE", "DIR", "PAGE"}, func(name string) bool { return strings.HasPrefix(value, name) })
}

// completeLevels offers the levels of kernels that this machine can run.
func completeLevels(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	for _, level := range simd.Levels() {
		if level.Check() == nil {
			names = append(names, level.String())
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// withTopics returns a function that offers the topics of vscan help behind what
// commands offers.
func withTopics(root *cobra.Command, commands cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		offered, directive := commands(cmd, args, typed)
		for _, topic := range root.Commands() {
			if len(args) == 0 && topic.IsAdditionalHelpTopicCommand() && strings.HasPrefix(topic.Name(), typed) {
				offered = append(offered, cobra.CompletionWithDesc(topic.Name(), topic.Short))
			}
		}
		return offered, directive
	}
}
