// Package sets has the built-in sets of patterns: what is looked for again and again, in
// files of the pattern language. Each pattern has a comment with its source. A set is one
// file, NAME.vscan, whose first line is a comment that describes it. The names of its
// patterns begin with the name of the set and a dot. The package is for programs that use
// vscan as a library.
package sets

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"vscan/patterns"
)

//go:embed *.vscan
var files embed.FS

const ext = ".vscan"

// Set is a built-in set.
type Set struct {
	Name        string
	Description string // one line
	Text        string // the file, in the pattern language
}

// All returns the built-in sets, ordered by name.
func All() []Set {
	names, err := fs.Glob(files, "*"+ext)
	if err != nil {
		panic(err) // the glob is a constant and well formed
	}
	all := make([]Set, len(names))
	for i, file := range names {
		text, err := files.ReadFile(file)
		if err != nil {
			panic(err) // the file is part of the program
		}
		first, _, _ := strings.Cut(string(text), "\n")
		all[i] = Set{
			Name:        strings.TrimSuffix(file, ext),
			Description: strings.TrimPrefix(first, "# "),
			Text:        string(text),
		}
	}
	return all
}

// Get returns the set with a name. The error lists the names that there are.
func Get(name string) (Set, error) {
	var names []string
	for _, s := range All() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Set{}, fmt.Errorf("no built-in set %q: there are %s", name, strings.Join(names, ", "))
}

// Patterns returns the patterns of the set, in the order of the file.
func (s Set) Patterns() ([]patterns.Pattern, error) {
	return patterns.ParseFile(context.Background(), "set "+s.Name, strings.NewReader(s.Text))
}
