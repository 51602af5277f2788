// Package noticetest holds the file NOTICE against the modules that are linked into programs.
package noticetest

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Check checks that NOTICE, in the folder top, has every module that is linked into programs on
// the systems that vscan is built for, and every line of its licence that is not in LICENSE
// already. The programs are packages, as go list takes them in the folder from. It returns the
// modules that NOTICE has besides.
func Check(t *testing.T, top, from, packages string) (besides []string) {
	t.Helper()
	common := lines(t, filepath.Join(top, "LICENSE"))
	notice := sections(t, filepath.Join(top, "NOTICE"))
	for path, folder := range linked(t, from, packages) {
		section, ok := notice[path]
		if !ok {
			t.Errorf("%s is linked into the programs, and NOTICE has no licence of it: see %s", path, folder)
			continue
		}
		for _, file := range licences(t, folder) {
			for line := range lines(t, file) {
				if !common[line] && !section[line] {
					t.Errorf("%s: NOTICE has no line %q of %s", path, line, filepath.Base(file))
				}
			}
		}
		delete(notice, path)
	}
	return slices.Sorted(maps.Keys(notice))
}

const standardLibrary = "The standard library of Go"

// linked returns the modules that are linked into programs, with their folders. vscan itself is none.
func linked(t *testing.T, from, packages string) map[string]string {
	t.Helper()
	modules := map[string]string{standardLibrary: strings.TrimSpace(goTool(t, from, "linux", "env", "GOROOT"))}
	for _, system := range []string{"linux", "darwin", "windows"} {
		list := goTool(t, from, system, "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}", packages)
		for line := range strings.Lines(list) {
			if path, folder, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && path != "vscan" {
				modules[path] = folder
			}
		}
	}
	if len(modules) < 5 {
		t.Fatalf("only %d modules", len(modules))
	}
	return modules
}

func goTool(t *testing.T, from, system string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = from
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

// licences returns the files of a module that have to go with its code.
func licences(t *testing.T, folder string) (files []string) {
	t.Helper()
	for _, name := range []string{"LICENSE*", "LICENCE*", "COPYING*", "NOTICE*"} {
		found, err := filepath.Glob(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		t.Errorf("%s has no licence", folder)
	}
	return files
}

// sections returns the lines of NOTICE by the module that they are of.
func sections(t *testing.T, notice string) map[string]map[string]bool {
	t.Helper()
	text, err := os.ReadFile(notice)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]bool{}
	for _, section := range strings.Split(string(text), "\n"+strings.Repeat("=", 80)+"\n")[1:] {
		modules, licence, ok := strings.Cut(section, strings.Repeat("-", 80)+"\n")
		if !ok {
			t.Fatalf("NOTICE: no line of - ends the modules of\n%s", section)
		}
		for path := range strings.Lines(modules) {
			all[strings.TrimSpace(path)] = lineSet(licence)
		}
	}
	return all
}

func lines(t *testing.T, file string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return lineSet(string(text))
}

// lineSet returns the lines of a text that have something, without blanks around them.
func lineSet(text string) map[string]bool {
	set := map[string]bool{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			set[line] = true
		}
	}
	return set
}
