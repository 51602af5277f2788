package patterns

import (
	"os"
	"strings"
	"testing"
)

// Every pattern that the page on patterns shows is one, of the kind of its section.
func TestDocumentedPatterns(t *testing.T) {
	page := read(t, "../docs/patterns.md")
	section, shown, examples := "", 0, false
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "## "):
			section, _, _ = strings.Cut(line[3:], ":")
		case strings.HasPrefix(line, "```"):
			examples = line == "```patterns"
		case examples:
			pattern, about, _ := strings.Cut(line, "  ")
			p, err := Parse(pattern)
			if err != nil {
				t.Errorf("%s: %v", pattern, err)
				continue
			}
			if about == "" {
				t.Errorf("%s: nothing is said about it", pattern)
			}
			if shown++; section != "" && p.Kind == KindLiteral {
				t.Errorf("%s: it is literal text", pattern)
			}
		}
	}
	if shown < 40 {
		t.Errorf("only %d patterns are shown", shown)
	}
}

// Every kind and every flag is told of, on the page on patterns with an example of
// each flag, and in the comment of the package.
func TestDocumentedKinds(t *testing.T) {
	page, comment := read(t, "../docs/patterns.md"), read(t, "patterns.go")
	for _, k := range kinds {
		for _, word := range k.keywords {
			plain := strings.TrimSuffix(strings.TrimSuffix(word, "le"), "be")
			if !strings.Contains(page, plain) || !strings.Contains(comment, plain+":") {
				t.Errorf("the kind %s is not told of", plain)
			}
		}
		for _, flag := range k.flags {
			if !shows(page, k.keywords[0], flag) {
				t.Errorf("the page on patterns has no example of %s/%c:", k.keywords[0], flag)
			}
		}
	}
}

// shows reports whether a page has a pattern of a kind with a flag, among others or
// alone.
func shows(page, word string, flag rune) bool {
	for line := range strings.Lines(page) {
		if flags, ok := strings.CutPrefix(line, word+"/"); ok {
			flags, _, _ = strings.Cut(flags, ":")
			if strings.ContainsRune(flags, flag) {
				return true
			}
		}
	}
	return false
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
