package main

import (
	"testing"

	"github.com/spf13/cobra"
)

func TestGentleFlags(t *testing.T) {
	for _, c := range []struct {
		args string // one flag
		want gentleFlags
	}{
		{"--throttle=200M", gentleFlags{rate: 200 << 20}}, {"--throttle=4096/s", gentleFlags{rate: 4096}}, {"--nice=19", gentleFlags{nice: 19}},
	} {
		var f gentleFlags
		cmd := &cobra.Command{}
		f.register(cmd)
		if err := cmd.ParseFlags([]string{c.args}); err != nil || f != c.want {
			t.Errorf("%s: %+v, %v, want %+v", c.args, f, err, c.want)
		}
		f.nice = 0 // which could not be taken back
		if pace, err := f.begin(); err != nil || (pace != nil) != (f.rate > 0) {
			t.Errorf("%s: a pace: %t; %v", c.args, pace != nil, err)
		}
	}
	for _, arg := range []string{"--throttle=0", "--throttle=fast", "--throttle=/s", "--nice=0", "--nice=20", "--nice=-1"} {
		var f gentleFlags
		cmd := &cobra.Command{}
		f.register(cmd)
		if err := cmd.ParseFlags([]string{arg}); err == nil {
			t.Errorf("%s is no error", arg)
		}
	}
}
