package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"vscan/docs"
)

// completions returns what a shell would offer behind some arguments, the last of
// which is being typed, and whether it would offer names of files.
func completions(t *testing.T, args ...string) (offered []string, files bool) {
	t.Helper()
	var out, complaints bytes.Buffer
	if code := run(append([]string{"__completeNoDesc"}, args...), strings.NewReader(""), &out, &complaints); code != 0 {
		t.Fatalf("%q: exit code %d: %s", args, code, complaints.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	last := len(lines) - 1
	return lines[:last], lines[last] == ":0" // the number of cobra's ShellCompDirectiveDefault
}

// A shell offers names of files where a file can stand, and nowhere else.
func TestCompletionOffersFiles(t *testing.T) {
	for _, c := range []struct {
		line  string
		files bool
	}{
		{"find x ", true}, {"map ", true}, {"graph top ", true}, {"rules check ", true},
		{"find -f ", true}, {"find --under ", true}, {"find --sysroot ", true}, {"find --summary ", true},
		{"graph view -o ", true}, {"graph chains --also ", true},
		{"kernels ", false}, {"demo ", false}, {"version ", false}, {"sets ", false}, {"patterns ", false},
		{"help ", false}, {"graph ", false}, {"", false},
		{"find -e ", false}, {"find --in ", false}, {"find -j ", false}, {"find --range ", false}, {"find -o ", false},
		{"graph chains --roots ", false}, {"strings -e ", false}, {"read --as ", false},
	} {
		if _, files := completions(t, strings.Split(c.line, " ")...); files != c.files {
			t.Errorf("%q: files are offered: %v", c.line, files)
		}
	}
}

func TestCompletionOffersNames(t *testing.T) {
	for _, c := range []struct{ line, name string }{
		{"help p", "patterns"}, {"help f", "find"}, {"find --kernel ", "reference"}, {"sets s", "secrets"}, {"find -o ", "jsonl"},
	} {
		if offered, _ := completions(t, strings.Split(c.line, " ")...); !slices.Contains(offered, c.name) {
			t.Errorf("%q: %q are offered, not %s", c.line, offered, c.name)
		}
	}
	if offered, _ := completions(t, ""); slices.Contains(offered, "patterns") {
		t.Error("a topic of vscan help is offered as a command")
	}
}

// vscan help patterns prints docs/patterns.md without the marks of Markdown.
func TestHelpPatterns(t *testing.T) {
	for _, args := range [][]string{{"help", "patterns"}, {"patterns"}, {"patterns", "--help"}} {
		var out, complaints bytes.Buffer
		if code := run(args, strings.NewReader(""), &out, &complaints); code != 0 || complaints.Len() > 0 {
			t.Fatalf("%q: exit code %d: %s", args, code, complaints.String())
		}
		text := out.String()
		if text != plainText(docs.Patterns) || !strings.HasPrefix(text, "Patterns\n") {
			t.Errorf("%q prints something else:\n%s", args, text)
		}
		for line := range strings.Lines(text) {
			if strings.ContainsAny(line, "`") || strings.HasPrefix(line, "#") || len([]rune(line)) > 100 {
				t.Errorf("%q: a line is no text for a terminal: %s", args, line)
			}
		}
	}
}

func TestPlainText(t *testing.T) {
	const markdown = "# A `b`\n\ntext `*c*` and [a page](page.md)\n\n```patterns\n# `kept`\n```\n"
	const want = "A b\n\ntext *c* and a page\n\n  # `kept`\n"
	if got := plainText(markdown); got != want {
		t.Errorf("%q", got)
	}
}
