package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vscan/engine/addr"
	"vscan/engine/simd"
	"vscan/engine/where"
)

// The types of flags that pflag does not have. A value is checked when it is
// set, so that what is wrong with it is told once, before any image is opened.

// choice is one of several words.
type choice struct {
	*string
	allowed []string
}

// choiceVar adds a flag that takes one of the allowed words; the value that p
// has is the default.
func choiceVar(cmd *cobra.Command, p *string, name, short, usage string, allowed ...string) {
	cmd.Flags().VarP(choice{p, allowed}, name, short, usage)
	cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp))
}

func (c choice) String() string { return *c.string }
func (c choice) Type() string   { return "word" }

func (c choice) Set(s string) error {
	if !slices.Contains(c.allowed, s) {
		return fmt.Errorf("%q: want %s", s, orList(c.allowed))
	}
	*c.string = s
	return nil
}

// number is an unsigned number in a range, decimal or hexadecimal with 0x.
type number struct {
	*uint64
	min, max uint64
}

// newNumber returns a flag that sets *p, to a number from min to max.
func newNumber(p *uint64, min, max uint64) number { return number{p, min, max} }

func (n number) String() string { return strconv.FormatUint(*n.uint64, 10) }
func (n number) Type() string   { return "uint" }

func (n number) Set(s string) error {
	v, err := addr.ParseUint(s)
	if err != nil {
		return err
	}
	switch {
	case v < n.min:
		return fmt.Errorf("%q: want %d or more", s, n.min)
	case v > n.max:
		return fmt.Errorf("%q: want at most %d", s, n.max)
	}
	*n.uint64 = v
	return nil
}

// alignment is --align: a number of bytes, the word of the image, or, as its
// zero value, what each pattern has.
type alignment struct {
	bytes uint64
	word  bool
}

func (a *alignment) String() string { return "" }
func (a *alignment) Type() string   { return "align" }

func (a *alignment) Set(s string) error {
	if s == "word" {
		*a = alignment{word: true}
		return nil
	}
	n, err := addr.ParseSize(s)
	if err != nil || n == 0 {
		return fmt.Errorf("%q: want a number of bytes, 1 or more, or word", s)
	}
	*a = alignment{bytes: n}
	return nil
}

// kernelLevel is --kernel. A level that this machine cannot run is refused.
type kernelLevel struct{ *simd.Level }

// newKernelLevel returns a flag that sets *p.
func newKernelLevel(p *simd.Level) kernelLevel { return kernelLevel{p} }

func (k kernelLevel) String() string { return "" }
func (k kernelLevel) Type() string   { return "level" }

func (k kernelLevel) Set(s string) error {
	l, err := simd.ParseLevel(s)
	if err == nil {
		err = l.Check()
	}
	*k.Level = l
	return err
}

// kernelFromEnv sets a level that no flag did to the one that the environment names, if it
// names one.
func kernelFromEnv(l *simd.Level) error {
	if *l != simd.Auto {
		return nil
	}
	var err error
	if *l, err = simd.FromEnv(); err == nil {
		if err = l.Check(); err != nil {
			err = fmt.Errorf("%s: %w", simd.EnvVar, err)
		}
	}
	return err
}

// mappingsList collects choices of mappings.
type mappingsList []where.Mappings

func (l *mappingsList) String() string { return "" }
func (l *mappingsList) Type() string   { return "place" }

func (l *mappingsList) Set(s string) error {
	choice, err := where.ParseMappings(s)
	if err == nil {
		*l = append(*l, choice)
	}
	return err
}

// rangeList collects ranges of addresses, as they are given.
type rangeList []string

func (l *rangeList) String() string { return "" }
func (l *rangeList) Type() string   { return "range" }

// Set takes what is a range, or may be one in some image.
func (l *rangeList) Set(s string) error {
	if err := where.CheckRange(s); err != nil {
		return err
	}
	*l = append(*l, s)
	return nil
}

// byteCount is a flag that takes a number of bytes, as 4096, 4K or 1G.
type byteCount struct {
	*uint64
	min, max uint64
}

// newByteCount returns a flag that sets *p, to a number of bytes from min to max.
func newByteCount(p *uint64, min, max uint64) byteCount { return byteCount{p, min, max} }

func (b byteCount) String() string { return number{uint64: b.uint64}.String() }
func (b byteCount) Type() string   { return "size" }

func (b byteCount) Set(s string) error {
	n, err := addr.ParseSize(s)
	switch {
	case err != nil:
		return err
	case n < b.min:
		return fmt.Errorf("%q: want %d or more", s, b.min)
	case n > b.max:
		return fmt.Errorf("%q: want at most %d", s, b.max)
	}
	*b.uint64 = n
	return nil
}

// flagError says in one line what is wrong with a flag and where to look.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	var num *strconv.NumError
	msg := err.Error()
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		msg = "unknown flag -" + unknown.GetSpecifiedName()
		if group := unknown.GetSpecifiedShortnames(); group != unknown.GetSpecifiedName() {
			msg += " in -" + group
		}
	case errors.As(err, &unknown):
		msg = "unknown flag --" + unknown.GetSpecifiedName()
	case errors.As(err, &missing):
		msg = flagName(missing.GetFlag()) + " wants a value"
	case errors.As(err, &num): // pflag's own: a flag that is on or off
		errors.As(err, &invalid)
		msg = fmt.Sprintf("%s: %q: want true or false", flagName(invalid.GetFlag()), invalid.GetValue())
	case errors.As(err, &invalid):
		msg = fmt.Sprintf("%s: %v", flagName(invalid.GetFlag()), errors.Unwrap(err))
	}
	if unknown != nil && cmd.Name() == "find" {
		msg += "; a pattern that begins with - goes behind -e or --"
	}
	return fmt.Errorf("%s (see %s --help)", msg, cmd.CommandPath())
}

// flagName is a flag as it is mostly written.
func flagName(f *pflag.Flag) string {
	if f.Shorthand != "" {
		return "-" + f.Shorthand
	}
	return "--" + f.Name
}
