package main

import (
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"vscan/docs"
)

// addTopics adds the topics of vscan help that are no commands: vscan help patterns.
func addTopics(root *cobra.Command) {
	topic := &cobra.Command{
		Use:   "patterns",
		Short: "The pattern language: what find looks for, and how it is written",
	}
	topic.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		io.WriteString(cmd.OutOrStdout(), plainText(docs.Patterns))
	})
	root.AddCommand(topic)
}

// plainText returns Markdown as text for a terminal: headings without their marks,
// blocks of code indented by two blanks, and code and links without the marks around
// them. Lines stay broken as they are. It knows no tables and no lists.
func plainText(markdown string) string {
	// The marks that Markdown puts around code and links. These may go on in the next
	// line. The groups of the expression are what stays.
	marks := regexp.MustCompile("`([^`]*)`|\\[([^]]*)\\]\\([^)]*\\)")
	var out, prose strings.Builder
	code := false
	for line := range strings.Lines(markdown) {
		switch {
		case strings.HasPrefix(line, "```"):
			code = !code
			out.WriteString(marks.ReplaceAllString(prose.String(), "$1$2"))
			prose.Reset()
		case code:
			out.WriteString("  " + line)
		case strings.HasPrefix(line, "#"):
			prose.WriteString(strings.TrimLeft(line, "# "))
		default:
			prose.WriteString(line)
		}
	}
	return out.String() + marks.ReplaceAllString(prose.String(), "$1$2")
}
