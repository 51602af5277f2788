package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// What is wrong with a command line is told in one line, which says where to
// look. cobra's own words are replaced where they take more.

// usageError is an error about the arguments of a command.
func usageError(cmd *cobra.Command, format string, args ...any) error {
	return fmt.Errorf("%s (see %s --help)", fmt.Sprintf(format, args...), cmd.CommandPath())
}

// noSuchCommand is for the arguments of a command that has others below it.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		hint = ": did you mean " + orList(like) + "?"
	}
	return usageError(cmd, "%s has no command %q%s", cmd.CommandPath(), args[0], hint)
}

// noArgs is for the arguments of a command that takes none.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(cmd, "%s takes no arguments, found %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// addHelpCommand adds vscan help COMMAND.
func addHelpCommand(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, _ := root.Find([]string{"help"})
	help.Use = "help [COMMAND]"
	help.Long = "help shows what a command does, its flags and examples of it."
	help.Run = nil
	help.RunE = func(_ *cobra.Command, args []string) error {
		cmd, rest, err := root.Find(args)
		if err != nil || len(rest) > 0 {
			return noSuchCommand(cmd, rest)
		}
		cmd.InitDefaultHelpFlag()
		cmd.InitDefaultVersionFlag()
		return cmd.Help()
	}
}

// addCompletionCommand adds vscan completion SHELL.
func addCompletionCommand(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	completion, _, _ := root.Find([]string{"completion"})
	completion.Use = "completion SHELL"
	completion.Short = "Write a script that lets a shell complete vscan's arguments"
	completion.Args = noSuchCommand
	completion.RunE = func(cmd *cobra.Command, _ []string) error {
		return errors.New("which shell? vscan completion bash, fish, powershell or zsh (see vscan completion --help)")
	}
	for _, shell := range completion.Commands() {
		shell.Args = noArgs
	}
}
