package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/internal/wording"
)

// choice says which files are taken, by their names, sizes and times. A nil *choice takes
// all.
type choice struct {
	rules   []nameRule // as given; the last one that matches a file decides
	maxSize uint64     // in bytes; 0: any
	newer   newerFlag  // only files that were modified after this time; zero: any
}

// nameRule takes, or leaves out, the files whose names match a pattern.
type nameRule struct {
	glob    string
	include bool
}

// register adds the flags to a command.
func (c *choice) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.Var(globFlag{c, true}, "include", "of the files given and found, take those that match `GLOB`: the path below the folder, or the last part of it, of the file or of a folder that it lies in; * ends at a /; repeatable. Of --include and --exclude the last that matches decides; what none matches is taken, unless there is an --include")
	fs.Var(globFlag{c, false}, "exclude", "leave out those that match `GLOB`, as --include has it; repeatable")
	fs.Var(cli.NewByteCount(&c.maxSize, 1, math.MaxInt64), "max-size", "leave out files of more than `SIZE` bytes")
	fs.Var(&c.newer, "newer", "take only files that were modified after `FILE|TIME|DURATION`: after FILE was, after 2026-11-27 or 2026-11-27T18:00:00Z, or in the last 36h or 7d")
}

// globFlag adds a rule to a choice. The rules of --include and --exclude are one list.
type globFlag struct {
	*choice
	include bool
}

func (g globFlag) String() string { return "" }
func (g globFlag) Type() string   { return "glob" }

func (g globFlag) Set(s string) error {
	if _, err := path.Match(s, ""); err != nil || s == "" {
		return fmt.Errorf("%q: want a pattern of names, as *.core, core.[0-9]* or day?/*.raw", s)
	}
	g.rules = append(g.rules, nameRule{s, g.include})
	return nil
}

// last returns the number of the last rule that matches a path, which has slashes, or the last
// part of it. Rules up to number from were looked at for the folders that the path lies in,
// and from is returned where none behind it matches; −1 stands for no rule.
func (c *choice) last(below string, from int) int {
	if c == nil {
		return -1
	}
	for i := len(c.rules) - 1; i > from; i-- {
		if c.rules[i].matches(below) {
			return i
		}
	}
	return from
}

func (r nameRule) matches(below string) bool {
	whole, _ := path.Match(r.glob, below)
	part, _ := path.Match(r.glob, path.Base(below))
	return whole || part
}

// takes reports whether a file is taken by its name; matched is what last returned for it.
func (c *choice) takes(matched int) bool {
	if c == nil {
		return true
	}
	if matched >= 0 {
		return c.rules[matched].include
	}
	return !c.includesBehind(-1)
}

// leavesOutAll reports whether all that may lie in a folder is left out by its name, so that
// the folder need not be read.
func (c *choice) leavesOutAll(matched int) bool {
	return !c.takes(matched) && !c.includesBehind(matched)
}

// includesBehind reports whether there is an --include behind a rule.
func (c *choice) includesBehind(matched int) bool {
	for _, r := range c.rules[matched+1:] {
		if r.include {
			return true
		}
	}
	return false
}

// leavesOut returns why a file is left out, nil where it is taken.
func (c *choice) leavesOut(matched int, info fs.FileInfo) *skipped {
	switch {
	case c == nil:
	case !c.takes(matched):
		return &skipExcluded
	case c.maxSize > 0 && info.Size() > int64(c.maxSize):
		return &skipLarge
	case !c.newer.IsZero() && !info.ModTime().After(c.newer.Time):
		return &skipOld
	}
	return nil
}

// newerFlag is a time that a flag gives as that of a file, as a date or time, or as how long
// ago it was.
type newerFlag struct{ time.Time }

func (n *newerFlag) Type() string { return "time" }

func (n *newerFlag) String() string {
	if n.IsZero() {
		return ""
	}
	return n.Format(time.RFC3339Nano)
}

func (n *newerFlag) Set(s string) error {
	t, err := parseNewer(s, time.Now())
	if err == nil {
		n.Time = t
	}
	return err
}

// parseNewer returns the time that a text gives. A file of that name wins.
func parseNewer(s string, now time.Time) (time.Time, error) {
	info, err := os.Stat(s)
	if err == nil {
		return info.ModTime(), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	if d, ok := parseDuration(s); ok {
		return now.Add(-d), nil
	}
	if !errors.Is(err, fs.ErrNotExist) && !strings.ContainsRune(s, 0) {
		return time.Time{}, err
	}
	return time.Time{}, fmt.Errorf("%q: want a file that there is, a date as 2026-11-27, a time as 2026-11-27T18:00:00Z, or how long ago, as 36h or 7d", s)
}

// parseDuration reads a duration of 0 or more as time.ParseDuration does, or a number of
// days with a d.
func parseDuration(s string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 64)
		return time.Duration(n) * 24 * time.Hour, err == nil && n < 100_000
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0
}

// chosenInputs is what a sweep keeps of the flags that say which files are swept, and what is
// written at its end.
type chosenInputs struct {
	Rules   []chosenRule `json:"rules,omitempty"`
	MaxSize uint64       `json:"max_size,omitempty"`
	Newer   string       `json:"newer,omitempty"` // RFC 3339
	Hidden  bool         `json:"hidden,omitempty"`
	Null    bool         `json:"null,omitempty"`
	Raw     bool         `json:"raw,omitempty"`
	Folder  []byte       `json:"folder,omitempty"` // from which relative paths count; nil where it is not known
	Exports []string     `json:"exports,omitempty"`
}

// chosenRule is a nameRule. Its bytes may be any.
type chosenRule struct {
	Glob    []byte `json:"glob"`
	Include bool   `json:"include"`
}

// chosen returns what is kept of the flags.
func (f *inputFlags) chosen() chosenInputs {
	c := chosenInputs{MaxSize: f.maxSize, Newer: f.newer.String(), Hidden: f.hidden, Null: f.null, Raw: f.raw}
	if folder, err := os.Getwd(); err == nil {
		c.Folder = []byte(folder)
	}
	for _, r := range f.rules {
		c.Rules = append(c.Rules, chosenRule{[]byte(r.glob), r.include})
	}
	return c
}

// checkFolder returns an error where what was given to a sweep counts from another folder than
// the working folder: there, what is left would be taken for gone.
func (c *chosenInputs) checkFolder(given []string) error {
	whole := func(arg string) bool { return filepath.IsAbs(arg) || strings.HasPrefix(arg, "pid:") }
	if c.Folder == nil || !slices.ContainsFunc(given, func(arg string) bool { return !whole(arg) }) {
		return nil
	}
	was, err := os.Stat(string(c.Folder))
	if err != nil {
		return nil // it was moved, with the images maybe
	}
	if here, err := os.Stat("."); err == nil && os.SameFile(was, here) {
		return nil
	}
	return fmt.Errorf("the paths of its images count from the folder in which it was begun: go on with it in %s", wording.Escape(string(c.Folder)))
}

// flags returns the flags of which c was kept.
func (c *chosenInputs) flags() (f inputFlags, err error) {
	f = inputFlags{choice: choice{maxSize: c.MaxSize}, hidden: c.Hidden, null: c.Null, raw: c.Raw}
	for _, r := range c.Rules {
		f.rules = append(f.rules, nameRule{string(r.Glob), r.Include})
	}
	if c.Newer != "" {
		f.newer.Time, err = time.Parse(time.RFC3339Nano, c.Newer)
	}
	return f, err
}
