package main

import (
	"errors"
	"fmt"
	"io"
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

With -e, -f or -F all arguments are images. A pattern that begins with - goes
behind -e or --.`

func (a *app) findCommand() *cobra.Command {
	var f searchFlags
	var p patternArgs
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
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			p.stdin = cmd.InOrStdin()
			pats, images, err := p.split(cmd, args)
			if err != nil {
				return err
			}
			return a.search(cmd.Context(), &f, pats, images)
		},
	}
	fs := cmd.Flags()
	fs.StringArrayVarP(&p.exprs, "pattern", "e", nil, "search for `PATTERN`; repeatable")
	fs.StringArrayVarP(&p.files, "file", "f", nil, "search for the patterns of `FILE`, one a line, # for comments; - is standard input; repeatable")
	fs.StringArrayVarP(&p.literals, "fixed", "F", nil, "search for the lines of `FILE` as they stand; - is standard input; repeatable")
	f.register(cmd)
	return cmd
}

// patternArgs are where find has its patterns from.
type patternArgs struct {
	exprs, files, literals []string
	stdin                  io.Reader // the file -
}

// split is all patterns that the flags and arguments give, and the images that
// remain of the arguments. The error joins what is wrong with any pattern.
func (p patternArgs) split(cmd *cobra.Command, args []string) ([]patterns.Pattern, []string, error) {
	if len(p.exprs)+len(p.files)+len(p.literals) == 0 {
		if len(args) == 0 {
			return nil, nil, usageError(cmd, "no pattern and no image given: vscan find PATTERN IMAGE...")
		}
		p.exprs, args = args[:1], args[1:]
	}
	if len(args) == 0 {
		return nil, nil, usageError(cmd, "no image given: with -e, -f or -F all arguments are images, else all but the first")
	}
	var pats []patterns.Pattern
	var errs []error
	add := func(more []patterns.Pattern, err error) {
		pats = append(pats, more...)
		errs = append(errs, err)
	}
	for _, e := range p.exprs {
		pat, err := patterns.Parse(e)
		add([]patterns.Pattern{pat}, err)
	}
	for _, name := range p.files {
		if ext := filepath.Ext(name); ext == ".yar" || ext == ".yara" {
			add(nil, fmt.Errorf("%s: YARA rules are not supported yet; use the yara command, or a file of vscan's own patterns", name))
			continue
		}
		add(p.readFile(name, parseIncluding))
	}
	for _, name := range p.literals {
		add(p.readFile(name, patterns.Lines))
	}
	return pats, args, errors.Join(errs...)
}

// readFile reads the patterns of a file, of standard input where it is named -.
func (p patternArgs) readFile(name string, parse func(string, io.Reader) ([]patterns.Pattern, error)) ([]patterns.Pattern, error) {
	r := p.stdin
	if name == "-" {
		name = "standard input"
	} else {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		r = file
	}
	pats, err := parse(name, r)
	if err == nil && len(pats) == 0 {
		err = fmt.Errorf("%s: no pattern in the file", name)
	}
	return pats, err
}

func (a *app) refsCommand() *cobra.Command {
	var f searchFlags
	cmd := &cobra.Command{
		Use:   "refs [flags] IMAGE TARGET...",
		Short: "Search for words that point at an address, a range or a mapping",
		Long: `refs prints the words whose value is an address in one of the targets: an
address, a range, or the name of a mapping (@NAME, or NAME; the last part of a
path will do). Words are aligned and have the image's word size and byte order;
--align 1 looks everywhere.`,
		Example: `  vscan refs core.1234 0x7f3a5c001000
  vscan refs core.1234 0x7f3a5c001000+4096
  vscan refs core.1234 @libc.so.6 --in '[heap]'`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usageError(cmd, "want an image and at least one target: vscan refs IMAGE TARGET...")
			}
			var pats []patterns.Pattern
			var errs []error
			for _, target := range args[1:] {
				p, err := patterns.Ref(target)
				pats, errs = append(pats, p), append(errs, err)
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
