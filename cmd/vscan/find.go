package main

import (
	"errors"
	"fmt"
	"os"

	"path/filepath"

	"github.com/spf13/cobra"

	"vscan/patterns"
)

const findHelp = `find prints every occurrence of the patterns, in ascending order of address,
overlapping ones too, and also those that run from one mapping into the next.

A pattern is KIND[/FLAGS]:BODY, with NAME= in front if it is to have a name.
What does not start with a known kind is literal text.

  text:BODY           with escapes \xNN \n \0 \\; flags w UTF-16LE, W UTF-16BE
  hex:BODY            pairs of hexadecimal digits
  u8 u16 u32 u64      a number, VALUE or a range; le or be behind the type sets
  i8 i16 i32 i64      the byte order (default that of the image)
  ptr:TARGET          words that hold an address: ADDR, a range, or @NAME of a
                      mapping (@mapped: anything mapped); aligned to the word

With -e, -f or -F all arguments are images.`

func (a *app) findCommand() *cobra.Command {
	var f searchFlags
	var exprs, files, literals []string
	cmd := &cobra.Command{
		Use:   "find [flags] PATTERN IMAGE...",
		Short: "Search for patterns",
		Long:  findHelp,
		Example: `  vscan find 'password=' core.1234
  vscan find -e key=hex:deadbeef -e 'text/w:secret' core.1234
  vscan find u32le:0x1000..0x1fff --in '[heap]' core.1234
  vscan find -F words.txt -c -o jsonl memory.lime
  vscan find 'Linux version ' guest.raw@0x100000 --range 0..4294967295
  vscan find -q hunter2 pid:1234 && echo "it is in memory"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			pats, images, err := findPatterns(exprs, files, literals, args)
			if err != nil {
				return err
			}
			return a.search(cmd.Context(), &f, pats, images)
		},
	}
	fs := cmd.Flags()
	fs.StringArrayVarP(&exprs, "pattern", "e", nil, "search for `PATTERN`; repeatable")
	fs.StringArrayVarP(&files, "file", "f", nil, "search for the patterns of `FILE`, one a line, # for comments; repeatable")
	fs.StringArrayVarP(&literals, "fixed", "F", nil, "search for the lines of `FILE` as they stand; repeatable")
	f.register(cmd)
	return cmd
}

// findPatterns are all patterns that the flags and arguments give, and the
// images that remain.
func findPatterns(exprs, files, literals, args []string) ([]patterns.Pattern, []string, error) {
	if len(exprs)+len(files)+len(literals) == 0 {
		if len(args) == 0 {
			return nil, nil, errors.New("no pattern and no image given: vscan find PATTERN IMAGE... (see vscan find --help)")
		}
		exprs, args = args[:1], args[1:]
	}
	if len(args) == 0 {
		return nil, nil, errors.New("no image given: with -e, -f or -F all arguments are images, else all but the first (see vscan find --help)")
	}
	var pats []patterns.Pattern
	var errs []error
	for _, e := range exprs {
		p, err := patterns.Parse(e)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		pats = append(pats, p)
	}
	read := func(names []string, parse func(string, *os.File) ([]patterns.Pattern, error)) {
		for _, name := range names {
			file, err := os.Open(name)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			more, err := parse(name, file)
			file.Close()
			if err != nil {
				errs = append(errs, err)
			} else if len(more) == 0 {
				errs = append(errs, fmt.Errorf("%s: no pattern in the file", name))
			}
			pats = append(pats, more...)
		}
	}
	read(files, func(name string, file *os.File) ([]patterns.Pattern, error) {
		if ext := filepath.Ext(name); ext == ".yar" || ext == ".yara" {
			return nil, fmt.Errorf("%s: YARA rules are not supported yet; use the yara command, or a file of vscan's own patterns", name)
		}
		return patterns.ParseFile(name, file)
	})
	read(literals, func(name string, file *os.File) ([]patterns.Pattern, error) {
		return patterns.Lines(name, file)
	})
	return pats, args, errors.Join(errs...)
}

func (a *app) refsCommand() *cobra.Command {
	var f searchFlags
	cmd := &cobra.Command{
		Use:   "refs [flags] IMAGE TARGET...",
		Short: "Search for words that point at an address, a range or a mapping",
		Long: `refs prints the words whose value is an address in one of the targets: an
address, a range, or the name of a mapping. Words are aligned and have the
image's word size and byte order; --align 1 looks everywhere.`,
		Example: `  vscan refs core.1234 0x7f3a5c001000
  vscan refs core.1234 0x7f3a5c001000+4096
  vscan refs core.1234 @libc.so.6 --in '[heap]'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return errors.New("want an image and at least one target: vscan refs IMAGE TARGET... (see vscan refs --help)")
			}
			var pats []patterns.Pattern
			var errs []error
			for _, target := range args[1:] {
				p, err := patterns.Ref(target)
				if err != nil {
					errs = append(errs, err)
				}
				pats = append(pats, p)
			}
			if err := errors.Join(errs...); err != nil {
				return err
			}
			return a.search(cmd.Context(), &f, pats, args[:1])
		},
	}
	f.register(cmd)
	return cmd
}
