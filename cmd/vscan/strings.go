package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/patterns"
)

const stringsHelp = `strings prints the runs of printable characters that are MIN characters long or
longer, with their addresses and in ascending order of them. A run goes on where
one mapping follows another, and never across a hole or bytes that were not saved.

The encodings are ascii (0x20 to 0x7e and the tab), utf8, and utf16le, utf16be,
utf32le and utf32be, at any address. But for ascii they have the scripts in wide
use, signs and pictures. By default these are ascii, utf8 and utf16le; a run of
ascii and utf8 is called ascii if all of it is ASCII. A run of utf16le that has a
zero byte in front of it is one of utf16be too, a byte earlier.

Much of what is no text would be text of some script, so that in utf16le and
utf16be of Chinese and Korean only common characters count, and of them alone it
takes 11 characters in a row, or 4 with a zero behind; a letter of two bytes in
utf8 counts, beyond Latin, if another of its script is near.

The length that jsonl and csv give is that of the whole run in bytes. Of long
ones 4096 bytes are shown, or as many as --bytes says, and … behind them; in
jsonl they are there as characters too, as value. Where --range or --in cuts a
run, what lies in the range is a run.`

// defaultString is how many bytes of a run are shown at most, unless --bytes says
// otherwise.
const defaultString = 4096

func (a *commands) stringsCommand() *cobra.Command {
	f := searchFlags{bytes: defaultString}
	minimal := uint64(4)
	encodings := encodingList{patterns.ASCII, patterns.UTF16LE, patterns.UTF8}
	cmd := &cobra.Command{
		Use:   "strings [flags] IMAGE...",
		Short: "List printable runs of characters, with their addresses",
		Long:  stringsHelp,
		Example: `  vscan strings core.1234
  vscan strings -n 8 -e utf16le --in '[heap]' core.1234
  vscan strings -e utf8 core.1234
  vscan strings -e all -o jsonl core.1234
  vscan strings -c core.1234`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.UsageError(cmd, "no image given: vscan strings IMAGE...")
			}
			f.Runs = encodings
			pats, err := patterns.TextRuns(encodings, int(minimal))
			if err != nil {
				return err
			}
			return a.search(cmd.Context(), &f, pats, args)
		},
	}
	fs := cmd.Flags()
	fs.VarP(cli.NewNumber(&minimal, 1, patterns.MaxMinRun), "min", "n", "runs of at least `MIN` characters")
	fs.VarP(&encodingChoice{list: &encodings}, "encoding", "e", "runs in `ENCODING`: ascii, utf8, utf16le, utf16be, utf32le, utf32be or all; repeatable, or with commas (default ascii,utf8,utf16le)")
	f.register(a, cmd)
	for _, name := range []string{"overlap", "max-match"} { // runs do not overlap, and are measured to their ends
		fs.MarkHidden(name)
	}
	return cmd
}

// encodingList is a list of encodings, without duplicates.
type encodingList []patterns.Encoding

// encodingChoice is the flag -e. It collects encodings in the order of
// patterns.TextRunEncodings, and the first one that is given replaces the default.
type encodingChoice struct {
	list  *encodingList
	given bool // whether the flag was given
}

func (c *encodingChoice) Type() string { return "encoding" }

func (c *encodingChoice) String() string {
	if c.list == nil {
		return ""
	}
	var names []string
	for _, e := range *c.list {
		names = append(names, e.String())
	}
	return strings.Join(names, ",")
}

func (c *encodingChoice) Set(s string) error {
	if !c.given {
		c.given, *c.list = true, nil
	}
	for word := range strings.SplitSeq(s, ",") {
		known := false
		for _, e := range patterns.TextRunEncodings {
			if word != "all" && word != e.String() {
				continue
			}
			known = true
			if !slices.Contains(*c.list, e) {
				*c.list = append(*c.list, e)
			}
		}
		if !known {
			return fmt.Errorf("%q: want ascii, utf8, utf16le, utf16be, utf32le, utf32be or all", word)
		}
	}
	slices.Sort(*c.list)
	return nil
}
