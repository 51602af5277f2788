package main

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vscan/cmd/vscan/internal/cli"
	"vscan/internal/nice"
	"vscan/internal/throttle"
)

// gentleFlags are the flags that leave something of the machine to others.
type gentleFlags struct {
	rate uint64 // bytes a second that all workers take together; 0: any
	nice uint64 // 0: the nice value stays
}

// register adds the flags to a command.
func (f *gentleFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.Var(byteRate{cli.NewByteCount(&f.rate, 1, math.MaxInt64)}, "throttle", "search at most `SIZE` bytes a second, as 200M, all workers together")
	fs.Var(cli.NewNumber(&f.nice, 1, nice.Most), "nice", fmt.Sprintf("give way to other processes: a nice value of `N`, 1 to %d, and on Linux disks only when no other process wants them", nice.Most))
}

// begin gives way to others as the flags say. It returns what sets the pace of searches, nil
// where nothing is to.
func (f *gentleFlags) begin() (pace func(context.Context, uint64), err error) {
	if f.nice > 0 {
		if err := nice.Set(int(f.nice)); err != nil {
			return nil, fmt.Errorf("--nice: %w", err)
		}
	}
	if f.rate == 0 {
		return nil, nil
	}
	return throttle.New(f.rate).Pace, nil
}

// byteRate is a flag whose value is bytes a second, with /s or without.
type byteRate struct{ pflag.Value }

func (r byteRate) Set(s string) error { return r.Value.Set(strings.TrimSuffix(s, "/s")) }
