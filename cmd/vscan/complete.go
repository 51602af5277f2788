package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vscan/engine/simd"
)

// Shells complete file names wherever a command says nothing else. What is said here
// is for completion alone, and so is done only when a shell asks.

// isCompletion reports whether a command line is a shell's question.
func isCompletion(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// prepareCompletion has no file names offered where no file can stand: as arguments
// of commands that take none, and as values of flags that name none. vscan help is
// completed with its topics too.
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

// allCommands returns a command and those below it.
func allCommands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		all = append(all, allCommands(sub)...)
	}
	return all
}

// takesNoFiles reports whether a command takes no arguments: topics of vscan help, and
// commands that refuse even one.
func takesNoFiles(cmd *cobra.Command) bool {
	if cmd.ValidArgsFunction != nil || !cmd.Runnable() {
		return cmd.ValidArgsFunction == nil
	}
	return cmd.Args != nil && cmd.Args(cmd, nil) == nil && cmd.Args(cmd, []string{"x"}) != nil
}

// completeFlag says what the value of a flag is completed with where the flag has not
// said so itself.
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

// namesFile reports whether a value, as the help text calls it, is the name of a file
// or folder.
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

// withTopics returns what offers the topics of vscan help behind the commands.
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
