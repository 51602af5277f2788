package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"vscan/internal/wording"
)

// What is wrong with a command line is told in one line that says where to look. Where
// cobra takes more than a line, its words are replaced.

// UsageError returns an error about the arguments of a command, which says where to
// look.
func UsageError(cmd *cobra.Command, format string, args ...any) error {
	return fmt.Errorf("%s (see %s --help)", fmt.Sprintf(format, args...), cmd.CommandPath())
}

// NoSuchCommand returns an error if there are arguments. It is the check of arguments
// of a command that has others below it: an argument that names one of these runs that
// one, and the check is not asked.
func NoSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		hint = ": did you mean " + wording.OrList(like) + "?"
	}
	return UsageError(cmd, "%s has no command %q%s", cmd.CommandPath(), args[0], hint)
}

// NoArgs returns an error if there are arguments. It is the check of a command that
// takes none.
func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return UsageError(cmd, "%s takes no arguments, found %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// AddHelpCommand adds the command vscan help COMMAND.
func AddHelpCommand(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, _ := root.Find([]string{"help"})
	help.Use = "help [COMMAND]"
	help.Long = "help shows what a command does, its flags and examples of it."
	help.Run = nil
	help.RunE = func(_ *cobra.Command, args []string) error {
		cmd, rest, err := root.Find(args)
		if err != nil || len(rest) > 0 {
			return NoSuchCommand(cmd, rest)
		}
		cmd.InitDefaultHelpFlag()
		cmd.InitDefaultVersionFlag()
		return cmd.Help()
	}
}

// AddCompletionCommand adds the command vscan completion SHELL.
func AddCompletionCommand(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	completion, _, _ := root.Find([]string{"completion"})
	completion.Use = "completion SHELL"
	completion.Short = "Write a script that lets a shell complete vscan's arguments"
	completion.Args = NoSuchCommand
	completion.RunE = func(cmd *cobra.Command, _ []string) error {
		return errors.New("which shell? vscan completion bash, fish, powershell or zsh (see vscan completion --help)")
	}
	for _, shell := range completion.Commands() {
		shell.Args = NoArgs
	}
}
