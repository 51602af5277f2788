package cli

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
	"vscan/internal/wording"
)

// This file has the types of flags that pflag lacks. A value is checked when it is set, so
// that what is wrong with it is told once, before any image is opened.

// choice is a flag whose value is one of several words.
type choice struct {
	*string
	allowed []string
}

// ChoiceVar adds a flag that takes one of the allowed words. The default is the word
// that p has.
func ChoiceVar(cmd *cobra.Command, p *string, name, short, usage string, allowed ...string) {
	cmd.Flags().VarP(choice{p, allowed}, name, short, usage)
	cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp))
}

func (c choice) String() string { return *c.string }
func (c choice) Type() string   { return "word" }

func (c choice) Set(s string) error {
	if !slices.Contains(c.allowed, s) {
		return fmt.Errorf("%q: want %s", s, wording.OrList(c.allowed))
	}
	*c.string = s
	return nil
}

// number is a flag whose value is an unsigned number in a range, decimal or hexadecimal
// with 0x.
type number struct {
	*uint64
	least, most uint64
}

// NewNumber returns a flag that sets *p to a number from least to most.
func NewNumber(p *uint64, least, most uint64) pflag.Value { return number{p, least, most} }

func (n number) String() string { return strconv.FormatUint(*n.uint64, 10) }
func (n number) Type() string   { return "uint" }

func (n number) Set(s string) error {
	v, err := addr.ParseUint(s)
	if err != nil {
		return err
	}
	switch {
	case v < n.least:
		return fmt.Errorf("%q: want %d or more", s, n.least)
	case v > n.most:
		return fmt.Errorf("%q: want at most %d", s, n.most)
	}
	*n.uint64 = v
	return nil
}

// Alignment is the value of --align: a number of bytes, or the word of the image. The
// zero value leaves alignment to each pattern.
type Alignment struct {
	Bytes uint64
	Word  bool
}

func (a *Alignment) String() string { return "" }
func (a *Alignment) Type() string   { return "align" }

func (a *Alignment) Set(s string) error {
	if s == "word" {
		*a = Alignment{Word: true}
		return nil
	}
	n, err := addr.ParseSize(s)
	if err != nil || n == 0 {
		return fmt.Errorf("%q: want a number of bytes, 1 or more, or word", s)
	}
	*a = Alignment{Bytes: n}
	return nil
}

// kernelLevel is the value of --kernel. It refuses a level that this machine cannot
// run.
type kernelLevel struct{ *simd.Level }

// NewKernelLevel returns a flag that sets *p.
func NewKernelLevel(p *simd.Level) pflag.Value { return kernelLevel{p} }

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

// KernelFromEnv sets *l to the level that the environment names, if it names one and no
// flag has set *l. A level that this machine cannot run is an error.
func KernelFromEnv(l *simd.Level) error {
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

// MappingsList collects the choices of mappings that a repeatable flag gives.
type MappingsList []where.Mappings

func (l *MappingsList) String() string { return "" }
func (l *MappingsList) Type() string   { return "place" }

func (l *MappingsList) Set(s string) error {
	choice, err := where.ParseMappings(s)
	if err == nil {
		*l = append(*l, choice)
	}
	return err
}

// RangeList collects the ranges of addresses that a repeatable flag gives, as text.
type RangeList []string

func (l *RangeList) String() string { return "" }
func (l *RangeList) Type() string   { return "range" }

// Set adds a range. It accepts what is a range in some image, though perhaps not in
// others.
func (l *RangeList) Set(s string) error {
	if err := where.CheckRange(s); err != nil {
		return err
	}
	*l = append(*l, s)
	return nil
}

// byteCount is a flag whose value is a number of bytes, such as 4096, 4K or 1G.
type byteCount struct {
	*uint64
	least, most uint64
}

// NewByteCount returns a flag that sets *p to a number of bytes from least to most.
func NewByteCount(p *uint64, least, most uint64) pflag.Value { return byteCount{p, least, most} }

func (b byteCount) String() string { return number{uint64: b.uint64}.String() }
func (b byteCount) Type() string   { return "size" }

func (b byteCount) Set(s string) error {
	n, err := addr.ParseSize(s)
	switch {
	case err != nil:
		return err
	case n < b.least:
		return fmt.Errorf("%q: want %d or more", s, b.least)
	case n > b.most:
		return fmt.Errorf("%q: want at most %d", s, b.most)
	}
	*b.uint64 = n
	return nil
}

// FlagError returns an error that says in one line what is wrong with a flag, and where
// to look.
func FlagError(cmd *cobra.Command, err error) error {
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
	case errors.As(err, &num): // the only flags of pflag's own types that parse a value are those that are on or off
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

// flagName returns a flag as it is most often written: -x if it has a short form.
func flagName(f *pflag.Flag) string {
	if f.Shorthand != "" {
		return "-" + f.Shorthand
	}
	return "--" + f.Name
}
